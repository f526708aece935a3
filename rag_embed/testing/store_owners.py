"""What one user may learn of another: nothing. A part of `store.StoreContract`."""

from __future__ import annotations

import numpy as np
import pytest

from rag_embed.errors import BadInput
from rag_embed.filters import field
from rag_embed.maths.bm25 import Postings
from rag_embed.protocols import Store
from rag_embed.testing.store_data import CORPUS, ids, write
from rag_embed.types import EVERYBODY, Audience, Document, Principal


class OwnerLaws:
    """What one user may learn of another: nothing."""

    def test_moments_are_those_of_the_rows(self, store: Store) -> None:
        """Mean and second moment are those of the rows that a user sees."""
        write(store, *CORPUS)
        view = store.view()
        chunks = [c for d in CORPUS for c in view.document_chunks(d.id)]
        for user in (None, "ann", "somebody else"):
            seen = [c.id for c in chunks if c.user in (None, user)]
            rows = view.vectors("dense", seen)
            moments = view.moments("dense", Principal(user))
            assert moments.count == view.count(Principal(user)) == len(rows)
            np.testing.assert_allclose(moments.mean, rows.mean(axis=0), atol=1e-6)
            np.testing.assert_allclose(moments.second, rows.T @ rows / len(rows), atol=1e-6)

    def test_no_number_tells_of_what_another_user_owns(self, store: Store) -> None:
        """No score and no statistic changes by what others own."""
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
                assert a[0] == b[0]
                np.testing.assert_allclose(a[1], b[1], rtol=1e-6)  # upkeep may have built an index
        for whom in map(Principal, (None, "bob", "nobody")):
            one, other = before.moments("dense", whom), after.moments("dense", whom)
            assert one.count == other.count
            assert np.array_equal(one.mean, other.mean)
            assert np.array_equal(one.second, other.second)

    def test_lexical_scores_of_owned_chunks(self, store: Store) -> None:
        """Judged by shared chunks and the owner's, and ranked among the shared ones."""
        own = Document("bob#1", "red fox of mine\na quiet fox", user="bob")
        write(store, *CORPUS, own)
        view, analyzer = store.view(), store.analyzer
        seen = [c for d in [*CORPUS[:4], own] for c in view.document_chunks(d.id)]
        texts = [analyzer.words(f"{c.title} {c.text}") for c in seen]
        everything = Postings.of(texts).scores(analyzer.asked("red quiet fox"))
        shared = Postings.of(texts[:-2]).scores(analyzer.asked("red quiet fox"))
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

    def test_an_id_stays_its_owners(self, store: Store) -> None:
        """Whoever looked for the id before, and found it free, comes too late."""
        write(store, Document("x", "red fox", user="ann"), Document("y", "blue whale"))
        for late in (
            Document("x", "mine", user="bob"),
            Document("x", "ours"),
            Document("y", "mine", user="bob"),
        ):
            with pytest.raises(BadInput, match="another owner"):
                write(store, Document("z", "new"), late)
        ann = Audience("ann")
        assert store.known(["x", "y", "z"]) == {"x": ("h", ann), "y": ("h", EVERYBODY)}
        assert store.audiences(["x", "y", "z"]) == {"x": ann, "y": EVERYBODY}
        assert store.audiences([]) == {}
        assert [c.text for c in store.view().document_chunks("x")] == ["red fox"]
        write(store, Document("x", "grey fox", user="ann"), digest="h2")
        assert store.known(["x"]) == {"x": ("h2", ann)}
