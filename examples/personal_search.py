"""Two people ask the same question of one index, and get what each of them means.

python examples/personal_search.py
"""

from __future__ import annotations

import tempfile

from rag_embed import Document, Index, Query
from rag_embed.events import UserEvent
from rag_embed.indexing import profiles_of
from rag_embed.personal import Bend, CorpusMean, MeanPooling, Personal, moved_by

FILMS = {
    "alien": "A crew in deep space is hunted by a creature aboard their ship.",
    "pride": "A witty romance among country houses in Regency England.",
    "ring": "A small hero carries a cursed ring through a land of elves and wizards.",
    "heat": "A detective and a master thief circle each other in Los Angeles.",
}
LIKED = {
    "ann": ["Robots rebel on a space station.", "Astronauts wake up near a strange planet."],
    "ben": [
        "Two sisters look for love and a good marriage.",
        "A governess falls for her employer.",
    ],
}


def main() -> None:
    """Remember, ask, explain, forget."""
    with tempfile.TemporaryDirectory() as folder:
        index = Index.create(folder, chunk_tokens=None)
        index.add(Document(id, text) for id, text in FILMS.items())
        profiles = profiles_of(index.store, index.spaces.own)
        profiles.remember(
            UserEvent.of(user, "liked", outcome=text, time=float(day), kind="film")
            for user, texts in LIKED.items()
            for day, text in enumerate(texts)
        )
        bend = Bend(
            MeanPooling(profiles), index.spaces.own, 1.0, prior=0.0, centre=CorpusMean(index.store)
        )
        retriever = Personal(index.experts.hybrid(routed=True), bend)
        for user in ("ann", "ben", None):
            query = Query("a film for tonight", k=2, user=user)
            hits = retriever.retrieve([query])[0]
            why = moved_by(bend, index.store.view(), query, [hit.id for hit in hits])
            shown = [
                f"{hit.chunk.doc_id} (history {one.history:+.2f})"
                for hit, one in zip(hits, why, strict=True)
            ]
            print(f"{user or 'somebody'}: {', '.join(shown)}")
        print("forgot", profiles.forget("ann"), "events of ann")


if __name__ == "__main__":
    main()
