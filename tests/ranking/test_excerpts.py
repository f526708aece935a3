"""The sentences of a long text that are nearest to a query."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rag_embed import Chunk, Document, Index, Query
from rag_embed.chunking import sentence_starts
from rag_embed.encoders import HashEncoder
from rag_embed.ranking import Excerpts, FunctionReranker, Reranked, excerpt
from rag_embed.types import Hit

LONG = (
    "Ships pay in advance. The harbour opens at six in the morning. Nobody may sail after dark. "
    "The crane lifts two tons. Visitors of the harbour sign the book."
)


def words(text: str) -> list[str]:
    return text.lower().replace(".", " ").split()


def test_a_second_sentence_is_one_that_adds_something() -> None:
    found = excerpt(LONG, ["harbour", "crane"], words, 70)
    assert found == "The harbour opens at six in the morning. The crane lifts two tons."


def test_without_a_common_word_it_is_the_beginning() -> None:
    assert excerpt(LONG, ["tea"], words, 64) == LONG[:62]
    assert excerpt(LONG, [], words, 25) == "Ships pay in advance."


def test_a_long_sentence_is_read_all_the_same() -> None:
    assert excerpt("x" * 90, ["x"], words, 10) == "x" * 90


@given(
    st.text(alphabet="ab .!?\n", max_size=120),
    st.lists(st.sampled_from(["a", "b", "ab"]), max_size=3),
    st.integers(1, 60),
)
def test_it_is_whole_sentences_in_their_order(text, asked, size) -> None:
    found = excerpt(text, asked, words, size)
    if len(text) <= size:
        assert found == text
        return
    starts = [0, *sentence_starts(text)]
    sentences = [text[a:b].strip() for a, b in zip(starts, [*starts[1:], len(text)], strict=True)]
    assert len(found) <= max(size, *map(len, sentences))
    rest = found
    for one in sentences:
        if one and rest.startswith(one):
            rest = rest.removeprefix(one).removeprefix(" ")
    assert not rest.strip() or found in " ".join(sentences)


def test_a_re_ranker_reads_excerpts_of_chunks_under_their_titles() -> None:
    read: list[str] = []
    keep = FunctionReranker(lambda query, texts: read.extend(texts) or [0.0] * len(texts))
    document = Document("d", LONG, title="Ports")
    hit = Hit(Chunk.of(document, 0, len(LONG)), 0.5, 0.5)
    Excerpts(keep, characters=45).rerank(Query("When do harbours open?"), [hit])
    assert read == ["Ports\nThe harbour opens at six in the morning."]


def test_hits_are_shown_whole() -> None:
    index = Index.in_memory(encoder=HashEncoder())
    index.add(Document("d", LONG))
    brief = Excerpts(FunctionReranker(lambda query, texts: [-len(one) for one in texts]), 30)
    [[hit]] = Reranked(index.retriever, brief).retrieve([Query("harbour")])
    assert hit.text == LONG and hit.parts[-1].raw > -50
