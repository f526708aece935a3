"""Whatever is done to an index, in whatever order: a dictionary says what must be in it.

The same is done to an index on disk and to one in memory. After each step both hold the documents of the
dictionary, and answer alike. ``RUNS=2000 python -m pytest tests/test_any_order.py`` tries longer.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from rag_embed import Document, Index, Query, field
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput

RUNS = int(os.environ.get("RUNS", "4"))

ENCODER = HashEncoder(16)
WORDS = ("fox", "raven", "Fuchs", "river", "stone", "lamp", "tea", "bread", "naïve", "狐狸", "3.11")
OWNERS = (None, "ann", "bob")

ids = st.sampled_from([f"d{i}" for i in range(7)])
tickets = st.sampled_from([f"t{i}" for i in range(4)])
owners = st.sampled_from(OWNERS)
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=30).map(
    lambda words: ". ".join(" ".join(words[i : i + 5]) for i in range(0, len(words), 5))
)
about = st.fixed_dictionaries({}, optional={"year": st.integers(1990, 2030)})


def documents(some: st.SearchStrategy[str], whose: st.SearchStrategy[str | None]):
    one = st.builds(Document, some, texts, st.sampled_from(("", "A title")), about, user=whose)
    return st.lists(one, max_size=4, unique_by=lambda document: document.id)


class AnyOrder(RuleBasedStateMachine):
    """An index on disk, one in memory, and what they must hold."""

    @initialize(chunk_tokens=st.sampled_from((6, 40)), extra=st.booleans())
    def made(self, chunk_tokens: int, extra: bool) -> None:
        self.folder = Path(tempfile.mkdtemp())
        shape = {"encoder": ENCODER, "chunk_tokens": chunk_tokens, "fields": {"year": int}}
        self.indexes = [
            Index.create(self.folder / "kb", **shape),
            Index.in_memory(**shape),
        ]
        self.documents: dict[str, Document] = {}
        self.scoped: set[str] = set()
        self.events: dict[str, set[str]] = {"ann": set(), "bob": set()}
        self.spaces: set[str] = set()

    def teardown(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def both(self, do) -> object:
        """What both indexes say, which is the same."""
        one, other = (_said(do, index) for index in self.indexes)
        assert one == other
        return one

    @rule(given=documents(ids, owners))
    def add(self, given: Sequence[Document]) -> None:
        said = self.both(lambda index: _counts(index.add(given)))
        given = [one for one in given if not self._others(one)]
        known = [self.documents.get(one.id) for one in given]
        same = sum(one == old and _same(one, old) for one, old in zip(given, known, strict=True))
        new = known.count(None)
        assert said == (new, len(given) - new - same, same, 0)
        self.documents.update({one.id: one for one in given})
        self.scoped -= {one.id for one in given}

    @rule(given=documents(tickets, st.none()), allow_empty=st.booleans(), dry_run=st.booleans())
    def sync(self, given: Sequence[Document], allow_empty: bool, dry_run: bool) -> None:
        gone = self.scoped - {one.id for one in given}
        options = {"scope": "tickets", "allow_empty": allow_empty, "dry_run": dry_run}
        said = self.both(lambda index: _counts(index.sync(given, **options)))
        if gone and not given and not allow_empty:
            assert said is BadInput
            return
        assert said[3] == len(gone)
        if not dry_run:
            for id in gone:
                del self.documents[id]
            self.documents.update({one.id: one for one in given})
            self.scoped = {one.id for one in given}

    @rule(some=st.lists(st.one_of(ids, tickets), max_size=3), user=st.sampled_from((..., *OWNERS)))
    def delete(self, some: Sequence[str], user: object) -> None:
        options = {} if user is ... else {"user": user}
        gone = {id for id in some if id in self.documents}
        gone = {id for id in gone if user is ... or self.documents[id].user == user}
        assert self.both(lambda index: index.delete(some, **options)) == len(gone)
        for id in gone:
            del self.documents[id]
        self.scoped -= gone

    @rule(user=st.sampled_from(("ann", "bob")), some=st.lists(texts, max_size=3))
    def remember(self, user: str, some: Sequence[str]) -> None:
        from rag_embed.events import UserEvent

        events = [UserEvent(str(hash(text) % 50), user, text, 1e9) for text in some]
        events = list({event.id: event for event in events}.values())
        assert self.both(lambda index: index.users.remember(user, events)) == len(events)
        self.events[user] |= {event.id for event in events}

    @rule(user=st.sampled_from(("ann", "bob", "nobody")))
    def forget(self, user: str) -> None:
        gone = {id for id, one in self.documents.items() if one.user == user}
        events = self.events.pop(user, set())
        assert self.both(lambda index: index.forget(user)) == len(gone) + len(events)
        for id in gone:
            del self.documents[id]
        if user != "nobody":
            self.events[user] = set()

    @rule()
    def change_spaces(self) -> None:
        if self.spaces:
            self.both(lambda index: index.experts.drop_space("other"))
            self.spaces.clear()
        else:
            self.both(lambda index: index.experts.add_space("other", HashEncoder(8)))
            self.spaces.add("other")

    @rule()
    def tidy(self) -> None:
        self.both(lambda index: index.store.optimize())

    @rule()
    def reopen(self) -> None:
        self.indexes[0] = Index.open(self.folder / "kb")

    def _others(self, one: Document) -> bool:
        return one.id in self.documents and self.documents[one.id].user != one.user

    @invariant()
    def nothing_is_lost_and_nobody_is_let_in(self) -> None:
        if not hasattr(self, "indexes"):
            return
        for user in OWNERS:
            seen = {id: one for id, one in self.documents.items() if one.user in (None, user)}
            late = {id for id, one in seen.items() if one.metadata.get("year", 0) >= 2010}
            for index in self.indexes:
                assert index.contents.matching(user=user) == sorted(seen)
                assert index.contents.matching(field("year") >= 2010, user=user) == sorted(late)
                for stored in index.contents.documents(sorted(seen), user=user):
                    assert _same(stored, seen[stored.id])
            assert self.both(lambda index: index.contents.count(user=user)) is not None  # noqa: B023
        for user, events in self.events.items():
            assert self.both(lambda index: index.users.profile(user).count) == len(events)  # noqa: B023

    @rule(
        words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=4),
        user=owners,
        k=st.integers(1, 30),
        options=st.fixed_dictionaries(
            {},
            optional={
                "group_by": st.sampled_from(("chunk", "document")),
                "diversity": st.sampled_from((0.0, 0.5)),
                "where": st.sampled_from((None, field("year") >= 2010)),
            },
        ),
    )
    def search(self, words: Sequence[str], user: str | None, k: int, options: dict) -> None:
        query = Query(" ".join(words), k, user=user, **options)
        found, other = (index.search(query) for index in self.indexes)
        np.testing.assert_allclose(
            [hit.score for hit in found], [hit.score for hit in other], atol=2e-5
        )
        seen = {id: one for id, one in self.documents.items() if one.user in (None, user)}
        for hit in found:
            text = seen[hit.chunk.doc_id].text
            assert hit.text == text[hit.chunk.start : hit.chunk.end]
        if options.get("where") is None and k == 30 and options.get("group_by") == "document":
            assert {hit.chunk.doc_id for hit in found} == set(seen)


def _same(one: Document, other: Document | None) -> bool:
    return other is not None and _plain(one) == _plain(other)


def _plain(one: Document) -> tuple[object, ...]:
    """What a document says, without where it came from."""
    about = {key: value for key, value in one.metadata.items() if key != "indexed_from"}
    return one.text, one.title, one.user, about


def _said(do, index: Index) -> object:
    try:
        return do(index)
    except BadInput as error:
        return type(error)


def _counts(report) -> tuple[int, ...]:
    return (report.added, report.replaced, report.unchanged, report.deleted)


AnyOrder.TestCase.settings = settings(
    max_examples=RUNS,
    stateful_step_count=25,
    deadline=None,
    report_multiple_bugs=False,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # a run is read as it is
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.filterwarnings("ignore::hypothesis.errors.NonInteractiveExampleWarning")
class TestAnyOrder(AnyOrder.TestCase):
    """Run by pytest."""
