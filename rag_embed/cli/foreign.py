"""Are there texts in languages that the model of an index hardly knows?"""

from __future__ import annotations

from dataclasses import replace

from rag_embed.cli.checks import Check
from rag_embed.encoders.coverage import SHARE, hardly_known
from rag_embed.index import Index
from rag_embed.indexing import AddReport

_DOCUMENTS = 100
_CHUNKS = 5


def foreign(index: Index) -> list[str]:
    """A sentence for each language that many chunks are in and the model hardly knows, by a sample."""
    texts, model = _sample(index), index.spaces.own.signature.model
    return [
        f"{one.share:.0%} of the chunks are in {one.language}, of whose most frequent words {model} knows "
        f"{one.known:.0%} ({len(texts)} chunks looked at): words are found, what they mean hardly is. A "
        "multilingual model finds both: rag-embed index FOLDER --to KB --model intfloat/multilingual-e5-small"
        for one in hardly_known(index.spaces.own.encoder, texts)
    ]


def noted(index: Index, report: AddReport) -> AddReport:
    """A report of what was written, with these sentences among its notes."""
    if not report.added and not report.replaced:
        return report
    return replace(report, notes=(*report.notes, *foreign(index)))


def checked(kb: str) -> Check:
    """As a finding of ``rag-embed doctor``."""
    told = foreign(Index.open(kb))
    what = f"no language that the model hardly knows has {SHARE:.0%} of the chunks or more, by a sample"
    return Check("languages", "note" if told else "ok", " ".join(told) or what)


def _sample(index: Index) -> list[str]:
    """Texts of chunks, spread over the documents and over each of them."""
    view = index.store.view()
    ids = sorted(index.store.document_ids())
    texts = []
    for id in ids[:: -(-len(ids) // _DOCUMENTS) or 1]:
        chunks = view.document_chunks(id)
        texts += [chunk.text for chunk in chunks[:: -(-len(chunks) // _CHUNKS) or 1]]
    return texts
