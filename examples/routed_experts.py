"""Teach an index how to weigh its experts, and see what that is worth on questions it never saw.

    python examples/routed_experts.py

Two kinds of questions go to one index: part numbers, which words find, and descriptions, which vectors
find. A router learns which is which from half of the questions.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from rag_embed import Document, Index
from rag_embed.evaluation import Collection
from rag_embed.tuning import fit_router

ANIMALS = {
    "fox": "a sly hunter with a bushy tail",
    "whale": "the giant of the sea",
    "owl": "a bird that hunts mice at night",
    "horse": "what a rider saddles",
    "crane": "a tall wading bird",
    "otter": "a playful swimmer with fur",
}
CITIES = ["Oslo", "Lima", "Rome", "Kyoto", "Accra", "Quito"]


def labelled() -> list[Collection]:
    parts = [Document(f"part-{i}", f"Spare part {7919 * i % 90000}.") for i in range(1, 41)]
    tours = [
        Document(f"{animal}-{city}", f"In {city} one can watch the {animal}.")
        for animal in ANIMALS
        for city in CITIES
    ]
    numbers = {d.id: f"number {d.text[11:-1]}" for d in parts}
    words = {
        d.id: f"where near {d.id.split('-')[1]} is {ANIMALS[d.id.split('-')[0]]}?" for d in tours
    }
    documents = tuple(parts + tours)
    return [
        Collection(name, documents, asked, {id: {id: 1} for id in asked})
        for name, asked in (("numbers", numbers), ("descriptions", words))
    ]


def main(folder: Path) -> None:
    index = Index.create(folder)
    collections = labelled()
    index.add(collections[0].documents)
    verdict = fit_router(index.experts.hybrid(), index.spaces.own.signature, collections)
    print(verdict.reason)
    index.apply(replace(verdict, kept=True))  # so few questions: whatever it is worth
    for question in ("number 7919", "where near Bern is a shy swimmer?"):
        hit = index.search(question, k=1)[0]
        assert hit.route is not None
        weights = {leg: round(weight, 2) for leg, weight in hit.route.weights.items()}
        print(f"\n{question}\n  {hit.text} {weights}\n  like: {hit.route.pilots[0].text}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        main(Path(scratch, "kb"))
