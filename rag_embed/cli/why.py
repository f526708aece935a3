"""The HTML page of ``ask-why``, and the words a hit shares with its query."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from rag_embed.analysis import Analyzer
from rag_embed.situated.titled import titled
from rag_embed.types import Hit

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;color:#1b1b1f;max-width:60rem}
body{margin:2rem auto;padding:0 1rem}
article{border:1px solid #d5d7de;border-radius:8px;padding:1rem 1.2rem;margin:1rem 0}
h2{font-size:1.05rem;margin:0} small{color:#5d6270} mark{background:#ffe9a8}
.bar{display:flex;height:12px;border-radius:6px;overflow:hidden;background:#eceef3;margin:.6rem 0}
.bar i{display:block} p{white-space:pre-wrap;overflow-wrap:anywhere} table{border-collapse:collapse}
td,th{padding:.15rem .8rem .15rem 0;text-align:left;font-variant-numeric:tabular-nums}
"""
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9")


def matched_words(analyzer: Analyzer, query: str, hit: Hit) -> list[str]:
    """Words of the query, as analysed, that the hit's title, headings or text hold too."""
    found = set(analyzer.words(titled(hit.chunk)))
    return [word for word in dict.fromkeys(analyzer.words(query)) if word in found]


def page(query: str, hits: Sequence[Hit], words: Sequence[Sequence[str]]) -> str:
    """One self-contained page: every hit with its legs as a bar and the matched words marked."""
    articles = [
        _article(rank, hit, some)
        for rank, (hit, some) in enumerate(zip(hits, words, strict=True), 1)
    ]
    title = f"Why: {html.escape(query)}"
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{title}</title>"
        f"<style>{_STYLE}</style><h1>{title}</h1>{''.join(articles)}</html>\n"
    )


def _article(rank: int, hit: Hit, words: Sequence[str]) -> str:
    total = sum(max(part.contribution, 0.0) for part in hit.parts) or 1.0
    bar, rows = "", ""
    for part, colour in zip(hit.parts, _COLOURS, strict=False):
        share = 100 * max(part.contribution, 0.0) / total
        bar += f"<i style='width:{share:.1f}%;background:{colour}'></i>"
        rows += (
            f"<tr><th style='color:{colour}'>{html.escape(part.leg)}</th><td>{part.raw:.3f}</td>"
            f"<td>{part.normalised:+.3f}</td><td>{part.weight:.2f}</td>"
            f"<td>{part.contribution:+.3f}</td></tr>"
        )
    path = filter(None, dict.fromkeys([hit.chunk.title, *hit.chunk.headings]))
    head = " > ".join(path) or hit.chunk.doc_id
    return (
        f"<article><h2>{rank}. {html.escape(head)}</h2><small>{html.escape(hit.id)} · "
        f"score {hit.score:.3f} · relevance {hit.relevance:.2f}</small><div class='bar'>{bar}</div>"
        f"<table><tr><th>leg</th><th>raw</th><th>normalised</th><th>weight</th><th>adds</th></tr>"
        f"{rows}</table><p>{_marked(hit.text, words)}</p></article>"
    )


def _marked(text: str, words: Sequence[str]) -> str:
    """The text with every word marked that begins like a matched stem."""
    if not words:
        return html.escape(text)
    stems = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    pieces = re.split(rf"\b((?:{stems})\w*)", text, flags=re.IGNORECASE)
    return "".join(
        f"<mark>{html.escape(piece)}</mark>" if i % 2 else html.escape(piece)
        for i, piece in enumerate(pieces)
    )
