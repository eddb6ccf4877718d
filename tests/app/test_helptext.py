from __future__ import annotations

import pytest

from watchkeeper.app.cli import ABOUT, COMMANDS, EXIT_CODES
from watchkeeper.app.group import cli
from watchkeeper.app.helptext import help_text


@pytest.mark.parametrize("columns", [40, 60, 80, 100, 112, 113, 200])
def test_the_quick_help_is_clicks(columns: int) -> None:
    # What click makes of a terminal of so many columns.
    width = max(min(columns, 110) - 2, 50)
    context = cli.make_context("watchkeeper", [], resilient_parsing=True, terminal_width=width)
    assert help_text(COMMANDS, ABOUT, EXIT_CODES, columns) == cli.get_help(context)
