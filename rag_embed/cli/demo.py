"""``rag-embed demo``: Python's standard library, and questions a programmer asks of it."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from rag_embed.cli.python_docs import DESCRIBED, NAMED, standard_library
from rag_embed.cli.reporting import advance
from rag_embed.cli.show import documents_bar, emit, err, hit_json, out
from rag_embed.index import Index
from rag_embed.indexing.explanation import Explanation
from rag_embed.ranking.relevance import figure
from rag_embed.ranking.token_matches import found_words
from rag_embed.types import DENSE, LEXICAL, Hit, Query

QUESTIONS = {**DESCRIBED, **NAMED}

OFF_TOPIC = (
    "How long do I bake bread?",
    "What is the capital of France?",
    "Who won the world cup?",
    "Why did the Roman empire fall?",
)
"""Questions that Python's standard library cannot answer."""

ASKED = (
    "dirs_exist_ok",
    "remove spaces at both ends",
    "how much space is left on the disk?",
)
"""Questions whose answers are shown."""

SYSTEMS = ("dense", "BM25", "RRF", "rag_embed")
SHOWN = 3
"""Hits of a question that count: about what a language model is given to read."""

_DEPTH = 100
_NEAR = 60.0
"""The constant of reciprocal rank fusion, as most databases have it."""

_RELEVANT = 0.1
"""What agents are shown has at least this."""

_LINES = 4
_MISSED = 3
"""Questions of a kind that are shown."""

Ranks = dict[str, dict[str, int | None]]
"""System -> question -> place of the first right entry, from 1."""


def demo(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Index Python's standard library, ask it questions, compare dense, BM25, their RRF and rag_embed."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        index, chunks = _indexed(Path(folder))
        seconds = time.perf_counter() - began
        ranked, hits = _answers(index)
        strangers = dict(zip(OFF_TOPIC, index.search_many(OFF_TOPIC, k=1), strict=True))
        shown = {question: index.explain(question, k=1)[0] for question in ASKED}
        held = len(index.contents.matching())
    ranks: Ranks = {
        name: {q: _rank(QUESTIONS[q], ids) for q, ids in found.items()}
        for name, found in ranked.items()
    }
    if as_json:
        emit(
            {
                "documents": held,
                "chunks": chunks,
                "answers": [_row(question, ranks, hits) for question in QUESTIONS],
                "off_topic": {q: round(_best(found), 4) for q, found in strangers.items()},
            }
        )
        return
    out.print(
        f"\nIndexed Python's standard library as its docstrings tell it: {held} entries, {chunks} chunks, "
        f"{seconds:.0f} seconds.\n"
    )
    for question, why in shown.items():
        _print_answer(question, why)
    _print_strangers(hits, strangers)
    _print_tally(ranks)
    _print_next()


def _indexed(folder: Path) -> tuple[Index, int]:
    """The index of the standard library and its number of chunks, with time left while it is made."""
    documents = list(standard_library())
    with documents_bar() as shown:
        task = shown.add_task("indexing", total=len(documents), chunks=0, rate="")
        index = Index.create(folder / "kb")
        began = time.perf_counter()
        report = index.add(documents, progress=lambda now: advance(shown, task, now, began))
        shown.update(task, completed=len(documents))
    return index, report.chunks


def _answers(index: Index) -> tuple[dict[str, dict[str, list[str]]], dict[str, list[Hit]]]:
    """System -> question -> ids of entries, the best first; and the hits of rag_embed."""
    whole = index.experts.hybrid()
    asked = [Query(question, k=_DEPTH) for question in QUESTIONS]
    found = {
        name: dict(zip(QUESTIONS, retriever.retrieve(asked), strict=True))
        for name, retriever in {
            "dense": whole.alone(DENSE),
            "BM25": whole.alone(LEXICAL),
            "rag_embed": whole,
        }.items()
    }
    ranked = {
        name: {q: list(dict.fromkeys(hit.chunk.doc_id for hit in hits)) for q, hits in some.items()}
        for name, some in found.items()
    }
    ranked["RRF"] = {q: _fused(ranked["dense"][q], ranked["BM25"][q]) for q in QUESTIONS}
    hits = {q: found["rag_embed"][q][:SHOWN] for q in QUESTIONS}
    return {name: ranked[name] for name in SYSTEMS}, hits


def _fused(*rankings: Sequence[str]) -> list[str]:
    """Reciprocal rank fusion."""
    scores: dict[str, float] = {}
    for ranking in rankings:
        for place, one in enumerate(ranking, 1):
            scores[one] = scores.get(one, 0.0) + 1 / (_NEAR + place)
    return sorted(scores, key=lambda one: -scores[one])


def _rank(right: Sequence[str], ids: Sequence[str]) -> int | None:
    return next((place for place, one in enumerate(ids, 1) if one in right), None)


def _row(question: str, ranks: Ranks, hits: dict[str, list[Hit]]) -> dict[str, object]:
    return {
        "question": question,
        "right": list(QUESTIONS[question]),
        "rank": {name: ranks[name][question] for name in SYSTEMS},
        "hits": [hit_json(hit, place) for place, hit in enumerate(hits[question], 1)],
    }


def _best(hits: Sequence[Hit]) -> float:
    return hits[0].relevance if hits else 0.0


def _print_answer(question: str, why: Explanation) -> None:
    hit = why.hit
    out.print(Text.assemble("? ", (question, "bold cyan")))
    out.print(Text(f"  {hit.chunk.title}  relevance {figure(hit.relevance)}", "green"))
    for line in _passage(why).wrap(out, max(20, min(out.width, 90) - 2))[:_LINES]:
        line.rstrip()
        out.print(Text("  ").append_text(line))
    adds = ", ".join(f"{part.leg} {part.contribution:.2f}" for part in hit.parts)
    out.print(Text(f"  score {hit.score:.2f} = {adds}\n", "dim"))


def _passage(why: Explanation) -> Text:
    """The hit's text from its best sentence on, with the words marked that were found."""
    shares = {match.found: match.share for match in found_words(why.tokens)} if why.tokens else {}
    any_of = "|".join(map(re.escape, sorted(shares, key=len, reverse=True)))
    pattern = rf"(?<![^\W_])(?:{any_of})(?![^\W_])" if shares else r"(?!)"
    sentences = re.split(r"(?<=[.:]) ", " ".join(why.hit.text.split()))
    worth = [sum(shares[word] for word in set(re.findall(pattern, one))) for one in sentences]
    passage = Text(" ".join(sentences[worth.index(max(worth)) :]))
    passage.highlight_regex(pattern, "bold yellow")
    return passage


def _print_strangers(answers: dict[str, list[Hit]], strangers: dict[str, list[Hit]]) -> None:
    known = sorted(_best(hits) for hits in answers.values())
    out.print(
        "Relevance means the same for every question. Of the questions below the best hit has "
        f"{known[len(known) // 2]:.2f} in the middle. These have no answer here:\n"
    )
    for question, hits in strangers.items():
        best = _best(hits)
        out.print(Text.assemble("? ", (question, "bold cyan")))
        if best < _RELEVANT:
            out.print(Text(f"  nothing relevant: best {best:.2f}", "green"))
        else:
            out.print(
                Text(f"  mistaken for an answer: {hits[0].chunk.title}, {best:.2f}", "yellow")
            )


def _print_tally(ranks: Ranks) -> None:
    out.print(
        f"\n{len(QUESTIONS)} questions, written down with their answers before a system was asked them. "
        f"How many have the right entry first, and among the first {SHOWN}:\n"
    )
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("asked")
    for name in SYSTEMS:
        table.add_column(name, justify="right", style="bold" if name == "rag_embed" else None)
    for name, some in {
        f"in one's own words, {len(DESCRIBED)}": DESCRIBED,
        f"by a name, {len(NAMED)}": NAMED,
        f"all {len(QUESTIONS)}": QUESTIONS,
    }.items():
        table.add_row(name, *(_counts([found[q] for q in some]) for found in ranks.values()))
    out.print(table)
    out.print("\nPlace of the right entry, where it matters:\n")
    out.print(_differences(ranks))


def _counts(ranks: Sequence[int | None]) -> str:
    some = sum(1 for rank in ranks if rank is not None and rank <= SHOWN)
    return f"{ranks.count(1)}, {some}"


def _differences(ranks: Ranks) -> Table:
    """Questions that one system answers among its first hits and another does not: gains, and losses."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("")
    for name in SYSTEMS:
        table.add_column(name, justify="right", style="bold" if name == "rag_embed" else None)

    def missed(name: str, question: str) -> bool:
        return (ranks[name][question] or _DEPTH) > SHOWN

    told: set[str] = set()

    def section(title: str, questions: Iterator[str]) -> None:
        some = list(questions)
        shown = [question for question in some if question not in told][:_MISSED]
        told.update(shown)
        table.add_row(Text(f"{title}: {len(some)}, as", "dim"))
        for question in shown:
            places = (ranks[name][question] for name in SYSTEMS)
            table.add_row(f"  {question}", *(str(place or "-") for place in places))

    ours = "rag_embed"
    for other in SYSTEMS[:-1]:
        found = (q for q in QUESTIONS if missed(other, q) and not missed(ours, q))
        section(f"{other} misses it, rag_embed does not", found)
    lost = (
        q
        for q in QUESTIONS
        if missed(ours, q) and not all(missed(other, q) for other in SYSTEMS[:-1])
    )
    section("rag_embed misses it, another does not", lost)
    return table


def _print_next() -> None:
    err.print("\nNext, with a folder of yours:\n")
    for line in (
        "rag-embed index FOLDER --to kb",
        'rag-embed search kb "your question"',
        'rag-embed ask-why kb "your question" --html why.html',
    ):
        err.print(f"  {line}", markup=False)
