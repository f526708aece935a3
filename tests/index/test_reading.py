"""Documents by id and by filter, as far as the user sees them."""

from __future__ import annotations

import pytest

from rag_embed import Document, Index, field
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput


def test_documents_by_id_and_by_filter() -> None:
    index = Index.in_memory(encoder=HashEncoder(), fields={"year": int})
    stored = [Document(f"d{i}", f"text {i}", metadata={"year": i, "odd": i % 2}) for i in range(4)]
    index.add(stored)
    assert index.contents.documents(["d3", "zz", "d0"]) == [stored[3], stored[0]]
    assert index.contents.document("zz") is None and index.contents.document("d1") == stored[1]
    assert index.contents.matching() == ["d0", "d1", "d2", "d3"]
    assert index.contents.matching((field("year") > 0) & (field("metadata.odd") == 1)) == [
        "d1",
        "d3",
    ]
    with pytest.raises(BadInput, match=r"field\('metadata\.odd'\)"):
        index.contents.matching(field("odd") == 1)


def test_what_is_read_by_id_is_what_the_user_sees(index) -> None:
    own = Document("ann/1", "mine\n" * 3, user="ann")
    index.add([Document("s", "shared"), own, Document("bob/1", "his", user="bob")])
    assert index.contents.documents(["s", "ann/1", "bob/1"]) == [Document("s", "shared")]
    assert (
        index.contents.document("ann/1") is None
        and index.contents.document("ann/1", user="bob") is None
    )
    assert index.contents.document("ann/1", user="ann") == own
    assert index.contents.matching() == ["s"] and index.contents.matching(user="ann") == [
        "ann/1",
        "s",
    ]
    assert index.contents.matching(field("user_id") == "ann", user="bob") == []
    [hit] = index.search("mine", k=1, user="ann")
    assert {
        chunk.user for chunk in [*index.contents.neighbours(hit), *index.contents.section(hit)]
    } == {"ann"}
