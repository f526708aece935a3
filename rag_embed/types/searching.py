"""What is asked, and what is found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from typing import Any, Literal, TypeAlias, TypedDict, get_args

from rag_embed.arguments import check_keywords, is_number, set_counts
from rag_embed.errors import BadInput, adapter_of, class_of
from rag_embed.filters import Filter
from rag_embed.text import storable
from rag_embed.types.access import Principal, group_names
from rag_embed.types.citation import Citation
from rag_embed.types.documents import Chunk
from rag_embed.types.freshness import days
from rag_embed.types.vectors import Vectors

Grouping: TypeAlias = Literal["chunk", "document", "text"]
"""What is shown once at most."""

Unit: TypeAlias = Literal["chunk", "document"]
"""What labels name."""


class Options(TypedDict, total=False):
    """What can be asked beside the text; the same names as in `Query`."""

    k: int
    where: Filter | None
    user: str | None
    groups: Sequence[str]
    min_relevance: float
    diversity: float
    group_by: Grouping
    previous: Sequence[str]
    fresh: float | timedelta | None
    by: str


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked. The only thing that travels at query time.

    Attributes:
        text: The question or keywords; half a surrogate pair becomes U+FFFD, here and in ``previous``,
            as in documents. Without any, and without vectors, what passes ``where`` is
            listed in reading order, with score 0 and relevance 1; nothing where that is None.
        k: How many hits at most, >= 0.
        where: Only chunks that match this filter.
        user: Sees shared chunks and this user's own; ``None`` sees shared chunks only.
            Take it from your authentication, never from the query text.
        groups: Groups that the user is in: chunks that name one of them as readers are seen too. From
            your authentication as well. Kept as a tuple of names, each once, in order.
        min_relevance: Drop hits whose ``relevance`` is below this, in [0, 1].
        diversity: 0 ranks by score alone; up to 1 trades score for difference (MMR).
        group_by: ``"chunk"``; ``"document"`` for at most one hit per document; ``"text"`` for at most one of
            those that say nearly the same.
        vectors: Leg -> ``(dim,)`` query vector that this leg uses instead of encoding the text; its
            length does not matter. ``"dense"`` is the base leg; an expert over the same vectors has
            a name of its own and encodes the text. A query without text is not routed.
        previous: Earlier turns of the conversation, oldest first; read by `personal` alone. A list
            becomes a tuple.
        fresh: Days after which a date counts half, or a `timedelta`: newer documents before older ones, as
            `Fresh` bounds it. None for what was tuned for the index, 0 for none.
        by: The declared field of dates that ``fresh`` reads; empty for the only one of the index.
    """

    text: str
    k: int = 10
    where: Filter | None = None
    user: str | None = None
    min_relevance: float = 0.0
    diversity: float = 0.0
    group_by: Grouping = "chunk"
    vectors: Mapping[str, Vectors] = field(default_factory=dict, hash=False, compare=False)
    previous: Sequence[str] = ()
    fresh: float | timedelta | None = None
    by: str = ""
    groups: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise BadInput(f"Query.text must be a str, got {type(self.text).__name__}.")
        set_counts(self, 0, "k")
        if self.where is not None and not isinstance(self.where, Filter):
            adapter = adapter_of(self.where)
            home = "rag_embed.filters" if isinstance(self.where, Mapping) else adapter
            remedy = f"; convert it with {home}.to_filter" if home else ""
            raise BadInput(
                "Query.where is a filter such as field('year') >= 2020, "
                f"got {class_of(self.where)}{remedy}."
            )
        if self.user is not None and not _can_own(self.user):
            raise BadInput(
                f"Query.user must be None, or a non-empty str without half a surrogate pair, got {self.user!r}."
            )
        if self.groups != ():
            object.__setattr__(self, "groups", group_names("Query.groups", self.groups))
        for name in ("min_relevance", "diversity"):
            value = getattr(self, name)
            if not is_number(value) or not 0.0 <= float(value) <= 1.0:
                raise BadInput(f"Query.{name} must be between 0 and 1, got {value!r}.")
        if not isinstance(self.vectors, Mapping):
            raise BadInput(
                f"Query.vectors maps names of legs to vectors, got {type(self.vectors).__name__}."
            )
        turns = self.previous
        if not isinstance(turns, list | tuple) or not all(isinstance(one, str) for one in turns):
            raise BadInput(f"Query.previous is a list or tuple of str, got {turns!r}.")
        object.__setattr__(self, "fresh", _days(self.fresh, self.by))
        object.__setattr__(self, "text", storable(self.text))
        object.__setattr__(self, "previous", tuple(map(storable, turns)))
        if self.group_by not in get_args(Grouping):
            raise BadInput(
                f"Query.group_by must be one of {get_args(Grouping)}, got {self.group_by!r}."
            )

    @property
    def principal(self) -> Principal:
        """Who asks."""
        return Principal(self.user, tuple(self.groups))

    @classmethod
    def of(cls, query: str | Query, options: Options) -> Query:
        """A text with these options, or a query with some of its own replaced.

        Raises:
            BadInput: An option is out of range.
            TypeError: There is no such option.
        """
        check_keywords("A query", options, [name for name in cls.__slots__ if name != "text"])
        if isinstance(query, Query):
            return replace(query, **options) if options else query
        return cls(query, **options)

    @classmethod
    def several(cls, queries: Sequence[str | Query], options: Options) -> list[Query]:
        """`of` for each of a list.

        Raises:
            BadInput: It is no list, but one query; or an option is out of range.
        """
        if isinstance(queries, str | Query) or not isinstance(queries, Iterable):
            one = "one " if isinstance(queries, str | Query) else ""
            raise BadInput(
                f"search_many() takes a list of queries, got {one}{class_of(queries)}; search() takes one."
            )
        return [cls.of(query, options) for query in queries]


def _days(fresh: float | timedelta | None, by: object) -> float | None:
    """Days of `Query.fresh`; None for none."""
    if not isinstance(by, str) or (by and fresh is None):
        raise BadInput(f"by names the field that fresh reads: give both, got by={by!r}.")
    return None if fresh is None else days("Query.fresh", fresh)


def check_queries(queries: object) -> None:
    """Refuse what `protocols.Retriever.retrieve` cannot read.

    Raises:
        BadInput: It is no list or tuple of `Query`.
    """
    if strange := _others(queries, Query):
        raise BadInput(
            f"retrieve() takes a list of rag_embed.Query, got {class_of(strange[0])}; write "
            "retrieve([Query(text)]), or index.search(text)."
        )


def check_hits(what: str, hits: object) -> None:
    """Refuse what is no list of hits.

    Args:
        what: The call, for the message.
        hits: Anything.

    Raises:
        BadInput: It is no list or tuple of `Hit`.
    """
    if strange := _others(hits, Hit):
        raise BadInput(
            f"{what} takes a list of rag_embed.Hit, as index.search gives it, got {class_of(strange[0])}."
        )


def _others(given: object, wanted: type) -> list[object]:
    """What is no such thing in a list or tuple; all of it where it is neither."""
    if not isinstance(given, list | tuple):
        return [given]
    return [one for one in given if not isinstance(one, wanted)]


def _can_own(user: object) -> bool:
    """Whether this can be the name of an owner as it is: one that had to be altered could be another's."""
    return isinstance(user, str) and bool(user) and storable(user) == user


@dataclass(frozen=True, slots=True)
class Part:
    """What one leg said about one hit.

    Attributes:
        leg: Name of the leg, for example ``"dense"`` or ``"lexical"``; ``"fresh"`` for what its date adds;
            ``"behind"`` lowers a hit that was found after better ones were settled, see `ranking.selection`.
        raw: Its own score (cosine, BM25).
        normalised: The score on the common scale of the fusion.
        weight: The weight the fusion gave this leg for this query.
        level: What the chunk is worth by itself, on one scale for all queries, where the leg knows: for
            words, about the share of the query's words that it holds.
    """

    leg: str
    raw: float
    normalised: float
    weight: float
    level: float | None = None

    @property
    def contribution(self) -> float:
        """Share of the fused score: ``weight * normalised``."""
        return self.weight * self.normalised

    @property
    def explained(self) -> dict[str, str | float | None]:
        """All of it for a JSON document: the attributes, and ``contribution``."""
        return {**asdict(self), "contribution": self.contribution}


@dataclass(frozen=True, slots=True)
class Near:
    """A pilot near a query.

    Attributes:
        text: The pilot query.
        similarity: Cosine of the two.
        expert: What served the pilot best; empty where several did equally well.
        source: The collection it comes from.
    """

    text: str
    similarity: float
    expert: str
    source: str


@dataclass(frozen=True, slots=True)
class Route:
    """What a router decided for one query.

    Attributes:
        weights: Weight of each leg by name; a leg that is not named counts nothing.
        confidence: In [0, 1]: how much the pilots, and not the default mixture, decided.
        pilots: The nearest ones, nearest first.
        scores: Each expert's score, where the router chose one of them.
    """

    weights: Mapping[str, float] = field(hash=False)
    confidence: float
    pilots: tuple[Near, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict, hash=False)

    @property
    def explained(self) -> dict[str, Any]:
        """All of it for a JSON document."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that answers a query.

    Attributes:
        chunk: What was found.
        score: Fused score, higher is better; comparable within one query only.
        relevance: Calibrated to [0, 1]; comparable between queries.
        parts: Each leg's contribution; they add up to ``score``.
        siblings: With another ``group_by`` than ``"chunk"``: further chunks of the document, or with nearly
            the same text, that were found.
        route: What the router decided for the query; None where it was not routed.
        at: Of a chunk that spans several pages, slides, sheets or cells: offset in the document of the sentence
            that answers, by the words that it shares with the query. None where no page stands out.
    """

    chunk: Chunk
    score: float
    relevance: float
    parts: tuple[Part, ...] = ()
    siblings: tuple[Chunk, ...] = ()
    route: Route | None = None
    at: int | None = None

    @property
    def text(self) -> str:
        """The chunk's text."""
        return self.chunk.text

    @property
    def id(self) -> str:
        """The chunk's id."""
        return self.chunk.id

    @property
    def page(self) -> int | None:
        """Number of the page, slide, sheet or cell to open; None where there are none.

        It is that of the sentence that answers, where it is known, else the one that the chunk starts on.
        `Citation.page_start` and `page_end` are the first and the last of the chunk.
        """
        return self.citation().page

    def citation(self) -> Citation:
        """Where the chunk stands, with a link that opens there; `Contents.citation` knows lines too.

        Examples:
            >>> about = {"path": "handbook/leave.pdf", "page": 3, "page_kind": "page"}
            >>> chunk = Chunk("a#0-4", "a", "text", 0, 4, title="Leave", metadata=about)
            >>> print(Hit(chunk, 1.0, 1.0).citation(), Hit(chunk, 1.0, 1.0).citation().link)
            Leave (handbook/leave.pdf, page 3) handbook/leave.pdf#page=3
        """
        return Citation.of(self.chunk, at=self.at)
