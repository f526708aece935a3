"""Contexts written by LangChain models."""

from __future__ import annotations

import pytest
from langchain_core.language_models import FakeListChatModel, FakeListLLM
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from langchain_rag_embed import context_writer

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput
from rag_embed.situated import context_prompt, described
from rag_embed.types import Chunk

DOCUMENT = Document("d", "Profit rose. It was the best year.", title="Acme 2024")
CHUNK = Chunk.of(DOCUMENT, 13, 34)
BLOCKS = AIMessage(content=[{"type": "text", "text": "About "}, {"type": "text", "text": "Acme."}])


@pytest.mark.parametrize(
    "model",
    [
        FakeListChatModel(responses=["About Acme."]),
        FakeListLLM(responses=["About Acme."]),
        RunnableLambda(lambda prompt: "About Acme."),
        RunnableLambda(lambda prompt: BLOCKS),
    ],
    ids=["chat model", "LLM", "runnable", "content blocks"],
)
def test_models_write(model):
    written = context_writer(model)(DOCUMENT, CHUNK)
    assert written == "About Acme."
    assert type(written) is str


def test_the_model_gets_the_prompt_and_nothing_else():
    asked = []

    def model(prompt, config):
        asked.append(prompt)
        return "About Acme."

    context_writer(RunnableLambda(model))(DOCUMENT, CHUNK)
    assert asked == [context_prompt(DOCUMENT, CHUNK)]


@pytest.mark.parametrize("answer", [{"text": "x"}, None, ["x"], "", " \n", AIMessage(content="")])
def test_what_is_no_text_is_refused(answer):
    with pytest.raises(BadInput, match="answer"):
        context_writer(RunnableLambda(lambda prompt: answer))(DOCUMENT, CHUNK)


def test_what_is_no_model_is_refused():
    with pytest.raises(BadInput, match="runnable"):
        context_writer(lambda prompt: "x")


def test_contexts_are_searched():
    model = RunnableLambda(lambda prompt: "Quarterly zebra figures.")
    situate = described(context_writer(model), name="fake")
    index = Index.in_memory(encoder=HashEncoder(), situate=situate)
    index.add([DOCUMENT, Document("e", "Something else.", title="Other")])
    plain = Index.in_memory(encoder=HashEncoder())
    plain.add([DOCUMENT])
    raw = [one.search("zebra figures", k=1)[0].parts[0].raw for one in (index, plain)]
    assert raw[0] > raw[1]
