"""Whether relevance that was fitted to labels is nearer the truth."""

from __future__ import annotations

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder
from rag_embed.evaluation import Collection

ANIMALS = ("fox", "tea", "whale", "owl", "plan", "sea")


def test_where_a_part_of_the_labels_has_no_fit_what_there_is_stays() -> None:
    """The labels as a whole have one; four fifths of them, by chance, say that higher is worse."""
    index = Index.in_memory(encoder=HashEncoder(32))
    index.add(Document(one, f"the {one} sits on mat {n}") for n, one in enumerate(ANIMALS))
    answered = {
        "plan there 0": "plan",
        "plan there 1": "plan",
        "fox there 4": "fox",
        "fox mat 5": "fox",
        "plan there 6": "plan",
    }
    nothing = dict.fromkeys(("owl mat 2", "fox there 3", "whale there 7"), ())
    judged = {text: [id] for text, id in answered.items()} | nothing
    order = sorted(judged, key=lambda text: text[-1])
    verdict = index.tune("relevance", Collection.of({text: judged[text] for text in order}))
    assert "on 8 queries held out" in verdict.reason
