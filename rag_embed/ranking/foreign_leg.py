"""A leg that asks a retriever of another library: what it finds is looked up among the chunks here.

Such a retriever knows neither our ids nor owners, filters or versions. Each find is matched by the first of
these that holds, and none of them guesses:

1. its id is the id of a chunk;
2. one of its documents is a document here: of this the chunks that the found text covers, in part or as a
   whole; all of them where the text does not stand in the document, as with a summary;
3. its text stands word for word in a document here: the chunks that it covers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from rag_embed.errors import BadInput
from rag_embed.filters import Filter, field
from rag_embed.protocols import View
from rag_embed.ranking.retriever_leg import Listed, ListedAnswers
from rag_embed.types import ANYONE, Anyone, Chunk, Document, Principal, Query, doc_id_of, span_of

_NEAR = 20
"""Chunks whose documents are looked into for a text that comes without a known id."""

_READ = 1000
"""Characters of such a text that the lexical search reads."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a retriever of another library found.

    Attributes:
        text: The passage, or the whole document.
        id: What may be the id of a chunk.
        documents: What may be ids of its document, the likeliest first.
        score: Higher is better; None where the retriever gives none.
    """

    text: str
    id: str = ""
    documents: tuple[str, ...] = ()
    score: float | None = None


Find: TypeAlias = Callable[[Sequence[str]], Sequence[Sequence[Found]]]
"""From the texts of queries to what is found for each, best first."""


@dataclass(frozen=True, slots=True)
class ForeignLeg:
    """A retriever of another library as a source of evidence; the adapters make one: ``as_leg``.

    What the query may not see, by whose it is or filter, is left out after it was found: let the retriever find
    more than you want, some fifty. Its scores count where it gives each hit one and none rises from hit to
    hit; else its order does. On the common scale its best hit is 1, and what it did not find 0. A find that
    covers several chunks counts for each. A query without text is not put to it.

    Attributes:
        name: Shown in explanations, and the key of its weight.
        find: Asks the retriever.
        lenient: Leave out what cannot be matched instead of raising `BadInput`: where the retriever may
            hold what the index has no more.

    Examples:
        >>> from rag_embed import Document, Index
        >>> from rag_embed.encoders import HashEncoder
        >>> index = Index.in_memory(encoder=HashEncoder())
        >>> index.add([Document("a", "A red fox."), Document("b", "A blue fox.")]).added
        2
        >>> leg = ForeignLeg("blue", lambda texts: [[Found("A blue fox.")] for _ in texts])
        >>> index.experts.attach_leg(leg).kind
        'attached'
        >>> index.experts.weigh({"dense": 0.1, "lexical": 0.1, "blue": 0.8})
        >>> index.search("fox", k=1)[0].id
        'b#0-11'
    """

    name: str
    find: Find
    lenient: bool = False

    def ask(self, view: View, queries: Sequence[Query], /) -> ListedAnswers:
        """See `protocols.Leg`; what is found is found once, and matched once the filters are known.

        Raises:
            BadInput: Something cannot be matched, or there is not one list of finds per query.
        """
        said = [i for i, query in enumerate(queries) if query.text.strip()]
        found = self.find([queries[i].text for i in said]) if said else []
        if len(found) != len(said):
            raise BadInput(
                f"The retriever of the leg {self.name!r} must give one list of finds per query, "
                f"{len(said)} in all; got {len(found)}."
            )
        finds = dict(zip(said, found, strict=True))
        listed: dict[int, Listed] = {}

        def asking(where: Sequence[Filter | None], n: int) -> Sequence[Listed]:
            for i, one in enumerate(where):
                if i not in listed:
                    listed[i] = self._listed(view, queries[i].principal, one, finds.get(i, ()))
            return [listed[i] for i in range(len(where))]

        return ListedAnswers(view, asking)

    def _listed(
        self, view: View, whom: Principal, where: Filter | None, found: Sequence[Found]
    ) -> Listed:
        matched = _matched(view, whom, where, found)
        if not self.lenient:
            self._check_known(view, [one for one in matched if not matched[one]])
        return [(matched[one], one.score) for one in found]

    def _check_known(self, view: View, unmatched: Sequence[Found]) -> None:
        """What nobody has is told of; what the query may not see is not."""
        anywhere = _matched(view, ANYONE, None, unmatched)
        for one in (one for one in unmatched if not anywhere[one]):
            names = ", ".join(map(repr, dict.fromkeys(filter(None, (one.id, *one.documents)))))
            raise BadInput(
                f"The retriever of the leg {self.name!r} found a text of {len(one.text)} characters that "
                f"is nowhere in this index, by id ({names or 'it has none'}) or word for word. Let it "
                "search the documents that the index holds, or make the leg with lenient=True, which "
                "leaves such finds out."
            )


def _sees(whom: Principal | Anyone, one: Document | Chunk) -> bool:
    return isinstance(whom, Anyone) or whom.sees(one.audience)


def _matched(
    view: View, whom: Principal | Anyone, where: Filter | None, found: Sequence[Found]
) -> dict[Found, Sequence[str]]:
    """Ids of the chunks of each find, as if what may not be read were not there; none where it is not known."""
    distinct = list(dict.fromkeys(found))
    some = view.chunks([one.id for one in distinct if "#" in one.id])
    exact = {one.id for one in some if _sees(whom, one)}
    texts = _Texts.of(view, whom, [name for one in distinct for name in one.documents])
    matched: dict[Found, Sequence[str]] = {}
    for one in distinct:
        own = next((name for name in one.documents if name in texts.documents), None)
        if one.id in exact:
            matched[one] = [one.id]
        elif own is not None:
            matched[one] = texts.covered(own, one.text) or texts.chunks.get(own, [])
    rest = [one for one in distinct if one not in matched]
    return matched | _standing(view, whom, where, rest)


def _standing(
    view: View, whom: Principal | Anyone, where: Filter | None, found: Sequence[Found]
) -> dict[Found, Sequence[str]]:
    """What each covers in those documents where it stands, of those that share most words with it."""
    if not found:
        return {}
    heads = [one.text.strip()[:_READ] for one in found]
    near = [
        list(dict.fromkeys(map(doc_id_of, ids))) for ids, _ in view.lexical(heads, _NEAR, where)
    ]
    texts = _Texts.of(view, whom, [id for ids in near for id in ids])
    return {
        one: [chunk for id in ids for chunk in texts.covered(id, one.text)]
        for one, ids in zip(found, near, strict=True)
    }


@dataclass(frozen=True, slots=True)
class _Texts:
    """Documents of a version with the ids of their chunks, in reading order."""

    documents: Mapping[str, str]
    chunks: Mapping[str, list[str]]

    @classmethod
    def of(cls, view: View, whom: Principal | Anyone, ids: Sequence[str]) -> _Texts:
        """Those that exist and that may be read."""
        known = view.documents(list(dict.fromkeys(ids)))
        documents = {one.id: one.text for one in known if _sees(whom, one)}
        chunks: dict[str, list[str]] = {}
        if documents:
            for id in view.passing(field("doc_id").is_in(list(documents))):
                chunks.setdefault(doc_id_of(id), []).append(id)
        return cls(documents, chunks)

    def covered(self, document: str, text: str) -> list[str]:
        """The chunks that share characters with the first place of a text in a document."""
        sought = text.strip()
        start = self.documents.get(document, "").find(sought) if sought else -1
        end = start + len(sought)
        if start < 0:
            return []
        spans = {id: span_of(id) for id in self.chunks.get(document, ())}
        return [id for id, span in spans.items() if span[0] < end and start < span[1]]
