"""A page that is a file of its own: what was found for one question, and why."""

from __future__ import annotations

from collections.abc import Sequence

from rag_embed.analysis import Analyzer
from rag_embed.indexing.explanation import Explanation
from rag_embed.serving.page.asking import Shown
from rag_embed.serving.page.bars import Scale, legend
from rag_embed.serving.page.hits import cards, routed
from rag_embed.serving.page.rendering import rendered, style
from rag_embed.text import printable


def page(query: str, found: Sequence[Explanation], analyzer: Analyzer) -> str:
    """One self-contained page: every hit with its words marked, its legs as a bar, and its reasons.

    Args:
        query: What was asked.
        found: What was found.
        analyzer: Reads words as the index does.
    """
    hits = [one.hit for one in found]
    route = routed(hits[0].route) if hits else None
    shown = Shown(
        tuple(cards(found, analyzer, Scale.of(hits))), None, 0.0, tuple(legend(hits)), route, ()
    )
    return rendered("why.html", query=printable(query), shown=shown, style=style())
