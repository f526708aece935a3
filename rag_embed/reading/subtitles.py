"""Subtitles (SRT, WebVTT): what is said, without numbers and times."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

from rag_embed.reading.base import made, read_text
from rag_embed.types import Document, Skipped

_TIMES = re.compile(r"[ \t]*(?:\d+:)?\d+:\d+[.,]\d+[ \t]*-->.*")
_TAG = re.compile(r"<[^<>\n]{0,200}>|\{\\[^{}\n]{0,200}\}")
_VOICE = re.compile(r"<v(?:\.[^ <>\n]{0,100})?[ \t]([^<>\n]{1,200})>")
_NOTES = ("WEBVTT", "NOTE", "STYLE", "REGION")


def read_subtitles(path: Path, name: str) -> Iterator[Document | Skipped]:
    """What is said, a line per cue, behind who says it where a voice is named (``<v Ann>``, as ``Ann:``).

    A line that is said again at once is said once.
    """
    found = read_text(path, name)
    if isinstance(found, Skipped):
        yield found
        return
    said: list[str] = []
    for block in re.split(r"\n[ \t]*\n", found.text.strip()):
        lines = block.split("\n")
        nth = next((nth for nth, line in enumerate(lines) if _TIMES.match(line)), None)
        if nth is None and (lines[0].startswith(_NOTES) or not said):
            continue
        words = " ".join(" ".join(lines[0 if nth is None else nth + 1 :]).split())
        words = html.unescape(_TAG.sub("", _VOICE.sub(r"\1: ", words))).strip()
        if words and words != (said[-1] if said else ""):
            said.append(words)
    yield made(path, name, found._replace(text="\n".join(said)), format="subtitles")
