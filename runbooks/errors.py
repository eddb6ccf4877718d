"""The errors of the run engine that its callers tell apart; each is one line for a person."""

from __future__ import annotations

from watchkeeper.errors import JournalError, WatchkeeperError

__all__ = ["ActionRefused", "NotConfigured", "Overloaded", "RenderError", "StepError", "Unknown", "WebhookError"]


class Overloaded(JournalError):  # noqa: N818  named for what it says
    """The engine cannot take deliveries now.

    Nothing of the request was stored: answer 503, so that the sender tries again.
    """


class ActionRefused(WatchkeeperError):  # noqa: N818
    """What a person asked for does not fit the state: a stale approval, a step that does not wait (HTTP 409)."""


class Unknown(WatchkeeperError):  # noqa: N818
    """There is no such incident, run or step (HTTP 404)."""


class RenderError(WatchkeeperError):
    """A step cannot be rendered: a label is missing or breaks its declared pattern, a target is not configured."""


class NotConfigured(RenderError):  # noqa: N818
    """A step asks for something that this installation does not have: it is skipped, and says so."""


class StepError(WatchkeeperError):
    """A step ran and failed.

    `unknown` is True where a step that changes something may have had its effect all the same, for example
    after a timeout.
    """

    def __init__(self, message: str, *, unknown: bool = False) -> None:
        super().__init__(message)
        self.unknown = unknown


class WebhookError(WatchkeeperError):
    """A webhook body is not what it should be (HTTP 400)."""

    exit_code = 2
