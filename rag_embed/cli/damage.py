"""`rag-embed doctor KB --deep` and ``--repair``: damage of an index in a folder."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from rag_embed.cli.checks import Check
from rag_embed.errors import RagEmbedError
from rag_embed.index import Index
from rag_embed.indexing.repairing import altered, incomplete, repair
from rag_embed.stores.inspection import Inspection, inspected
from rag_embed.text import amount

_SHOWN = 20


def deep(kb: str) -> list[Check]:
    """Every file against its checksum, every document against its hash."""
    found = inspected(kb)
    checks = [
        Check(
            one.file, "note" if one.part == "older" else "bad", f"{one.what}; it costs {one.costs}"
        )
        for one in found.damages[:_SHOWN]
    ]
    if len(found.damages) > _SHOWN:
        checks.append(Check("files", "bad", f"damaged: {len(found.damages) - _SHOWN} more"))
    if not found.damages:
        checks.append(Check("files", "ok", _compared(found)))
    if found.unknown:
        checks.append(
            Check(
                "checksums",
                "note",
                f"{amount(len(found.unknown), 'file')} without, such as {found.unknown[0]}: written by an "
                "earlier rag_embed, or by a process that died. The next write makes them.",
            )
        )
    with suppress(RagEmbedError):  # that it cannot be opened is told beside this
        checks += _documents(kb)
    return checks


def _compared(found: Inspection) -> str:
    return f"{found.files} are what was written"


def _documents(kb: str) -> list[Check]:
    store = Index.open(kb).store
    told: list[tuple[Callable[..., list[str]], str]] = [
        (altered, "are not what was added; add them again from where they came"),
        (incomplete, "are incomplete, their writing was interrupted; add them again, or --repair"),
    ]
    checks = []
    for find, what in told:
        if ids := find(store):
            shown = ", ".join(map(repr, ids[:3]))
            checks.append(Check("documents", "bad", f"{len(ids)} such as {shown} {what}"))
    return checks or [Check("documents", "ok", "all are what was added")]


def repaired(kb: str) -> list[Check]:
    """Repair it, and say what was done and what is left."""
    index: list[Index] = []

    def opened() -> Index:
        index.append(Index.open(kb))
        return index[0]

    found = repair(kb, lambda documents: index[0].add(documents), lambda: opened().store)
    done = " ".join(found.done) or "nothing was to be repaired"
    left = [Check(one.file, "bad", f"{one.what}; it costs {one.costs}") for one in found.left]
    return [Check("repair", "ok", done), *left]
