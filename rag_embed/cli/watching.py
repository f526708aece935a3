"""``rag-embed index --watch``: what changes in the files goes into the index, until one stops it."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from threading import Event

from rag_embed.cli.show import emit, err, out
from rag_embed.index import Index
from rag_embed.indexing import AddReport, watch
from rag_embed.indexing.folders import Looking


def follow(kb: Index, sources: Sequence[Path], looking: Looking, as_json: bool) -> None:
    """Say what is done for each change.

    Ctrl-C ends it once what is being written is written; a second one ends it at once. Python raises
    nothing for it where the process was started with the signal ignored, as in the background of a shell.
    """
    stop = Event()

    def interrupted(*_: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        stop.set()

    before = signal.signal(signal.SIGINT, interrupted)
    err.print("watching; stop with Ctrl-C")
    try:
        for report in watch(kb, *sources, stop=stop, **looking):
            if not (report.added or report.replaced or report.deleted or report.failed):
                continue  # the first one, where nothing has changed since the files were added
            if as_json:
                emit(asdict(report))
            else:
                out.print(_line(report), markup=False, soft_wrap=True)
    finally:
        signal.signal(signal.SIGINT, before)
    err.print("stopped watching")


def _line(report: AddReport) -> str:
    counts = {
        "added": report.added,
        "replaced": report.replaced,
        "deleted": report.deleted,
        "read in part": sum(not one.by_rule for one in report.partly),
        "skipped": sum(not one.by_rule for one in report.skipped),
    }
    done = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    reasons = "".join(f"; {one.source}: {one.reason}" for one in report.failed)
    return f"{datetime.now():%H:%M:%S} {done}{reasons}"
