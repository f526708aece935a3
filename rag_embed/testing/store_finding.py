"""What a view finds. A part of `store.StoreContract`."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import numpy as np
import pytest

from rag_embed.errors import BadInput
from rag_embed.filters import And, Filter, Or, field, matches
from rag_embed.protocols import Store
from rag_embed.testing.store_data import CORPUS, FIELDS, ids, vector, write
from rag_embed.types import Chunk, ChunkRows, Document, Principal, doc_id_of, place_of


class FindingLaws:
    """What a view finds."""

    def test_empty_store_answers_everything(self, store: Store) -> None:
        """No question to an empty store is an error."""
        view = store.view()
        assert len(view) == 0 and not view.private
        assert view.nearest("dense", vector("x"), 5, None)[0][0] == []
        assert view.lexical(["fox"], 5, None)[0][0] == []
        assert view.chunks(["nope"]) == [] and view.documents(["nope"]) == []
        assert view.matching(None) == view.passing(None) == []
        assert view.moments("dense").count == 0
        assert store.known(["a"]) == {} and store.delete(["a"]) == 0
        store.optimize()

    def test_chunks_come_back_as_they_went_in(self, store: Store) -> None:
        """Chunks and documents are what was written, in the order that is asked for."""
        write(store, *CORPUS)
        view = store.view()
        chunk = view.chunks(["a#8-18"])[0]
        assert chunk == Chunk.of(CORPUS[0], 8, 18, ordinal=1)
        assert chunk.metadata == CORPUS[0].metadata
        assert view.documents(["ann#1", "zz", "d"]) == [CORPUS[4], CORPUS[3]]
        assert ids(view.document_chunks("a")) == ["a#0-7", "a#8-18"]
        assert ids(view.chunks(["b#0-8", "missing", "a#0-7"])) == ["b#0-8", "a#0-7"]
        assert sorted(store.document_ids()) == ["a", "ann#1", "b", "c", "d"]
        assert view.private

    @pytest.mark.parametrize("name", ["\ud800", "b\udfff#0-8", "nope\n", ""])
    def test_a_name_that_nothing_can_have_is_unknown(self, store: Store, name: str) -> None:
        """Asking for what cannot be stored finds nothing, and is no error of the store."""
        write(store, *CORPUS)
        view = store.view()
        assert view.chunks([name, "b#0-8"]) == view.document_chunks("b")
        assert view.documents([name, "d"]) == [CORPUS[3]] and view.document_chunks(name) == []
        assert store.known([name]) == {} and store.delete([name]) == 0
        assert view.moments("dense", Principal(name)).count == view.moments("dense").count
        with pytest.raises(BadInput, match="Unknown chunk"):
            view.vectors("dense", [name])

    def test_dates_are_those_of_the_documents(self, store: Store) -> None:
        """A field of dates is read as seconds; what has none, or is not there, is no number."""
        at = datetime(1969, 12, 31, 23, 59, 59, 500_000, tzinfo=timezone.utc)
        write(store, *CORPUS)
        write(store, Document("old", "old", metadata={"at": at, "day": "2024-05-01"}))
        asked = ["a#0-7", "old#0-3", "missing", "old#0-3"]
        for name, seconds in (("at", -0.5), ("day", 1714521600.0)):
            found = store.view().dates(name, asked)
            assert found.dtype == np.float64
            np.testing.assert_array_equal(found, [np.nan, seconds, np.nan, seconds])
        write(store, Document("old", "old", metadata={"at": "1970-01-01T00:00:01Z"}))
        later = store.view()
        assert later.dates("at", asked[1:2]).tolist() == [1.0]
        assert np.isnan(later.dates("day", asked[1:2])).all() and later.dates("day", []).size == 0
        with pytest.raises(BadInput, match="no declared field of dates"):
            later.dates("year", asked)

    def test_nearest_is_exact_and_ordered(self, store: Store) -> None:
        """The nearest chunks are those with the largest products, largest first."""
        write(store, *CORPUS)
        view = store.view()
        every = [c.id for d in CORPUS for c in view.document_chunks(d.id)]
        rows = view.vectors("dense", every)
        queries = np.concatenate([vector("red fox"), vector("anything")])
        found = view.nearest("dense", queries, 3, None)
        for query, (got, scores) in zip(queries, found, strict=True):
            expected = rows @ query
            order = np.argsort(-expected)[:3]
            assert got == [every[i] for i in order]
            np.testing.assert_allclose(scores, expected[order], atol=1e-5)
        assert found[0][0][0] == "a#0-7" and found[0][1][0] == pytest.approx(1.0, abs=1e-5)
        assert len(view.nearest("dense", queries[:1], 999, None)[0][0]) == len(every)

    def test_ties_go_by_id_and_fewer_is_a_prefix(self, store: Store) -> None:
        """Equal scores are ordered by id, so that fewer hits are a prefix of more."""
        write(store, *(Document(f"t{i}", "same words") for i in (3, 1, 2, 0)))
        store.optimize()
        view = store.view()
        full = view.nearest("dense", vector("same words"), 4, None)[0][0]
        assert full == [f"t{i}#0-10" for i in range(4)]
        assert view.nearest("dense", vector("same words"), 2, None)[0][0] == full[:2]
        assert view.lexical(["words"], 4, None)[0][0] == full

    def test_lexical_matches_title_and_stems(self, store: Store) -> None:
        """Words are found by their stem, in titles too; stop words find nothing."""
        write(store, *CORPUS)
        store.optimize()
        view = store.view()
        found = view.lexical(["foxes", "drink", "the", "", "?!", "o'brien"], 9, None)
        assert sorted(found[0][0]) == ["a#0-7", "ann#1#0-10"]
        assert sorted(found[1][0]) == ["b#0-8", "c#0-9", "c#10-19"]
        assert [some for some, _ in found[2:5]] == [[], [], []]
        assert found[5][0] == ["d#0-37"]
        assert all((scores > 0).all() for _, scores in found)

    def test_lexical_scores_are_those_of_the_search(self, store: Store) -> None:
        """Given chunks are scored as the search scores them; others, and unknown ones, have 0."""
        write(store, *CORPUS)
        texts = ["red foxes", "tea tea wine", "the", ""]
        for _ in range(2):
            view = store.view()
            every = [*view.passing(None), "nope"]
            found = view.lexical(texts, 99, None)
            scored = view.lexical_scores(texts, [every] * len(texts))
            for (hits, scores), again in zip(found, scored, strict=True):
                known = dict(zip(hits, scores.tolist(), strict=True))
                np.testing.assert_allclose(again, [known.get(id, 0.0) for id in every], rtol=1e-6)
            assert [one.size for one in view.lexical_scores(texts[:2], [[], every[:1]])] == [0, 1]
            store.optimize()

    def test_holding_is_told_word_by_word(self, store: Store) -> None:
        """Words are as the analyzer cuts them; a chunk that is not there holds none."""
        write(store, *CORPUS)
        for _ in range(2):
            view = store.view()
            every = [*view.passing(None), "nope"]
            words = ["fox", "drink", "quokka", "foxes"]
            held = view.holding(words, every)
            assert held.dtype == np.bool_ and held.shape == (4, len(every))
            for word, row in zip(words[:3], held, strict=False):
                found = set(view.lexical([word], 99, None)[0][0])
                assert {id for id, one in zip(every, row, strict=True) if one} == found
            assert not held[3].any() and view.holding([], every).shape == (0, len(every))
            assert view.holding(words, []).shape == (4, 0)
            store.optimize()

    def test_lexical_search_reads_what_is_given(self, store: Store) -> None:
        """Texts for lexical search take the place of title and text."""
        a, b = Document("a", "red fox", "Animals"), Document("b", "blue sea")
        chunks = [Chunk.of(a, 0, 7), Chunk.of(b, 0, 8)]
        rows = {"dense": np.concatenate([vector("x"), vector("y")])}
        read = ChunkRows(chunks, rows, lexical=["quokka red fox", "blue sea"])
        store.replace([(a, "h"), (b, "h")], read)
        store.optimize()
        view = store.view()
        assert view.lexical(["quokkas"], 9, None)[0][0] == ["a#0-7"]
        assert view.lexical(["animal"], 9, None)[0][0] == []
        assert view.chunks(["a#0-7"])[0].text == "red fox"
        with pytest.raises(BadInput, match="lexical texts of 2 chunks, got 1"):
            store.replace([(a, "h"), (b, "h")], ChunkRows(chunks, rows, lexical=["one"]))
        store.replace([(a, "h2")], ChunkRows(chunks[:1], {"dense": vector("x")}))
        view = store.view()
        assert view.lexical(["quokkas"], 9, None)[0][0] == []
        assert view.lexical(["animal"], 9, None)[0][0] == ["a#0-7"]

    @pytest.mark.parametrize(
        "where",
        [
            field("year") >= 2021,
            field("year") != 2020,
            ~(field("year") == 2020),
            field("year").is_missing(),
            ~field("year").is_missing(),
            field("lang").is_in(["fr", "de"]),
            field("lang").is_in([]),
            ~field("lang").is_in(["en"]),
            field("score") > 0.4,
            field("draft") == True,  # noqa: E712
            ~(field("draft") == True),  # noqa: E712
            field("tags").has("x"),
            field("tags").has("y'"),
            ~field("tags").has("x"),
            (field("year") == 2020) & ~field("tags").has("x"),
            ((field("lang") == "en") | (field("draft") == False)) & (field("title") != ""),  # noqa: E712
            ~((field("year") < 2021) | (field("lang") == "fr")),
            field("doc_id") == "a",
            field("lang") == "en' OR '1'='1",
            field("user_id").is_missing() | (field("user_id") == "ann"),
            field("user_id").is_missing(),
            And(()),
            Or(()),
            ~And(()) | (field("lang") == "en"),
            field("lang").contains("n"),
            field("lang").contains("STR"),
            field("lang").contains("straSSE i", ignore_case=True),
            field("lang").contains("ας", ignore_case=True),
            field("lang").contains("İ", ignore_case=True),
            ~field("title").contains("rin"),
            field("lang").contains("%"),
            field("lang").contains(""),
            field("metadata.n") == 1,
            field("metadata.n") == True,  # noqa: E712
            field("metadata.n") != 1,
            field("metadata.n") < 5,
            field("metadata.n").is_in([1, "1"]),
            ~(field("metadata.n") == "1"),
            field("metadata.title") == "own",
            field("metadata.by.name").contains("ZOË", ignore_case=True),
            field("metadata.by.a.b") == 1,
            field("metadata.by") == "x",
            field("metadata.by").is_missing(),
            field("metadata.mixed").has("x") | field("metadata.mixed").has(True),
            field("metadata.nope").is_missing() & (field("year") >= 2021),
            field("metadata.year") >= 2021,
            field("metadata.tags").has("x") & (field("metadata.lang") == "en"),
            (field("metadata.n") == 1) | (field("user_id") == "ann"),
        ],
        ids=str,
    )
    def test_filters_mean_what_matches_says(self, store: Store, where: Filter) -> None:
        """Every path of a view passes the chunks that `filters.matches` passes."""
        write(store, *CORPUS)
        view = store.view()
        expected = set()
        for document in CORPUS:
            for chunk in view.document_chunks(document.id):
                row: dict[str, Any] = {
                    "id": chunk.id,
                    "doc_id": document.id,
                    "title": document.title,
                }
                row |= {name: document.metadata.get(name) for name in FIELDS}
                row |= {"user_id": document.user, "metadata": document.metadata}
                if matches(where, row):
                    expected.add(chunk.id)
        assert set(view.nearest("dense", vector("q"), 99, where)[0][0]) == expected
        words = "fox whale wine tea red blue"
        anything = set(view.lexical([words], 99, None)[0][0])
        assert set(view.lexical([words], 99, where)[0][0]) == expected & anything
        assert view.matching(where) == sorted({doc_id_of(id) for id in expected})
        assert view.passing(where) == sorted(expected, key=place_of)

    def test_metadata_filters_on_many_chunks(self, store: Store) -> None:
        """More ids pass than are handed to a search as a list."""
        write(
            store,
            *(Document(f"{i:04}", f"word w{i}", metadata={"i": i}) for i in range(1500)),
        )
        store.optimize()
        view = store.view()
        where = field("metadata.i") >= 300
        expected = [f"{i:04}" for i in range(300, 1500)]
        assert view.matching(where) == expected
        assert sorted(map(doc_id_of, view.lexical(["word"], 5000, where)[0][0])) == expected
        nearest = view.nearest("dense", vector("q"), 5000, where)[0][0]
        assert sorted(map(doc_id_of, nearest)) == expected
        for k in (1, 7, 300):
            assert view.nearest("dense", vector("q"), k, where)[0][0] == nearest[:k]
        two = np.concatenate([vector("q"), vector("r")])
        assert view.nearest("dense", two, 7, where)[0][0] == nearest[:7]
        assert view.lexical(["word"], 7, where)[0][0] == view.lexical(["word"], 99, where)[0][0][:7]
        assert view.lexical(["w299"], 7, where)[0][0] == []

    def test_equal_keys_of_different_kinds_are_different_filters(self, store: Store) -> None:
        """``1`` and ``True`` and ``'1'`` are three values."""
        write(store, *CORPUS)
        view = store.view()
        for value, expected in ((1, ["b"]), (True, ["c"]), (1.0, ["b"]), ("1", ["d"])):
            where = field("metadata.n") == value
            found = view.nearest("dense", vector("q"), 99, where)[0][0]
            assert sorted({doc_id_of(id) for id in found}) == expected == view.matching(where)

    def test_unknown_fields_and_wrong_types_are_refused(self, store: Store) -> None:
        """A filter that cannot be meant is an error, never an empty answer."""
        write(store, *CORPUS)
        view = store.view()
        for where in (
            field("nope") == 1,
            field("year") == "2020",
            field("lang") > 3,
            field("year") > 2020.5,
            field("tags") < "x",
            field("tags") == 1,
            field("year").has("x"),
            field("year") == True,  # noqa: E712
            field("metadata.year") == "2020",
            field("year").contains("2"),
            field("tags").contains("x"),
            field("at") > "May 1st",
            field("day") == 2024,
            field("lang") == datetime(2024, 5, 1),
            field("draft") == 2,
        ):
            with pytest.raises(BadInput):
                view.nearest("dense", vector("q"), 3, where)
            with pytest.raises(BadInput):
                view.lexical(["tea"], 3, where)
