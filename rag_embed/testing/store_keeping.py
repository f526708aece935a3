"""What a store keeps, and what it refuses. A part of `store.StoreContract`."""

from __future__ import annotations

from datetime import date, datetime, timezone
from threading import Thread
from typing import Any

import numpy as np
import pytest

from rag_embed.errors import BadInput, SpaceMismatch, StoreError
from rag_embed.events import UserEvent
from rag_embed.fields import Fields
from rag_embed.filters import Filter, field
from rag_embed.protocols import Store
from rag_embed.testing.store_data import CORPUS, DIM, ids, vector, write
from rag_embed.types import EVERYBODY, Chunk, ChunkRows, Document, Signature


class KeepingLaws:
    """What a store keeps, and what it refuses."""

    def test_replacing_a_document_replaces_all_its_chunks(self, store: Store) -> None:
        """Nothing is left of the chunks that a document had before."""
        write(store, *CORPUS)
        write(store, Document("a", "red fox\nnew line\nthird"), Document("b", ""), digest="h2")
        store.optimize()
        view = store.view()
        assert ids(view.document_chunks("a")) == ["a#0-7", "a#8-16", "a#17-22"]
        assert view.document_chunks("b") == [] and view.documents(["b"]) == [Document("b", "")]
        assert view.lexical(["whale wine"], 9, None)[0][0] == []
        assert store.known(["a", "b", "c", "zz"]) == {
            "a": ("h2", EVERYBODY),
            "b": ("h2", EVERYBODY),
            "c": ("h", EVERYBODY),
        }
        assert len(view) == 7

    def test_deleted_documents_vanish_from_every_path(self, store: Store) -> None:
        """No path of a view finds a deleted document."""
        write(store, *CORPUS)
        gone = view_ids = ids(store.view().document_chunks("c"))
        assert store.delete(["c", "nope"]) == 1
        view = store.view()
        assert view.chunks(gone) == [] and view.documents(["c"]) == []
        assert not set(view_ids) & set(view.nearest("dense", vector("green tea"), 99, None)[0][0])
        assert view.lexical(["green"], 9, None)[0][0] == []
        assert "c" not in store.known(["c"]) and "c" not in store.document_ids()
        assert store.delete(["c"]) == 0

    def test_what_went_in_is_the_stores_own(self, store: Store) -> None:
        """To change metadata after it was added changes nothing in the store."""
        tags = ["x"]
        write(store, Document("a", "red fox", metadata={"tags": tags, "pair": (1, 2)}))
        tags.append("y")
        view = store.view()
        kept = {"tags": ["x"], "pair": [1, 2]}
        assert view.documents(["a"])[0].metadata == view.chunks(["a#0-7"])[0].metadata == kept
        assert view.matching(field("metadata.tags").has("y")) == []

    def test_nobody_is_left_half_forgotten(self, store: Store) -> None:
        """What is entered to forget a user and left leaves no mark."""
        write(store, Document("a", "red fox", user="zoe"), *CORPUS[1:])
        with store.forgetting("zoe") as unfinished:
            assert not unfinished
            assert store.forget("zoe") == 1
        assert list(store.unforgotten()) == []

    def test_a_view_never_changes(self, store: Store) -> None:
        """A view shows the version it was taken of."""
        write(store, CORPUS[0])
        before = store.view()
        write(store, CORPUS[1])
        store.delete(["a"])
        assert len(before) == 2 and ids(before.document_chunks("a")) == ["a#0-7", "a#8-18"]
        assert before.nearest("dense", vector("red fox"), 1, None)[0][0] == ["a#0-7"]
        assert len(store.view()) == 1

    def test_bad_writes_change_nothing(self, store: Store) -> None:
        """What does not fit is refused, and nothing of the batch is stored."""
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
                store.replace(documents, ChunkRows(chunks, vectors))
        assert store.document_ids() == ["a"] and len(store.view()) == 2

    def test_odd_texts_and_ids_survive(self, store: Store) -> None:
        """Any text and any id is found, shown and deleted."""
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

    def test_fields_are_declared_later(self, store: Store) -> None:
        """Filters know of them at once, of what is stored and of what comes; a view stays as it was."""
        known = {
            "n": 7,
            "price": 2,
            "sure": True,
            "due": date(2024, 5, 1),
            "seen": datetime(2024, 5, 1, 12, tzinfo=timezone.utc),
            "names": ["x", "y"],
            "kind": "it's",
        }
        odd = {"n": "7", "price": 0.5, "due": "2024-05-01T12:00:00", "names": ["y"], "year": 2022}
        write(store, *CORPUS[:2], Document("k", "red tea\nblue tea", metadata=known))
        write(
            store, Document("odd", "old tea", metadata=odd), Document("gone", "x", metadata=known)
        )
        before = store.view()
        store.delete(["gone"])
        types = {"n": int, "price": float, "sure": bool, "due": date, "seen": datetime}
        told = store.declare(Fields.of({**types, "names": list[str], "kind": str, "year": int}))
        assert [one.source for one in told] == ["odd", "odd"] and all(one.partly for one in told)
        assert [("'n'" in one.reason, "'due'" in one.reason) for one in told] == [
            (True, False),
            (False, True),
        ]
        with pytest.raises(BadInput):
            before.matching(field("n") == 7)
        noon = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
        asked: list[tuple[Filter, list[str]]] = [
            (field("n") == 7, ["k"]),
            (field("n") == 1, ["b"]),
            (field("price") > 0.1, ["k", "odd"]),
            (field("sure") == True, ["k"]),  # noqa: E712
            (field("due") < noon, ["k"]),
            (field("seen").is_in([noon]), ["k"]),
            (field("names").has("y"), ["k", "odd"]),
            (~(field("names").has("x")), ["a", "b", "odd"]),
            (field("kind").contains("t's"), ["k"]),
            (~(field("kind") == "it's"), ["a", "b", "odd"]),
            (field("n").is_missing() & (field("year") >= 2020), ["a", "odd"]),
        ]
        for _ in range(2):
            view = store.view()
            for where, found in asked:
                assert view.matching(where) == found, where
            assert view.passing(field("n") == 7) == ["k#0-7", "k#8-16"]
            assert store.declare(Fields.of(types)) == []  # nothing is new
            store.optimize()
        known["n"] = 8
        write(
            store, Document("k", "red tea", metadata=known), Document("new", "tea", metadata=known)
        )
        assert store.view().matching(field("n") == 8) == ["k", "new"]
        with pytest.raises(BadInput, match=r"'new'.*'n' is declared as int"):
            write(store, Document("new", "text", metadata={"n": "soon"}))
        for wrong in ({"n": str}, {"year": str, "more": int}):
            with pytest.raises(BadInput, match="takes a new index"):
                store.declare(Fields.of(wrong))
        assert "more" not in store.fields.types and store.fields.types["names"] == "list[str]"

    def test_fields_are_named_in_any_script(self, store: Store) -> None:
        """An identifier of Python names one, whatever signs a language writes it with."""
        names = ["Year", "year", "select", "größe", "e\u0301", "x·y", "หมู่", "हिन्दी", "日本"]
        write(store, Document("a", "tea", metadata=dict.fromkeys(names, 1)), Document("b", "tea"))
        assert store.declare(Fields.of(dict.fromkeys(names, int))) == []
        for name in names:
            assert store.view().matching(field(name) == 1) == ["a"], name

    def test_settings_are_kept_by_key(self, store: Store) -> None:
        """Settings are replaced key by key."""
        store.configure({"one": {"a": [1, None]}})
        store.configure({"two": 2})
        store.configure({"one": 1})
        store.revise(lambda known: {"two": known["two"] + known["one"]})
        store.revise(lambda _: {})
        kept = store.settings()
        assert (kept["one"], kept["two"]) == (1, 3)

    def test_nobody_writes_while_settings_are_revised(self, store: Store) -> None:
        """What a revision was made of still holds when it is stored."""
        other = Thread(target=store.revise, args=(lambda known: {"n": known["n"] + 1},))

        def slow(known: dict[str, Any]) -> dict[str, Any]:
            if other.ident is None:  # a store without a lock asks again
                other.start()
                other.join(0.2)  # it waits, or it is faster
            return {"n": known["n"] + 10}

        store.configure({"n": 0})
        store.revise(slow)
        other.join()
        assert store.settings()["n"] == 11

    def test_files_are_kept_by_name(self, store: Store) -> None:
        """Files are written, replaced, listed and removed by name."""
        files = store.files
        if files is None:
            pytest.skip("this store keeps no files")
        assert files.names() == [] and files.get(["x"]) == {} and files.remove(["x"]) == 0
        files.put({"a/one": b"\0\xff" * 3, "a/two": b"", "b": b"b"})
        files.put(
            {"a/one": b"new", "c'": b"c", "at 9.41\u202fAM/\U0001f469\u200d\U0001f467": b"odd"}
        )
        names = ["a/one", "a/two", "at 9.41\u202fAM/\U0001f469\u200d\U0001f467", "b", "c'"]
        assert files.names() == names and files.names("a/") == ["a/one", "a/two"]
        assert files.get(["c'", "a/one", "a/two", "nope"]) == {
            "c'": b"c",
            "a/one": b"new",
            "a/two": b"",
        }
        assert files.remove([*names[2:], "nope", "\ud800"]) == 3 and files.names() == [
            "a/one",
            "a/two",
        ]
        wrong: list[dict[str, Any]] = [{"": b""}, {"a\n": b""}, {"\ud800": b""}, {"a": "text"}]
        for bad in wrong:
            with pytest.raises(BadInput):
                files.put({"fine": b"", **bad})
        files.put({})
        store.optimize()
        assert files.names() == ["a/one", "a/two"] and files.get([]) == {}

    def test_events_are_kept_with_the_documents(self, store: Store) -> None:
        """Events belong to the store, with one encoder and one half-life."""
        signature = Signature("hash", "1", DIM, 9)
        row = vector("tea")
        events = store.events(signature, 50.0)
        if events is None:
            pytest.skip("this store keeps no events")
        assert events.half_life == 50.0
        events.add([UserEvent("1", "ann", "tea", 1.0)], row, row)
        known = store.events(signature)
        assert known is not None and known.half_life == 50.0 and known.users() == ["ann"]
        assert [event.text for event in known.history("ann").events] == ["tea"]
        with pytest.raises(StoreError, match=r"half_life=50\.0, not None"):
            store.events(signature, None)
        with pytest.raises(SpaceMismatch, match="encoded by another encoder"):
            store.events(Signature("hash", "2", DIM, 9))
