"""Counts are integers of Python or numpy; truth values, fractions and texts are none."""

from __future__ import annotations

import json
from dataclasses import fields
from functools import partial

import numpy as np
import pytest

from rag_embed import Document, Index, Query, UserEvent
from rag_embed.arguments import count, is_number, nearest
from rag_embed.chunking import TokenSplitter
from rag_embed.encoders import FunctionEncoder, HashEncoder
from rag_embed.errors import BadInput
from rag_embed.indexing.settings import read
from rag_embed.longcontext import windows
from rag_embed.personal.affinity import Affinity
from rag_embed.personal.setting import Setting
from rag_embed.ranking.best_chunks import BestChunks
from rag_embed.ranking.hybrid import Hybrid
from rag_embed.ranking.legs import LexicalLeg
from rag_embed.ranking.relevance import default
from rag_embed.ranking.rerank import Reranked
from rag_embed.ranking.weights import checked
from rag_embed.routing.router import Soft
from rag_embed.situated.described import described
from rag_embed.situated.summary import summarise
from rag_embed.training.loop import Schedule
from rag_embed.types import Chunk

ENCODER = HashEncoder(16)
INDEX = Index.in_memory(encoder=ENCODER, chunk_tokens=4)
TEXT = "One fox. Two seas. Three hills. Four winds. Five stars."


def hybrid(**counts) -> Hybrid:
    return Hybrid(
        INDEX.store, (LexicalLeg(),), {"lexical": 1.0}, default("", {"lexical": 1.0}), **counts
    )


COUNTED = {
    "k": lambda n: Query("fox", k=n).k,
    "Reranked.depth": lambda n: Reranked(INDEX.retriever, BestChunks(), depth=n).depth,
    "Hybrid.pool": lambda n: hybrid(pool=n).pool,
    "Hybrid.depth": lambda n: hybrid(depth=n).depth,
    "chunk_tokens": lambda n: TokenSplitter(ENCODER, n).max_tokens,
    "chunk_overlap": lambda n: TokenSplitter(ENCODER, 20, n).overlap,
    "take": lambda n: BestChunks(n).take,
    "nearest": lambda n: Affinity(INDEX.store, INDEX.users.profiles, nearest=n).nearest,
    "neighbours": lambda n: Soft(neighbours=n).neighbours,
    "top": lambda n: Setting(0.5, top=n).top,
    "windows": lambda n: windows(ENCODER, n).tokens,
    "epochs": lambda n: Schedule(epochs=n).epochs,
    "HashEncoder.dim": lambda n: HashEncoder(n).dim,
    "max_tokens": lambda n: FunctionEncoder(len, name="f", max_tokens=n).max_tokens,
    "start": lambda n: Chunk.of(Document("d", TEXT), n, 9).start,
    "end": lambda n: Chunk.of(Document("d", TEXT), 0, n).end,
    "ordinal": lambda n: Chunk.of(Document("d", TEXT), 0, 9, ordinal=n).ordinal,
}
TAKEN = {
    "sentences": lambda n: summarise(TEXT, n),
    "workers": lambda n: described(lambda document, chunk: "", name="n", workers=n),
    "before": lambda n: INDEX.contents.neighbours(Chunk.of(Document("d", TEXT), 0, 9), before=n),
    "budget": lambda n: INDEX.contents.passages([], n),
}


@pytest.mark.parametrize("what", COUNTED)
@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8])
def test_integers_of_numpy_are_integers(what, kind) -> None:
    kept = COUNTED[what](kind(3))
    assert kept == COUNTED[what](3) == 3 and type(kept) is int


@pytest.mark.parametrize("what", [*COUNTED, *TAKEN])
@pytest.mark.parametrize("given", [True, np.True_, 1.5, np.float32(3.0), "3", -1])
def test_nothing_else_is_one(what, given) -> None:
    with pytest.raises(BadInput, match="must be an integer "):
        {**COUNTED, **TAKEN}[what](given)


@pytest.mark.parametrize("what", ["k", "Hybrid.pool", "take", "nearest", "epochs"])
def test_nothing_is_no_count_where_one_is_needed(what) -> None:
    with pytest.raises(BadInput, match="must be an integer "):
        COUNTED[what](None)


@pytest.mark.parametrize("what", TAKEN)
def test_what_keeps_no_count_takes_them_too(what) -> None:
    assert TAKEN[what](np.int64(3)) is not None


def test_an_index_is_made_and_asked_with_them(tmp_path) -> None:
    kb = tmp_path / "kb"
    index = Index.create(kb, encoder=ENCODER, chunk_tokens=np.int64(8), chunk_overlap=np.int8(2))
    index.add(Document("d", TEXT, metadata={"year": np.int64(2024)}))
    assert read(index.store).splitter == {"max_tokens": 8, "overlap": 2}
    hits = index.search("fox", k=np.int64(1))
    assert hits == Index.open(kb).search("fox", k=1)
    assert json.dumps([hits[0].chunk.start, hits[0].chunk.end, hits[0].chunk.ordinal])
    with pytest.raises(BadInput, match=r"Query\.k must be an integer >= 0, got True"):
        index.search("fox", k=True)


def test_numbers_of_numpy_are_numbers() -> None:
    assert checked({"dense": np.float32(0.5)}, ["dense"]) == {"dense": 0.5}
    assert Query("fox", min_relevance=np.float32(0.5)).min_relevance == 0.5
    assert UserEvent("e", "ann", "a fox", np.int64(3)).time == np.float32(3.0)
    for wrong in (True, "0.5", None):
        assert not is_number(wrong)
        with pytest.raises(BadInput, match="min_relevance must be between 0 and 1"):
            Query("fox", min_relevance=wrong)
        with pytest.raises(BadInput, match="time must be a finite number"):
            UserEvent("e", "ann", "a fox", wrong)


def test_the_range_is_told() -> None:
    with pytest.raises(BadInput, match=r"^dim must be an integer from 2 to 4, got 5\.$"):
        count("dim", 5, 2, 4)


def test_a_misspelled_option_is_refused(tmp_path) -> None:
    for make in (
        Index.in_memory,
        partial(Index.create, tmp_path / "kb"),
        partial(Index.at, tmp_path),
    ):
        with pytest.raises(
            BadInput, match=r"'chunk_token'; did you mean 'chunk_tokens'\? It takes"
        ):
            make(encoder=ENCODER, chunk_token=4)
    assert not (tmp_path / "kb").exists()
    with pytest.raises(
        BadInput, match=r"add_files\(\) has no option 'patterns'; it takes .*include"
    ):
        Index.in_memory(encoder=ENCODER).add_files(tmp_path, patterns=["*.md"])
    with pytest.raises(
        TypeError, match=r"no option 'top_k'; did you mean 'k'\? It takes .*, where"
    ):
        INDEX.search("fox", top_k=3)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("n_results", "k"),
        ("filters", "where"),
        ("user_id", "user"),
        ("min_relevence", "min_relevance"),
        ("similarity_cutoff", "min_relevance"),
        ("groupby", "group_by"),
        ("colour", None),
        ("stack", None),
    ],
)
def test_the_name_that_was_meant(given, meant) -> None:
    known = {one.name for one in fields(Query)}
    assert nearest(given, known) == meant
    options = {f"--{name}".replace("_", "-") for name in known - {"k"}} | {"-k"}
    said = meant and (f"--{meant}".replace("_", "-") if meant != "k" else "-k")
    assert nearest(f"--{given}".replace("_", "-"), options) == said
