"""``rag-embed demo``: Python's own language reference, and questions a newcomer asks of it."""

from __future__ import annotations

import importlib.metadata
import re
import tempfile
import time
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from rag_embed.cli.show import emit, err, hit_json, out, why_table
from rag_embed.index import Index
from rag_embed.types import DENSE, LEXICAL, Document, Hit, Query

QUESTIONS: dict[str, tuple[str, ...]] = {
    "How do I make sure a file gets closed again?": ("with", "context-managers"),
    "What is the difference between == and is?": ("comparisons",),
    "How do I catch several kinds of errors at once?": ("try", "exceptions", "compound"),
    "Leave a loop early": ("break",),
    "Go on with the next item of the loop": ("continue",),
    "Why does my default argument keep its value between calls?": ("function",),
    "Change a variable of the enclosing function": ("nonlocal", "execmodel", "naming"),
    "Which operators bind tighter than others?": ("operator-summary",),
    "Format a number with two decimals": ("formatstrings", "strings"),
    "What counts as false in an if?": ("truth", "booleans"),
    "Get the last three elements of a list": ("slicings", "subscriptions", "typesseq"),
    "Make my object work with len() and indexing": ("sequence-types", "specialnames"),
    "What does __new__ do that __init__ does not?": ("customization", "specialnames"),
    "Write a function in one line without a name": ("lambda",),
    "How are underscores in front of names treated?": ("id-classes", "identifiers", "lexical"),
    "Pause my program and look at variables": ("debugger",),
    "Functions that produce values one at a time": ("yield", "types", "typesfunctions"),
    "Remove a key from a dictionary": ("del", "typesmapping"),
    "Raise to the power of": ("power",),
    "split a string at commas": ("string-methods",),
}
"""Question -> topics that answer it, written down before any system was run."""

OFF_TOPIC = (
    "How long do I bake bread?",
    "What is the capital of France?",
    "Who won the world cup?",
    "Why did the Roman empire fall?",
)
"""Questions that Python's language reference cannot answer."""

SHOWN = 5
"""Hits of a question: about what a language model is given to read."""

_WHY = "How do I make sure a file gets closed again?"
_LEVELS = {"*": "#", "=": "##", "-": "###"}


def demo(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Index Python's language reference, ask it questions, compare dense, BM25 and rag_embed."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        index = Index.create(folder)
        report = index.add(language_reference())
        seconds = time.perf_counter() - started
        answers = {name: _answers(index, name) for name in ("dense", "BM25", "rag_embed")}
        strangers = index.search_many(OFF_TOPIC, k=1)
    if as_json:
        rows = [
            {
                "question": q,
                **{
                    name: [hit_json(hit, rank) for rank, hit in enumerate(hits[q], 1)]
                    for name, hits in answers.items()
                },
            }
            for q in QUESTIONS
        ]
        unanswered = {
            q: round(_best(hits), 4) for q, hits in zip(OFF_TOPIC, strangers, strict=True)
        }
        emit(
            {
                "documents": report.added,
                "chunks": report.chunks,
                "answers": rows,
                "off_topic": unanswered,
            }
        )
        return
    out.print(
        f"Indexed {report.added} topics of Python's language reference, {report.chunks} chunks, "
        f"in {seconds:.1f} s. rag_embed {importlib.metadata.version('rag-embed')}.\n"
    )
    out.print(_table(answers))
    out.print(
        "[green]✓[/green] the first hit is right; [yellow]2[/yellow] the second is, and so on\n"
    )
    out.print(_relevance(answers["rag_embed"], strangers))
    out.print(f"\nWhy this answer? [bold]{_WHY}[/bold]\n")
    hit = answers["rag_embed"][_WHY][0]
    out.print(why_table([hit]))
    out.print(f"\n[dim]{escape(hit.text)}[/dim]\n")
    err.print("Next: rag-embed index YOUR_FOLDER --to kb && rag-embed search kb 'your question'")


def language_reference() -> Iterator[Document]:
    """The topics behind Python's ``help()``, their underlined headings as Markdown."""
    from pydoc_data.topics import topics

    for name, text in sorted(topics.items()):
        markdown = _markdown(text)
        title = markdown.split("\n", 1)[0].lstrip("# ")
        yield Document(name, markdown, title, {"format": "markdown"})


def _markdown(text: str) -> str:
    # Code is indented by three spaces there, by four in Markdown.
    indented = re.sub(r"^ {3}", "    ", text.strip(), flags=re.MULTILINE)
    return re.sub(
        r"^(\S.*)\n([*=-])\2{2,}$",
        lambda match: f"{_LEVELS[match[2]]} {match[1]}",
        indented,
        flags=re.MULTILINE,
    )


def _answers(index: Index, system: str) -> dict[str, list[Hit]]:
    """Each question's hits, by one leg alone or by the whole retriever."""
    retriever = index.experts.hybrid()
    if system != "rag_embed":
        retriever = retriever.alone({"dense": DENSE, "BM25": LEXICAL}[system])
    found = retriever.retrieve([Query(question, k=SHOWN) for question in QUESTIONS])
    return dict(zip(QUESTIONS, found, strict=True))


def _table(answers: dict[str, dict[str, list[Hit]]]) -> Table:
    title = f"Where each system finds the right topic among its {SHOWN} best chunks"
    table = Table(title=title, title_justify="left", show_lines=False)
    table.add_column("question")
    for name, hits in answers.items():
        ranks = [_rank(question, hits[question]) for question in QUESTIONS]
        first, some = ranks.count(1), len(ranks) - ranks.count(None)
        table.add_column(
            f"{name}\nfirst: {first} of {len(ranks)}\namong {SHOWN}: {some} of {len(ranks)}"
        )
    for question in QUESTIONS:
        table.add_row(question, *(_cell(question, hits[question]) for hits in answers.values()))
    return table


def _cell(question: str, hits: list[Hit]) -> str:
    rank = _rank(question, hits)
    if rank is None:
        return f"[dim]  {hits[0].chunk.doc_id}[/dim]" if hits else "[dim]  -[/dim]"
    topic = hits[rank - 1].chunk.doc_id
    return f"[green]✓ {topic}[/green]" if rank == 1 else f"[yellow]{rank} {topic}[/yellow]"


def _rank(question: str, hits: list[Hit]) -> int | None:
    """Of the first hit that answers the question, from 1."""
    right = QUESTIONS[question]
    return next((i for i, hit in enumerate(hits, 1) if hit.chunk.doc_id in right), None)


def _relevance(answers: dict[str, list[Hit]], strangers: list[list[Hit]]) -> str:
    """What relevance says of questions with and without an answer here."""
    known = sorted(_best(hits) for hits in answers.values())
    lines = [
        "Relevance is a number that means the same for every question. Of the questions above the best "
        f"hit has {known[len(known) // 2]:.2f} in the middle; of questions that Python's reference "
        "cannot answer:"
    ]
    lines += [f"  {_best(hits):.2f}  {q}" for q, hits in zip(OFF_TOPIC, strangers, strict=True)]
    return "\n".join(lines)


def _best(hits: list[Hit]) -> float:
    return hits[0].relevance if hits else 0.0
