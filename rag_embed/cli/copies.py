"""`rag-embed doctor KB --copies`: documents that say the same, and what they cost."""

from __future__ import annotations

from dataclasses import asdict

from rag_embed.cli.checks import Check
from rag_embed.cli.show import told
from rag_embed.errors import RagEmbedError
from rag_embed.index import Index
from rag_embed.indexing.copies import Copies, copies
from rag_embed.text import amount

_SHOWN = 20
_NAMED = 5


def found(kb: str) -> list[Check]:
    """The groups, those that cost most first, and all of them in a sum."""
    try:
        return _found(Index.open(kb))
    except RagEmbedError as error:
        return [Check("copies", "bad", told(error))]


def _found(index: Index) -> list[Check]:
    stats = index.contents.stats()
    each = stats["bytes"] / max(stats["chunks"], 1)
    groups = copies(index.store)
    listed = [
        {**asdict(one), "ids": list(one.ids), "bytes": round(each * one.chunks)} for one in groups
    ]
    if not groups:
        return [
            Check(
                "copies",
                "ok",
                f"none among {amount(stats['documents'], 'document')}",
                {"groups": []},
            )
        ]
    more = sum(len(one.ids) - 1 for one in groups)
    chunks = sum(one.chunks for one in groups)
    checks = [
        Check(
            "copies",
            "note",
            f"{more} of {amount(stats['documents'], 'document')} {'says' if more == 1 else 'say'} nearly "
            f"the same as another one: {chunks} of {amount(stats['chunks'], 'chunk')}, about "
            f"{each * chunks:,.0f} bytes. Leave them out where they come from (--exclude, or rag-embed "
            "delete), or search with --group-by text.",
            {"groups": listed},
        )
    ]
    checks += [Check("copies", "note", _line(one, each)) for one in groups[:_SHOWN]]
    if len(groups) > _SHOWN:
        checks.append(
            Check(
                "copies", "note", f"{amount(len(groups) - _SHOWN, 'more group')}; --json lists all"
            )
        )
    return checks


def _line(one: Copies, each: float) -> str:
    named = ", ".join(one.ids[:_NAMED])
    others = f" and {len(one.ids) - _NAMED} more" if len(one.ids) > _NAMED else ""
    owner = f" of {one.user}" if one.user is not None else ""
    alike = "the same text" if one.least == 1.0 else f"{one.least:.0%} the same"
    cost = f"{amount(one.chunks, 'chunk')}, about {each * one.chunks:,.0f} bytes"
    return f"{named}{others}{owner}: {alike}; {cost}"
