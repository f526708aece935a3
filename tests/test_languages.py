"""The language of each text: found by its small words, and the same in every store."""

import numpy as np
import pytest
from many_languages import PASSAGES

from rag_embed import Index
from rag_embed.analysis import AUTO, LANGUAGES, Analyzer
from rag_embed.encoders import HashEncoder
from rag_embed.indexing.marks import marks
from rag_embed.languages import FUNCTION_WORDS, detected
from rag_embed.spelling import spelt
from rag_embed.types import Document, doc_id_of

DOCUMENTS = [
    Document(f"{language}-{n}", passage)
    for language, some in PASSAGES.items()
    for n, (passage, _) in enumerate(some)
]


def filled(where, analyzer):
    options = {"encoder": HashEncoder(8), "analyzer": analyzer, "tokens": False}
    index = Index.in_memory(**options) if where is None else Index.create(where, **options)
    index.add(DOCUMENTS)
    return index


def recall(index, language):
    """Share of the language's questions whose passage is among the first ten by words alone."""
    questions = [question for _, question in PASSAGES[language]]
    found = index.store.view().lexical(questions, 10, None)
    hits = [f"{language}-{n}" in map(doc_id_of, ids) for n, (ids, _) in enumerate(found)]
    return sum(hits) / len(hits)


@pytest.mark.parametrize("language", PASSAGES)
def test_a_paragraph_says_its_language(language):
    assert detected(spelt(" ".join(passage for passage, _ in PASSAGES[language]))) == (language,)


def test_what_is_no_language_is_none():
    for text in ("", "Las Vegas", "A comment on paper", "def last(x): return min(x, num, end)"):
        assert not set(detected(spelt(text))) - {"english"}
    assert set(FUNCTION_WORDS) == set(LANGUAGES)


def test_inflected_questions_find_their_passage_in_every_language():
    automatic, english = filled(None, Analyzer(AUTO)), filled(None, Analyzer("english"))
    by_language = {
        language: (recall(automatic, language), recall(english, language)) for language in PASSAGES
    }
    fixed = {language: recall(filled(None, Analyzer(language)), language) for language in PASSAGES}
    assert all(auto >= plain for auto, plain in by_language.values())
    assert np.mean([auto for auto, _ in by_language.values()]) > np.mean([*fixed.values()]) - 0.05
    assert np.mean([auto - plain for auto, plain in by_language.values()]) > 0.25


def test_both_stores_score_alike(tmp_path):
    questions = [question for some in PASSAGES.values() for _, question in some]
    memory, lance = (
        filled(where, Analyzer(AUTO)).store.view() for where in (None, tmp_path / "kb")
    )
    for (ids, scores), (others, same) in zip(
        memory.lexical(questions, 20, None), lance.lexical(questions, 20, None), strict=True
    ):
        assert ids == others
        np.testing.assert_allclose(scores, same, rtol=1e-6)


def test_english_is_read_as_english():
    for passage, question in PASSAGES["english"]:
        assert Analyzer(AUTO).words(passage) == Analyzer("english").words(passage)
        asked = Analyzer(AUTO).asked(question)
        assert [one for one in asked if ":" not in one] == Analyzer("english").asked(question)
    whole = "What does the doctor say about the tablets?"
    assert Analyzer(AUTO).asked(whole) == Analyzer("english").words(whole)


def test_an_index_remembers_its_language(tmp_path):
    for name, made in (
        ("new", Analyzer()),
        ("old", Analyzer("english")),
        ("fixed", Analyzer("german")),
    ):
        Index.create(tmp_path / name, encoder=HashEncoder(8), analyzer=made)
        assert Index.open(tmp_path / name, encoder=HashEncoder(8)).store.analyzer == made
    assert Analyzer().language == AUTO


def test_words_of_a_language_are_explained_and_marked():
    index = filled(None, Analyzer())
    question = "schlafende Katze auf dem Haus"
    told = next(one for one in index.explain(question) if one.hit.chunk.doc_id == "german-0")
    assert "german:katz" in told.words
    hit = told.hit
    marked = marks(hit.text, told.words, index.store.analyzer)
    assert "Katzen" in [hit.text[one.start : one.end] for one in marked]
