"""The late part turned by a small linear map, trained in seconds: does it help where it has not been?

    python benchmarks/situated_map.py --data DATA [--work DIR]

``unit(own + weight * unit(late + late @ down @ up))``: vectors are encoded once, only the map is trained, so
that every query meets every chunk. Half of the softmax is over the chunks of the right one's document
(what tells them apart is not forgotten), half over all chunks; a pull keeps the late part near what it was.
Trained on ``squad_train``, the documentation of Python's standard library and its language reference
with sentences cut out of them; rank, pull and steps are chosen on documents that training has not seen, and
so is the weight, for the late part as it is too. Measured on other sets.
"""

from __future__ import annotations

import argparse
import itertools
import random
from dataclasses import dataclass
from pathlib import Path
from pydoc_data.topics import topics

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.table import Table
from situated_sets import Measure, read_case
from training import standard_library

from rag_embed import Document, encoders
from rag_embed.chunking import TokenSplitter
from rag_embed.maths.metrics import ndcg
from rag_embed.maths.resampling import stratified_paired_bootstrap
from rag_embed.maths.vectors import unit
from rag_embed.protocols import Encoder
from rag_embed.situated.expressions import STANDARD, situated
from rag_embed.training.clozed import clozed
from rag_embed.training.losses import insent_loss
from rag_embed.training.pairs import Pair
from rag_embed.training.sources import read_chunk_set
from rag_embed.types import Cut, Vectors

UNSEEN = ["policyqa_ctx", "squad_ctx", "anthropic_docs"]
LATE = "late(titled)"
WEIGHTS = (0.125, 0.25, 0.375, 0.5, 0.75, 1.0)
RANKS, PULLS = (16, 64), (0.1, 1.0)
STEPS, EVERY, BATCH = 240, 20, 256
PARTS = 10
"""Chunks of a topic of the language reference."""


@dataclass(frozen=True)
class Side:
    """Documents with their queries; every query looks among all of these chunks.

    Attributes:
        own: ``(chunks, dim)`` the standard.
        late: ``(chunks, dim)`` what is added to it.
        document: ``(chunks,)`` which document a chunk is of.
        queries: ``(queries, dim)``.
        right: ``(queries,)`` the chunk that answers.
    """

    own: Vectors
    late: Vectors
    document: npt.NDArray[np.intp]
    queries: Vectors
    right: npt.NDArray[np.intp]

    def scores(self, late: Vectors, weight: float) -> npt.NDArray[np.float64]:
        """nDCG@10 of each query."""
        rows = unit(self.own + np.float32(weight) * late)
        found = np.argsort(-(self.queries @ rows.T), axis=1, kind="stable")[:, :10]
        ranked = zip(found.tolist(), self.right.tolist(), strict=True)
        return np.array([ndcg([str(i) for i in some], {str(at): 1}, 10) for some, at in ranked])

    def best_weight(self, late: Vectors) -> tuple[float, float]:
        """The best of `WEIGHTS`, and its nDCG@10."""
        values = {weight: float(self.scores(late, weight).mean()) for weight in WEIGHTS}
        best = max(values, key=lambda weight: values[weight])
        return best, values[best]


def language_reference(encoder: Encoder) -> list[Cut]:
    """A document per topic of the language reference."""
    splitter = TokenSplitter(encoder, 160, 0)
    cuts = []
    for name, text in sorted(topics.items()):
        document = Document(f"topic {name}", text, title=text.strip().split("\n", 1)[0])
        chunks = splitter.split(document)[:PARTS]
        if len(chunks) >= 4:
            text = text[: chunks[-1].end]
            cuts.append(Cut(Document(document.id, text, document.title), chunks))
    return cuts


def read(data: Path, work: Path, encoder: Encoder) -> tuple[Side, Side]:
    """What is trained on, and what settings are chosen on."""
    cuts, pairs = read_chunk_set(data / "squad_train")
    cuts = [one for one in cuts if one.document.title != "Miscellaneous"]
    known = {document.id for document, _ in cuts}
    pairs = [pair for pair in pairs if known.issuperset(pair.documents)]
    random.Random(0).shuffle(pairs)
    cut, more = clozed([*standard_library(), *language_reference(encoder)], 1500)
    cuts, pairs = [*cuts, *cut], [*pairs[:1500], *more]
    chunks = [chunk for _, some in cuts for chunk in some]
    file = work / "situated-map.npz"
    if not file.exists():
        np.savez(
            file,
            own=situated(STANDARD, encoder).encode_chunks(cuts),
            late=situated(LATE, encoder).encode_chunks(cuts),
            queries=encoder.encode_query([pair.query for pair in pairs]),
        )
    rows = np.load(file)
    names = sorted({chunk.doc_id for chunk in chunks})
    random.Random(1).shuffle(names)
    chosen_on = set(names[: len(names) // 4])
    sides = []
    for mine in (set(names) - chosen_on, chosen_on):
        at = [i for i, chunk in enumerate(chunks) if chunk.doc_id in mine]
        asked = [i for i, pair in enumerate(pairs) if pair.documents[0] in mine]
        sides.append(_side(rows, at, asked, pairs, [chunk.id for chunk in chunks]))
    return sides[0], sides[1]


def _side(
    rows: dict[str, Vectors], at: list[int], asked: list[int], pairs: list[Pair], ids: list[str]
) -> Side:
    place = {ids[i]: n for n, i in enumerate(at)}
    documents = [ids[i].rsplit("#", 1)[0] for i in at]
    return Side(
        rows["own"][at],
        rows["late"][at],
        np.unique(documents, return_inverse=True)[1],
        rows["queries"][asked],
        np.array([place[pairs[i].chunks[0]] for i in asked]),
    )


class Map(torch.nn.Module):
    """``unit(late + late @ down @ up)``; the late part as it is at first."""

    def __init__(self, dim: int, rank: int) -> None:
        super().__init__()
        self.down = torch.nn.Parameter(torch.randn(dim, rank) / dim**0.5)
        self.up = torch.nn.Parameter(torch.zeros(rank, dim))

    def forward(self, late: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.normalize(late + late @ self.down @ self.up, dim=1)

    def rows(self, late: Vectors) -> Vectors:
        with torch.inference_mode():
            return np.ascontiguousarray(self(torch.from_numpy(late)).numpy())


def trained(side: Side, chosen_on: Side, rank: int, pull: float) -> tuple[float, float, Map, int]:
    """The best state: nDCG@10 on the second side, the weight there, the map, the step."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    one = Map(side.own.shape[1], rank)
    optimizer = torch.optim.AdamW(one.parameters(), lr=2e-3, weight_decay=0.01)
    own, late = torch.from_numpy(side.own), torch.from_numpy(side.late)
    weight, value = chosen_on.best_weight(chosen_on.late)
    best, kept = (value, weight, 0), {k: v.clone() for k, v in one.state_dict().items()}
    for step in range(1, STEPS + 1):
        asked = rng.choice(len(side.queries), min(BATCH, len(side.queries)), replace=False)
        turned = one(late)
        rows = torch.nn.functional.normalize(own + weight * turned, dim=1)
        scores = torch.from_numpy(side.queries[asked]) @ rows.T
        right = side.right[asked]
        marks = torch.from_numpy(np.arange(len(own))[None] == right[:, None])
        same = torch.from_numpy(side.document[None] == side.document[right][:, None])
        loss = insent_loss(scores, marks, same, weight=0.5, temperature=0.05).mean()
        loss = loss + pull * (1 - (turned * late).sum(dim=1)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % EVERY == 0:
            found, value = chosen_on.best_weight(one.rows(chosen_on.late))
            if value > best[0]:
                best = value, found, step
                kept = {k: v.clone() for k, v in one.state_dict().items()}
    one.load_state_dict(kept)
    return best[0], best[1], one, best[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path("results/situated"))
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    console = Console(width=130)
    encoder = encoders.load()
    side, chosen_on = read(arguments.data, arguments.work, encoder)
    console.print(
        f"{len(side.queries)} queries to learn, {len(chosen_on.queries)} to choose; "
        f"there without a late part {chosen_on.scores(chosen_on.late, 0.0).mean():.4f}"
    )
    plain, value = chosen_on.best_weight(chosen_on.late)
    console.print(f"late part as it is: weight {plain:g}, {value:.4f}")
    tried = []
    for rank, pull in itertools.product(RANKS, PULLS):
        tried.append(trained(side, chosen_on, rank, pull))
        value, weight, _, step = tried[-1]
        console.print(f"rank {rank}, pull {pull:g}: step {step}, weight {weight:g}, {value:.4f}")
    _, ours, best, _ = max(tried, key=lambda one: one[0])
    table = Table("set", STANDARD, "late as it is", "late trained", "gain of training", "of both")
    gains: list[list[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]] = [[], []]
    for name in UNSEEN:
        one = Measure(read_case(arguments.data, name), encoder, arguments.work)
        space = one.space(STANDARD)
        own, late = one.rows(space), one.rows(one.space(LATE))
        ways = [own, unit(own + plain * late), unit(own + ours * best.rows(late))]
        scores = [one.ranked(space, rows.astype(np.float32), False).ndcg for rows in ways]
        for kept, other in zip(gains, (scores[1], scores[0]), strict=True):
            kept.append((scores[2], other))
        shown = [stratified_paired_bootstrap(some[-1:]) for some in gains]
        table.add_row(
            name,
            *(f"{some.mean():.4f}" for some in scores),
            *(f"{g.value:+.4f} ({g.low:+.4f} to {g.high:+.4f})" for g in shown),
        )
    shown = [stratified_paired_bootstrap(some) for some in gains]
    table.add_row(
        "average", "", "", "", *(f"{g.value:+.4f} ({g.low:+.4f} to {g.high:+.4f})" for g in shown)
    )
    console.print(table)


if __name__ == "__main__":
    main()
