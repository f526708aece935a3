"""What somebody may learn of documents for groups they are not in: nothing. A part of `store.StoreContract`."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, combinations

import numpy as np
import pytest

from rag_embed.errors import BadInput
from rag_embed.fields import READERS
from rag_embed.filters import field
from rag_embed.protocols import Store
from rag_embed.ranking.visibility import readable
from rag_embed.testing.store_data import CORPUS, ids, write
from rag_embed.types import Audience, Document, Principal

FOR_GROUPS = (
    Document("hr/1", "red fox of hr\nquiet whale", readers=["hr"]),
    Document("hr/2", "green tea of hr and law", readers=["law", "hr"]),
    Document("ann/2", "red wine of ann, for law", user="ann", readers=["law"]),
    Document("all but", "tea for h and r", readers=["h", "r", "l'aw%", "HR"]),
)
"""Documents for groups, whose names are alike."""

GROUPS = ("hr", "law", "h", "HR", "nobody's")


class ReaderLaws:
    """What somebody may learn of documents for groups they are not in: nothing."""

    def test_groups_are_kept_with_documents_and_chunks(self, store: Store) -> None:
        """In whatever order they came; a filter can ask for them."""
        write(store, *CORPUS, *FOR_GROUPS)
        view = store.view()
        assert view.documents([one.id for one in FOR_GROUPS]) == list(FOR_GROUPS)
        assert [one.readers for one in view.document_chunks("hr/2")] == [("hr", "law")]
        assert view.private and view.grouped
        ann = Audience("ann", ("law",))
        assert store.audiences(["ann/2", "a"]) == {"ann/2": ann, "a": Audience()}
        assert store.known(["ann/2"]) == {"ann/2": ("h", ann)}
        both = field(READERS)
        assert view.matching(both.has("law")) == ["ann/2", "hr/2"]
        assert view.matching(both.is_in(["h", "nobody's"])) == ["all but"]
        assert view.matching(both.is_missing()) == sorted(one.id for one in CORPUS)
        assert view.matching(~both.is_missing() & (both != "hr")) == ["all but", "ann/2"]
        many = both.is_in([f"group {i}" for i in range(200)] + ["law"])
        assert view.matching(many) == ["ann/2", "hr/2"]

    def test_what_is_seen_is_counted_and_nothing_else(self, store: Store) -> None:
        """Whatever groups somebody is in: the filter, the count and the moments agree."""
        write(store, *CORPUS, *FOR_GROUPS)
        view = store.view()
        chunks = [c for d in (*CORPUS, *FOR_GROUPS) for c in view.document_chunks(d.id)]
        some = chain.from_iterable(combinations(GROUPS, n) for n in range(len(GROUPS) + 1))
        asking = [Principal(user, groups) for groups in some for user in (None, "ann", "hr")]
        for whom in asking:
            seen = {c.id for c in chunks if whom.sees(c.audience)}
            assert set(view.passing(readable(whom))) == seen
            rows = view.vectors("dense", sorted(seen))
            moments = view.moments("dense", whom)
            assert moments.count == view.count(whom) == len(seen)
            np.testing.assert_allclose(moments.mean, rows.mean(axis=0), atol=1e-6)
            np.testing.assert_allclose(moments.second, rows.T @ rows / len(rows), atol=1e-6)

    @pytest.mark.parametrize("name", ["''", "\\'", "\\') OR true --", "\\", "'"])
    def test_quotes_in_a_name_count_nothing_of_others(self, store: Store, name: str) -> None:
        """Whoever may choose the name of a user or a group cannot say what is counted."""
        odd = [Document("x", "tea", user="'x", readers=["'", "'''"])]
        odd += [Document("mine", "tea", user=name), Document("ours", "tea", readers=[name])]
        write(store, *CORPUS, *FOR_GROUPS, *odd)
        every = [
            c for d in (*CORPUS, *FOR_GROUPS, *odd) for c in store.view().document_chunks(d.id)
        ]
        for whom in (Principal(name), Principal(groups=(name,)), Principal(name, (name,))):
            assert store.view().count(whom) == sum(whom.sees(one.audience) for one in every)

    def test_no_number_tells_of_what_is_for_others(self, store: Store) -> None:
        """Scores and statistics are those of a store that holds only what is seen."""
        write(store, *CORPUS, *FOR_GROUPS)
        asking = [
            Principal(user, groups)
            for user in (None, "ann")
            for groups in ((), ("hr",), ("law",), ("hr", "law"), ("r",))
        ]
        queries = ["red fox", "green tea law", "quiet hr", "wine of ann"]

        def told(whom: Principal) -> list[tuple[list[str], list[float]]]:
            view = store.view()
            found = view.lexical(queries, 50, readable(whom))
            scores = view.lexical_scores(queries, [some for some, _ in found])
            for (_, one), other in zip(found, scores, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-6)
            return [(some, one.tolist()) for some, one in found]

        with_all = [told(whom) for whom in asking]
        moments = [store.view().moments("dense", whom) for whom in asking]
        for whom, before, sums in zip(asking, with_all, moments, strict=True):
            hidden = [one for one in (*CORPUS, *FOR_GROUPS) if not whom.sees(one.audience)]
            store.delete([one.id for one in hidden])
            for (some, scores), (left, alone) in zip(before, told(whom), strict=True):
                assert some == left
                np.testing.assert_allclose(scores, alone, rtol=1e-6)
            alone_too = store.view().moments("dense", whom)
            assert alone_too.count == sums.count
            np.testing.assert_allclose(alone_too.mean, sums.mean, atol=1e-6)
            np.testing.assert_allclose(alone_too.second, sums.second, atol=1e-6)
            write(store, *hidden)

    def test_readers_can_change_and_owners_cannot(self, store: Store) -> None:
        """A document is for others from one version to the next; the version before stays as it was."""
        write(store, *CORPUS, *FOR_GROUPS)
        hr, law = Principal(groups=("hr",)), Principal(groups=("law",))
        before = store.view()
        handed = replace(FOR_GROUPS[0], readers=["law"])
        write(store, handed, digest="h2")
        shared = Document(FOR_GROUPS[1].id, FOR_GROUPS[1].text)
        closed = replace(CORPUS[1], readers=["hr"])
        write(store, shared, closed)
        store.optimize()
        view = store.view()
        assert store.known(["hr/1"]) == {"hr/1": ("h2", Audience(None, ("law",)))}
        assert set(view.matching(readable(law))) == {"a", "ann/2", "c", "d", "hr/1", "hr/2"}
        assert set(view.matching(readable(hr))) == {"a", "b", "c", "d", "hr/2"}
        assert view.matching(readable(Principal())) == ["a", "c", "d", "hr/2"]
        assert view.lexical(["wine"], 9, readable(Principal()))[0][0] == []
        assert view.lexical(["wine"], 9, readable(hr))[0][0] == ["b#0-8"]
        assert before.matching(readable(Principal())) == ["a", "b", "c", "d"]
        with pytest.raises(BadInput, match="another owner"):
            write(store, replace(FOR_GROUPS[2], user=None))
        with pytest.raises(BadInput, match="another owner"):
            write(store, replace(FOR_GROUPS[0], user="ann"))

    def test_forgetting_an_owner_takes_what_groups_read(self, store: Store) -> None:
        """What was the user's goes whoever may read it, and what is the groups' stays."""
        write(store, *CORPUS, *FOR_GROUPS)
        assert store.forget("ann") == 2 and store.forget("hr") == 0
        view = store.view()
        left = [one.id for one in FOR_GROUPS if one.user is None]
        assert sorted(store.document_ids()) == sorted(["a", "b", "c", "d", *left])
        assert ids(view.document_chunks("ann/2")) == []
        assert store.delete(left) == 3 and not store.view().grouped and not store.view().private
