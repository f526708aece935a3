"""What ``rag-embed index`` shows while it runs, and when it is done."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

from rich.progress import Progress as Bar
from rich.progress import TaskID

from rag_embed.cli.show import err, facts, out
from rag_embed.indexing.reported import AddReport
from rag_embed.types import Progress, Skipped

_SHOWN = 20


def advance(shown: Bar, task: TaskID, now: Progress, started: float) -> None:
    """Show what is written; the bar is full when all is done, after tidying up, and not before."""
    total = shown.tasks[task].total
    rate = now.chunks / (time.perf_counter() - started)
    shown.update(
        task,
        completed=now.done if total is None else min(now.done, max(total - 1, 0)),
        chunks=now.chunks,
        rate=f" ({rate:.0f}/s)" if rate >= 0.5 else "",
    )


def tell(report: AddReport, seconds: float, to: str, dry_run: bool) -> None:
    """Print what was done, or would be, and what was skipped."""
    for change in report.planned:
        out.print(f"{change.action:8}{change.id}", markup=False, soft_wrap=True)
    rows: dict[str, object] = {
        "added": report.added,
        "replaced": report.replaced,
        "unchanged": report.unchanged,
        "deleted": report.deleted,
        "chunks written": report.chunks,
        "skipped": len(report.skipped),
        "seconds": f"{seconds:.1f}",
    }
    if report.partly:
        rows["read in part"] = len({one.source for one in report.partly})
    out.print(facts(to, rows))
    if dry_run:
        err.print("a dry run: nothing was changed")
    for note in report.notes:
        err.print(note, markup=False)
    guesses = Counter(encoding for _, encoding in report.guessed)
    for encoding, count in guesses.most_common():
        name = next(one for one, guess in report.guessed if guess == encoding)
        others = f" and {count - 1} more" if count > 1 else ""
        err.print(f"read {name}{others} as {encoding}, a guess", markup=False)
    reasons("read without a part:", report.partly)
    reasons("skipped", report.skipped)


def reasons(what: str, told: Sequence[Skipped]) -> None:
    """A line for each reason, the most frequent first, with the first that it is given for."""
    first = {one.reason: one.source for one in reversed(told)}
    counts = Counter(one.reason for one in told).most_common()
    for reason, count in counts[:_SHOWN]:
        others = f" and {count - 1} more" if count > 1 else ""
        err.print(f"{what} {first[reason]}{others}: {reason}", markup=False)
    if len(counts) > _SHOWN:
        err.print("... and for other reasons; --json lists all")
