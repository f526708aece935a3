"""Meetings: who said what, found in transcripts with speakers, and what was said around it.

    python examples/meetings.py

Two transcripts are written first, as WebVTT and as SubRip; put your own in their place.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from rag_embed import Index, Query
from rag_embed.ranking import Neighbours, Reranked
from rag_embed.reading import read
from rag_embed.types import Chunk, Document

BUDGET = [
    ("Ann", "Let us begin with the budget. We are four percent over for the quarter."),
    ("Bob", "Most of it is the second data centre. The invoices came in May, not in July."),
    ("Ann", "Then we stop hiring until September. Carla, can you tell the agencies?"),
    ("Carla", "I will write to them today."),
    ("Bob", "The old servers could be sold. I asked a dealer, he pays about nine thousand."),
    ("Ann", "Do that, and send me the offer before you sign."),
    ("Carla", "One more thing: the canteen closes for repairs in the last week of June."),
]
LAUNCH = [
    ("Dan", "The launch is on the twelfth. What is still open?"),
    ("Eve", "The payment page fails in Safari. It hangs when somebody goes back."),
    ("Dan", "Who looks at it?"),
    ("Eve", "I do, with Farid. We need two days."),
    ("Farid", "The translation into Polish is late as well, the agency fell ill."),
    ("Dan", "Then we go without Polish. I would rather have it later than wrong."),
    ("Eve", "Ann should hear that. She promised Polish to the customer in Gdansk."),
]
QUESTIONS = (
    "Why do we spend more than planned?",
    "What will become of the old machines?",
    "Who takes care of the payment page?",
    "Which language do we leave out?",
)


@dataclass(frozen=True)
class Turns:
    """A `protocols.Splitter`: what one person says at a time is a chunk."""

    def split(self, document: Document) -> list[Chunk]:
        """Lines of the transcript, in order."""
        starts = [0, *(i + 1 for i, letter in enumerate(document.text) if letter == "\n")]
        ends = [*(start - 1 for start in starts[1:]), len(document.text)]
        spans = enumerate(zip(starts, ends, strict=True))
        return [Chunk.of(document, start, end, ordinal=i) for i, (start, end) in spans]


def stamp(second: int, point: str) -> str:
    return f"00:{second // 60:02}:{second % 60:02}{point}000"


def written(folder: Path) -> Path:
    folder.mkdir()
    cues = [
        f"{stamp(9 * i, '.')} --> {stamp(9 * i + 8, '.')}\n<v {who}>{said}"
        for i, (who, said) in enumerate(BUDGET)
    ]
    (folder / "2026-05-18 budget.vtt").write_text("\n\n".join(["WEBVTT", *cues]))
    lines = [
        f"{i + 1}\n{stamp(9 * i, ',')} --> {stamp(9 * i + 8, ',')}\n{who}: {said}"
        for i, (who, said) in enumerate(LAUNCH)
    ]
    (folder / "2026-06-03 launch.srt").write_text("\n\n".join(lines))
    return folder


def meetings(folder: Path) -> list[Document]:
    """The transcripts, each with the day that its name begins with."""
    found = [one for one in read(folder) if isinstance(one, Document)]
    days = [date.fromisoformat(Path(one.id).name[:10]) for one in found]
    return [
        replace(one, metadata={**one.metadata, "day": day})
        for one, day in zip(found, days, strict=True)
    ]


def main(folder: Path) -> None:
    index = Index.create(folder / "kb", splitter=Turns(), fields={"day": date})
    index.add(meetings(written(folder / "meetings")))
    # In a talk the line before or after a good one is often the one that was meant.
    beside = Reranked(index.retriever, Neighbours(index.store), depth=100, weight=0.3, spread=False)
    for question in QUESTIONS:
        print(f"\n? {question}")
        hit = beside.retrieve([Query(question, k=1)])[0][0]
        print(f"  {hit.chunk.metadata['day']}, {hit.chunk.title}")
        for turn in index.contents.neighbours(hit):
            print(f"  {'>' if turn.id == hit.id else ' '} {turn.text}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        main(Path(scratch))
