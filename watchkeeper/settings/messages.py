"""What is wrong with settings, in words: path, line and place, what was expected there, what was found."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from watchkeeper.settings.values import Secret
from watchkeeper.yaml import Document, Place

__all__ = ["located", "shown"]

Decode = Callable[[type, object], object]

_WORDS: Mapping[Any, str] = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
_EXAMPLES: Mapping[object, str] = {
    "listen": "127.0.0.1:9464",
    "url": "http://127.0.0.1:9090",
    "textfile": "/var/lib/node_exporter/watchkeeper.prom",
}


def located(message: str, document: Document, root: type, decode: Decode) -> str:
    """One line of msgspec's message about a document that should have been a `root`; no password stands in it."""
    text, _, where = message.partition(" - at `")
    steps = _steps(where.rstrip("`"), document, root, decode)
    if text.startswith(("Object contains unknown field", "Object missing required field")):
        name = text.split("`")[1]
        place = _place((*steps, name))
        if "unknown" in text:
            owner = _struct_at(steps, root)
            fields = owner.__struct_fields__ if owner else ()
            from difflib import get_close_matches  # a sidecar does without

            near = get_close_matches(name, fields, n=1, cutoff=0.6)
            hint = f" Did you mean {near[0]}?" if near else ""
            line = document.line((*steps, name))
            return f"{document.path}:{line}: unknown key {place}.{hint} Allowed: {', '.join(fields)}"
        return f"{document.path}:{document.line(steps)}: {place} is missing: it is required"
    text = text.replace("`", "")
    if text.startswith("Expected"):
        text = f"expected {_wanted(steps, root)}"
        # A password that was written here must not stand in a log for it.
        text += "" if _secret(steps) else f", found {shown(document.at(steps))}"
    elif text.startswith("Invalid enum value"):
        text = f"{shown(document.at(steps))} is not allowed here: allowed are {', '.join(_literals(steps, root))}"
    else:
        steps = _field(text, steps, document, root)
    return f"{document.path}:{document.line(steps)}: {_place(steps) or 'the settings'}: {text}"


def shown(value: object) -> str:
    """A value as a person who wrote it would call it."""
    if value is None:
        return "nothing"
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "keys with values"
    if isinstance(value, bool):
        return str(value).lower()
    return f"the number {value}" if isinstance(value, int | float) else f"the text {str(value)!r}"


def _wanted(steps: Place, root: type) -> str:
    if _secret(steps):
        return "text" if steps[-1] in ("file", "env") else "{file: PATH} or {env: NAME}"
    if literals := _literals(steps, root):
        return f"one of {', '.join(literals)}"
    struct = _struct_at(steps, root)
    if struct is Secret:
        return "{file: PATH} or {env: NAME}"
    kind = next((one for one in _options(_field_type(steps, root)) if one is not type(None)), object)
    if struct is not None and kind is struct:
        return f"keys such as {', '.join(struct.__struct_fields__)}"
    if typing.get_origin(kind) is dict:
        return "keys with values, such as {KEY: VALUE}"
    if typing.get_origin(kind) is tuple:
        return "a list, each item on a line that begins with `- `"
    example = _EXAMPLES.get(steps[-1]) if steps and kind is str else None
    quoted = " (in quotes)" if kind is str and example is None else ""
    return f"text such as {example}" if example else f"{_WORDS.get(kind, 'something else')}{quoted}"


def _field(text: str, steps: Place, document: Document, root: type) -> Place:
    """The field that a check of a whole struct complains about, which its text begins with."""
    if not steps and text.startswith("two targets are named"):
        names: list[object] = []
        for index, target in enumerate(document.at(("targets",)) or ()):
            if target["name"] in names:
                return ("targets", index, "name")
            names.append(target["name"])
    owner = _struct_at(steps, root)
    word = text.partition(" ")[0]
    return (*steps, word) if owner is not None and word in owner.__struct_fields__ else steps


def _secret(steps: Place) -> bool:
    return any(step in ("password", "bearer", "api_key", "headers") for step in steps)


def _place(steps: Place) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).lstrip(".")


def _steps(path: str, document: Document, root: type, decode: Decode) -> Place:
    """`$.targets[0].name` as ("targets", 0, "name").

    For a key of a dictionary msgspec says `[...]`: the entry that fails by itself is looked for.
    """
    steps: Place = ()
    for part in path.removeprefix("$").replace("[", ".[").split("."):
        if part == "[":  # the first third of "[...]"
            entries = document.at(steps)
            kind = _field_type((*steps, "*"), root)
            wrong = (key for key, value in entries.items() if not _converts(value, kind, decode))
            steps = (*steps, next(wrong, "*"))
        elif part.startswith("["):
            steps = (*steps, int(part[1:-1]))
        elif part and part != "]":
            steps = (*steps, part)
    return steps


def _converts(value: object, kind: Any, decode: Decode) -> bool:
    try:
        msgspec.convert(value, kind, dec_hook=decode)
    except msgspec.ValidationError:
        return False
    return True


def _options(kind: Any) -> tuple[Any, ...]:
    """What a union is of; any other type by itself."""
    return (kind,) if typing.get_origin(kind) in (dict, tuple) else (typing.get_args(kind) or (kind,))


def _field_type(steps: Place, root: type) -> Any:
    kind: Any = root
    for step in steps:
        options = [option for option in typing.get_args(kind) if option is not type(None) and option is not Ellipsis]
        if isinstance(step, int):
            kind = options[0] if options else object
        elif typing.get_origin(kind) is dict:
            kind = options[-1]
        else:
            struct = next((k for k in (kind, *options) if isinstance(k, type) and issubclass(k, msgspec.Struct)), None)
            if struct is not None:
                kind = typing.get_type_hints(struct).get(str(step), object)
            else:
                kind = options[-1] if options else object
    return kind


def _struct_at(steps: Place, root: type) -> type[msgspec.Struct] | None:
    kind = _field_type(steps, root)
    if typing.get_origin(kind) in (dict, tuple):
        return None
    candidates = (kind, *typing.get_args(kind))
    return next((k for k in candidates if isinstance(k, type) and issubclass(k, msgspec.Struct)), None)


def _literals(steps: Place, root: type) -> list[str]:
    kind = _field_type(steps, root)
    found = [value for option in (kind, *typing.get_args(kind)) for value in typing.get_args(option)]
    return [value for value in found if isinstance(value, str)]
