"""The pages: asking, comparing, a document."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rag_embed.ranking.relevance import MIN_RELEVANCE
from rag_embed.serving.finding import dates_of
from rag_embed.serving.library import Library
from rag_embed.serving.page.asking import Asking, moves
from rag_embed.serving.page.documents import read
from rag_embed.serving.page.forms import EVERYTHING, Form, fields_of, number, rankings_of
from rag_embed.serving.page.rendering import HEADERS, STYLE, rendered, style
from rag_embed.serving.parameters import Refused, Whole
from rag_embed.serving.web.api import Threads

ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="4" '
    'fill="#0b5cad"/><path d="M4 5h8M4 8h5M4 11h7" stroke="#fff" stroke-width="1.6" '
    'stroke-linecap="round"/></svg>'
)

FIRST = Whole("First character that is shown.", 0, 10**12)

PAGES = ("/", "/compare", "/document")

View = Callable[[Mapping[str, str]], tuple[int, str]]


def pages(library: Library, threads: Threads) -> list[Route]:
    """The pages of a library, by path."""
    asking = Asking(library)
    views = dict(zip(PAGES, (_ask, _compare, _document), strict=True))
    icon = {"content-type": "image/svg+xml", "cache-control": "max-age=86400"}
    sheet = {"content-type": "text/css; charset=utf-8", "cache-control": "no-cache"}
    return [
        *(Route(path, _page(partial(view, asking), threads)) for path, view in views.items()),
        Route(f"/{STYLE}", _fixed(style(), sheet)),
        Route("/icon.svg", _fixed(ICON, icon)),
    ]


def sign_in(wrong: bool) -> bytes:
    """The page that asks for the token."""
    return rendered("sign_in.html", wrong=wrong).encode()


def _page(view: View, threads: Threads) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        status, text = await threads.run(view, dict(request.query_params))
        return Response(text, status, headers=HEADERS)

    return answer


def _fixed(text: str, headers: Mapping[str, str]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_: Request) -> Response:
        return Response(text, headers={**headers, "x-content-type-options": "nosniff"})

    return answer


def _form(asking: Asking, form: Form) -> dict[str, Any]:
    """What the form of a page is made of."""
    library = asking.library
    return {
        "form": form,
        "fields": fields_of(asking.conditions),
        "names": library.names if len(library.shelves) > 1 else (),
        "counts": [(shelf.name, len(shelf.ids()), shelf.count()) for shelf in library.shelves],
        "rankings": (EVERYTHING, *rankings_of(library)),
        "least": MIN_RELEVANCE,
        "dates": dates_of(library),
    }


def _ask(asking: Asking, params: Mapping[str, str]) -> tuple[int, str]:
    form = Form.of(params)
    shown, refused = None, ""
    try:
        form.check(asking.conditions)
        if form["q"]:
            [shown] = asking.ask(form)
    except Refused as error:
        refused = str(error)
    page = rendered("ask.html", shown=shown, refused=refused, **_form(asking, form))
    return (422 if refused else 200), page


def _compare(asking: Asking, params: Mapping[str, str]) -> tuple[int, str]:
    form = Form.of(params)
    sides, refused = [], ""
    try:
        form.check(asking.conditions)
        if form["q"]:
            left, right = asking.ask(form.side("a"), form.side("b"))
            sides = [("A", left, moves(left, right, "B")), ("B", right, moves(right, left, "A"))]
    except Refused as error:
        refused = str(error)
    page = rendered("compare.html", sides=sides, refused=refused, **_form(asking, form))
    return (422 if refused else 200), page


def _document(asking: Asking, params: Mapping[str, str]) -> tuple[int, str]:
    form = Form.of(params)
    try:
        form.check(asking.conditions)
        if not form["id"]:
            raise Refused("Name a document or passage: id=...")
        start = FIRST.read("start", number(form["start"]))
        found = read(asking.library, form["id"], form["in"], form["q"], start)
    except Refused as error:
        return 422, rendered("refused.html", refused=str(error))
    return 200, rendered("document.html", found=found, form=form)
