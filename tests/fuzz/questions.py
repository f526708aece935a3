"""What is asked: conditions, filters, queries, tools, addresses, command lines."""

from __future__ import annotations

import operator
import random
import sys
from typing import Any

from fuzz.corpus import ASKED, FIELDS
from fuzz.door import Door, said
from mutating import VALUES, garbled, mutated

from rag_embed import Index, Query, cli
from rag_embed.cli.conditions import parsed
from rag_embed.fields import Fields
from rag_embed.filters import field
from rag_embed.serving import Library, tools
from rag_embed.serving.tool import FAILED
from rag_embed.stores.options import check_options
from rag_embed.stores.places import place


def doors(index: Index, kb: str) -> dict[str, Door]:
    return {
        "conditions": _conditions(),
        "filters": _filters(index),
        "queries": _queries(index),
        "tools": _tools(index),
        "addresses": Door(60, _address, _placed, (("~\0/kb", {}),)),
        "shell": _shell(kb),
    }


def _conditions() -> Door:
    seeds = [b"year>=2020", b"tags~hr", b"ok=true", b"day<2024-05-01", b"share!=0.5"]
    seeds += [b"metadata.x=1", b"lang=a,b"]
    fields = Fields.of(FIELDS)
    return Door(
        160,
        lambda chance: [said(mutated(chance, seeds)) for _ in range(chance.randint(1, 3))],
        lambda given: parsed(given, fields),
    )


def _filters(index: Index) -> Door:
    """Filters as Python writes them, several within each other, asked of the documents."""
    names = [*FIELDS, "doc_id", "title", "metadata.year", "metadata.", "metadata.a.b", "none", ""]
    signs = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]
    good = [2020, "hr", "2024-05-01", True, 0.5, ["hr", "x"]]

    def leaf(chance: random.Random) -> list[Any]:
        value = chance.choice([*good, *VALUES])
        return [chance.choice([*range(len(signs) + 4)]), chance.choice(names), value]

    def make(chance: random.Random) -> list[list[Any]]:
        return [[*leaf(chance), chance.randrange(3)] for _ in range(chance.choice((1, 1, 2, 5)))]

    def one(sign: int, name: str, value: Any) -> Any:
        if sign < len(signs):
            return signs[sign](field(name), value)
        by = [field(name).is_in, field(name).has, field(name).contains][(sign - len(signs)) % 3]
        return by(value) if sign < len(signs) + 3 else field(name).is_missing()

    def take(given: list[list[Any]]) -> None:
        where: Any = None
        for sign, name, value, how in given:
            new = one(sign, name, value)
            where = new if where is None else [where & new, where | new, ~where & new][how]
        found = set(index.contents.matching(where)) | set(index.contents.matching(~where))
        assert found == set(index.contents.matching())

    return Door(60, make, take)


def _queries(index: Index) -> Door:
    seeds: list[Any] = [
        {
            "text": "leave",
            "k": 3,
            "user": "ann",
            "min_relevance": 0.1,
            "diversity": 0.2,
            "group_by": "document",
        },
        {"text": "who", "previous": ["x"], "expand": 1, "id": "q"},
    ]

    def take(given: Any) -> None:
        if isinstance(given, dict) and all(isinstance(name, str) for name in given):
            try:
                query = Query(**given)
            except TypeError as error:
                assert "argument" in str(error), error
            else:
                index.search(query)

    found = ({"text": "x", "diversity": 10**400}, {"text": "x", "min_relevance": -(10**400)})
    return Door(70, lambda chance: garbled(chance, seeds), take, found)


def _tools(index: Index) -> Door:
    desk = {tool.name: tool for tool in tools(Library.of({"handbook": index}))}

    def make(chance: random.Random) -> tuple[str, Any]:
        name = chance.choice(sorted(ASKED))
        given = garbled(chance, [*ASKED[name]])
        return name, given if isinstance(given, dict) else {"query": given}

    def take(given: tuple[str, Any]) -> bool:
        answer = desk[given[0]].call(given[1])
        assert answer.text != FAILED and (answer.data or answer.failed)
        return not answer.failed

    return Door(50, make, take)


def _address(chance: random.Random) -> tuple[str, Any]:
    seeds = [b"/data/my kb", b"~/kb", b"file:///data/my%20kb", b"FILE://localhost/kb", b"kb/../a"]
    seeds += [b"s3://bucket/kb?region=eu", b"db://x", b"az://a/b", b"file:kb", b"file://host/kb"]
    options: Any = {"region": "eu", "aws_secret_access_key": "x", "timeout": "30s"}
    return said(mutated(chance, seeds)), garbled(chance, [options])


def _placed(given: tuple[str, Any]) -> None:
    """The same place once more is the same."""
    address, options = given
    check_options(options)
    found = place(address)
    assert "://" in found or place(found) == found


def _shell(kb: str) -> Door:
    lines = [
        ["search", kb, "leave", "-k", "3", "--where", "year>=2020", "--json"],
        ["show", kb, "handbook/leave.md"],
        ["list", kb, "--where", "tags~hr"],
        ["search", kb, "leave", "--min-relevance", "0.2", "--user", "ann"],
        ["doctor", kb, "--json"],
    ]

    def make(chance: random.Random) -> list[str]:
        line = chance.choice(lines)
        at = chance.randint(2, len(line) - 1)
        seeds = [word.encode() for some in lines for word in some if word != kb]
        word = said(mutated(chance, seeds)).replace("\x00", "")[:5000]
        return [*line[:at], word, *line[at + 1 :]]

    def take(given: list[str]) -> None:
        sys.argv = ["rag-embed", *given]
        try:
            cli.main()
        except SystemExit as end:
            assert end.code in (None, 0, 1, 2, 3), end.code

    return Door(2, make, take)
