"""A splitter of the program's own: given when an index is made, and again to add to it."""

from __future__ import annotations

import pytest

from rag_embed import Chunk, Document, Index
from rag_embed.chunking import TokenSplitter
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput, ModelUnavailable
from rag_embed.reading import files

LINES = Document("d", "a red fox\nthe calm sea\nold wine")


class Lines:
    """A chunk per line."""

    def split(self, document):
        chunks, start = [], 0
        for line in document.text.splitlines():
            chunks.append(Chunk.of(document, start, start + len(line), ordinal=len(chunks)))
            start += len(line) + 1
        return chunks


def test_it_cuts_what_is_added_before_and_after_opening(tmp_path) -> None:
    index = Index.create(tmp_path / "kb", encoder=HashEncoder(48), splitter=Lines())
    assert index.add(LINES).chunks == 3
    again = Index.open(tmp_path / "kb", splitter=Lines())
    assert again.add([Document("e", "one\ntwo")]).chunks == 2
    assert again.spaces.cut["class"].endswith("Lines")
    hits = Index.at(tmp_path / "kb", encoder=HashEncoder(48), splitter=Lines()).search(
        "a red fox", k=1
    )
    assert hits[0].text == "a red fox"
    assert index.contents.passages(hits, 10)[0].tokens == 3


def test_without_it_an_index_is_searched_and_says_what_to_pass(tmp_path) -> None:
    Index.create(tmp_path / "kb", encoder=HashEncoder(48), splitter=Lines()).add(LINES)
    bare = Index.open(tmp_path / "kb")
    assert bare.search("calm sea", k=1)[0].text == "the calm sea"
    with pytest.raises(ModelUnavailable, match=r"Lines.*Index\.open\(.*splitter=\.\.\.\)"):
        bare.add([Document("e", "more")])
    assert bare.delete(["d"]) == 1


def test_one_that_does_not_belong_is_refused(tmp_path) -> None:
    Index.create(tmp_path / "kb", encoder=HashEncoder(48))
    for way in (
        lambda: Index.open(tmp_path / "kb", splitter=Lines()),
        lambda: Index.at(tmp_path / "kb", encoder=HashEncoder(48), splitter=Lines()),
    ):
        with pytest.raises(BadInput, match="Leave splitter out"):
            way()
    with pytest.raises(BadInput, match="leave out chunk_tokens and chunk_overlap"):
        Index.in_memory(encoder=HashEncoder(48), splitter=Lines(), chunk_tokens=9, chunk_overlap=2)


def test_a_splitter_of_ours_may_be_given_too(tmp_path) -> None:
    encoder = HashEncoder(48)
    index = Index.in_memory(encoder=encoder, splitter=TokenSplitter(encoder, 3))
    assert index.add(LINES).chunks == 3


class Wrong:
    def __init__(self, cut) -> None:
        self.split = cut


@pytest.mark.parametrize(
    ("cut", "told"),
    [
        (lambda document: [document.text], "Wrong.split.. must give rag_embed.Chunk, got str"),
        (
            lambda document: [Chunk.of(document, 0, 300)],
            "within the 31 characters of 'd', got 0 to 300",
        ),
    ],
)
def test_what_is_no_chunk_is_refused(cut, told) -> None:
    index = Index.in_memory(encoder=HashEncoder(48), splitter=Wrong(cut))
    with pytest.raises(BadInput, match=told):
        index.add(LINES)


BULKY = {"title": ("t" * 400_000, {}), "metadata": ("", {"note": "v" * 400_000})}


@pytest.mark.parametrize("what", BULKY)
def test_what_every_chunk_has_a_copy_of_may_not_be_a_bomb(tmp_path, what) -> None:
    """A file of a megabyte would take hundreds of them."""
    title, metadata = BULKY[what]
    index = Index.in_memory(encoder=HashEncoder(16), chunk_tokens=20)
    bomb = Document("bomb", "Some words of a text. " * 4000, title, metadata)
    with pytest.raises(BadInput, match=r"'bomb' has a title, headings and metadata.*can be stored"):
        index.add([Document("a", "red fox"), bomb])
    head = f"---\nnote: {'v' * 400_000}\n---\n" if metadata else f"# {title}\n\n"
    (tmp_path / "bomb.md").write_text(head + bomb.text)
    (tmp_path / "fine.md").write_text("# Fine\n\nA text.")
    report = index.add_files(tmp_path)
    assert report.added == 1 and "can be stored" in report.skipped[0].reason


def test_a_file_that_takes_all_memory_ends_no_run(tmp_path, monkeypatch) -> None:
    def reader(path, name):
        raise MemoryError

    monkeypatch.setitem(files._READERS, ".csv", reader)
    (tmp_path / "a.csv").write_text("a,b")
    (tmp_path / "b.txt").write_text("a text")
    report = Index.in_memory(encoder=HashEncoder(16)).add_files(tmp_path)
    assert report.added == 1 and "more memory than there is" in report.skipped[0].reason
