"""What people do: forms that are posted, each answered by a redirect to the page that shows the effect."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from runbooks.console.bodies import read_form
from runbooks.console.pages import incident_page
from runbooks.console.security import TOKEN_COOKIE, token_matches
from runbooks.console.state import console_of, person, remember_name
from runbooks.engine import Engine
from runbooks.errors import ActionRefused

__all__ = ["act_on_incident", "act_on_step", "set_name", "switch_fault"]

_NAME_LENGTH = 60
_TEXT_LENGTH = 4000

Act = Callable[[], object]


async def act_on_incident(request: Request) -> Response:
    """`POST /incidents/ID/ACTION`: acknowledge, note, resolve, rerun."""
    engine = console_of(request).engine
    form, by = await _form(request)
    incident, text = request.path_params["id"], form.get("text", "").strip()[:_TEXT_LENGTH]
    actions: Mapping[str, Act] = {
        "acknowledge": lambda: engine.acknowledge(incident, by),
        "note": lambda: engine.note(incident, text, by),
        "resolve": lambda: engine.resolve(incident, by),
        "rerun": lambda: engine.rerun(incident, by, runbook=form.get("runbook") or None),
    }
    action = request.path_params["action"]
    if action == "note" and not text:
        return await run_in_threadpool(incident_page, request, status=400, problem="The note is empty.")
    anchor = {"note": "timeline", "rerun": "runbook"}.get(action, "top")
    return await _do(request, actions.get(action), f"/incidents/{incident}#{anchor}", by)


async def act_on_step(request: Request) -> Response:
    """`POST /incidents/ID/runs/RUN/STEP/ACTION`: approve, reject, confirm, decide."""
    engine = console_of(request).engine
    form, by = await _form(request)
    run, step = request.path_params["run"], request.path_params["step"]
    text = form.get("text", "").strip()[:_TEXT_LENGTH]
    actions: Mapping[str, Act] = {
        "approve": lambda: engine.approve(run, step, by, form.get("hash", "")),
        "reject": lambda: engine.reject(run, step, by, text),
        "confirm": lambda: engine.confirm(run, step, by, text),
        "decide": lambda: _decide(engine, run, step, form.get("outcome", ""), by, text),
    }
    target = f"/incidents/{request.path_params['id']}#step-{step}"
    return await _do(request, actions.get(request.path_params["action"]), target, by)


async def set_name(request: Request) -> Response:
    """`POST /name`: who sits here; then back to where the form was."""
    form, by = await _form(request)
    back = urlsplit(form.get("back", "/"))
    local = back.path if not back.netloc and re.fullmatch(r"/[^/\\][^\\]*", back.path) else "/"
    response = RedirectResponse(local, 303)
    remember_name(response, by)
    return response


async def switch_fault(request: Request) -> Response:
    """`POST /demo`: switch a fault of the example platform on, or off."""
    switch = console_of(request).faults
    if switch is None:
        raise HTTPException(404, "there is no page /demo: it belongs to `watchkeeper demo`")
    form = await _checked_form(request)
    name = form.get("fault", "")
    if form.get("action") == "clear":
        await run_in_threadpool(switch.clear)
    elif name in switch.faults():
        await run_in_threadpool(switch.inject, name)
    else:
        raise HTTPException(400, f"there is no fault {name[:60]!r}")
    return RedirectResponse("/demo", 303)


def _decide(engine: Engine, run: str, step: str, outcome: str, by: str, text: str) -> None:
    if outcome == "succeeded":
        engine.decide(run, step, "succeeded", by, text)
    elif outcome == "failed":
        engine.decide(run, step, "failed", by, text)
    else:
        raise ActionRefused("say whether the step succeeded or failed")


async def _do(request: Request, act: Act | None, target: str, by: str) -> Response:
    if act is None:
        raise HTTPException(404, f"there is no action {request.path_params['action']}")
    try:
        await run_in_threadpool(act)
    except ActionRefused as error:
        # The page as it is now says more than an error page: somebody else may have been quicker.
        return await run_in_threadpool(incident_page, request, status=409, problem=str(error))
    response = RedirectResponse(target, 303)
    if by != person(request):
        remember_name(response, by)
    return response


async def _form(request: Request) -> tuple[dict[str, str], str]:
    """The checked fields, and who sent them. Raises HTTPException 400 when no name is given."""
    form = await _checked_form(request)
    by = " ".join(form.get("by", "").split())[:_NAME_LENGTH] or person(request)
    if not by:
        raise HTTPException(400, "say who you are: the field for your name is empty")
    return form, by


async def _checked_form(request: Request) -> dict[str, str]:
    form = await read_form(request)
    if not token_matches(request.cookies.get(TOKEN_COOKIE), form.get("token", "")):
        raise HTTPException(403, "the form is too old, or the browser keeps no cookies: load the page again")
    return form
