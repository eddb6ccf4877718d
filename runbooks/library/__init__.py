"""The library: runbook documents by key, from the shipped directory and those of the settings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from runbooks.documents import Document
from runbooks.parser import parse
from watchkeeper.errors import DocumentError

__all__ = ["SHIPPED", "Library", "load"]

SHIPPED = Path(__file__).parent
"""The directory of the documents that come with Watchkeeper."""

_KEY = re.compile(r"[a-z0-9][a-z0-9_-]*(?:/[a-z0-9][a-z0-9_-]*)+")


class Library(Mapping[str, Document]):
    """Documents by key, in order of their keys.

    `problems` are the documents that could not be loaded, in order of their paths.
    """

    def __init__(self, documents: Mapping[str, Document], problems: tuple[DocumentError, ...] = ()) -> None:
        self._documents = dict(sorted(documents.items()))
        self.problems = problems

    def __getitem__(self, key: str) -> Document:
        return self._documents[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._documents)

    def __len__(self) -> int:
        return len(self._documents)


def load(directories: Iterable[Path | str]) -> Library:
    """The library of some directories; a document of a later directory replaces one of the same key.

    A document that breaks the grammar is reported in `problems`, and the rest is loaded. A directory that
    does not exist is a problem too.
    """
    documents: dict[str, Document] = {}
    problems: list[DocumentError] = []
    for directory in map(Path, directories):
        if not directory.is_dir():
            problems.append(DocumentError(f"{directory}: no such directory of runbooks"))
            continue
        for path in sorted(directory.rglob("*.md")):
            if path.name == "README.md":
                continue
            key = path.relative_to(directory).with_suffix("").as_posix()
            try:
                document = _read(path, key)
            except DocumentError as error:
                problems.append(error)
            else:
                documents[key] = document
    return Library(documents, tuple(problems))


def _read(path: Path, key: str) -> Document:
    if not _KEY.fullmatch(key):
        raise DocumentError(
            f"{path}:1: the file's place gives the key {key!r}: write SYSTEM/SLUG.md in lower case with hyphens"
        )
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentError(f"{path}:1: cannot be read: {error}") from None
    return parse(text, key=key, path=str(path))
