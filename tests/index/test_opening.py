"""What is there again when an index is opened."""

from __future__ import annotations

import copy
import pickle
import shutil

import pytest
from stories import FIELDS, corpus, ids

from rag_embed import Document, Index, encoders, field
from rag_embed.encoders import HashEncoder
from rag_embed.encoders.recipe import Recipe
from rag_embed.errors import BadInput, SpaceMismatch, StoreError
from rag_embed.types import EVERYBODY


class TestOpen:
    def test_everything_is_there_again(self, tmp_path) -> None:
        first = Index.create(tmp_path / "kb", encoder=HashEncoder(), fields=FIELDS, chunk_tokens=50)
        first.add(corpus())
        again = Index.open(tmp_path / "kb", encoder=HashEncoder())
        assert (
            again.spaces.cut["max_tokens"] == 50
            and again.store.fields.types == first.store.fields.types
        )
        assert [(h.id, h.score) for h in again.search("fox")] == [
            (h.id, h.score) for h in first.search("fox")
        ]
        assert again.add(corpus()).unchanged == 40

    def test_fields_that_are_lacking_are_declared(self, tmp_path) -> None:
        """By `Index.at`, once nothing else is otherwise; a value that does not fit is told of."""
        path, encoder = tmp_path / "kb", HashEncoder()
        index = Index.at(path, encoder=encoder, fields={"kind": str})
        index.add([*corpus(4), Document("odd", "A fox.", metadata={"number": "four"})])
        with pytest.raises(BadInput, match="made with chunk_tokens=200"):
            Index.at(path, encoder=encoder, fields={"number": int}, chunk_tokens=9)
        with pytest.warns(
            UserWarning, match=r"1 value .* not used. Document 'odd': field 'number'"
        ):
            index = Index.at(path, encoder=encoder, fields={"number": int})
        assert dict(index.store.fields.types) == {"kind": "str", "number": "int"}
        assert index.contents.matching(field("number") > 1) == ["d2", "d3"]
        assert index.add(corpus(4)).unchanged == 4
        same = Index.at(path, encoder=encoder, fields={"number": int})
        assert same.store.fields == index.store.fields
        with pytest.raises(BadInput, match="declared as int, and stays so"):
            Index.at(path, encoder=encoder, fields={"number": str})

    def test_the_note_of_the_model_decides_nothing(self, tmp_path, monkeypatch) -> None:
        class Named(HashEncoder):
            recipe = Recipe("model", {"model": "hash"})

        Index.create(tmp_path / "kb", encoder=Named()).add(corpus(3))
        loaded = []
        monkeypatch.setattr(
            encoders,
            "load",
            lambda name: loaded.append(name) or HashEncoder(256 if name == "hash" else 8),
        )
        note = tmp_path / "kb" / "encoder.json"
        for content in (note.read_text(), '{"model": "another"}', "broken", None):
            note.unlink(missing_ok=True)
            if content is not None:
                note.write_text(content)
            assert Index.open(tmp_path / "kb").search("number 1")[0].chunk.doc_id == "d1"
        assert loaded == ["hash", "another", "hash", "hash", "hash"]

    def test_wrong_encoder_is_refused(self, tmp_path) -> None:
        Index.create(tmp_path / "kb", encoder=HashEncoder(dim=64))
        with pytest.raises(SpaceMismatch, match="dim"):
            Index.open(tmp_path / "kb", encoder=HashEncoder(dim=128))

    def test_missing_and_existing(self, tmp_path) -> None:
        with pytest.raises(StoreError, match="no index"):
            Index.open(tmp_path / "kb", encoder=HashEncoder())
        assert not (tmp_path / "kb").exists()
        Index.create(tmp_path / "kb", encoder=HashEncoder())
        with pytest.raises(StoreError, match="already"):
            Index.create(tmp_path / "kb", encoder=HashEncoder())

    def test_a_creation_that_died_is_made_anew(self, tmp_path) -> None:
        import lancedb
        import pyarrow as pa

        lancedb.connect(tmp_path / "kb").create_table("chunks", pa.table({"half": [1]}))
        with pytest.raises(StoreError, match="interrupted"):
            Index.open(tmp_path / "kb", encoder=HashEncoder())
        index = Index.create(tmp_path / "kb", encoder=HashEncoder())
        assert index.add(corpus(3)).added == 3

    def test_a_half_written_document_is_written_again(self, tmp_path) -> None:
        """Chunks were committed, the process died before the document's row was."""
        index = Index.create(tmp_path / "kb", encoder=HashEncoder())
        old, new = Document("d", "old text of the fox"), Document("d", "new text of the whale")
        index.add([old])
        rows = index.store._documents.to_arrow()
        index.add([new])
        merge = index.store._documents.merge_insert("id").when_matched_update_all()
        merge.execute(rows)
        assert index.store.known(["d"]) == {"d": ("", EVERYBODY)}
        assert index.add([old]).replaced == 1
        assert ids(index.search("fox whale", k=9)) == ["d#0-19"]


def test_what_an_index_has_not_cannot_be_set() -> None:
    index = Index.in_memory(encoder=HashEncoder())
    for name in ("router", "weights", "retriever"):
        with pytest.raises(AttributeError):
            setattr(index, name, None)
    assert copy.deepcopy(index).search("a fox") == pickle.loads(pickle.dumps(index)).search("a fox")


class TestInALine:
    def test_it_says_where_it_lies_and_how_much_it_holds(self, tmp_path) -> None:
        index = Index.create(tmp_path / "kb", encoder=HashEncoder())
        index.add(corpus(3))
        assert repr(index) == f"Index({str(tmp_path / 'kb')!r}, hash, {len(index)} chunks)"
        assert repr(Index.in_memory(encoder=HashEncoder())) == "Index(in memory, hash, 0 chunks)"

    def test_an_object_store_is_not_asked(self, tmp_path, monkeypatch) -> None:
        index = Index.create(tmp_path / "kb", encoder=HashEncoder())
        monkeypatch.setattr(index.store, "uri", "s3://key:secret@bucket/kb")
        monkeypatch.setattr(type(index.store), "view", None)
        assert repr(index) == "Index('s3://...@bucket/kb', hash)"

    def test_one_that_is_gone_raises_nothing(self, tmp_path) -> None:
        index = Index.create(tmp_path / "kb", encoder=HashEncoder())
        index.add(corpus(3))
        shutil.rmtree(tmp_path / "kb")
        assert repr(index).startswith("Index(")
