"""The nouns: everything that travels between the parts of rag_embed.

Frozen, slotted dataclasses and array aliases live here; anything that *does* something does not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from numbers import Real
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from rag_embed.errors import BadInput, adapter_of, class_of
from rag_embed.filters import Filter
from rag_embed.text import storable

Vectors: TypeAlias = npt.NDArray[np.float32]
"""``(n, dim)`` float32, C-contiguous; rows have unit length unless a docstring says otherwise."""

Scores: TypeAlias = npt.NDArray[np.float32]
"""``(n,)`` float32, higher is better."""

Spans: TypeAlias = npt.NDArray[np.int64]
"""``(n, 2)`` int64 character offsets ``[start, end)`` into one text."""

Grouping: TypeAlias = Literal["chunk", "document"]

DENSE = "dense"
"""Name of an index's own space, and of the leg that compares vectors there."""

LEXICAL = "lexical"
"""Name of the leg that counts shared words."""

TOKENS = "tokens"
"""Name of the second stage that compares words by the vectors of their tokens."""


@dataclass(frozen=True, slots=True)
class Document:
    """One text with an identity.

    Attributes:
        id: Unique in an index; adding a document with a known id replaces the old one.
        text: The whole text. Offsets everywhere in rag_embed count characters of this string.
        title: Shown with hits, read by the encoders and by lexical search. May be empty.
        metadata: Values as `rag_embed.values.plain` takes them: what JSON holds, dates, UUIDs,
            decimals, enums, numpy scalars. The declared ``fields`` among them are columns.
        user: Owner. ``None`` means shared with everybody.

    Examples:
        >>> Document("guide", "Use a context manager.", title="Files").title
        'Files'
    """

    id: str
    text: str
    title: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict, hash=False)
    user: str | None = None

    def __post_init__(self) -> None:
        for name in ("id", "text", "title"):
            value = getattr(self, name)
            if not isinstance(value, str):
                raise BadInput(
                    f"Document.{name} must be a str, got {type(value).__name__}; convert it first."
                )
        if not self.id:
            raise BadInput("Document.id is empty; give every document an id that stays the same.")
        if self.user is not None and (not isinstance(self.user, str) or not self.user):
            raise BadInput("Document.user must be a non-empty str, or None for a shared document.")
        if not isinstance(self.metadata, Mapping):
            raise BadInput(
                f"Document.metadata must be a mapping, got {type(self.metadata).__name__}."
            )


@dataclass(frozen=True, slots=True)
class Chunk:
    """A contiguous part of a document: ``text == document.text[start:end]``.

    Attributes:
        id: ``"{doc_id}#{start}-{end}"``; the same part of the same document always has the same id.
        doc_id: The document it was cut from.
        text: The exact characters.
        start: Offset of the first character in the document.
        end: Offset after the last character.
        ordinal: Position among the chunks of its document, from 0.
        title: The document's title.
        headings: The headings above it, outermost first.
        metadata: The document's metadata.
        user: The document's owner, ``None`` when shared.
    """

    id: str
    doc_id: str
    text: str
    start: int
    end: int
    ordinal: int = 0
    title: str = ""
    headings: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict, hash=False)
    user: str | None = None

    @classmethod
    def of(
        cls,
        document: Document,
        start: int,
        end: int,
        *,
        ordinal: int = 0,
        headings: tuple[str, ...] = (),
    ) -> Chunk:
        """Cut ``document.text[start:end]`` and give it its deterministic id.

        Examples:
            >>> Chunk.of(Document("d", "one two"), 4, 7).text
            'two'
        """
        return cls(
            id=f"{document.id}#{start}-{end}",
            doc_id=document.id,
            text=document.text[start:end],
            start=start,
            end=end,
            ordinal=ordinal,
            title=document.title,
            headings=headings,
            metadata=document.metadata,
            user=document.user,
        )


class Cut(NamedTuple):
    """A document with its chunks, or with some of them, in reading order."""

    document: Document
    chunks: Sequence[Chunk]


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that could not become a document.

    Attributes:
        source: Path (with ``:line`` for a line of a file) or document id.
        reason: Why, in words for the user.
    """

    source: str
    reason: str


def doc_id_of(chunk_id: str) -> str:
    """The document a chunk id belongs to.

    Examples:
        >>> doc_id_of("notes#1.md#0-40")
        'notes#1.md'
    """
    return chunk_id.rpartition("#")[0]


def place_of(chunk_id: str) -> tuple[str, int]:
    """Where a chunk stands: its document, and its first character there; puts ids in reading order.

    Examples:
        >>> sorted(["b#0-5", "a#40-90", "a#5-40"], key=place_of)
        ['a#5-40', 'a#40-90', 'b#0-5']
    """
    doc_id, _, span = chunk_id.rpartition("#")
    return doc_id, int(span.partition("-")[0])


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
        min_relevance: Drop hits whose ``relevance`` is below this, in [0, 1].
        diversity: 0 ranks by score alone; up to 1 trades score for difference (MMR).
        group_by: ``"chunk"``, or ``"document"`` for at most one hit per document.
        vectors: Leg -> ``(dim,)`` query vector that this leg uses instead of encoding the text; its
            length does not matter. ``"dense"`` is the base leg; an expert over the same vectors has
            a name of its own and encodes the text. A query without text is not routed.
        previous: Earlier turns of the conversation, oldest first; read by `personal` alone. A list
            becomes a tuple.
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

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise BadInput(f"Query.text must be a str, got {type(self.text).__name__}.")
        if isinstance(self.k, bool) or not isinstance(self.k, int) or self.k < 0:
            raise BadInput(f"Query.k must be an integer >= 0, got {self.k!r}.")
        if self.where is not None and not isinstance(self.where, Filter):
            adapter = adapter_of(self.where)
            remedy = f"; convert it with {adapter}.to_filter" if adapter else ""
            raise BadInput(
                "Query.where is a filter such as field('year') >= 2020, "
                f"got {class_of(self.where)}{remedy}."
            )
        if self.user is not None and not _can_own(self.user):
            raise BadInput(
                f"Query.user must be None, or a non-empty str without half a surrogate pair, got {self.user!r}."
            )
        for name in ("min_relevance", "diversity"):
            value = getattr(self, name)
            if not isinstance(value, Real) or not 0.0 <= float(value) <= 1.0:
                raise BadInput(f"Query.{name} must be between 0 and 1, got {value!r}.")
        if not isinstance(self.vectors, Mapping):
            raise BadInput(
                f"Query.vectors maps names of legs to vectors, got {type(self.vectors).__name__}."
            )
        turns = self.previous
        if not isinstance(turns, list | tuple) or not all(isinstance(one, str) for one in turns):
            raise BadInput(f"Query.previous is a list or tuple of str, got {turns!r}.")
        object.__setattr__(self, "text", storable(self.text))
        object.__setattr__(self, "previous", tuple(map(storable, turns)))
        if self.group_by not in get_args(Grouping):
            raise BadInput(
                f"Query.group_by must be one of {get_args(Grouping)}, got {self.group_by!r}."
            )


def _can_own(user: object) -> bool:
    """Whether this can be the name of an owner as it is: one that had to be altered could be another's."""
    return isinstance(user, str) and bool(user) and storable(user) == user


@dataclass(frozen=True, slots=True)
class Part:
    """What one leg said about one hit.

    Attributes:
        leg: Name of the leg, for example ``"dense"`` or ``"lexical"``.
        raw: Its own score (cosine, BM25).
        normalised: The score on the common scale of the fusion.
        weight: The weight the fusion gave this leg for this query.
    """

    leg: str
    raw: float
    normalised: float
    weight: float

    @property
    def contribution(self) -> float:
        """Share of the fused score: ``weight * normalised``."""
        return self.weight * self.normalised

    @property
    def explained(self) -> dict[str, str | float]:
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
        siblings: With ``group_by="document"``: further chunks of the document that were found.
        route: What the router decided for the query; None where it was not routed.
    """

    chunk: Chunk
    score: float
    relevance: float
    parts: tuple[Part, ...] = ()
    siblings: tuple[Chunk, ...] = ()
    route: Route | None = None

    @property
    def text(self) -> str:
        """The chunk's text."""
        return self.chunk.text

    @property
    def id(self) -> str:
        """The chunk's id."""
        return self.chunk.id


@dataclass(frozen=True, slots=True, eq=False)
class TokenRows:
    """The token vectors of one text, special tokens and prompt left out.

    Attributes:
        ids: ``(n,)`` int32 entries of the model's vocabulary.
        rows: ``(n, dim)`` float32 of length 1.
        spans: ``(n, 2)`` int64 characters of the text.
        norms: ``(n,)`` float32 lengths that the model gave them, which a mean over tokens weighs
            them by; None where it gives all the same.
    """

    ids: npt.NDArray[np.int32]
    rows: Vectors
    spans: Spans
    norms: Scores | None = None

    @classmethod
    def joined(cls, parts: Sequence[TokenRows]) -> TokenRows:
        """The tokens of all parts of a text, in order; one part at least."""
        lengths = [part.norms for part in parts if part.norms is not None]
        return cls(
            np.concatenate([part.ids for part in parts]),
            np.concatenate([part.rows for part in parts]),
            np.concatenate([part.spans for part in parts]),
            np.concatenate(lengths) if lengths else None,
        )


@dataclass(frozen=True, slots=True, eq=False)
class TokenBits:
    """What is kept of the token vectors of one chunk.

    Attributes:
        ids: ``(n,)`` int32 entries of the model's vocabulary.
        bits: ``(n, ceil(dim / 8))`` uint8, see `maths.maxsim.sign_bits`.
    """

    ids: npt.NDArray[np.int32]
    bits: npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class ChunkRows:
    """Chunks, and what was computed for each of them: what a store writes.

    Attributes:
        chunks: The chunks.
        vectors: Space -> one row per chunk.
        tokens: Space -> one entry per chunk, for the spaces that keep tokens.
        lexical: What lexical search reads of each chunk; None for its title, headings and text.
    """

    chunks: Sequence[Chunk]
    vectors: Mapping[str, Vectors]
    tokens: Mapping[str, Sequence[TokenBits]] = field(default_factory=dict)
    lexical: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Signature:
    """Identity of a vector space. Vectors of two signatures must never be compared.

    Attributes:
        model: Name or path the model was loaded by.
        weights: Hash of the weights (hex), or a version tag for encoders without weights.
        dim: Length of a vector.
        max_tokens: Tokens the encoder reads; longer texts are cut there.
        pooling: How token vectors become one vector, for example ``"mean"``.
        query_prompt: Text put before every query.
        document_prompt: Text put before every document.
        chunks: How a chunk is put to the encoder, for example ``"titled"``.
        tokens: What is kept of the token vectors, for example ``"sign bits"``; empty for nothing.
        alike: Fingerprint of another space that gives short texts the same vectors: that of the
            model that was extended, or is read in windows; empty for none.
    """

    model: str
    weights: str
    dim: int
    max_tokens: int
    pooling: str = "mean"
    query_prompt: str = ""
    document_prompt: str = ""
    chunks: str = ""
    tokens: str = ""
    alike: str = ""

    @property
    def fingerprint(self) -> str:
        """What measurements go by: spaces with one fingerprint give short texts the same vectors."""
        own = (self.weights, self.dim, self.pooling, self.query_prompt, self.document_prompt)
        return self.alike or "/".join(map(str, own))

    def difference(self, other: Signature) -> dict[str, tuple[Any, Any]]:
        """Where two spaces differ in what decides; ``model`` may change its path, not its weights.

        Examples:
            >>> a = Signature("m", "v1", 8, 256)
            >>> a.difference(Signature("m", "v2", 8, 256))
            {'weights': ('v1', 'v2')}
        """
        mine, theirs = asdict(self), asdict(other)
        return {
            name: (mine[name], theirs[name])
            for name in mine
            if name not in ("model", "alike") and mine[name] != theirs[name]
        }


@dataclass(frozen=True, slots=True)
class Progress:
    """How far something that takes long is.

    Attributes:
        done: Documents, chunks, queries or steps that are done.
        total: How many there are; None where nobody knows.
        stage: What is being done, such as the name of the system that is measured.
        chunks: Chunks written, where documents are counted.
        score: Best score so far, where something is trained.
    """

    done: int
    total: int | None = None
    stage: str = ""
    chunks: int = 0
    score: float | None = None


OnProgress: TypeAlias = Callable[[Progress], None]
"""Called now and then by what takes long: adding, encoding again, measuring, fitting, training."""
