"""Pages, slides, sheets, chapters and cells: which of them a part of a document stands on."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

PAGE_STARTS: Final = "page_starts"
"""Key of a document's metadata: offsets at which its pages, slides, sheets or cells start."""

PAGE_BREAKS: Final = "page_breaks"
"""Key of a chunk's metadata: offsets in the document at which its second page starts, its third, and so on."""

_PAGE, _LAST = "page", "page_end"


def of_part(metadata: Mapping[str, Any], text: str, start: int) -> Mapping[str, Any]:
    r"""A document's metadata as a part of it has it: the pages it stands on, and not where all of them start.

    Args:
        metadata: The document's.
        text: The part; white space at its ends stands on no page.
        start: Its offset.

    Examples:
        >>> of_part({"page_starts": [0, 9, 18]}, "A fox.\n\n\nA sea.\n\n\n", 0)
        {'page': 1, 'page_end': 2, 'page_breaks': [9]}
    """
    if not isinstance(starts := metadata.get(PAGE_STARTS), list | tuple) or not starts:
        return metadata
    own = {key: value for key, value in metadata.items() if key != PAGE_STARTS}
    first = start + len(text) - len(text.lstrip()) if text.strip() else start
    after = max(bisect_right(starts, first), bisect_left(starts, start + len(text.rstrip())))
    return {
        **own,
        **_told(bisect_right(starts, first), list(starts[bisect_right(starts, first) : after])),
    }


def of_joined(parts: Iterable[tuple[Mapping[str, Any], int]]) -> Mapping[str, Any]:
    """The metadata of parts of one document in one piece: that of the first, with the pages of all.

    Args:
        parts: The metadata of each part and its offset, in reading order.

    Examples:
        >>> of_joined([({"page": 1, "page_kind": "slide"}, 0), ({"page": 3, "page_kind": "slide"}, 40)])
        {'page': 1, 'page_kind': 'slide', 'page_end': 3, 'page_breaks': [40, 40]}
    """
    some = list(parts)
    first = some[0][0]
    if not all(_is_page(one.get(_PAGE)) and "page_kind" in one for one, _ in some):
        return first
    began: dict[int, int] = {}
    for one, start in some:
        for page, at in enumerate([start, *one.get(PAGE_BREAKS, ())], one[_PAGE]):
            began.setdefault(page, at)
    breaks: list[int] = []
    for page in range(
        max(began), first[_PAGE], -1
    ):  # one without text begins where the next one does
        breaks.insert(0, began[page] if page in began else breaks[0])
    return {**first, **_told(first[_PAGE], breaks)}


def pages_of(metadata: Mapping[str, Any], end: int) -> tuple[int, int] | None:
    """The first and the last page of a part, from 1; None where there are none.

    Args:
        metadata: The part's.
        end: Offset after its last character.
    """
    page, last = metadata.get(_PAGE), metadata.get(_LAST)
    if not (isinstance(page, int) and _is_page(page)) or "page_kind" not in metadata:
        return None
    if PAGE_BREAKS in metadata:
        return page, page + bisect_left(_breaks(metadata), end)
    return page, max(page, last) if isinstance(last, int) and _is_page(last) else page


def page_at(metadata: Mapping[str, Any], at: int) -> int:
    """The page on which a character of a part stands, by its offset in the document."""
    page: int = metadata[_PAGE]
    return page + bisect_right(_breaks(metadata), at)


def breaks_in(metadata: Mapping[str, Any], start: int, end: int) -> list[int]:
    """Offsets in the document at which further pages of a part start; none where it stands on one."""
    return [one for one in _breaks(metadata) if start < one < end]


def _told(page: int, breaks: list[int]) -> dict[str, Any]:
    more = {_LAST: page + len(breaks), PAGE_BREAKS: breaks} if breaks else {}
    return {_PAGE: page, **more}


def _breaks(metadata: Mapping[str, Any]) -> Sequence[int]:
    """Where further pages start, as `of_part` wrote it; nothing of what a user has under this name."""
    found = metadata.get(PAGE_BREAKS)
    return found if isinstance(found, list | tuple) and all(map(_is_page, found)) else ()


def _is_page(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
