"""`probe`: which method reads far with this model? Measured on generated documents."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from sentence_transformers import SentenceTransformer

from rag_embed.encoders.positions.applied import applied
from rag_embed.encoders.positions.architecture import Architecture
from rag_embed.encoders.positions.extension import Extension, Method, Scaling
from rag_embed.encoders.sentence import SentenceEncoder
from rag_embed.errors import BadInput, MissingExtra
from rag_embed.longcontext.haystacks import Haystack, needles, passkeys

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_CANDIDATES: dict[str, tuple[Method, ...]] = {
    "absolute": ("recurrent", "grouped", "interpolated"),
    "rotary": ("dynamic", "self-extend", "interpolated", "ntk"),
}
_AS_IT_IS = "cut off"
_PASSKEYS, _NEEDLES = 3, 2
"""Facts in a document: one forward pass answers several questions."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One way of reading, at one length.

    Attributes:
        method: A `Method`, or ``"cut off"`` for the model as it is.
        tokens: Length of the documents.
        passkey: Share of questions whose document is the nearest, among as many as there are.
        needle: The same with another kind of text.
        seconds: Per document.
    """

    method: str
    tokens: int
    passkey: float
    needle: float
    seconds: float

    @property
    def accuracy(self) -> float:
        """Mean of both."""
        return (self.passkey + self.needle) / 2


@dataclass(frozen=True, slots=True)
class Probe:
    """Results of `probe`; ``print(found)`` shows a table.

    Attributes:
        rows: By method, then by length.
        documents: Documents of each length and kind, among which the right one had to be found.
    """

    rows: tuple[Measured, ...]
    documents: int

    @property
    def best(self) -> Method:
        """The method with the highest accuracy over all lengths; the simpler one of two equals."""
        names = [name for name in self._names() if name != _AS_IT_IS]
        return cast(Method, max(names, key=lambda name: round(self.accuracy(name), 6)))

    def accuracy(self, method: str) -> float:
        """Mean over lengths and kinds."""
        return float(np.mean([row.accuracy for row in self.rows if row.method == method]))

    def __str__(self) -> str:
        lengths = sorted({row.tokens for row in self.rows})
        head = f"{'':14}" + "".join(f"{length:>22}" for length in lengths) + f"{'mean':>8}"
        lines = [f"Acc@1 pass key / needle (seconds a document), {self.documents} documents", head]
        for name in self._names():
            cells = [
                f"{row.passkey:.2f} / {row.needle:.2f} ({row.seconds:.2f})"
                for row in self.rows
                if row.method == name
            ]
            mark = " <- best" if name == self.best else ""
            cells_ = "".join(f"{cell:>22}" for cell in cells)
            lines.append(f"{name:14}{cells_}{self.accuracy(name):>8.2f}{mark}")
        return "\n".join(lines)

    def figure(self) -> Figure:
        """Accuracy against length, a line per method.

        Raises:
            MissingExtra: matplotlib is not installed.
        """
        try:
            from matplotlib.figure import Figure
        except ImportError:
            raise MissingExtra("matplotlib", "plots", "The plot of a probe") from None
        figure = Figure(figsize=(7, 4), layout="constrained")
        axes = figure.add_subplot()
        for name, marker in zip(self._names(), "xosDv^P*", strict=False):
            rows = [row for row in self.rows if row.method == name]
            lengths = [row.tokens for row in rows]
            axes.plot(lengths, [row.accuracy for row in rows], marker=marker, label=name)
        axes.axhline(1 / self.documents, color="#d9dee4", label="chance")
        axes.set_xscale("log", base=2)
        lengths = sorted({row.tokens for row in self.rows})
        axes.set_xticks(lengths, [str(length) for length in lengths])
        axes.set_ylim(0, 1.03)
        axes.set_xlabel("tokens")
        axes.set_ylabel("right document first (mean of pass key and needle)")
        axes.legend(frameon=False)
        return figure

    def _names(self) -> list[str]:
        return list(dict.fromkeys(row.method for row in self.rows))


def probe(
    model: SentenceTransformer,
    max_tokens: int,
    methods: Sequence[Method] | None = None,
    *,
    scaling: Scaling = "none",
    trained_tokens: int | None = None,
    lengths: Sequence[int] | None = None,
    documents: int = 8,
    seed: int = 0,
) -> Probe:
    """Hide facts in documents of several lengths and see which method finds them again.

    It measures whether a vector still knows what stands somewhere in a long text, which real texts
    ask for less than these do. With 8 documents a difference below .1 means nothing.

    Args:
        model: As it is, not extended.
        max_tokens: What it is to read.
        methods: To compare; by default those that leave short texts unchanged, and ``ntk``.
        scaling: As of `extend`.
        trained_tokens: As of `extend`.
        lengths: Tokens of the documents; by default twice the trained length, four times, and so
            on up to ``max_tokens``.
        documents: Of each length and kind, 2 to 8.
        seed: Of the documents.

    Raises:
        BadInput: An argument does not fit.
        UnsupportedModel: The model cannot be extended.
    """
    if not 2 <= documents <= 8:
        raise BadInput(f"documents must be between 2 and 8, got {documents}.")
    architecture = Architecture.of(model)
    trained = trained_tokens or architecture.trained
    chosen = _CANDIDATES[architecture.kind] if methods is None else methods
    if not chosen:
        raise BadInput("There is no method to compare.")
    sizes = _doubled(trained, max_tokens) if lengths is None else sorted(lengths)
    ways: dict[str, SentenceTransformer] = {_AS_IT_IS: model}
    for method in chosen:
        ways[method] = applied(model, Extension(method, max_tokens, trained, scaling))
    rows = []
    for name, one in ways.items():
        encoder = SentenceEncoder.wrap(one)
        for size in sizes:
            keys = passkeys(size, documents, _PASSKEYS, seed)
            facts = needles(size, documents, _NEEDLES, seed)
            began = time.perf_counter()
            found = [_accuracy(encoder, some) for some in (keys, facts)]
            seconds = (time.perf_counter() - began) / (2 * documents)
            rows.append(Measured(name, size, found[0], found[1], seconds))
    return Probe(tuple(rows), documents)


def _doubled(trained: int, max_tokens: int) -> list[int]:
    sizes = []
    size = 2 * trained
    while size < max_tokens:
        sizes.append(size)
        size *= 2
    return [*sizes, max_tokens]


def _accuracy(encoder: SentenceEncoder, stacks: Sequence[Haystack]) -> float:
    rows = encoder.encode_document([one.text for one in stacks])
    asked = [(question, i) for i, one in enumerate(stacks) for question, _ in one.questions]
    queries = encoder.encode_query([question for question, _ in asked])
    nearest = (queries @ rows.T).argmax(axis=1)
    return float(np.mean(nearest == np.array([i for _, i in asked])))
