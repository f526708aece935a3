"""What goes wrong around an index: each time a clear error or a right answer, and a whole index."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from whole_index import assert_whole, corpus, made, opened

from rag_embed import Document, Index, field
from rag_embed.encoders import HashEncoder
from rag_embed.encoders.recipe import Recipe
from rag_embed.errors import BadInput, ModelUnavailable, NoIndex, SpaceMismatch, StoreError


class TestModels:
    def test_missing_model(self, tmp_path) -> None:
        for name in ("no-such-model", "nobody/no-such-model", str(tmp_path / "folder")):
            with pytest.raises(ModelUnavailable, match="Cannot find the model"):
                Index.create(tmp_path / "kb", encoder=name)
        assert not (tmp_path / "kb").exists()

    def test_folder_without_weights(self, tmp_path) -> None:
        (tmp_path / "model").mkdir()
        with pytest.raises(ModelUnavailable, match="no weights"):
            Index.create(tmp_path / "kb", encoder=str(tmp_path / "model"))

    def test_index_whose_model_has_gone(self, tmp_path) -> None:
        class Gone(HashEncoder):
            recipe = Recipe("model", {"model": "no-such-model"})

        index = Index.create(tmp_path / "kb", encoder=Gone(), chunk_tokens=None)
        index.add([Document("fox", "A red fox."), Document("own", "Ann's fox.", user="ann")])
        again = Index.open(tmp_path / "kb")
        for work in (
            lambda: again.search("a fox"),
            lambda: again.add([Document("new", "A blue whale.")]),
            lambda: again.users.remember("ann", ["foxes"]),
        ):
            with pytest.raises(ModelUnavailable, match=r"'no-such-model'.*encoder=\.\.\."):
                work()
        assert again.contents.document("fox").text == "A red fox."
        assert again.forget("ann") == 1 and again.delete(["fox"]) == 1 and len(again) == 0

    def test_wrong_model(self, tmp_path) -> None:
        made(tmp_path / "kb", corpus())
        with (
            assert_whole(tmp_path / "kb"),
            pytest.raises(SpaceMismatch, match=r"'dim': \(64, 32\)"),
        ):
            Index.open(tmp_path / "kb", encoder=HashEncoder(32))


def files(kb: Path, pattern: str) -> list[Path]:
    found = sorted(kb.glob(pattern))
    assert found, pattern
    return found


class TestDamage:
    """The bytes of an index are cut, or a file is gone."""

    @pytest.mark.parametrize("how", ["cut", "gone"])
    @pytest.mark.parametrize(
        "pattern",
        [
            "chunks.lance/data/*.lance",
            "documents.lance/data/*.lance",
            "settings.lance/data/*.lance",
            "chunks.lance/_indices/*/*.lance",
        ],
    )
    def test_every_operation_names_the_place(self, tmp_path, pattern, how) -> None:
        kb = tmp_path / "kb"
        made(kb, corpus()).store.optimize()
        for path in files(kb, pattern):
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
            if how == "gone":
                path.unlink()
        failed = 0
        for operation in (
            lambda: opened(kb).search("fox number 3"),
            lambda: opened(kb).contents.document("d3"),
            lambda: list(opened(kb).store.document_ids()),
            lambda: opened(kb).contents.stats(),
            lambda: opened(kb).add([Document("new", "text")]),
        ):
            try:
                operation()
            except StoreError as error:
                failed += 1
                message = str(error)
                assert str(kb) in message and "damaged" in message and ".rs:" not in message
        assert failed

    def test_manifests(self, tmp_path) -> None:
        made(tmp_path / "kb", corpus()).store.optimize()
        for table in ("chunks", "documents", "settings"):
            newest = files(tmp_path / "kb", f"{table}.lance/_versions/*.manifest")[0]
            whole = newest.read_bytes()
            newest.write_bytes(whole[:100])
            if table == "settings":  # the version before has no rows
                with pytest.raises(StoreError, match=r"kb.*damaged"):
                    opened(tmp_path / "kb")
            else:
                with pytest.warns(
                    UserWarning, match=r"manifest is damaged.*last whole one is used"
                ):
                    assert opened(tmp_path / "kb").search("fox")
            newest.write_bytes(whole)
        with assert_whole(tmp_path / "kb"):
            for table in ("chunks", "documents"):  # the version before is whole, too
                files(tmp_path / "kb", f"{table}.lance/_versions/*.manifest")[0].unlink()

    def test_lost_settings_do_not_lose_documents(self, tmp_path) -> None:
        made(tmp_path / "kb", corpus())
        saved = tmp_path / "saved"
        shutil.move(tmp_path / "kb" / "settings.lance", saved)
        with pytest.raises(StoreError, match="no rag_embed index"):
            opened(tmp_path / "kb")
        with pytest.raises(StoreError, match="its settings are lost"):
            made(tmp_path / "kb")
        shutil.move(saved, tmp_path / "kb" / "settings.lance")
        assert opened(tmp_path / "kb").add(corpus()).unchanged == 40

    def test_a_repeated_search_after_the_damage_was_mended(self, tmp_path) -> None:
        made(tmp_path / "kb", corpus())
        data = files(tmp_path / "kb", "chunks.lance/data/*.lance")[0]
        index = opened(tmp_path / "kb")
        hidden = data.rename(tmp_path / "hidden")
        with pytest.raises(StoreError):
            index.search("fox")
        hidden.rename(data)
        assert len(index.search("fox", k=3)) == 3


class TestPaths:
    def test_a_file_is_no_index(self, tmp_path) -> None:
        path = tmp_path / "file"
        path.write_text("mine")
        for place in (path, path / "kb"):
            with pytest.raises(StoreError, match="file in the way"):
                made(place)
            with pytest.raises(StoreError, match="no index"):
                opened(place)
        assert path.read_text() == "mine"

    def test_empty_path(self) -> None:
        with pytest.raises(BadInput, match="empty"):
            made("")

    def test_odd_folder_names(self, tmp_path) -> None:
        path = tmp_path / "my 'kb' %20 ünï"
        made(path, corpus(3))
        assert opened(path).search("fox number 2", k=1)[0].chunk.doc_id == "d2"


class TestSizes:
    def test_huge_document(self, tmp_path) -> None:
        sentence = "Incomprehensibilities misrepresented electroencephalographically. "
        text = sentence * (6_000_000 // len(sentence)) + "Only once a violin. "
        index = made(tmp_path / "kb")
        report = index.add([Document("big", text)])
        assert len(text) > 5_900_000 and report.chunks == len(index) > 1_000
        hit = index.search("violin", k=1)[0]
        assert "violin" in hit.text and text[hit.chunk.start : hit.chunk.end] == hit.text
        assert index.contents.document("big").text == text

    def test_many_tiny_documents(self, tmp_path) -> None:
        index = made(tmp_path / "kb")
        tiny = (Document(f"t{i}", f"fox {i}") for i in range(20_000))
        report = index.add(tiny)
        assert report.added == len(index) == 20_000
        assert index.search("fox 12345", k=1)[0].chunk.doc_id == "t12345"

    def test_empty_corpus(self, tmp_path) -> None:
        index = made(tmp_path / "kb", [])
        assert index.search("fox") == [] and index.delete(["d"]) == 0
        assert index.add([Document("blank", " \n "), Document("none", "")]).chunks == 0
        assert index.search("fox", where=field("number") == 1, group_by="document") == []


HOSTILE = (
    "O'Brien",
    'say "hi"',
    "100% _real_",
    "'; DROP TABLE chunks; --",
    "x' OR '1'='1",
    "back\\slash",
    "{curly} $1 :name ?",
    "日本語 ünï 🦊",
    "\u202eright to left",
    "e\u0301 is not \u00e9",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_strings_are_only_strings(tmp_path, text) -> None:
    index = made(tmp_path / "kb", corpus(5))
    mine = Document(text, f"fox {text}", text, {"lang": text, "tags": [text, "b"], text: text})
    assert index.add([mine]).added == 1 and index.add([mine]).unchanged == 1
    assert index.contents.document(text) == mine
    for where in (
        field("lang") == text,
        field("lang").is_in([text, "other"]),
        field("tags").has(text),
        field("title") == text,
        field("doc_id") == text,
        ~field("lang").is_missing(),
    ):
        assert {hit.chunk.doc_id for hit in index.search(f"fox {text}", where=where)} == {text}
    assert index.search("fox", where=field("lang") == text + "'") == []
    own = Document("own", "fox", user=text)
    index.add([own])
    assert "own" in {h.chunk.doc_id for h in index.search("fox", user=text)}
    assert "own" not in {h.chunk.doc_id for h in index.search("fox", user=text + "x")}
    assert index.delete([text]) == 1 and index.contents.document(text) is None and len(index) == 6


def test_passwords_in_uris_leave_by_no_error() -> None:
    for raised in (StoreError, lambda said: NoIndex(said, "create one"), BadInput):
        said = raised("Could not open 's3://key:secret@bucket/kb': https://user@host/ of bob@x.org")
        assert "secret" not in f"{said}{said!r}" and "bob@x.org" in str(said)
        assert "'s3://...@bucket/kb'" in str(said)
