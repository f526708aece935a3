"""Test collections: the noun, and a split of its queries that shares no document.

Reading one from disk lives in `rag_embed.evaluation.beir`.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Collection as Group
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from rag_embed.errors import BadInput, class_of
from rag_embed.types import Document, Query


@dataclass(frozen=True, slots=True)
class Labelled:
    """A query, and the documents that answer it.

    Attributes:
        query: What is asked, with its user and the earlier turns of the talk.
        relevant: Document id -> grade; above 0 is relevant.
    """

    query: Query
    relevant: Mapping[str, int] = field(hash=False)


@dataclass(frozen=True, slots=True, eq=False)
class Collection:
    """Documents, queries, and which documents answer which query: the one kind of labels.

    Attributes:
        name: Shown in reports.
        documents: The corpus.
        queries: Text per query id.
        qrels: Per query id, the grade per judged document id; a grade above 0 is relevant.
            Ids outside the corpus are allowed and count as never found, as in trec_eval.
        users: Per query id, who asks; queries that are not named are asked by nobody in particular.
        talks: Per query id, the earlier turns of its conversation, oldest first.

    Raises:
        BadInput: Two documents share an id, or a judged query does not exist.

    Examples:
        >>> Collection("c", (Document("d", "text"),), {"q": "why"}, {"q": {"d": 1}}).judged
        ('q',)
    """

    name: str
    documents: tuple[Document, ...]
    queries: Mapping[str, str]
    qrels: Mapping[str, Mapping[str, int]]
    users: Mapping[str, str] = field(default_factory=dict)
    talks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, judged: Mapping[str, Sequence[str]], *, name: str = "labels") -> Collection:
        """Labels of documents that are in an index already.

        Args:
            judged: Query text -> ids of the documents that answer it; an empty list says that the
                index holds no answer.
            name: Shown in reports.

        Examples:
            >>> Collection.of({"how do I close a file?": ["files.md"], "price of tea": []}).judged
            ('how do I close a file?',)
        """
        if not isinstance(judged, Mapping):
            raise BadInput(
                "Labels are a dict of queries with the ids of the documents that answer them, such as "
                f"{{'what is it?': ['a.md']}}, got {class_of(judged)}."
            )
        for text, ids in judged.items():
            if not isinstance(text, str) or isinstance(ids, str) or not isinstance(ids, Iterable):
                told = f"{class_of(text)} with {class_of(ids)}"
                raise BadInput(f"Labels map a query, a str, to a list of document ids, got {told}.")
        qrels = {text: dict.fromkeys(ids, 1) for text, ids in judged.items()}
        return cls(name, (), {text: text for text in judged}, qrels)

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for document in self.documents:
            if document.id in seen:
                raise BadInput(f"Document ids must be unique, {document.id!r} occurs twice.")
            seen.add(document.id)
        for query in self.qrels:
            if query not in self.queries:
                raise BadInput(
                    f"The judgements name query {query!r}, which is not among the "
                    f"{len(self.queries)} queries; add its text or remove its judgements."
                )

    @property
    def judged(self) -> tuple[str, ...]:
        """Ids of the queries with at least one relevant document, in the order of ``queries``."""
        return tuple(
            id_ for id_ in self.queries if any(g > 0 for g in self.qrels.get(id_, {}).values())
        )

    @property
    def labelled(self) -> tuple[Labelled, ...]:
        """The judged queries with their users and talks, in the order of ``queries``."""
        return tuple(Labelled(self.query(id_), self.qrels[id_]) for id_ in self.judged)

    def query(self, id: str, k: int = 10) -> Query:
        """What is asked under an id: its text, user and talk."""
        return Query(self.queries[id], k, user=self.users.get(id), previous=self.talks.get(id, ()))

    def subset(self, query_ids: Group[str], name: str | None = None) -> Collection:
        """The same corpus with only these queries, in the order of this collection.

        Raises:
            BadInput: A query id does not exist.
        """
        wanted = set(query_ids)
        if unknown := wanted - self.queries.keys():
            raise BadInput(f"Collection {self.name!r} has no query {min(unknown)!r}.")
        return Collection(
            self.name if name is None else name,
            self.documents,
            {id_: text for id_, text in self.queries.items() if id_ in wanted},
            {id_: grades for id_, grades in self.qrels.items() if id_ in wanted},
            {id_: user for id_, user in self.users.items() if id_ in wanted},
            {id_: talk for id_, talk in self.talks.items() if id_ in wanted},
        )


def split_by_document(
    collection: Collection, seed: int = 0, train_share: float = 0.5
) -> tuple[Collection, Collection]:
    """Split the queries so that no relevant document is on both sides; the corpus stays whole.

    Queries that share a relevant document, or relevant chunks of one document (equal ``doc_id`` in
    the metadata), are tied together, also through third queries. The tied groups are shuffled,
    then dealt out largest first to the side that lacks most. A split by query alone rewards
    memorising documents.

    Args:
        collection: What to split. Queries without a relevant document are free to go anywhere.
        seed: Decides which groups go where.
        train_share: Share of the queries wanted on the first side; reached as far as the groups
            allow.

    Returns:
        ``(train, test)``, named after the collection.

    Raises:
        BadInput: ``train_share`` is not between 0 and 1, or all queries are tied together.

    Examples:
        >>> documents = tuple(Document(id_, "text") for id_ in "ab")
        >>> two = Collection("c", documents, {"1": "x", "2": "y"}, {"1": {"a": 1}, "2": {"b": 1}})
        >>> train, test = split_by_document(two)
        >>> len(train.queries), len(test.queries), len(train.documents)
        (1, 1, 2)
    """
    if not 0 < train_share < 1:
        raise BadInput(f"train_share must be between 0 and 1, got {train_share}.")
    groups = _tied(collection)
    if len(groups) < 2:
        number = len(collection.queries)
        why = (
            "all are tied to each other through shared relevant documents"
            if number > 1
            else f"there {'is one' if number else 'is none'}"
        )
        raise BadInput(
            f"The queries of {collection.name!r} cannot be divided into two halves, one to choose on and "
            f"one to judge by: {why}. Label at least two questions that different documents answer."
        )
    random.Random(int(seed)).shuffle(groups)
    groups.sort(key=len, reverse=True)
    total = len(collection.queries)
    wanted = [total * train_share, total * (1 - train_share)]
    sides: tuple[list[str], list[str]] = ([], [])
    for group in groups:
        lacking = [wanted[side] - len(sides[side]) for side in (0, 1)]
        sides[0 if lacking[0] >= lacking[1] else 1].extend(group)
    if not sides[0] or not sides[1]:
        # One side's wish was smaller than any group: it gets the smallest one.
        empty, full = (0, 1) if not sides[0] else (1, 0)
        for _ in groups[-1]:
            sides[empty].append(sides[full].pop())
    return (
        collection.subset(sides[0], f"{collection.name} (train)"),
        collection.subset(sides[1], f"{collection.name} (test)"),
    )


def _tied(collection: Collection) -> list[list[str]]:
    """Connected components of the queries, linked by the documents that answer them."""
    page = {d.id: str(d.metadata.get("doc_id", d.id)) for d in collection.documents}
    parent = {id_: id_ for id_ in collection.queries}

    def root(id_: str) -> str:
        while parent[id_] != id_:
            parent[id_] = parent[parent[id_]]
            id_ = parent[id_]
        return id_

    first_query: dict[str, str] = {}
    for query, grades in collection.qrels.items():
        for document, grade in grades.items():
            if grade > 0:
                owner = first_query.setdefault(page.get(document, document), query)
                parent[root(query)] = root(owner)
    groups: dict[str, list[str]] = {}
    for id_ in collection.queries:
        groups.setdefault(root(id_), []).append(id_)
    return list(groups.values())


def answers(collection: Collection) -> dict[str, frozenset[str]]:
    """Per judged query the documents that answer it; chunks count as their ``doc_id``.

    Examples:
        >>> from rag_embed.types import Document, Query
        >>> page = Document("p#2", "text", metadata={"doc_id": "p"})
        >>> answers(Collection("c", (page,), {"q": "why"}, {"q": {"p#2": 1}}))
        {'q': frozenset({'p'})}
    """
    page = {d.id: str(d.metadata.get("doc_id", d.id)) for d in collection.documents}
    return {
        id: frozenset(page.get(d, d) for d, grade in collection.qrels[id].items() if grade > 0)
        for id in collection.judged
    }


def halves(collection: Collection, seed: int = 0) -> tuple[Collection, Collection]:
    """Split the queries in two; no document answers queries of both sides.

    As `split_by_document` does where it can. Where all queries hang together through shared
    documents, the documents are dealt out by hash and queries that are answered on both sides are
    left out.

    Raises:
        BadInput: One side stays empty.

    Examples:
        >>> from rag_embed.types import Document, Query
        >>> documents = tuple(Document(id, "text") for id in "abcd")
        >>> qrels = {x + y: {x: 1, y: 1} for x, y in ("ab", "bc", "cd", "da", "ac", "bd")}
        >>> ring = Collection("ring", documents, {id: id for id in qrels}, qrels)
        >>> first, second = halves(ring, seed=1)
        >>> len(first.judged), len(second.judged)
        (1, 1)
    """
    try:
        return split_by_document(collection, seed=seed)
    except BadInput:
        sides: tuple[list[str], list[str]] = ([], [])
        for id, documents in answers(collection).items():
            where = {_side(document, seed) for document in documents}
            if len(where) == 1:
                sides[where.pop()].append(id)
        if not all(sides):
            raise
        return (
            collection.subset(sides[0], f"{collection.name} (train)"),
            collection.subset(sides[1], f"{collection.name} (test)"),
        )


def _side(document: str, seed: int) -> int:
    digest = hashlib.blake2b(f"{seed} {document}".encode(), digest_size=8).digest()
    return digest[0] % 2
