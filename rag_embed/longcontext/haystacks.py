"""Generated long documents with a few facts hidden in them, and the questions that ask for these.

After LongEmbed's Passkey and Needle tasks (Zhu et al., EMNLP 2024, section 3.2); names, facts and
filler are our own.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rag_embed.errors import BadInput

WORDS_PER_TOKEN = 0.75

_FIRST = [
    "Abel",
    "Bruna",
    "Cosima",
    "Dario",
    "Edda",
    "Farah",
    "Gideon",
    "Hanna",
    "Imre",
    "Jelena",
    "Kaito",
    "Leonie",
    "Marek",
    "Nuria",
    "Otis",
    "Petra",
    "Quentin",
    "Runa",
    "Samir",
    "Tove",
    "Ulrich",
    "Vesna",
    "Wanda",
    "Xaver",
    "Yara",
    "Zeno",
]
_LAST = [
    "Abt",
    "Bekele",
    "Cordes",
    "Dunne",
    "Espinosa",
    "Farkas",
    "Grau",
    "Hollis",
    "Ivens",
    "Jonker",
    "Kovac",
    "Lindgren",
    "Moreau",
    "Nadler",
    "Okafor",
    "Pires",
    "Quist",
    "Rossi",
    "Sandoval",
    "Tanaka",
    "Umana",
    "Vidal",
    "Weiss",
    "Xu",
    "Yilmaz",
    "Zeller",
]
_SENTENCES = (
    "The grass is green.",
    "The sky is blue.",
    "The sun is yellow.",
    "Here we go.",
    "There and back again.",
)
_FACTS = (
    (
        "The oldest lighthouse of the island stands on Heron Rock.",
        "Where is the oldest lighthouse?",
    ),
    ("Marble is cut with wire and wet sand in the Lune valley.", "How is marble cut?"),
    ("The night train to the coast leaves from platform nine.", "When does the night train leave?"),
    (
        "A heron can stand on one leg for about four hours.",
        "How long can a heron stand on one leg?",
    ),
    ("The recipe asks for three spoons of smoked paprika.", "How much paprika is in the recipe?"),
    ("The first violin of the orchestra was built from pear wood.", "What was the violin made of?"),
    ("Glacier ice looks blue because it swallows red light.", "Why does glacier ice look blue?"),
    ("The council sold the old theatre for a single coin.", "For how much was the theatre sold?"),
    ("Bees find their way home by the angle of the sun.", "How do bees find their way home?"),
    ("The tallest dune of the desert is called Old Mother.", "What is the tallest dune called?"),
    ("Her bakery burns olive stones instead of wood.", "What does the bakery burn?"),
    (
        "The printing press was hidden under the chapel floor.",
        "Where was the printing press hidden?",
    ),
    (
        "The vaccine must be kept at minus seventy degrees.",
        "At what temperature is the vaccine kept?",
    ),
    (
        "The chess champion retired to grow lemons.",
        "What did the chess champion do after retiring?",
    ),
    ("The bridge swings in the wind by up to a metre.", "How far does the bridge swing?"),
    ("Whalers carved their letters into walrus teeth.", "What did whalers carve letters into?"),
)
_SUBJECTS = [
    "A founder",
    "An editor",
    "The painter",
    "A student",
    "Every hacker",
    "Some investor",
    "The reader",
]
_VERBS = ["learns", "forgets", "suspects", "notices", "hopes", "explains", "denies"]
_CLAUSES = (
    "that good work takes longer than planned",
    "why most plans look simple from far away",
    "how little of a day is left for thinking",
    "that users rarely say what they need",
    "what a small team can do without meetings",
    "that taste is a habit and can be trained",
    "how often the first idea was the right one",
)


@dataclass(frozen=True, slots=True)
class Haystack:
    """A document, and the questions that only it answers.

    Attributes:
        text: The document.
        questions: With the place of the answer in the text, from 0 to 1.
    """

    text: str
    questions: tuple[tuple[str, float], ...]


def passkeys(tokens: int, count: int, keys: int = 1, seed: int = 0) -> list[Haystack]:
    """Documents of five sentences over and over, with a pass key of somebody in each.

    Args:
        tokens: About so many in each document, at 0.75 words a token.
        count: How many documents.
        keys: Pass keys in a document, each of another person.
        seed: The same seed gives the same documents.

    Raises:
        BadInput: There are not as many names, or a number is below 1.

    Examples:
        >>> one = passkeys(60, 1)[0]
        >>> len(one.text.split()) <= 45, one.questions[0][0].startswith("What is the pass key for ")
        (True, True)
    """
    if min(count, keys) < 1 or count * keys > len(_FIRST) * len(_LAST):
        raise BadInput(f"There are {len(_FIRST) * len(_LAST)} names, {count * keys} are asked for.")
    draw = random.Random(f"passkeys {seed}")
    names = [f"{first} {last}" for first in _FIRST for last in _LAST]
    people = draw.sample(names, count * keys)
    found = []
    for i in range(count):
        hidden = []
        for name in people[i * keys : (i + 1) * keys]:
            key = draw.randrange(10_000, 100_000)
            fact = f"{name}'s pass key is {key}. Remember it. {key} is the pass key for {name}."
            hidden.append((fact, f"What is the pass key for {name}?"))
        found.append(_hidden(hidden, _cycle(), tokens, draw))
    return found


def needles(tokens: int, count: int, facts: int = 1, seed: int = 0) -> list[Haystack]:
    """Documents like an essay about work, with a fact in each that has nothing to do with it.

    Arguments as of `passkeys`; there are facts for 16 questions.

    Raises:
        BadInput: There are not as many facts, or a number is below 1.
    """
    if min(count, facts) < 1 or count * facts > len(_FACTS):
        raise BadInput(f"There are {len(_FACTS)} facts, {count * facts} are asked for.")
    draw = random.Random(f"needles {seed}")
    chosen = draw.sample(_FACTS, count * facts)
    return [
        _hidden(chosen[i * facts : (i + 1) * facts], _essay(draw), tokens, draw)
        for i in range(count)
    ]


def _cycle() -> Iterator[str]:
    return itertools.cycle(_SENTENCES)


def _essay(draw: random.Random) -> Iterator[str]:
    while True:
        yield f"{draw.choice(_SUBJECTS)} {draw.choice(_VERBS)} {draw.choice(_CLAUSES)}."


def _hidden(
    facts: Sequence[tuple[str, str]], filler: Iterator[str], tokens: int, draw: random.Random
) -> Haystack:
    """As much filler as there is room for, the facts between any two of its sentences."""
    room = int(WORDS_PER_TOKEN * tokens) - sum(len(fact.split()) for fact, _ in facts)
    sentences: list[str] = []
    for sentence in filler:
        room -= len(sentence.split())
        if room < 0:
            break
        sentences.append(sentence)
    at = [draw.randint(0, len(sentences)) for _ in facts]
    for place, (fact, _) in sorted(zip(at, facts, strict=True), reverse=True):
        sentences.insert(place, fact)
    text = " ".join(sentences)
    return Haystack(text, tuple((asked, text.index(fact) / len(text)) for fact, asked in facts))
