"""The measurement behind ``method="auto"``, and the documents it is made with."""

from __future__ import annotations

import pytest
from longcontext.tiny_models import TRAINED

from rag_embed.errors import BadInput
from rag_embed.longcontext import Probe, extend, extension_of, probe
from rag_embed.longcontext.haystacks import needles, passkeys
from rag_embed.longcontext.probing import Measured


@pytest.mark.parametrize("make, facts", [(passkeys, 3), (needles, 2)])
def test_haystacks(make, facts):
    stacks = make(400, 8, facts)
    assert stacks == make(400, 8, facts) != make(400, 8, facts, 1)
    questions = [question for one in stacks for question, _ in one.questions]
    assert len(set(questions)) == 8 * facts
    for one in stacks:
        assert 280 < len(one.text.split()) <= 300
        assert all(0 <= place < 1 for _, place in one.questions)
    places = [place for one in make(4000, 8, facts) for _, place in one.questions]
    assert min(places) < 0.3 and max(places) > 0.7


def test_an_answer_is_in_its_own_document_only():
    stacks = passkeys(300, 20)
    for i, one in enumerate(stacks):
        name = one.questions[0][0].removeprefix("What is the pass key for ").rstrip("?")
        assert [name in other.text for other in stacks] == [i == j for j in range(20)]


def test_too_many_facts():
    for make in (passkeys, needles):
        with pytest.raises(BadInput, match="asked for"):
            make(100, 1000, 5)
        with pytest.raises(BadInput, match="asked for"):
            make(100, 0)


def test_the_best_is_the_best_on_average_and_the_simpler_of_two_equals():
    def rows(method, *scores):
        return [Measured(method, 64 * 2**i, one, one, 0.1) for i, one in enumerate(scores)]

    some = (*rows("cut off", 1, 1), *rows("recurrent", 1, 0.5), *rows("grouped", 0.5, 1))
    assert Probe(some, 8).best == "recurrent"
    better = Probe((*some, *rows("interpolated", 0.9, 0.9)), 8)
    assert better.best == "interpolated" and better.accuracy("recurrent") == 0.75
    lines = str(better).splitlines()
    assert len(lines) == 6 and lines[-1].startswith("interpolated") and lines[-1].endswith("best")


def test_auto_takes_the_best_of_the_probe(tiny):
    for kind, count in (("bert", 4), ("modernbert", 5)):
        found = probe(tiny(kind), 128, documents=2)
        assert len(found.rows) == 2 * count
        assert {row.tokens for row in found.rows} == {2 * TRAINED, 128}
        assert all(0 <= row.accuracy <= 1 and row.seconds > 0 for row in found.rows)
        again = probe(tiny(kind), 128)
        assert extension_of(extend(tiny(kind), 128, "auto")).method == again.best


def test_the_picture_shows_every_method(tiny):
    figure = probe(tiny("bert"), 64, documents=2).figure()
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["cut off", "recurrent", "grouped", "interpolated", "chance"]


def test_options_that_do_not_fit(tiny):
    for documents in (1, 9):
        with pytest.raises(BadInput, match="documents must be"):
            probe(tiny("bert"), 128, documents=documents)
    with pytest.raises(BadInput, match="no method"):
        probe(tiny("bert"), 128, [])
