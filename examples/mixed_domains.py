"""Three kinds of texts in one index, and a router that weighs words and meaning for each question.

    python examples/mixed_domains.py

A catalogue, where part numbers decide; advice, which is asked for in other words than it is given; and
topics of Python's language reference. No weights suit all three. What the router is worth is
measured on questions that it was not taught.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

from rag_embed import Document, Index
from rag_embed.cli import language_reference
from rag_embed.evaluation import Collection, evaluate, from_retriever, split_by_document
from rag_embed.tuning import fit_router

GOODS = ("hex bolt", "washer", "bearing", "gasket", "spring")
METALS = ("steel", "brass", "zinc", "copper")
ADVICE = {
    "Drink a glass of warm milk and put the telephone away an hour before.": "I cannot sleep at night",
    "Rub the stain with salt at once, then wash it cold.": "red wine on the tablecloth",
    "Soak the beans overnight, or they stay hard.": "chickpeas that do not get soft",
    "Open the windows twice a day, five minutes, wide.": "the air in the flat is damp",
    "Cut it back in March, just above a bud that looks outward.": "when are roses pruned",
    "A clove under the tongue helps until the dentist has time.": "my tooth aches",
    "Put the dough in the fridge; it rises slowly and tastes better.": "bread for tomorrow's breakfast",
    "Let the engine cool before you open the lid of the radiator.": "the car is boiling",
    "Newspaper in wet shoes draws the water out.": "my boots got soaked",
    "A drop of dish soap breaks the surface, and they drown.": "getting rid of fruit flies",
    "Vinegar and hot water, half an hour, then rinse.": "limescale in the kettle",
    "Write down three things that were good today.": "feeling low in the evening",
}
WORDS = ("what do I do about: {}", "{} - any tips?", "help, {}")


def parts() -> tuple[list[Document], dict[str, str]]:
    kinds = list(product(METALS, GOODS))
    numbers = [f"KX-{7919 * i % 90000:05}" for i in range(1, len(kinds) * 2 + 1)]
    texts = {
        number: f"{number} {metal} {good}, packet of fifty."
        for number, (metal, good) in zip(numbers, kinds * 2, strict=True)
    }
    asked = {
        number: f"price of the {text.split(' ')[2]} {number}" for number, text in texts.items()
    }
    return [Document(number, text) for number, text in texts.items()], asked


def collections() -> Iterator[Collection]:
    catalogue, numbers = parts()
    tips = [Document(f"tip-{i}", tip) for i, tip in enumerate(ADVICE)]
    topics = [one for one in language_reference() if len(one.text) < 6000]
    documents = (*catalogue, *tips, *topics)
    tipped = {
        f"tip-{i} {n}": (words.format(need), f"tip-{i}")
        for i, need in enumerate(ADVICE.values())
        for n, words in enumerate(WORDS)
    }
    titled = {
        one.id: (f"what does the reference say on {one.title.lower()}", one.id) for one in topics
    }
    asked = {
        "catalogue": {id: (text, id) for id, text in numbers.items()},
        "advice": tipped,
        "Python": titled,
    }
    for name, pairs in asked.items():
        queries = {id: text for id, (text, _) in pairs.items()}
        qrels = {id: {answer: 1} for id, (_, answer) in pairs.items()}
        yield Collection(name, documents, queries, qrels)


def main(folder: Path) -> None:
    index = Index.create(folder)
    domains = list(collections())
    index.add(domains[0].documents)
    taught, unseen = zip(*map(split_by_document, domains), strict=True)
    verdict = fit_router(index.experts.hybrid(), index.spaces.own.signature, taught)
    index.apply(replace(verdict, kept=True))  # so few questions: whatever it is worth
    fixed = index.experts.hybrid()
    systems = {
        "meaning alone": fixed.alone("dense"),
        "words alone": fixed.alone("lexical"),
        "the same weights": fixed,
        "routed": index.retriever,
    }
    asked = {name: from_retriever(one) for name, one in systems.items()}
    print(f"{len(domains[0].documents)} documents; nDCG@10 on questions that were not taught\n")
    print(f"{'':22}" + "".join(f"{name:>18}" for name in systems))
    for domain in unseen:
        found = evaluate(asked, domain, metrics=["ndcg@10"])
        row = "".join(f"{found.mean(name, 'ndcg@10'):18.3f}" for name in systems)
        print(f"{domain.name.split()[0]:12}{len(domain.queries):4} asked{row}")
    for question in (
        "do you have KX-15838?",
        "wet boots after the hike",
        "what is a lambda?",
    ):
        hit = index.search(question, k=1)[0]
        assert hit.route is not None
        weights = ", ".join(f"{leg} {weight:.2f}" for leg, weight in hit.route.weights.items())
        print(f"\n? {question}\n  {' '.join(hit.text.split())[:90]}")
        print(f"  {weights}; like: {hit.route.pilots[0].text}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        main(Path(scratch, "kb"))
