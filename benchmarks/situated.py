"""Situated chunks: every way to put a chunk into its document, side by side.

    python benchmarks/situated.py --data DATA [--work DIR] [--sets ...] [--parts ...]

*Quality*: nDCG@10 and R@20 on the chunk sets, with the chunks that the sets give, for dense evidence
alone and for the full hybrid; ``anthropic_docs`` are pages with their sections as chunks, each under
its heading, and the end of the address as the page's title. *Weights*: that of the standard is chosen
on one half of each set's queries, the best average among those that lose ``squad_ctx`` at most .005 to
the chunk alone, and reported on the other half; the halves share no document. *Alternatives*: the same
for other sums, without lexical evidence and with it. *Controls*: short
entries, where there is nothing to situate. *Cost*: seconds to index some of ``squad_ctx``, taking turns,
as a ratio to the chunk alone.

Encoding takes half an hour on two cores without bf16, once: with ``--work`` it is kept, and a run that was
interrupted goes on. The rest takes some minutes.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from situated_sets import DSRAG, Measure, Row, read_case

from rag_embed import encoders
from rag_embed.chunking import TokenSplitter
from rag_embed.indexing.ingest import Ingest
from rag_embed.maths.resampling import stratified_paired_bootstrap
from rag_embed.protocols import Encoder
from rag_embed.situated.expressions import FULL, STANDARD, situated
from rag_embed.stores.lance import LanceStore

SETS = ["policyqa_ctx", "squad_ctx", "anthropic_docs", "chroma_chunks"]
CONTROLS = ["cosqa", "cranfield"]
PARTS = ["quality", "weights", "alternatives", "controls", "costs"]
SINGLE = ["isolated", "titled", "late", "late(titled)", DSRAG]
SAFE = "headed(isolated,1)"
NAMED = "headed(titled,1.5)"
METHODS = [
    *SINGLE,
    "summary",
    "titled+0.5*late",
    "isolated+0.5*heading(isolated)",
    SAFE,
    NAMED,
    "isolated+0.75*heading(isolated)+0.25*late(titled)",
    STANDARD,
    FULL,
]
ARTICLES = 4
"""Of ``squad_ctx``, indexed to see what it costs."""

HEADINGS, HEADED = (0.0, 0.25, 0.5, 0.75), (0.75, 1.0, 1.25, 1.5, 2.0)
ADDED = ("", "+0.25*mean({base})", "+0.25*late(titled)")
WEIGHTS = (0.125, 0.25, 0.375, 0.5, 0.75)


def quality(
    sets: Sequence[Measure], names: Sequence[str], console: Console, title: str
) -> dict[str, object]:
    figures: dict[str, object] = {}
    for lexical in (False, True):
        scores = {name: [one.scores(name, lexical) for one in sets] for name in names}
        best = max(
            (n for n in names if n in SINGLE),
            key=lambda n: np.mean([s.ndcg.mean() for s in scores[n]]),
        )
        kind = _kind(lexical)
        table = Table(
            "nDCG@10 / R@20",
            *(one.case.name for one in sets),
            "average",
            f"less {best}",
            title=f"{title}: {kind}",
        )
        for name, some in scores.items():
            gain = stratified_paired_bootstrap(
                [(a.ndcg, b.ndcg) for a, b in zip(some, scores[best], strict=True)]
            )
            cells = [f"{s.ndcg.mean():.4f} / {s.recall.mean():.3f}" for s in some]
            means = np.mean([s.ndcg.mean() for s in some]), np.mean([s.recall.mean() for s in some])
            label = {STANDARD: f"[bold]{name}[/] (standard)", FULL: f"{name} (full)"}.get(
                name, name
            )
            table.add_row(
                label,
                *cells,
                f"{means[0]:.4f} / {means[1]:.3f}",
                f"{gain.value:+.4f} ({gain.low:+.4f} to {gain.high:+.4f})",
            )
            figures[f"{kind}: {name}"] = {
                "ndcg": [float(s.ndcg.mean()) for s in some],
                "recall": [float(s.recall.mean()) for s in some],
                "gain": asdict(gain),
                "over": best,
            }
        console.print(table)
    return figures


def _kind(lexical: bool) -> str:
    return "dense and lexical" if lexical else "dense alone"


def weights(sets: Sequence[Measure], console: Console) -> dict[str, object]:
    """The weight of the heading: chosen on one half, reported on the other."""
    table = Table(
        "weight",
        "chosen on",
        "squad there",
        "reported on",
        "with lexical",
        title="titled + weight * heading(titled), nDCG@10",
    )
    squad = [one.case.name for one in sets].index("squad_ctx")
    halves = [one.case.train for one in sets]
    found: dict[float, list[list[float]]] = {}
    reported: dict[float, list[Row]] = {}
    for weight in (0.0, *WEIGHTS):
        name = f"titled+{weight:g}*heading(titled)" if weight else "titled"
        dense, hybrid = ([one.scores(name, x).ndcg for one in sets] for x in (False, True))
        reported[weight] = [s[~h] for s, h in zip(dense, halves, strict=True)]
        found[weight] = [
            [float(s[h].mean()) for s, h in zip(dense, halves, strict=True)],
            [float(s[~h].mean()) for s, h in zip(dense, halves, strict=True)],
            [float(s[~h].mean()) for s, h in zip(hybrid, halves, strict=True)],
        ]
    alone = sets[squad].scores("isolated", False).ndcg
    least = float(alone[halves[squad]].mean()) - 0.005
    safe = [weight for weight in WEIGHTS if found[weight][0][squad] >= least]
    if not safe:
        console.print("every weight loses squad_ctx more than .005 there: chosen among all of them")
    chosen = max(safe or WEIGHTS, key=lambda w: np.mean(found[w][0]))
    for weight, (first, second, lexical) in found.items():
        mark = " <- chosen" if weight == chosen else ""
        table.add_row(
            f"{weight:g}",
            f"{np.mean(first):.4f}{mark}",
            f"{first[squad]:.4f}",
            f"{np.mean(second):.4f}",
            f"{np.mean(lexical):.4f}",
        )
    console.print(table)
    gain = stratified_paired_bootstrap(list(zip(reported[chosen], reported[0.0], strict=True)))
    console.print(
        f"chosen {chosen:g}: on the other half {gain.value:+.4f} "
        f"({gain.low:+.4f} to {gain.high:+.4f}) against titled"
    )
    return {"chosen": chosen, "gain": asdict(gain), "halves": {str(w): v for w, v in found.items()}}


def alternatives(sets: Sequence[Measure], console: Console, lexical: bool) -> dict[str, object]:
    """Other sums, with one pass over the text and with two: chosen on one half, reported on the other."""
    halves = [one.case.train for one in sets]
    squad = [one.case.name for one in sets].index("squad_ctx")
    names = [
        "isolated",
        "titled",
        STANDARD,
        FULL,
        *sorted(sums() - {"isolated", "titled", STANDARD, FULL}),
    ]
    found = {name: [one.scores(name, lexical).ndcg for one in sets] for name in names}

    def half(name: str, first: bool) -> list[Row]:
        return [s[h == first] for s, h in zip(found[name], halves, strict=True)]

    def mean(name: str, first: bool) -> float:
        return float(np.mean([s.mean() for s in half(name, first)]))

    def lost(name: str, first: bool) -> float:
        return float((half("isolated", first)[squad] - half(name, first)[squad]).mean())

    safe = [name for name in names if lost(name, True) <= 0.005]
    shown = {"isolated": "", "titled": "", SAFE: "", NAMED: "", STANDARD: "standard", FULL: "full"}
    for kind, some in (
        ("best of one pass", [name for name in safe if "late(" not in name]),
        ("best of all", safe),
    ):
        chosen = max(some, key=lambda name: mean(name, True))
        shown[chosen] = ", ".join(filter(None, [shown.get(chosen, ""), kind]))
    table = Table(
        *("way", "", "chosen on", "reported on", "squad there", "less titled", "less standard"),
        title=f"{len(names)} sums, {_kind(lexical)}, nDCG@10; squad: less isolated",
    )
    figures: dict[str, object] = {}
    for name, kind in shown.items():
        gains = [
            stratified_paired_bootstrap(
                list(zip(half(name, False), half(other, False), strict=True))
            )
            for other in ("titled", STANDARD)
        ]
        table.add_row(
            name,
            kind,
            f"{mean(name, True):.4f}",
            f"{mean(name, False):.4f}",
            f"{-lost(name, False):+.4f}",
            *(f"{gain.value:+.4f} ({gain.low:+.4f} to {gain.high:+.4f})" for gain in gains),
        )
        figures[name] = {
            "kind": kind,
            "halves": [[float(s.mean()) for s in half(name, first)] for first in (True, False)],
            "less": {o: asdict(g) for o, g in zip(("titled", STANDARD), gains, strict=True)},
        }
    console.print(table)
    return figures


def sums() -> set[str]:
    """Names of what is tried in `alternatives`."""
    found = set()
    for base in ("titled", "isolated"):
        own = [base, *(f"{base}+{weight:g}*heading({base})" for weight in HEADINGS if weight)]
        own += [f"headed({base},{weight:g})" for weight in HEADED]
        found |= {one + more.format(base=base) for one, more in itertools.product(own, ADDED)}
    return found


def costs(data: Path, console: Console, encoder: Encoder, repeats: int) -> dict[str, float]:
    """Seconds for the whole of indexing: cutting, encoding, writing."""
    documents = [document for document, _ in read_case(data, "squad_ctx").groups[:ARTICLES]]
    splitter = TokenSplitter(encoder, 200, 0)
    names = ["isolated", "titled", SAFE, STANDARD, FULL]
    spent: dict[str, list[float]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as scratch:
        for turn in range(repeats):
            for name in names if turn % 2 else names[::-1]:
                space = situated(name, encoder)
                store = LanceStore.create(
                    Path(scratch, f"{turn}-{names.index(name)}"), {"dense": space.signature.dim}
                )
                start = time.perf_counter()
                Ingest(store, splitter, {"dense": space}).add(documents)
                store.optimize()
                spent[name].append(time.perf_counter() - start)
    seconds = {name: statistics.median(some) for name, some in spent.items()}
    table = Table("way", "seconds", "of isolated", title=f"indexing {ARTICLES} articles, medians")
    for name, value in seconds.items():
        table.add_row(name, f"{value:.2f}", f"{value / seconds['isolated']:.2f}x")
    console.print(table)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--controls", nargs="+", default=CONTROLS)
    parser.add_argument("--parts", nargs="+", default=PARTS)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("results/situated.json"))
    parser.add_argument("--work", type=Path, help="keep the vectors here")
    arguments = parser.parse_args()
    console = Console(width=190)
    encoder = encoders.load()
    figures: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as scratch:
        work = arguments.work or Path(scratch)
        work.mkdir(parents=True, exist_ok=True)

        def read(names: Sequence[str]) -> list[Measure]:
            return [Measure(read_case(arguments.data, name), encoder, work) for name in names]

        sets = read(arguments.sets)
        if "quality" in arguments.parts:
            figures["quality"] = quality(sets, METHODS, console, "chunks in documents")
        if "weights" in arguments.parts:
            figures["weights"] = weights(sets, console)
        if "alternatives" in arguments.parts:
            for lexical in (False, True):
                figures[f"alternatives, {_kind(lexical)}"] = alternatives(sets, console, lexical)
        if "controls" in arguments.parts:
            names = ["isolated", "titled", SAFE, NAMED, STANDARD, FULL]
            figures["controls"] = quality(read(arguments.controls), names, console, "short entries")
        if "costs" in arguments.parts:
            figures["costs"] = costs(arguments.data, console, encoder, arguments.repeats)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
