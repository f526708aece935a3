"""``rag-embed demo``: Python's own language reference, and questions a newcomer asks of it."""

from __future__ import annotations

import importlib.metadata
import re
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from rag_embed.cli.show import emit, err, hit_json, out, why_table
from rag_embed.index import Index
from rag_embed.ranking.legs import Leg
from rag_embed.types import Document, Hit, Query

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
    if as_json:
        rows = [
            {
                "question": q,
                **{name: hit_json(hits[q], 1) for name, hits in answers.items() if q in hits},
            }
            for q in QUESTIONS
        ]
        emit({"documents": report.added, "chunks": report.chunks, "answers": rows})
        return
    out.print(
        f"Indexed {report.added} topics of Python's language reference, {report.chunks} chunks, "
        f"in {seconds:.1f} s. rag_embed {importlib.metadata.version('rag-embed')}.\n"
    )
    out.print(_table(answers))
    out.print(f"\nWhy this answer? [bold]{_WHY}[/bold]\n")
    hit = answers["rag_embed"][_WHY]
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


def _answers(index: Index, system: str) -> dict[str, Hit]:
    """Each question's first hit, by one leg alone or by the whole retriever."""
    retriever = index.retriever
    if system != "rag_embed":
        wanted = {"dense": "dense", "BM25": "lexical"}[system]
        legs: tuple[Leg, ...] = tuple(leg for leg in retriever.legs if leg.name == wanted)
        retriever = replace(retriever, legs=legs, weights={wanted: 1.0})
    found = retriever.retrieve([Query(question, k=1) for question in QUESTIONS])
    return {question: hits[0] for question, hits in zip(QUESTIONS, found, strict=True) if hits}


def _table(answers: dict[str, dict[str, Hit]]) -> Table:
    right = {
        name: sum(_right(question, hits) for question in QUESTIONS)
        for name, hits in answers.items()
    }
    table = Table(title="The topic each system puts first", title_justify="left", show_lines=False)
    table.add_column("question")
    for name in answers:
        table.add_column(f"{name}\n{right[name]} of {len(QUESTIONS)} right")
    for question in QUESTIONS:
        cells = []
        for hits in answers.values():
            topic = hits[question].chunk.doc_id if question in hits else "-"
            cells.append(f"[green]✓ {topic}[/green]" if _right(question, hits) else f"  {topic}")
        table.add_row(question, *cells)
    return table


def _right(question: str, hits: dict[str, Hit]) -> bool:
    return question in hits and hits[question].chunk.doc_id in QUESTIONS[question]
