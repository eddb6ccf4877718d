"""Files of the root-cause ranking: tables, graphs, the command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from detectors.files import FileError
from detectors.rootcause import read_edges, read_table, split_names
from tests.detectors.systems import System, example
from watchkeeper.app.cli import main
from watchkeeper.app.commands.rootcause import command


def written(path: Path, text: str) -> Path:
    """The file with this text."""
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "names, expected",
    [
        (["adservice_cpu", "cart_latency-90"], [("adservice", "cpu"), ("cart", "latency-90")]),
        (
            ["a_latency_p90", "a_latency_p50", "a_load_sum", "b_latency_p90", "b_latency_p50", "b_load_sum"],
            [(name, signal) for name in "ab" for signal in ("latency_p90", "latency_p50", "load_sum")],
        ),
        (
            ["my_cart_cpu", "my_cart_mem", "my_web_cpu", "my_web_mem"],
            [("my_cart", "cpu"), ("my_cart", "mem"), ("my_web", "cpu"), ("my_web", "mem")],
        ),
        (["cart-5f66-fnmft_CpuUsage(m)", "lonely"], [("cart-5f66-fnmft", "CpuUsage(m)"), ("lonely", "value")]),
    ],
)
def test_columns_are_split_where_both_sides_repeat(names: list[str], expected: list[tuple[str, str]]) -> None:
    assert list(split_names(names)) == expected


def test_a_known_component_decides_the_split() -> None:
    assert split_names(["step_read_latency_p90"], ["step", "step_read"]) == (("step_read", "latency_p90"),)


def test_gaps_disorder_and_repeated_times(tmp_path: Path) -> None:
    file = written(tmp_path / "m.csv", "time,a_x,b_x\n120,3,\n60,1,nan\n120,4,NaN\n180,inf,null\n")
    table = read_table(file)
    assert list(table.times) == [60.0, 120.0, 180.0]
    assert table.columns == (("a", "x"),), "a column without a number is left out"
    np.testing.assert_array_equal(table.values[:, 0], [1.0, 4.0, np.nan])


def test_times_may_be_iso_or_milliseconds(tmp_path: Path) -> None:
    iso = read_table(written(tmp_path / "iso.csv", "t,a_x\n2026-01-01T00:00:00Z,1\n2026-01-01 00:01:00,2\n"))
    milliseconds = read_table(written(tmp_path / "ms.csv", "t,a_x\n1767225600000,1\n1767225660000,2\n"))
    assert list(iso.times) == list(milliseconds.times) == [1767225600.0, 1767225660.0]


def test_headers_of_two_and_three_rows(tmp_path: Path) -> None:
    two = read_table(written(tmp_path / "2.csv", "component,a_b,,c\nsignal,cpu,mem,cpu\n60,1,2,3\n"))
    assert two.columns == (("a_b", "cpu"), ("a_b", "mem"), ("c", "cpu"))
    three = read_table(
        written(tmp_path / "3.csv", "service,a,a\nmetric,latency,latency\nstatistic,p50,p90\nunix,,\n60,1,2\n")
    )
    assert three.columns == (("a", "latency_p50"), ("a", "latency_p90"))


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "m.csv:1: 'nothing' is no time"),
        ("time,a_x\n", "m.csv:1: 'time' is no time"),
        ("60,1\n120,2\n", "m.csv:1: no header"),
        ("time,a_x\n60,1\nlunch,2\n", "m.csv:3: 'lunch' is no time"),
        ("time,a_x\n60,1\n120,many\n", "m.csv:3: 'many' is no number \\(column 2\\)"),
        ("time,a_x,b_x\n60,1,up\n", "m.csv:2: 'up' is no number \\(column 3\\)"),
        ("time,a_x\n60,1\n120,2,3\n", "m.csv:3: 3 cells, but the header has 2"),
        ("time,a_x,a_x\n60,1,2\n", "m.csv:1: two columns are named 'a_x'"),
        ("time,a_x,\n60,1,2\n", "m.csv:1: column 3 has no name"),
        ("time\n60\n", "m.csv:1: one column alone"),
        ("time,a_x\n60,nan\n", "m.csv: no column has a number"),
    ],
)
def test_bad_tables_are_one_line_with_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(FileError, match=message) as caught:
        read_table(written(tmp_path / "m.csv", text))
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_bytes(b"\xff\xfe\x00\x01" * 9)
    with pytest.raises(FileError, match=r"m\.csv: is no CSV text in UTF-8"):
        read_table(tmp_path / "m.csv")


def test_an_edge_list_with_and_without_a_header(tmp_path: Path) -> None:
    plain = read_edges(written(tmp_path / "a.csv", "web,cart\ncart,db\nweb,cart\n"))
    headed = read_edges(written(tmp_path / "b.csv", "Source,Target,Weight\nweb,cart,1\ncart,db,1\n"))
    assert plain == headed == (("web", "cart"), ("cart", "db"))


def test_the_row_of_a_matrix_calls_its_columns(tmp_path: Path) -> None:
    file = written(tmp_path / "g.csv", ",web,cart,db\nweb,0,1,nan\ncart,0,0,1.0\ndb,,,\n")
    assert read_edges(file) == (("web", "cart"), ("cart", "db"))


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "g.csv: empty"),
        ("web,cart\nalone\n", "g.csv:2: an edge has a caller and a callee"),
        (",web,cart\nweb,0,yes\n", "g.csv:2: 'yes' is no number"),
    ],
)
def test_bad_graphs_are_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(FileError, match=message):
        read_edges(written(tmp_path / "g.csv", text))


@pytest.fixture
def incident(tmp_path: Path) -> Path:
    """A directory with metrics.csv and calls.csv: a delay of svc-4 at 1700000600."""
    system = System(3)
    fault = system.fault("delay", 4)
    lines = [",".join(["time", *("_".join(column) for column in fault.table.columns)])]
    rows = zip(fault.table.times, fault.table.values, strict=True)
    lines += [",".join([f"{at:.0f}", *(f"{value:.6g}" for value in row)]) for at, row in rows]
    written(tmp_path / "metrics.csv", "\n".join(lines) + "\n")
    written(tmp_path / "calls.csv", "\n".join(f"{a},{b}" for a, b in system.edges) + "\n")
    return tmp_path


def asked(directory: Path, *more: str) -> str:
    """What the command prints."""
    words = ["--metrics", str(directory / "metrics.csv"), *more]
    result = CliRunner().invoke(command, words, catch_exceptions=False, standalone_mode=False)
    return result.output


def test_the_command_answers_in_json(incident: Path) -> None:
    more = ("--at", "1700000600", "--graph", str(incident / "calls.csv"), "--target", "frontend_latency", "--json")
    found = json.loads(asked(incident, *more))
    assert set(found[0]) == {"component", "signal", "score", "why"}
    assert (found[0]["component"], found[0]["signal"]) == ("svc-4", "latency")


def test_the_command_prints_what_a_person_reads(incident: Path) -> None:
    text = asked(incident, "--at", "2023-11-14T22:23:20Z", "--top", "3")
    assert "svc-4  latency" in text
    assert "normal distance" in text
    assert len([line for line in text.splitlines() if line.startswith((" 1", "1"))]) == 1


def test_a_file_that_cannot_be_read_is_wrong_input(incident: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(incident / "metrics.csv", "time,a_x\n60,many\n")
    with pytest.raises(SystemExit) as ended:
        main(["rootcause", "--metrics", str(incident / "metrics.csv"), "--at", "60"])
    assert ended.value.code == 2
    assert "metrics.csv:2: 'many' is no number" in capsys.readouterr().err


def test_a_bad_time_is_wrong_usage(incident: Path) -> None:
    result = CliRunner().invoke(command, ["--metrics", str(incident / "metrics.csv"), "--at", "noonish"])
    assert result.exit_code == 2
    assert "'noonish' is no time" in result.output


def test_the_example_of_the_documentation_is_what_the_generator_makes_and_finds_its_cause() -> None:
    directory = Path(__file__).parents[2] / "examples" / "rootcause"
    assert ((directory / "metrics.csv").read_text(), (directory / "calls.csv").read_text()) == example()
    page = (directory.parents[1] / "docs" / "rootcause.md").read_text(encoding="utf-8")
    words = page.split("watchkeeper rootcause ", 1)[1].split("```", 1)[0].replace("\\\n", " ").split()
    words = [str(directory.parents[1] / word) if word.endswith(".csv") else word for word in words]
    result = CliRunner().invoke(command, [*words, "--json"], catch_exceptions=False, standalone_mode=False)
    assert json.loads(result.output)[0]["component"] == "svc-4"
