"""Pages from templates: everything that is filled in is escaped."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from rag_embed.ranking.relevance import figure

_HERE = Path(__file__).parent

STYLE = "page.css"

HEADERS = {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}
"""Of every page: nothing from elsewhere, no script, in no frame, kept nowhere."""


def rendered(template: str, **values: Any) -> str:  # noqa: ANN401
    """A page."""
    return _templates().get_template(template).render(values)


def style() -> str:
    """The style sheet of all pages."""
    return (_HERE / STYLE).read_text(encoding="utf-8")


@cache
def _templates() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["share"] = _share
    made.filters["relevance"] = _relevance
    made.filters["signed"] = lambda number: f"{number:+.3f}".replace("-", "\N{MINUS SIGN}")
    return made


def _relevance(number: float, least: float = 0.0) -> str:
    """See `figure`; no zero before the point."""
    return figure(number, least).removeprefix("0")


def _share(number: float) -> str:
    """A number in [0, 1] with two decimals and no zero before the point."""
    return f"{number:.2f}".removeprefix("0")
