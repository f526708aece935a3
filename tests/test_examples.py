"""Every script in examples/ runs and prints, on less than its whole input: running is what is asked here."""

from __future__ import annotations

import re
import runpy
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rag_embed import Document
from rag_embed.cli import python_docs
from rag_embed.persona.plug import PersonaPlug

EXAMPLES = sorted(Path(__file__).parents[1].joinpath("examples").glob("*.py"))
_WHOLE = python_docs.language_reference
_LONGEST = 2500
"""Characters of a topic."""


def some_topics() -> Iterator[Document]:
    """The short topics of the language reference, about fifty, and one that an example changes."""
    return (topic for topic in _WHOLE() if len(topic.text) < _LONGEST or topic.id == "with")


@pytest.mark.parametrize("script", EXAMPLES, ids=lambda path: path.name)
def test_example_runs(script, monkeypatch, capsys, loaded_once) -> None:
    monkeypatch.setattr(sys, "argv", [str(script)])
    monkeypatch.setattr(python_docs, "language_reference", some_topics)
    # tests/personal/test_persona_learns.py takes all the lessons.
    fit = PersonaPlug.fit
    monkeypatch.setattr(
        PersonaPlug,
        "fit",
        lambda plug, *given: fit(plug, *given[:-1], replace(given[-1], epochs=1)),
    )
    runpy.run_path(str(script), run_name="__main__")
    assert capsys.readouterr().out.strip()


def test_every_example_is_in_the_guide() -> None:
    guide = Path(__file__).parents[1].joinpath("docs", "guides", "examples.md").read_text("utf-8")
    assert {f"`{script.name}`" for script in EXAMPLES} == set(re.findall(r"`\w+\.py`", guide))
