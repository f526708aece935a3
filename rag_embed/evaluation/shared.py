"""Which labels may be learned from: what is learned of an index serves everybody, or one user alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rag_embed.errors import BadInput, class_of
from rag_embed.evaluation.collection import Collection
from rag_embed.evaluation.outcomes import HIDDEN, Evaluation
from rag_embed.protocols import Store
from rag_embed.text import amount
from rag_embed.types import Principal, group_names


@dataclass(frozen=True, slots=True)
class Shared:
    """Labels that tell nothing of a user, and how many were left out.

    Attributes:
        labels: Those that are left.
        private: Queries that private documents alone answer.
        asked: Queries that are a user's own.
        unknown: Queries whose answers are all not in the index.
        user: Whom the outcome serves alone; None for everybody.
    """

    labels: Collection
    private: int
    asked: int
    unknown: int = 0
    user: str | None = None

    @property
    def told(self) -> str:
        """What was left out and why, in a sentence; empty where nothing was."""
        if not self.private and not self.asked and not self.unknown:
            return ""
        hidden = "private" if self.user is None else "other users'"
        other = "a user" if self.user is None else "another user"
        absent = f", {self.unknown} whose documents are not in the index" if self.unknown else ""
        return (
            f"Left out {amount(self.private + self.asked + self.unknown, 'label')}: {self.private} that only "
            f"{hidden} documents answer, {self.asked} that name {other}{absent}."
        )

    def needed(self) -> Collection:
        """The labels.

        Raises:
            BadInput: All that answer anything were left out.
        """
        if self.told and not self.labels.judged:
            nobody = " and from queries that name no user" if self.asked else ""
            serves = (
                f"What is learned serves everybody, so it is learned from shared documents{nobody}; label "
                'some. Weights can serve one user alone: tune("weights", labels, user=...).'
                if self.user is None
                else f"What is learned serves user {self.user!r} alone, so it is learned from shared "
                "documents and that user's own; label some."
            )
            raise BadInput(f"No label of {self.labels.name!r} is left. {self.told} {serves}")
        return self.labels


def shared(
    labels: Collection,
    store: Store,
    *,
    user: str | None = None,
    groups: Sequence[str] = (),
    asked: bool = False,
) -> Shared:
    """Labels without what is private.

    A document with an owner or groups counts as no answer; a query that has no other is left out. So is a query
    that names a user, and one whose answers are not in the index.

    Args:
        labels: Queries with the documents that answer them.
        store: Knows who may read the documents.
        user: The one whom the outcome serves alone: that user's documents and queries count.
        groups: What these may read counts too. For measuring alone: what is learned outlasts a membership.
        asked: Keep the queries that users asked, where nothing is kept of their texts; see `as_seen`.

    Raises:
        BadInput: The labels are no collection.

    Examples:
        >>> from rag_embed import Document, Index
        >>> from rag_embed.encoders import HashEncoder
        >>> index = Index.in_memory(encoder=HashEncoder())
        >>> report = index.add([Document("a", "The sea."), Document("n", "A note.", user="ann")])
        >>> found = shared(Collection.of({"sea": ["a"], "note": ["n"]}), index.store)
        >>> found.labels.judged, found.told
        (('sea',), 'Left out 1 label: 1 that only private documents answer, 0 that name a user.')
    """
    if not isinstance(labels, Collection):
        raise BadInput(
            f"Labels are a Collection, got {class_of(labels)}; make one with Collection.of({{question: "
            "[document id]}) or read_labels, both of rag_embed.evaluation."
        )
    named = list(dict.fromkeys(id for grades in labels.qrels.values() for id in grades))
    known = store.audiences(named)
    whom = Principal(user, group_names("groups", groups))
    hidden = {id for id, one in known.items() if not whom.sees(one)}
    private: set[str] = set()
    unknown: set[str] = set()
    others: set[str] = set()
    qrels = {}
    for query in labels.queries:
        grades = labels.qrels.get(query, {})
        qrels[query] = {id: grade for id, grade in grades.items() if id not in hidden}
        answers = {id for id, grade in grades.items() if grade > 0}
        if answers and answers <= hidden | (answers - known.keys()):
            (private if answers & hidden else unknown).add(query)
        elif not asked and labels.users.get(query) not in (None, user):
            others.add(query)
    left = labels.subset([id for id in labels.queries if id not in private | others | unknown])
    kept = {id: qrels[id] for id in left.qrels}
    return Shared(replace(left, qrels=kept), len(private), len(others), len(unknown), user)


def as_seen(
    measured: Evaluation,
    labels: Collection,
    store: Store,
    *,
    user: str | None = None,
    groups: Sequence[str] = (),
) -> Evaluation:
    """What was measured, as somebody may read it: nothing of other users' queries and documents but figures.

    A query that names another user keeps its id and loses its text; of a document that is not seen only that
    it came first is left.

    Args:
        measured: What `evaluate` gave for these labels.
        labels: Queries and their users.
        store: Knows who may read the documents.
        user: Who reads; None sees what is shared.
        groups: Groups of whoever reads.
    """
    whom = Principal(user, group_names("groups", groups))
    first = {one.first for outcome in measured.systems.values() for one in outcome.found}
    known = store.audiences([id for id in first if id])
    hidden = {id for id, one in known.items() if not whom.sees(one)}
    systems = {
        name: replace(
            outcome,
            found=tuple(
                replace(one, first=HIDDEN) if one.first in hidden else one for one in outcome.found
            ),
        )
        for name, outcome in measured.systems.items()
    }
    texts = tuple(
        text if labels.users.get(id) in (None, user) else HIDDEN
        for id, text in zip(measured.query_ids, measured.texts, strict=bool(measured.texts))
    )
    return replace(measured, systems=systems, texts=texts)
