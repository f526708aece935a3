"""Ways to situate chunks by name: ``titled+0.25*mean(titled)+0.5*late(256,64)``.

A name is what `Signature.chunks` of the space says, so that an index can be opened by it::

    name = term {"+" weight "*" term}
    term = "isolated" | "titled" | "titled(path)" | "mean(" name ")" | "heading(" name ")"
         | "headed(" name "," weight ")"
         | "late" ["(" window "," overlap [",titled"] ")"] | "late(titled)"
         | "described:summary(" sentences ")" | "summary" | "(" name ")"

Spaces are free; ``summary`` is short for ``described:summary(2)``. Sums are made from the left, as
`Residual` nests.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar, cast

from rag_embed.errors import BadInput
from rag_embed.protocols import Encoder, TokenEncoder, TokenSpace
from rag_embed.situated.derived import DocumentMean, Headed, Heading
from rag_embed.situated.described import Described
from rag_embed.situated.late import Late
from rag_embed.situated.residual import Residual
from rag_embed.situated.search_only import SearchOnly
from rag_embed.situated.summary import summary
from rag_embed.situated.titled import Isolated, Titled

T = TypeVar("T")

STANDARD = "titled+0.25*heading(titled)"
"""Title, headings and text, and the vector of title and headings once more: one pass. Of the weights
that were tried 0.375 is a little better on average, 0.25 where chunks speak for themselves."""

FULL = "titled+0.25*heading(titled)+0.25*late(titled)"
"""With the passage around it too, at two and a half times the price."""


_TOKEN = re.compile(r"\s*([a-z]+(?::[a-z]+)?|\d+(?:\.\d+)?(?:e[+-]?\d+)?|[-+*(),])")
_EXAMPLES = "'isolated', 'titled', 'titled+0.5*late' or 'titled+0.25*mean(titled)'"


def situated(name: str, encoder: Encoder) -> TokenSpace:
    """The chunk encoder of a name.

    Args:
        name: See the module; what `Signature.chunks` says of any space that needs no more than a
            name.
        encoder: Encodes the texts; token vectors are needed for ``late``.

    Raises:
        BadInput: The name means nothing, or the encoder cannot do what it says.

    Examples:
        >>> from rag_embed.encoders import HashEncoder
        >>> space = situated("titled + 0.25 * mean(titled)", HashEncoder())
        >>> space.signature.chunks
        'titled+0.25*mean(titled)'
    """
    return _Reader(name, encoder).all()


def stored(name: str, encoder: Encoder) -> TokenSpace:
    """The chunk encoder of an index that says so of itself; it can at least search.

    Args:
        name: `Signature.chunks` of the index.
        encoder: Its encoder.
    """
    try:
        return situated(name, encoder)
    except BadInput:  # somebody else's way: whoever knows it must be given to add documents
        return SearchOnly(encoder, name)


class _Reader:
    """Reads one name from left to right."""

    def __init__(self, name: str, encoder: Encoder) -> None:
        self.name = name
        self.encoder = encoder
        self.left = _TOKEN.findall(name)
        if "".join(name.split()) != "".join(self.left):
            raise self.wrong()

    def wrong(self) -> BadInput:
        return BadInput(f"{self.name!r} names no way to situate chunks; try {_EXAMPLES}.")

    def next(self, expected: str | None = None) -> str:
        token: str = self.left.pop(0) if self.left else ""
        if not token or (expected is not None and token != expected):
            raise self.wrong()
        return token

    def follows(self, token: str) -> bool:
        return self.left[:1] == [token]

    def number(self) -> float:
        token = self.next()
        if not token[0].isdecimal():
            raise self.wrong()
        return float(token)

    def weight(self) -> float:
        self.next(",")
        return self.number()

    def whole(self) -> int:
        token = self.next()
        if not token.isdecimal():
            raise self.wrong()
        return int(token)

    def all(self) -> TokenSpace:
        space = self.sum()
        if self.left:
            raise self.wrong()
        return space

    def sum(self) -> TokenSpace:
        space: TokenSpace = self.term()
        while self.follows("+"):
            self.next()
            weight = self.number()
            self.next("*")
            space = Residual(space, self.term(), weight)
        return space

    def term(self) -> TokenSpace:
        token = self.next()
        if token == "isolated":
            return Isolated(self.encoder)
        if token == "titled":
            return self.titled()
        if token == "late":
            return self.late()
        if token == "mean":
            return DocumentMean(self.within(self.sum))
        if token == "heading":
            return Heading(self.within(self.sum))
        if token == "headed":
            return self.within(lambda: Headed(self.sum(), self.weight()))
        if token == "described:summary":
            return self.summary(self.within(self.whole))
        if token == "summary":
            return self.summary(2)
        if token == "(":
            space = self.sum()
            self.next(")")
            return space
        raise self.wrong()

    def within(self, read: Callable[[], T]) -> T:
        self.next("(")
        found = read()
        self.next(")")
        return found

    def summary(self, sentences: int) -> TokenSpace:
        return Described(self.encoder, summary(sentences), f"summary({sentences})", repeatable=True)

    def titled(self) -> TokenSpace:
        if not self.follows("("):
            return Titled(self.encoder)
        self.within(lambda: self.next("path"))
        return Titled(self.encoder, path=True)

    def late(self) -> TokenSpace:
        encoder = cast(TokenEncoder, self.encoder)  # Late checks it
        if not self.follows("("):
            return Late(encoder)
        self.next()
        if self.follows("titled"):
            self.next()
            self.next(")")
            return Late(encoder, titled=True)
        window = self.whole()
        self.next(",")
        overlap = self.whole()
        titled = self.follows(",")
        if titled:
            self.next()
            self.next("titled")
        self.next(")")
        return Late(encoder, window, overlap, titled)
