"""The measured choice: it finds what is built in, keeps the standard without evidence, says why."""

from __future__ import annotations

import re

import pytest

from rag_embed import Document
from rag_embed.chunking import TokenSplitter
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput
from rag_embed.evaluation import Collection
from rag_embed.situated.expressions import STANDARD
from rag_embed.tuning import situate
from rag_embed.tuning.situate import choose

TOPICS = [f"subject{i}" for i in range(30)]
VERBS = ["collects", "shares", "deletes", "stores"]


def policies() -> list[Document]:
    """Texts that are all the same, told apart by their titles alone."""
    text = "\n\n".join(
        f"The company {verb} data of people who visit. It says so in part {i} of this policy."
        for i, verb in enumerate(VERBS)
    )
    return [Document(name, text, title=name) for name in TOPICS]


def test_labels_decide_for_the_title_where_only_the_title_tells() -> None:
    encoder = HashEncoder()
    labels = Collection.of({f"{name} {verb} data": [name] for name in TOPICS for verb in VERBS[:2]})
    found = choose(policies(), TokenSplitter(encoder, 20, 0), encoder, labels, weights={"dense": 1})
    values = {one.name: one.value for one in found.tried}
    names = {"isolated", "titled", "headed(isolated,1)", "headed(titled,1.5)", STANDARD}
    assert set(values) == names  # no token vectors, so no late chunking
    assert values["isolated"] < 0.3 < values[found.value]
    assert "60 labelled queries" in found.reason and found.value in found.reason


def test_without_a_sure_gain_the_standard_stays() -> None:
    """Documents without title and heading: all ways are the same."""
    encoder = HashEncoder()
    documents = [
        Document(str(i), f"Word{i} is here with item{i}. Another sentence speaks of thing{i} only.")
        for i in range(40)
    ]
    found = choose(documents, TokenSplitter(encoder, 50, 0), encoder)
    assert found.value == STANDARD and not found.kept
    assert "No candidate is better" in found.reason and "cut out" in found.reason
    assert all(one.gain.value == pytest.approx(0, abs=1e-9) for one in found.tried)


def test_the_sentence_asked_for_is_nowhere_in_what_is_searched(monkeypatch) -> None:
    seen = []
    plain = situate._scores

    def spied(space, rows, groups, asked, weights, by_document):
        seen.append((groups, asked))
        return plain(space, rows, groups, asked, weights, by_document)

    monkeypatch.setattr(situate, "_scores", spied)
    documents = [
        Document(str(i), f"Red word{i} is here. Blue thing{i} was there, and more of it followed.")
        for i in range(40)
    ]
    encoder = HashEncoder()
    found = choose(documents, TokenSplitter(encoder, 50, 0), encoder, candidates=["titled"])
    assert [one.name for one in found.tried if one.name != STANDARD] == ["titled"]
    for groups, asked in seen:
        texts = "\n".join(document.text for document, _ in groups)
        assert all(query not in texts for query, _ in asked)
        assert all(chunk.text in document.text for document, some in groups for chunk in some)


def test_the_sample_is_bounded_and_repeatable() -> None:
    encoder = HashEncoder()
    splitter = TokenSplitter(encoder, 20, 0)
    a, b = (choose(policies(), splitter, encoder, chunks=60, seed=1) for _ in range(2))
    asked = int(re.search(r"on (\d+) sentences", a.reason)[1])
    assert a == b and asked <= 70


def test_more_candidates_need_more_evidence() -> None:
    """The best of many looks better than it is."""
    encoder = HashEncoder()
    labels = Collection.of({f"{name} {verb} data": [name] for name in TOPICS for verb in VERBS[:2]})
    widths = []
    for others in (["isolated"], ["isolated", "titled", "summary", "mean(titled)"]):
        splitter, dense = TokenSplitter(encoder, 20, 0), {"dense": 1.0}
        found = choose(policies(), splitter, encoder, labels, candidates=others, weights=dense)
        [one] = [one for one in found.tried if one.name == "isolated"]
        widths.append(one.gain.high - one.gain.low)
    assert widths[1] > 1.1 * widths[0] > 0


def test_too_little_is_refused() -> None:
    encoder = HashEncoder()
    splitter = TokenSplitter(encoder, 20, 0)
    with pytest.raises(BadInput, match="Only 1 query could"):
        choose(
            policies(), splitter, encoder, Collection.of({"x": ["subject1"], "y": ["elsewhere"]})
        )
    with pytest.raises(BadInput, match="names no way"):
        choose(policies(), splitter, encoder, candidates=["nonsense"])
