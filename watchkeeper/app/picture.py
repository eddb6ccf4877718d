"""The band of a series as a picture of its own: the console's chart, with the part of its style sheet that it needs."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import Any

from watchkeeper.app.charts import drawn
from watchkeeper.app.load import package
from watchkeeper.errors import StoreError

__all__ = ["write_picture"]

_WIDTH, _HEIGHT, _CAPTION = 900, 300, 24
_ROOT = re.compile(r"^:root \{.*?^\}$", re.MULTILINE | re.DOTALL)
_RULE = re.compile(r"^\.chart .*$", re.MULTILINE)


def write_picture(path: Path, explanation: Any, band: Any) -> None:
    """Draw what was observed over the expected band, the deviation's time shaded, as SVG.

    Raises StoreError when there is nothing to draw, or the file cannot be written.
    """
    chart = package("runbooks.console.chart")
    span = None if explanation.since is None else (explanation.since, explanation.at)
    shown = drawn(explanation.headline, str(explanation.unit), band)
    text = chart.band_chart(shown, span=span, width=_WIDTH, height=_HEIGHT) if len(band.times) else ""
    if not text:
        raise StoreError(f"{path}: there is nothing to draw: no value and no band is known of that time")
    # In a page the caption stands around the chart; here it has a strip of its own above it.
    text = text.replace(
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}"', f'viewBox="0 -{_CAPTION} {_WIDTH} {_HEIGHT + _CAPTION}"', 1
    )
    caption = f'<text class="caption" x="8" y="{12 - _CAPTION}">{escape(explanation.headline)}</text>'
    head, end, rest = text.partition("</desc>")
    try:
        path.write_text(f"{head}{end}<style>{_style()}</style>{caption}{rest}\n", encoding="utf-8")
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error.strerror}") from None


def _style() -> str:
    """The colours of the light page, which suits a picture that is pasted anywhere, and the rules of charts."""
    sheet = Path(package("runbooks.console").__file__).parent / "static" / "console.css"
    css = sheet.read_text(encoding="utf-8")
    colours = _ROOT.search(css)
    rules = "\n".join(_RULE.findall(css))
    own = "svg.chart { background: var(--panel); }\n.chart text.caption { fill: var(--ink); font-weight: 650; }"
    return "\n".join([colours[0] if colours else "", rules, own])
