"""A second space: filled, an expert, refused where its name is taken."""

from __future__ import annotations

import numpy as np
import pytest
from three_texts import documents

from rag_embed import Document, Index, Query
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput, SpaceMismatch
from rag_embed.indexing.experts import Experts
from rag_embed.indexing.spaces import Spaces
from rag_embed.types import Progress


@pytest.fixture
def index(three) -> Index:
    return three


def test_a_space_that_another_process_added_is_searched_once_it_is_added_again(tmp_path) -> None:
    """As is one of this process whose disk failed at the very end: the same call goes on."""
    first = Index.create(tmp_path / "kb", encoder=HashEncoder())
    first.add(documents())
    second = Index.open(tmp_path / "kb", encoder=HashEncoder())
    first.spaces.add("small", HashEncoder(16), None, None)
    assert second.experts.add_space("small", HashEncoder(16)) == 0
    assert second.experts.hybrid().alone("small").retrieve([Query("fox", k=1)])[0]


class TestSpaces:
    def test_a_space_is_filled_and_becomes_an_expert(self, index) -> None:
        told: list[Progress] = []
        other = HashEncoder(16)
        assert index.experts.add_space("small", other, progress=told.append) == 3
        assert told == [Progress(3, 3)] and [one.name for one in index.experts.list()] == ["small"]
        assert {leg.name for leg in index.experts.hybrid().legs} == {"dense", "lexical", "small"}
        assert [part.leg for part in index.search("fox")[0].parts] == ["dense", "lexical"]
        index.add([Document("new", "A new text about foxes.")])
        view = index.store.view()
        [row] = view.vectors("small", ["new#0-23"])
        assert row.shape == (16,) and np.isclose(np.linalg.norm(row), 1.0)
        alone = {"small": 1.0}
        [found] = type(index.experts.hybrid())(
            index.store, index.experts.hybrid().legs, alone, index.experts.hybrid().calibration
        ).retrieve([Query("fox", k=1)])
        assert found[0].chunk.doc_id == "fox"
        index.experts.drop_space("small")
        assert index.experts.list() == () and index.add(documents()).unchanged == 3
        index.add([Document("last", "One more.")])
        assert index.experts.add_space("small", other) == 5

    def test_a_space_of_an_encoder_without_a_name(self, tmp_path) -> None:
        index = Index.create(tmp_path / "kb", encoder=HashEncoder(64))
        index.add(documents())
        index.experts.add_space("small", HashEncoder(16))
        again = Index.open(tmp_path / "kb", encoder=HashEncoder(64))
        with pytest.raises(SpaceMismatch, match="Space 'small'"):
            again.spaces.know("small", HashEncoder(32))
        again.spaces.know("small", HashEncoder(16))
        assert again.add([Document("new", "text")]).added == 1
        with pytest.raises(BadInput, match="no space 'nope'"):
            again.spaces.know("nope", HashEncoder(16))

    @pytest.mark.parametrize("name", ["dense", "lexical", "tokens", "", "Bad name"])
    def test_names_that_are_taken_or_impossible(self, index, name) -> None:
        with pytest.raises(BadInput):
            index.experts.add_space(name, HashEncoder(16))
        assert index.experts.list() == () and index.store.lacking() == []
        with pytest.raises(BadInput):
            index.experts.drop_space(name)

    def test_a_space_that_was_to_become_an_expert_becomes_one(self, tmp_path, monkeypatch) -> None:
        """The process died between the two commits; the same call finishes it."""
        index = Index.create(tmp_path / "kb", encoder=HashEncoder(64))
        index.add(documents())

        def die(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(Experts, "_put", die)
            index.experts.add_space("small", HashEncoder(16))
        again = Index.open(tmp_path / "kb", encoder=HashEncoder(64))
        with pytest.raises(BadInput, match="drop it first"):  # another one is still refused
            again.experts.add_space("small", HashEncoder(32))
        assert again.experts.add_space("small", HashEncoder(16)) == 0
        assert [one.name for one in again.experts.list()] == ["small"]
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(Spaces, "drop", die)
            again.experts.drop_space("small")
        last = Index.open(tmp_path / "kb", encoder=HashEncoder(64))
        last.experts.drop_space("small")
        assert last.experts.add_space("small", HashEncoder(32)) == 3
