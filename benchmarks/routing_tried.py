"""What else could choose the weights of a query, and how much there is to gain from weights at all.

    python benchmarks/routing_tried.py --data DATA --work DIR [--sets ...] [--out results/routing_tried.json]

Each set has the index that ``routing.py`` makes in ``--work``; what its legs say about every query is
asked once and kept there. Settings are compared *inside the training halves*, on three folds that share no
answering document; the other halves are shown beside. All by nDCG@10 less the default mixture:

- *soft*: the library's Newton step, its settings
- *own mixture*: the best of 54 fixed mixtures for the set, chosen on the training side of the same set; what
  a router that always knew the set would reach
- *sure*: of the 54 the one with the highest gain on the nearest 300 pilots, after its standard error is
  taken off; the default where none is above 0. *sure, smooth*: the same, a tenth of the listwise loss
  added to a pilot's gain, and the eight best averaged
- *sure, shapes*: the same, pilots are near by their vectors and by the shape of their scores too (best z,
  its lead over the tenth, how flat BM25 falls, overlap of the legs, token evidence)
- *instance oracle*: the best of the 54 for each query
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from quality import SETS
from rich.console import Console
from rich.table import Table
from routing import indexed, paged

from rag_embed import Query
from rag_embed import evaluation as ev
from rag_embed.evaluation.collection import answers, halves
from rag_embed.maths.resampling import stratified_paired_bootstrap
from rag_embed.maths.routing import listwise, mixed, nearest
from rag_embed.ranking.hybrid import DEPTH
from rag_embed.ranking.weights import WEIGHTS
from rag_embed.routing.pilots import SHARPNESS
from rag_embed.routing.router import Soft
from rag_embed.tuning.candidates import Candidates, gathered
from rag_embed.types import doc_id_of

Array = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]

LEGS = ("dense", "lexical", "tokens")
START = np.array([WEIGHTS[leg] for leg in LEGS])
GRID = np.array(
    [
        (round(1 - share, 1), round(share, 1), tokens)
        for share in np.arange(0.1, 0.95, 0.1)
        for tokens in (0, 0.0625, 0.125, 0.25, 0.4, 0.6)
    ]
)
DISCOUNT = 1 / np.log2(np.arange(2, 12))
FOLDS = 3


@dataclass(frozen=True, eq=False)
class Asked:
    """One query: what the legs say about its candidates, in the order of their ids."""

    vector: Array
    scores: Array
    document: Places
    grade: Array
    ideal: float

    def ranked(self, weights: Array) -> Places:
        """As `Candidates.ranked`."""
        total = np.round(weights[:2] @ self.scores[:2], 5)
        order = np.argsort(-total, kind="stable")
        first = order[:DEPTH]
        late = np.round(total[first] + weights[2] * self.scores[2, first], 5)
        # Ties of token evidence are broken by id, which is the position here.
        return np.concatenate([first[np.lexsort((first, -late))], order[DEPTH:]])

    def ndcg(self, weights: Array) -> float:
        order = self.ranked(weights)
        _, first = np.unique(self.document[order], return_index=True)
        gains = self.grade[order[np.sort(first)[:10]]]
        return float(gains @ DISCOUNT[: len(gains)] / self.ideal)

    def listed(self) -> tuple[Array, Array]:
        """The best documents by the default, each at its best chunk: scores by leg, grades."""
        order = self.ranked(START)[:DEPTH]
        _, first = np.unique(self.document[order], return_index=True)
        rows = order[np.sort(first)]
        return self.scores[:, rows].T, self.grade[rows]

    @property
    def shape(self) -> list[float]:
        dense, lexical, tokens = (np.sort(one)[::-1] for one in self.scores)
        best, tenth = self.scores[:2].argmax(axis=1), min(9, dense.size - 1)
        tops = [set(np.argsort(-one)[:10].tolist()) for one in self.scores[:2]]
        return [
            *(dense[0], dense[0] - dense[tenth], lexical[min(1, tenth)], lexical[tenth]),
            *(len(tops[0] & tops[1]) / 10, self.scores[1, best[0]]),
            *(self.scores[0, best[1]] - dense[0], tokens[0], tokens[0] - tokens[tenth]),
        ]


@dataclass(frozen=True, eq=False)
class Half:
    """One half of a set's queries, and what the ways below read of each; ``n`` queries, ``g`` mixtures.

    Attributes:
        queries: The answers.
        fold: ``(n,)`` number of the fold; folds share no answering document.
        vectors: ``(n, dim)``.
        slopes: ``(n, 3)``, of the listwise loss at the default.
        curves: ``(n, 3, 3)``.
        default: ``(n,)`` nDCG@10 of the default mixture.
        worth: ``(n, g)`` nDCG@10 of each mixture less that.
        losses: ``(n, g)`` listwise loss of each mixture less that of the default.
        shapes: ``(n, 9)``.
    """

    queries: list[Asked]
    fold: Places
    vectors: Array
    slopes: Array
    curves: Array
    default: Array
    worth: Array
    losses: Array
    shapes: Array

    @classmethod
    def of(cls, queries: list[Asked], fold: Places) -> Half:
        n = len(queries)
        slopes, curves, losses = np.zeros((n, 3)), np.zeros((n, 3, 3)), np.zeros((n, len(GRID)))
        for i, one in enumerate(queries):
            scores, grades = one.listed()
            if (grades > 0).any():
                slopes[i], curves[i] = listwise(scores, grades, SHARPNESS * START)
                losses[i] = lost(scores, grades, GRID) - lost(scores, grades, START[None])
        default = np.array([one.ndcg(START) for one in queries])
        worth = np.array([[one.ndcg(weights) for weights in GRID] for one in queries])
        return cls(
            queries,
            fold,
            np.array([one.vector for one in queries]),
            slopes,
            curves,
            default,
            worth - default[:, None],
            losses,
            np.array([one.shape for one in queries]),
        )

    def only(self, where: npt.NDArray[np.bool_]) -> Half:
        arrays = (getattr(self, name)[where] for name in list(self.__dataclass_fields__)[1:])
        return Half([one for one, kept in zip(self.queries, where, strict=True) if kept], *arrays)


def lost(scores: Array, grades: Array, weights: Array) -> Array:
    """ListNet's loss of each mixture."""
    logits = SHARPNESS * scores @ weights.T
    top = logits.max(axis=0)
    result: Array = np.log(np.exp(logits - top).sum(axis=0)) + top - grades / grades.sum() @ logits
    return result


def together(halves_: Sequence[Half]) -> Half:
    arrays = (
        np.concatenate([getattr(one, name) for one in halves_])
        for name in list(Half.__dataclass_fields__)[1:]
    )
    return Half([query for one in halves_ for query in one.queries], *arrays)


Way = Callable[[Half, Half], Array]
"""From pilots and queries to ``(n, 3)`` weights."""


def soft(pilots: Half, asked: Half) -> Array:
    """`PilotRouter` in its soft mode."""
    settings = Soft()
    telling = np.flatnonzero(np.abs(pilots.curves).any(axis=(1, 2)))
    found = np.tile(START, (len(asked.queries), 1))
    for row, similar in zip(found, asked.vectors @ pilots.vectors.T, strict=True):
        some = telling[nearest(similar[telling], settings.neighbours)]
        shares = near(similar[some], settings.temperature) * trust(similar[some[0]])
        step = mixed(
            SHARPNESS * START, shares, pilots.slopes[some], pilots.curves[some], settings.ridge
        )
        row[:] = step / SHARPNESS
    return found


def sure(
    *, errors: float = 1.0, loss: float = 0.0, best: int = 1, shapes: float = 0.0, some: int = 300
) -> Way:
    """The mixtures whose gain on the nearest pilots is above its standard error."""

    def way(pilots: Half, asked: Half) -> Array:
        gains = pilots.worth - loss * pilots.losses
        similar = asked.vectors @ pilots.vectors.T
        mean, spread = pilots.shapes.mean(axis=0), pilots.shapes.std(axis=0)
        ours, theirs = (np.clip((one.shapes - mean) / spread, -3, 3) for one in (asked, pilots))
        found = np.tile(START, (len(asked.queries), 1))
        for i, row in enumerate(similar):
            close = row - shapes * ((ours[i] - theirs) ** 2).mean(axis=1)
            at = nearest(close, some)
            shares = near(close[at], 0.15)
            mean_gain = shares @ gains[at]
            variance = shares**2 @ (gains[at] - mean_gain) ** 2 / (1 - shares @ shares)
            safe = mean_gain - errors * np.sqrt(variance) / max(trust(row.max()), 1e-3)
            top = np.argsort(-safe, kind="stable")[:best]
            weight = np.maximum(safe[top], 0)
            if weight.sum() > 0:
                found[i] = weight @ GRID[top] / weight.sum()
        return found

    return way


def near(similar: Array, temperature: float) -> Array:
    shares: Array = np.exp((similar - similar.max()) / temperature)
    return shares / shares.sum()


def trust(similarity: float) -> float:
    settings = Soft()
    return float(np.clip((similarity - settings.far) / (settings.near - settings.far), 0, 1))


WAYS: dict[str, Way] = {
    "soft": soft,
    "sure": sure(),
    "sure, smooth": sure(errors=0.7, loss=0.1, best=8),
    "sure, shapes": sure(shapes=0.1),
}


def gain(way: Way, pilots: Half, asked: Half) -> Array:
    weights = way(pilots, asked)
    scores = [one.ndcg(row) for one, row in zip(asked.queries, weights, strict=True)]
    return np.array(scores) - asked.default


def inside(way: Way, name: str, train: dict[str, Half]) -> Array:
    """Gains on the training half of a set, each fold by pilots of the others and of all other sets."""
    own, rest = train[name], [half for other, half in train.items() if other != name]
    gains = np.zeros(len(own.queries))
    for fold in range(FOLDS):
        if (own.fold == fold).any():
            pilots = together([*rest, own.only(own.fold != fold)])
            gains[own.fold == fold] = gain(way, pilots, own.only(own.fold == fold))
    return gains


def own_mixture(train: Half, asked: Half) -> Array:
    return asked.worth[:, int(train.worth.mean(axis=0).argmax())]


def asked(name: str, data: Path, work: Path) -> tuple[Half, Half]:
    """Both halves of a set; what the legs say is kept in a file."""
    file = work / f"{name}-asked.npz"
    if not file.exists():
        collection = paged(ev.read_collection(data / name))
        hybrid = indexed(name, collection.documents, work, []).hybrid()
        rows = []
        for number, half in enumerate(halves(collection)):
            fold = folds(half)
            queries = [Query(half.queries[id]) for id in half.judged]
            for id, one in zip(half.judged, gathered(hybrid, queries), strict=True):
                rows.append((number, fold[id], *flat(one, half.qrels[id])))
        columns = [*zip(*rows, strict=True)]
        np.savez(
            file,
            half=columns[0],
            fold=columns[1],
            vector=np.stack(columns[2]),
            scores=np.concatenate(columns[3], axis=1),
            document=np.concatenate(columns[4]),
            grade=np.concatenate(columns[5]),
            ideal=columns[6],
            size=[one.size for one in columns[4]],
        )
    return read(file)


def read(file: Path) -> tuple[Half, Half]:
    known = np.load(file)
    ends = np.cumsum(known["size"])
    cuts = [slice(end - size, end) for end, size in zip(ends, known["size"], strict=True)]
    scores, document, grade = known["scores"], known["document"], known["grade"]
    queries = [
        Asked(vector, scores[:, cut], document[cut], grade[cut], float(ideal))
        for vector, cut, ideal in zip(known["vector"], cuts, known["ideal"], strict=True)
    ]
    sides = []
    for number in (0, 1):
        at = np.flatnonzero(known["half"] == number)
        sides.append(Half.of([queries[i] for i in at], known["fold"][at]))
    return sides[0], sides[1]


def flat(one: Candidates, judged: dict[str, int]) -> tuple[Array, Array, Places, Array, float]:
    """Vector, scores, documents, grades and ideal gain, candidates in the order of their ids."""
    order = sorted(range(len(one.ids)), key=lambda i: one.ids[i])
    names = [doc_id_of(one.ids[i]) for i in order]
    number = {name: i for i, name in enumerate(dict.fromkeys(names))}
    scores = np.zeros((3, len(order)))
    scores[:2] = [one.said(leg, order) for leg in LEGS[:2]]
    looked = sorted(
        {
            place
            for share in np.linspace(0, 1, 11)
            for place in np.argsort(-np.array([1 - share, share]) @ scores[:2])[: DEPTH + 10]
        }
    )
    scores[2, looked] = one.said("tokens", [order[i] for i in looked])
    grades = np.sort([float(g) for g in judged.values() if g > 0])[::-1][:10]
    return (
        one.vector.astype(np.float64),
        scores,
        np.array([number[name] for name in names]),
        np.array([max(judged.get(name, 0), 0) for name in names], dtype=np.float64),
        float(grades @ DISCOUNT[: grades.size]),
    )


def folds(half: ev.Collection) -> dict[str, int]:
    """Fold of each query: those that share an answering document are in one, the largest first."""
    groups: list[tuple[set[str], list[str]]] = []
    for id, documents in answers(half).items():
        tied = [group for group in groups if group[0] & documents]
        groups = [group for group in groups if not group[0] & documents]
        groups.append(
            (
                set(documents).union(*(known for known, _ in tied)),
                [id, *(other for _, some in tied for other in some)],
            )
        )
    sizes, found = [0] * FOLDS, {}
    for _, some in sorted(groups, key=lambda group: (-len(group[1]), min(group[1]))):
        fold = sizes.index(min(sizes))
        sizes[fold] += len(some)
        found |= dict.fromkeys(some, fold)
    return found


def measured(train: dict[str, Half], test: dict[str, Half]) -> Iterator[tuple[str, list[Array]]]:
    """Each way's gains, set by set: inside the training halves, then on the others."""
    for name, way in WAYS.items():
        yield f"{name}: training", [inside(way, one, train) for one in train]
        pilots = together(list(train.values()))
        yield f"{name}: others", [gain(way, pilots, half) for half in test.values()]
    yield "own mixture: others", [own_mixture(train[one], half) for one, half in test.items()]
    yield "instance oracle: others", [half.worth.max(axis=1) for half in test.values()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="keep indexes and answers here")
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--out", type=Path, default=Path("results/routing_tried.json"))
    arguments = parser.parse_args()
    console = Console(width=180)
    known = {name: asked(name, arguments.data, arguments.work) for name in arguments.sets}
    train, test = ({name: sides[i] for name, sides in known.items()} for i in (0, 1))
    table = Table("way", *known, "average", "interval", title="nDCG@10 less the default mixture")
    figures = {}
    for name, gains in measured(train, test):
        found = stratified_paired_bootstrap([(one, np.zeros_like(one)) for one in gains])
        means = [float(one.mean()) for one in gains]
        table.add_row(
            name,
            *(f"{mean:+.3f}" for mean in means),
            f"{found.value:+.4f}",
            f"{found.low:+.4f} to {found.high:+.4f}",
        )
        figures[name] = {"sets": dict(zip(known, means, strict=True)), "average": asdict(found)}
    console.print(table)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
