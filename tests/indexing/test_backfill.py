"""Token evidence switched on later equals token evidence from the start."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from pydoc_data.topics import topics

import numpy as np
import pytest
from children import Child

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder, load
from rag_embed.errors import BadInput
from rag_embed.ranking.weights import WEIGHTS
from rag_embed.types import Progress


def documents(longest: int = 4000) -> list[Document]:
    return [Document(name, topics[name][:longest], title=name) for name in sorted(topics)[:4]]


def kept(index: Index) -> dict[str, tuple[bytes, bytes]]:
    view = index.store.view()
    ids = [c.id for d in documents() for c in view.document_chunks(d.id)]
    found = view.tokens("dense", ids)
    return {id: (t.ids.tobytes(), t.bits.tobytes()) for id, t in zip(ids, found, strict=True)}


@pytest.mark.parametrize("where", ["memory", "disk"])
def test_switched_on_later_equals_from_the_start(tmp_path, where) -> None:
    def made(name: str, tokens: bool) -> Index:
        if where == "memory":
            return Index.in_memory(tokens=tokens)
        return Index.create(tmp_path / name, tokens=tokens)

    first, later = made("first", True), made("later", False)
    first.add(documents())
    later.add(documents())
    assert WEIGHTS["tokens"] not in [p.weight for p in later.search("assert")[0].parts]
    told: list[Progress] = []
    beside = Index.open(tmp_path / "later") if where == "disk" else later
    assert later.experts.keep_tokens(progress=told.append) == len(later)
    assert told[-1] == Progress(len(later), len(later)) and later.experts.keep_tokens() == 0
    assert kept(later) == kept(first)
    query = "how is an assertion written"
    assert beside.experts.keep_tokens() == 0 and beside.search(query) == first.search(query)
    assert later.search(query) == first.search(query)
    later.add([Document("new", "A new text about assertions.")])
    assert len(later.store.view().tokens("dense", ["new#0-28"])[0].ids) > 4
    if where == "disk":
        again = Index.open(tmp_path / "later")
        assert again.search(query, k=3)[0].parts[-1].leg == "tokens"


def test_an_encoder_without_tokens_is_refused_and_nothing_changes() -> None:
    index = Index.in_memory(encoder=HashEncoder(16))
    index.add([Document("a", "text")])
    with pytest.raises(BadInput, match="gives no token vectors"):
        index.experts.keep_tokens()
    assert index.search("text")[0].chunk.doc_id == "a" and index.store.lacking() == []


def keep(kb: Path) -> None:
    """What the killed process does: says every batch, the first of which are small, and waits."""

    def say(now: Progress) -> None:
        print(f"{now.done}/{now.total}")
        sys.stdin.readline()

    Index.open(kb, encoder=load()).experts.keep_tokens(progress=say)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_a_killed_run_goes_on_where_it_stopped(tmp_path) -> None:
    kb = tmp_path / "kb"
    some = documents(longest=20_000)  # more than one batch
    Index.create(kb, tokens=False).add(some)
    child = Child(keep, kb)
    done, total = map(int, child.line().split("/"))
    child.kill()
    assert 0 < done < total
    index = Index.open(kb)
    assert not index.spaces.own.signature.tokens and index.search("assert")
    told: list[Progress] = []
    filled = index.experts.keep_tokens(progress=told.append)
    assert filled == told[0].total == total - done
    whole = Index.in_memory(tokens=True)
    whole.add(some)
    view, expected = index.store.view(), whole.store.view()
    ids = [c.id for d in some for c in expected.document_chunks(d.id)]
    for a, b in zip(view.tokens("dense", ids), expected.tokens("dense", ids), strict=True):
        assert np.array_equal(a.ids, b.ids) and np.array_equal(a.bits, b.bits)
