"""The HTML page of ``ask-why``, and which words of a query are worth naming."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from rag_embed.indexing.explanation import Explanation
from rag_embed.ranking.token_matches import Heat, Match
from rag_embed.text import word_around
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


def page(query: str, found: Sequence[Explanation]) -> str:
    """One self-contained page: every hit with its legs as a bar.

    The words it has in common with the query are marked; with token evidence, the text is a heat map.

    Args:
        query: What was asked.
        found: What was found.
    """
    articles = [
        _article(
            rank, one.hit, _warm(one.tokens) if one.tokens else _marked(one.hit.text, one.words)
        )
        for rank, one in enumerate(found, 1)
    ]
    title = f"Why: {html.escape(query)}"
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{title}</title>"
        f"<style>{_STYLE}</style><h1>{title}</h1>{''.join(articles)}</html>\n"
    )


def found_words(heat: Heat, most: int = 5) -> list[Match]:
    """The matches that add most, one per word of the query; those that add next to nothing left out."""
    best: dict[str, Match] = {}
    for match in heat.matches:
        best.setdefault(match.word.lower(), match)
    least = 0.1 * max((match.share for match in best.values()), default=0.0)
    return [match for match in best.values() if match.share > least][:most]


def _article(rank: int, hit: Hit, text: str) -> str:
    total = sum(max(part.contribution, 0.0) for part in hit.parts) or 1.0
    bar, rows = "", ""
    for part, colour in zip(hit.parts, _COLOURS, strict=False):
        share = 100 * max(part.contribution, 0.0) / total
        bar += f"<i style='width:{share:.1f}%;background:{colour}'></i>"
        rows += (
            f"<tr><th style='color:{colour}'>{html.escape(part.leg)}</th><td>{part.raw:.3f}</td>"
            f"<td>{part.normalised:+.3f}</td><td>{part.weight:.3g}</td>"
            f"<td>{part.contribution:+.3f}</td></tr>"
        )
    path = filter(None, dict.fromkeys([hit.chunk.title, *hit.chunk.headings]))
    head = " > ".join(path) or hit.chunk.doc_id
    return (
        f"<article><h2>{rank}. {html.escape(head)}</h2><small>{html.escape(hit.id)} · "
        f"score {hit.score:.3f} · relevance {hit.relevance:.2f}</small><div class='bar'>{bar}</div>"
        f"<table><tr><th>leg</th><th>raw</th><th>normalised</th><th>weight</th><th>adds</th></tr>"
        f"{rows}</table><p>{text}</p></article>"
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


def _warm(heat: Heat) -> str:
    """The text with every word as warm as its warmest token, and what found it in its tooltip."""
    hottest = float(heat.warmth.max(initial=0.0)) or 1.0
    warmth: dict[tuple[int, int], float] = {}
    for (start, end), value in zip(heat.spans, heat.warmth / hottest, strict=True):
        word = word_around(heat.text, int(start), int(end))
        warmth[word] = max(warmth.get(word, 0.0), float(value))
    by = {(match.start, match.end): match for match in reversed(heat.matches)}
    pieces, done = [], 0
    for (start, end), value in sorted(warmth.items()):
        if start < done:
            continue
        match = by.get((start, end))
        tip = f"{match.word} {match.similarity:.2f}" if match and match.similarity > 0 else ""
        pieces.append(html.escape(heat.text[done:start]))
        pieces.append(
            f"<span style='background:rgba(230,159,0,{value:.2f})' title='{html.escape(tip)}'>"
            f"{html.escape(heat.text[start:end])}</span>"
        )
        done = end
    return "".join([*pieces, html.escape(heat.text[done:])])
