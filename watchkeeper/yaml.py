"""YAML with line numbers: plain values from PyYAML's C loader, and a small map from places to lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from watchkeeper.errors import SettingsError

__all__ = ["Block", "Document", "Place", "dump", "read_document", "read_documents"]

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed text: its value, and the line (from 1) of each place in it."""

    path: str
    value: Any
    lines: Mapping[Place, int]

    def line(self, place: Place) -> int:
        """The line of a place, or of the nearest one around it."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)

    def at(self, place: Place) -> Any:
        """The value at a place, None where there is none."""
        value = self.value
        for step in place:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return None
        return value


def read_document(text: str, path: str) -> Document:
    """Parse one YAML document.

    Raises SettingsError with path and line for text that is not YAML, a second document, a key that stands twice, or a
    key that is not text.
    """
    found = read_documents(text, path)
    if len(found) > 1:
        raise SettingsError(f"{path}:{found[1].line(())}: not YAML: a second document: one is expected here")
    return found[0] if found else Document(path, None, {})


def read_documents(text: str, path: str) -> list[Document]:
    """Parse a stream of YAML documents, separated by `---`. Raises SettingsError, as `read_document`."""
    found = []
    try:
        loader = _Loader(text)
        try:
            while loader.check_node():
                node: Any = loader.get_node()
                lines: dict[Place, int] = {}
                _walk(node, (), lines, path)
                found.append(Document(path, loader.construct_document(node), lines))
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise SettingsError(f"{path}:{line}: not YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise SettingsError(f"{path}:1: not YAML: {' '.join(str(error).split())}") from None
    return found


def _walk(node: yaml.Node, place: Place, lines: dict[Place, int], path: str) -> None:
    lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise SettingsError(f"{path}:{line}: a key is text here, not a {key.id}")
            here = (*place, key.value)
            if here in lines:
                raise SettingsError(f"{path}:{line}: {key.value!r} stands twice, first on line {lines[here]}")
            lines[here] = line
            _walk(value, here, lines, path)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _walk(item, (*place, index), lines, path)


class Block(str):
    """A text of several lines that `dump` writes as a block (`|`), to be read as it is."""


def _represent_block(dumper: Any, text: Block) -> Any:
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style="|")


_Dumper.add_representer(Block, _represent_block)


def dump(value: Any) -> str:
    """YAML text of plain values, the same bytes for the same value: block style, keys in the order given."""
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return text
