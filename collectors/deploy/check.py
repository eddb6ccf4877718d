"""What `collect` would refuse of settings, found without connecting anywhere: all of it, not the first alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pkgutil import iter_modules

import watchkeeper.systems
from collectors.access import Guard
from collectors.deploy.plan import collected
from collectors.description import collector_of
from collectors.otlp import Encoder
from collectors.runtime import check_labels
from collectors.textfile import check_textfile
from watchkeeper.errors import SettingsError
from watchkeeper.findings import suggestion
from watchkeeper.settings import Settings, Target, receivers, secret_places
from watchkeeper.tls import client_context
from watchkeeper.yaml import Place

__all__ = ["mistakes"]

Mistakes = Iterator[tuple[Place, str]]


def mistakes(settings: Settings, *, files: bool, together: bool = True) -> Mistakes:
    """Each mistake with its place in the settings.

    `files` says that the files they name are on this machine: secrets and certificates are read then. `together` says
    that all targets are on one `/metrics`, where no two may expose the same series.
    """
    good: list[tuple[int, Target]] = []
    for index, target in enumerate(settings.targets):
        try:
            collector_of(target)
        except SettingsError as error:
            yield ("targets", index, *error.place), f"{error}{_meant(target)}"
        else:
            good.append((index, target))
    if together:
        yield from _same_series(good)
    refused = set()
    for place, secret in secret_places(settings) if files else ():
        try:
            secret.resolve()
        except SettingsError as error:
            refused.add(place[0])
            owner = ".".join(map(str, place[:-1]))
            if isinstance(place[1], int):
                owner = f"target {settings.targets[place[1]].name}"
            yield place, f"{owner}: {error}"
    if files and "access" not in refused:
        try:
            Guard(settings.access)
        except SettingsError as error:
            yield error.place or ("access",), str(error)
    yield from _push(settings)
    if files:
        yield from _certificates(settings)


def _meant(target: Target) -> str:
    known = [module.name for module in iter_modules(watchkeeper.systems.__path__)]
    return "" if target.system in known else suggestion(target.system, collected())


def _same_series(good: Sequence[tuple[int, Target]]) -> Mistakes:
    try:
        check_labels([target for _, target in good])
    except SettingsError as error:
        # Its index counts the good ones alone.
        index = next((good[step][0] for step in error.place if isinstance(step, int)), 0)
        yield ("targets", index), str(error)


def _push(settings: Settings) -> Mistakes:
    push = settings.push
    if push is None:
        return
    if push.textfile:
        try:
            check_textfile(push.textfile)
        except SettingsError as error:
            yield error.place, str(error)
    if push.otlp is not None:
        try:
            Encoder(delta=push.otlp.temporality == "delta", state=b"")
        except SettingsError as error:
            yield error.place, str(error)


def _certificates(settings: Settings) -> Mistakes:
    for place, receiver in receivers(settings):
        try:
            if receiver.ca_file:
                client_context(receiver.ca_file)
        except OSError as error:
            where = ".".join(map(str, place))
            yield (*place, "ca_file"), f"{where}: {receiver.ca_file} cannot be used: {error.strerror or error}"
