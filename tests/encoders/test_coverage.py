"""Languages that a model hardly knows are noticed; English, code and models that tell no tokens are not."""

from __future__ import annotations

from pathlib import Path

import pytest
from many_languages import PASSAGES

import rag_embed
from rag_embed.encoders import FunctionEncoder, HashEncoder, load
from rag_embed.encoders.coverage import hardly_known
from rag_embed.protocols import Encoder

OTHERS = {
    "Chinese or Japanese": ["会议每周一举行，请准时参加。", "オフィスは閉まります。", "八月份办公室关闭。"],
    "Korean": ["회의는 매주 월요일에 열립니다.", "사무실은 8월에 문을 닫습니다.", "송장은 30일 이내에."],
    "Hebrew letters": ["הפגישה מתקיימת בכל יום שני.", "המשרד סגור באוגוסט.", "יש לשלם חשבוניות."],
    "Devanagari letters": ["बैठक हर सोमवार को होती है।", "कार्यालय अगस्त में बंद रहता है।", "चालान देय हैं।"],
    "Tamil": ["இந்த கூட்டம் ஒவ்வொரு நாளும் நடைபெறும் என்று ஒரு அறிவிப்பு மற்றும் பல உள்ளன"] * 3,
}  # fmt: skip


@pytest.fixture(scope="module")
def minilm() -> Encoder:
    return load()


def texts(language: str) -> list[str]:
    return [passage for passage, _ in PASSAGES[language]] * 2


@pytest.mark.parametrize("language", [*(one for one in PASSAGES if one != "english")])
def test_an_english_model_hardly_knows_other_languages(minilm, language) -> None:
    first = hardly_known(minilm, texts(language))[0]
    assert first.language == language.capitalize() and first.share > 0.4 and first.known < 0.3


@pytest.mark.parametrize("language", OTHERS)
def test_nor_other_scripts(minilm, language) -> None:
    assert [one.language for one in hardly_known(minilm, OTHERS[language])] == [language]


def test_it_knows_english_and_code_and_does_not_mind_a_quotation(minilm) -> None:
    code = [path.read_text() for path in Path(rag_embed.__file__).parent.glob("*.py")]
    assert hardly_known(minilm, texts("english")) == hardly_known(minilm, code) == []
    assert hardly_known(minilm, [*texts("german")[:1], *texts("english")]) == []


@pytest.mark.parametrize("language", ["german", *OTHERS])
def test_nothing_is_said_of_models_whose_tokens_nobody_knows(language) -> None:
    def embed(some: list[str]) -> list[list[float]]:
        return HashEncoder(64).encode_document(some).tolist()

    some = OTHERS.get(language) or texts(language)
    assert hardly_known(FunctionEncoder(embed, name="hosted"), some) == []
