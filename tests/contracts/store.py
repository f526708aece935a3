"""What every store must do. Subclass `StoreContract` and give it a `store` fixture."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import pytest

from rag_embed import Chunk, Document, UserEvent
from rag_embed.errors import BadInput, SpaceMismatch, StoreError
from rag_embed.filters import And, Or, field, matches
from rag_embed.maths.bm25 import Postings
from rag_embed.maths.vectors import unit
from rag_embed.types import Signature, Vectors, doc_id_of, place_of

DIM = 8
FIELDS = {"year": int, "lang": str, "score": float, "draft": bool, "tags": list[str]}
FIELDS |= {"at": datetime, "day": date}


def vector(text: str) -> Vectors:
    """A unit row that depends on the text alone."""
    seed = int.from_bytes(text.encode("utf-8", "replace")[:8].ljust(8, b"\0"), "little")
    return unit(np.random.default_rng(seed).normal(size=(1, DIM)))


def write(store, *documents: Document, digest: str = "h") -> None:
    """Store documents, one chunk per line."""
    chunks, rows = [], []
    for document in documents:
        start = 0
        for ordinal, line in enumerate(document.text.splitlines()):
            if line:
                chunks.append(Chunk.of(document, start, start + len(line), ordinal=ordinal))
                rows.append(vector(line)[0])
            start += len(line) + 1
    matrix = np.array(rows, dtype=np.float32).reshape(-1, DIM)
    store.replace([(document, digest) for document in documents], chunks, {"dense": matrix})


def ids(found) -> list[str]:
    return [chunk.id for chunk in found]


CORPUS = [
    Document("a", "red fox\nblue whale", "Animals", {"year": 2020, "lang": "en", "tags": ["x"]}),
    Document(
        "b",
        "red wine",
        "Drinks",
        {"year": 2021, "lang": "fr", "score": 0.5, "draft": True, "title": "own", "n": 1},
    ),
    Document(
        "c",
        "green tea\nblack tea",
        "Drinks",
        {"lang": "en", "tags": ["x", "y'"], "by": {"name": "Zoë", "a.b": 1}, "n": True},
    ),
    Document(
        "d",
        "O'Brien's tea -- \"quoted\"; DROP TABLE",
        "",
        {"year": 2022, "draft": False, "lang": "STRASSE İ ΣΑΣ", "n": "1", "mixed": [1, "x"]},
    ),
    Document("ann#1", "secret fox", "Private", {"year": 2020}, user="ann"),
]


class StoreContract:
    """Every implementation behaves like this."""

    def test_empty_store_answers_everything(self, store) -> None:
        view = store.view()
        assert len(view) == 0 and not view.private
        assert view.nearest("dense", vector("x"), 5, None)[0][0] == []
        assert view.lexical(["fox"], 5, None)[0][0] == []
        assert view.chunks(["nope"]) == [] and view.documents(["nope"]) == []
        assert view.matching(None) == view.passing(None) == []
        assert view.moments("dense").count == 0
        assert store.known(["a"]) == {} and store.delete(["a"]) == 0
        store.optimize()

    def test_chunks_come_back_as_they_went_in(self, store) -> None:
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

    def test_nearest_is_exact_and_ordered(self, store) -> None:
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

    def test_ties_go_by_id_and_fewer_is_a_prefix(self, store) -> None:
        write(store, *(Document(f"t{i}", "same words") for i in (3, 1, 2, 0)))
        store.optimize()
        view = store.view()
        full = view.nearest("dense", vector("same words"), 4, None)[0][0]
        assert full == [f"t{i}#0-10" for i in range(4)]
        assert view.nearest("dense", vector("same words"), 2, None)[0][0] == full[:2]
        assert view.lexical(["words"], 4, None)[0][0] == full

    def test_lexical_matches_title_and_stems(self, store) -> None:
        write(store, *CORPUS)
        store.optimize()
        view = store.view()
        found = view.lexical(["foxes", "drink", "the", "", "?!", "o'brien"], 9, None)
        assert sorted(found[0][0]) == ["a#0-7", "ann#1#0-10"]
        assert sorted(found[1][0]) == ["b#0-8", "c#0-9", "c#10-19"]
        assert [some for some, _ in found[2:5]] == [[], [], []]
        assert found[5][0] == ["d#0-37"]
        assert all((scores > 0).all() for _, scores in found)

    def test_lexical_search_reads_what_is_given(self, store) -> None:
        a, b = Document("a", "red fox", "Animals"), Document("b", "blue sea")
        chunks = [Chunk.of(a, 0, 7), Chunk.of(b, 0, 8)]
        rows = {"dense": np.concatenate([vector("x"), vector("y")])}
        store.replace([(a, "h"), (b, "h")], chunks, rows, None, ["quokka red fox", "blue sea"])
        store.optimize()
        view = store.view()
        assert view.lexical(["quokkas"], 9, None)[0][0] == ["a#0-7"]
        assert view.lexical(["animal"], 9, None)[0][0] == []
        assert view.chunks(["a#0-7"])[0].text == "red fox"
        with pytest.raises(BadInput, match="lexical texts of 2 chunks, got 1"):
            store.replace([(a, "h"), (b, "h")], chunks, rows, None, ["one"])
        store.replace([(a, "h2")], chunks[:1], {"dense": vector("x")})
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
    def test_filters_mean_what_matches_says(self, store, where) -> None:
        write(store, *CORPUS)
        view = store.view()
        expected = set()
        for document in CORPUS:
            for chunk in view.document_chunks(document.id):
                row = {"id": chunk.id, "doc_id": document.id, "title": document.title}
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

    def test_metadata_filters_on_many_chunks(self, store) -> None:
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
        assert view.lexical(["word"], 7, where)[0][0] == view.lexical(["word"], 99, where)[0][0][:7]
        assert view.lexical(["w299"], 7, where)[0][0] == []

    def test_equal_keys_of_different_kinds_are_different_filters(self, store) -> None:
        write(store, *CORPUS)
        view = store.view()
        for value, expected in ((1, ["b"]), (True, ["c"]), (1.0, ["b"]), ("1", ["d"])):
            where = field("metadata.n") == value
            found = view.nearest("dense", vector("q"), 99, where)[0][0]
            assert sorted({doc_id_of(id) for id in found}) == expected == view.matching(where)

    def test_unknown_fields_and_wrong_types_are_refused(self, store) -> None:
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

    def test_replacing_a_document_replaces_all_its_chunks(self, store) -> None:
        write(store, *CORPUS)
        write(store, Document("a", "red fox\nnew line\nthird"), Document("b", ""), digest="h2")
        store.optimize()
        view = store.view()
        assert ids(view.document_chunks("a")) == ["a#0-7", "a#8-16", "a#17-22"]
        assert view.document_chunks("b") == [] and view.documents(["b"]) == [Document("b", "")]
        assert view.lexical(["whale wine"], 9, None)[0][0] == []
        assert store.known(["a", "b", "c", "zz"]) == {
            "a": ("h2", None),
            "b": ("h2", None),
            "c": ("h", None),
        }
        assert len(view) == 7

    def test_deleted_documents_vanish_from_every_path(self, store) -> None:
        write(store, *CORPUS)
        gone = view_ids = ids(store.view().document_chunks("c"))
        assert store.delete(["c", "nope"]) == 1
        view = store.view()
        assert view.chunks(gone) == [] and view.documents(["c"]) == []
        assert not set(view_ids) & set(view.nearest("dense", vector("green tea"), 99, None)[0][0])
        assert view.lexical(["green"], 9, None)[0][0] == []
        assert "c" not in store.known(["c"]) and "c" not in store.document_ids()
        assert store.delete(["c"]) == 0

    def test_what_went_in_is_the_stores_own(self, store) -> None:
        metadata = {"tags": ["x"], "pair": (1, 2)}
        write(store, Document("a", "red fox", metadata=metadata))
        metadata["tags"].append("y")
        view = store.view()
        kept = {"tags": ["x"], "pair": [1, 2]}
        assert view.documents(["a"])[0].metadata == view.chunks(["a#0-7"])[0].metadata == kept
        assert view.matching(field("metadata.tags").has("y")) == []

    def test_a_view_never_changes(self, store) -> None:
        write(store, CORPUS[0])
        before = store.view()
        write(store, CORPUS[1])
        store.delete(["a"])
        assert len(before) == 2 and ids(before.document_chunks("a")) == ["a#0-7", "a#8-18"]
        assert before.nearest("dense", vector("red fox"), 1, None)[0][0] == ["a#0-7"]
        assert len(store.view()) == 1

    def test_moments_are_those_of_the_rows(self, store) -> None:
        write(store, *CORPUS)
        view = store.view()
        chunks = [c for d in CORPUS for c in view.document_chunks(d.id)]
        for user in (None, "ann", "somebody else"):
            seen = [c.id for c in chunks if c.user in (None, user)]
            rows = view.vectors("dense", seen)
            moments = view.moments("dense", user)
            assert moments.count == len(rows)
            np.testing.assert_allclose(moments.mean, rows.mean(axis=0), atol=1e-6)
            np.testing.assert_allclose(moments.second, rows.T @ rows / len(rows), atol=1e-6)

    def test_no_number_tells_of_what_another_user_owns(self, store) -> None:
        own = Document("bob#1", "red fox of mine\na quiet fox", user="bob")
        write(store, *CORPUS[:4], own)
        before = store.view()
        theirs = [
            Document(f"eve#{i}", "fox fox red\nwine tea whale quiet mine", user="eve")
            for i in range(30)
        ]
        write(store, *theirs)
        store.optimize()
        after = store.view()
        queries = ["red fox", "quiet tea", "mine", "whale wine"]
        for where in (
            field("user_id").is_missing(),
            field("user_id").is_missing() | (field("user_id") == "bob"),
            (field("user_id") == "bob") & field("title").contains(""),
        ):
            for a, b in zip(
                before.lexical(queries, 50, where), after.lexical(queries, 50, where), strict=True
            ):
                assert a[0] == b[0] and np.array_equal(a[1], b[1])
        for user in (None, "bob", "nobody"):
            a, b = before.moments("dense", user), after.moments("dense", user)
            assert a.count == b.count
            assert np.array_equal(a.mean, b.mean) and np.array_equal(a.second, b.second)

    def test_lexical_scores_of_owned_chunks(self, store) -> None:
        """Judged by shared chunks and the owner's, and ranked among the shared ones."""
        own = Document("bob#1", "red fox of mine\na quiet fox", user="bob")
        write(store, *CORPUS, own)
        view, analyzer = store.view(), store.analyzer
        seen = [c for d in [*CORPUS[:4], own] for c in view.document_chunks(d.id)]
        texts = [analyzer.words(f"{c.title} {c.text}") for c in seen]
        everything = Postings.of(texts).scores(analyzer.words("red quiet fox"))
        shared = Postings.of(texts[:-2]).scores(analyzer.words("red quiet fox"))
        expected = dict(zip([c.id for c in seen[:-2]], shared[shared >= 0], strict=False))
        expected |= {c.id: s for c, s in zip(seen[-2:], everything[-2:], strict=True)}
        visible = field("user_id").is_missing() | (field("user_id") == "bob")
        [(found, scores)] = view.lexical(["red quiet fox"], 50, visible)
        assert set(found) == {id for id, score in expected.items() if score > 0}
        for id, score in zip(found, scores, strict=True):
            assert score == pytest.approx(expected[id], rel=1e-5)
        assert list(scores) == sorted(scores, reverse=True)
        [(some, _)] = view.lexical(["red quiet fox"], 2, visible)
        assert some == found[:2]
        [(mine, _)] = view.lexical(["fox"], 9, field("user_id") == "ann")
        assert mine == ["ann#1#0-10"]
        [(all_of_them, _)] = view.lexical(["fox"], 9, None)
        assert {"ann#1#0-10", *ids(seen[-2:])} < set(all_of_them)

    def test_bad_writes_change_nothing(self, store) -> None:
        write(store, CORPUS[0])
        good = Document("n", "text")
        chunk = Chunk.of(good, 0, 4)
        row = vector("text")
        for documents, chunks, vectors in [
            ([(good, "h"), (good, "h")], [chunk], {"dense": row}),
            ([(good, "h")], [chunk, chunk], {"dense": np.concatenate([row, row])}),
            ([(good, "h")], [chunk], {"dense": row[:, :4]}),
            ([(good, "h")], [chunk], {"dense": row * np.nan}),
            ([(good, "h")], [chunk], {"other": row}),
            ([(good, "h")], [Chunk.of(Document("m", "text"), 0, 4)], {"dense": row}),
            ([(Document("n", "text", metadata={"year": "soon"}), "h")], [chunk], {"dense": row}),
        ]:
            with pytest.raises(BadInput):
                store.replace(documents, chunks, vectors)
        assert store.document_ids() == ["a"] and len(store.view()) == 2

    def test_an_id_stays_its_owners(self, store) -> None:
        """Whoever looked for the id before, and found it free, comes too late."""
        write(store, Document("x", "red fox", user="ann"), Document("y", "blue whale"))
        for late in (
            Document("x", "mine", user="bob"),
            Document("x", "ours"),
            Document("y", "mine", user="bob"),
        ):
            with pytest.raises(BadInput, match="another owner"):
                write(store, Document("z", "new"), late)
        assert store.known(["x", "y", "z"]) == {"x": ("h", "ann"), "y": ("h", None)}
        assert [c.text for c in store.view().document_chunks("x")] == ["red fox"]
        write(store, Document("x", "grey fox", user="ann"), digest="h2")
        assert store.known(["x"]) == {"x": ("h2", "ann")}

    def test_odd_texts_and_ids_survive(self, store) -> None:
        texts = [
            "nul\0byte tea",
            "emoji 👩‍👩‍👧 tea",
            "quote ' \" \\ ; -- tea",
            "日本語 tea",
            "é" * 300 + " tea",
        ]
        documents = [Document(f'{i}\' OR "1"=1 -- é#', text) for i, text in enumerate(texts)]
        write(store, *documents)
        view = store.view()
        for document in documents:
            assert view.documents([document.id]) == [document]
            assert [c.text for c in view.document_chunks(document.id)] == [document.text]
        assert len(view.lexical(["tea"], 9, None)[0][0]) == len(texts)
        assert store.delete([documents[2].id]) == 1 and len(store.view()) == 4

    def test_settings_are_kept_by_key(self, store) -> None:
        store.configure({"one": {"a": [1, None]}})
        store.configure({"two": 2})
        store.configure({"one": 1})
        kept = store.settings()
        assert (kept["one"], kept["two"]) == (1, 2)

    def test_files_are_kept_by_name(self, store) -> None:
        files = store.files
        assert files.names() == [] and files.get(["x"]) == {} and files.remove(["x"]) == 0
        files.put({"a/one": b"\0\xff" * 3, "a/two": b"", "b": b"b"})
        files.put({"a/one": b"new", "c'": b"c"})
        assert files.names() == ["a/one", "a/two", "b", "c'"] and files.names("a/") == [
            "a/one",
            "a/two",
        ]
        assert files.get(["c'", "a/one", "a/two", "nope"]) == {
            "c'": b"c",
            "a/one": b"new",
            "a/two": b"",
        }
        assert files.remove(["b", "c'", "nope"]) == 2 and files.names() == ["a/one", "a/two"]
        for bad in ({"": b""}, {"a\n": b""}, {"a": "text"}):
            with pytest.raises(BadInput):
                files.put({"fine": b"", **bad})
        files.put({})
        store.optimize()
        assert files.names() == ["a/one", "a/two"] and files.get([]) == {}

    def test_events_are_kept_with_the_documents(self, store) -> None:
        signature = Signature("hash", "1", DIM, 9)
        row = vector("tea")
        assert store.events(signature, 50.0).half_life == 50.0
        store.events(signature, 50.0).add([UserEvent("1", "ann", "tea", 1.0)], row, row)
        known = store.events(signature)
        assert known.half_life == 50.0 and known.users() == ["ann"]
        assert [event.text for event in known.history("ann").events] == ["tea"]
        with pytest.raises(StoreError, match="half_life=50.0, not None"):
            store.events(signature, None)
        with pytest.raises(SpaceMismatch, match="encoded by another encoder"):
            store.events(Signature("hash", "2", DIM, 9))
