"""Whatever is added to one way in has to be added to the others, or to be given a reason."""

from __future__ import annotations

import inspect
from typing import get_type_hints

import pytest
import typer
from langchain_rag_embed import search_tool as LangChainTool
from langchain_rag_embed.middleware import PassagesMiddleware
from langchain_rag_embed.retrievers import RetrieverOptions as LangChainOptions
from llama_index.retrievers.rag_embed import search_tool as LlamaTool
from llama_index.retrievers.rag_embed.retriever import RetrieverOptions as LlamaOptions

from rag_embed import Index
from rag_embed.cli import app
from rag_embed.evaluation import from_retriever
from rag_embed.index import Options
from rag_embed.indexing.contents import Contents
from rag_embed.indexing.experts import Experts
from rag_embed.indexing.folders import Looking
from rag_embed.indexing.opening import Making
from rag_embed.indexing.users import Users
from rag_embed.serving import index_tools

ROOT = typer.main.get_command(app)
PASSAGES = {"passage_tokens"}


def command(path: str):
    """A command of the shell by its words."""
    found = ROOT
    for word in path.split():
        found = found.commands[word]
    return found


def options(path: str) -> set[str]:
    return {one.name for one in command(path).params}


def test_a_search_takes_the_same_everywhere() -> None:
    asked = set(get_type_hints(Options))
    assert set(LangChainOptions.__annotations__) == asked | PASSAGES
    assert set(LlamaOptions.__annotations__) == asked | PASSAGES
    rest = {"kb", "query", "as_json"}
    orders = {"rerank", "best_chunks"}
    assert options("ask-why") == asked | rest | orders | {"html"}  # passages are several hits
    assert options("search") == asked | rest | orders | PASSAGES | {"as_lines"}


def test_measuring_asks_what_a_search_asks() -> None:
    asked = set(get_type_hints(Options)) - {
        "k",
        "previous",
    }  # queries.jsonl says what was said before
    assert asked <= set(inspect.signature(from_retriever).parameters)
    assert asked <= options("eval")


def test_who_deletes_is_said_as_in_python() -> None:
    named = set(inspect.signature(Index.delete).parameters) - {"self"}
    assert named <= options("delete")


def test_an_agent_is_bound_as_a_server_is() -> None:
    """What a search may be given and no model chooses; conditions narrow those of the tool."""
    bound = {"user", "groups", "where", "fresh", "by", "rerank"}
    for tool in (LangChainTool, LlamaTool, index_tools, PassagesMiddleware):
        assert bound <= set(inspect.signature(tool).parameters)
    assert bound <= options("mcp") and bound <= options("serve")


MADE = {
    "encoder": "model",
    "chunk_tokens": "chunk_tokens",
    "chunk_overlap": "chunk_overlap",
    "situate": "situate",
    "sample": "situate",  # auto takes one of the files
    "tokens": "tokens",
    "weights": "weight",
    "fields": "field",
    "analyzer": "language",
    "durable": "durable",
    "splitter": None,  # a program's own
    "storage_options": None,  # object stores read credentials from the environment
}
ADDED = {"paths": "sources", "progress": None}  # shown on standard error


def test_a_shell_makes_what_python_makes() -> None:
    there = options("index")
    assert set(get_type_hints(Making)) == MADE.keys()
    assert {name for name in MADE.values() if name} <= there
    named = set(inspect.signature(Index.add_files).parameters) - {"self", "looking"}
    named |= set(get_type_hints(Looking))
    assert {ADDED.get(name, name) for name in named} - {None} <= there


INDEX = {
    "at": "index",
    "create": "index",
    "open": "search",
    "in_memory": None,  # it ends with the process
    "add": None,  # a program's own documents
    "add_files": "index",
    "sync": None,  # a program's own documents; folders: index --prune
    "delete": "delete",
    "search": "search",
    "search_many": None,  # a shell asks one question at a time
    "explain": "ask-why",
    "tune": "tune",
    "apply": "tune",
    "forget": "forget",
    "retriever": "search",
}
EXPERTS = {
    "list": "experts list",
    "get": "experts list",
    "add": "experts add",
    "add_space": "experts add-space",
    "drop_space": "experts drop-space",
    "keep_tokens": "index",
    "remove": "experts remove",
    "enable": "experts enable",
    "weigh": "experts weigh",
    "weights": "experts weigh",
    "weights_of": "tune",  # of one user
    "calibrate": "tune",
    "calibration": "doctor",
    "attach": None,  # a program's own retriever
    "attach_leg": None,  # a program's own leg
    "attach_stage": None,  # a program's own stage
    "router": "tune",
    "legs": None,  # for programs that ask them
    "hybrid": None,  # for programs that wrap it
    "forget": "forget",
}
USERS = {
    "profiles": "profile",
    "remember": "remember",
    "profile": "profile",
    "around": "search",
    "fade": "remember",
    "forget": "forget",
    "moved": "ask-why",
}
CONTENTS = {
    "declare": "declare",
    "citation": "search",
    "document": "show",
    "documents": "show",
    "matching": "show",
    "passages": "search",
    "chunks": None,  # for programs; a shell prints documents
    "count": "doctor",
    "neighbours": None,  # takes a hit that a program holds
    "section": None,  # the same
    "stats": "doctor",
}


@pytest.mark.parametrize(
    ("of", "commands"), [(Index, INDEX), (Experts, EXPERTS), (Users, USERS), (Contents, CONTENTS)]
)
def test_a_shell_has_what_python_has(of, commands) -> None:
    does = inspect.getmembers(of, lambda member: not inspect.ismemberdescriptor(member))
    assert {name for name, _ in does if not name.startswith("_")} == commands.keys()
    for path in filter(None, commands.values()):
        assert command(path).help


def test_what_a_space_is_made_of_in_a_shell() -> None:
    named = set(inspect.signature(Experts.add_space).parameters) - {"self", "progress", "encoder"}
    assert named | {"model"} <= options("experts add-space")
