"""What is asked on the page: the fields of its form, read as the API reads its arguments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from rag_embed.ranking.relevance import MIN_RELEVANCE
from rag_embed.serving.conditions import Conditions
from rag_embed.serving.library import Library
from rag_embed.serving.parameters import Choice, Parameter, arguments, check_names
from rag_embed.serving.tool import Tool
from rag_embed.serving.web.searching import WHERE

EVERYTHING = "everything"

_INPUTS: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    "str": (("eq", "is", "text"), ("contains", "contains", "text")),
    "int": (("gte", "from", "number"), ("lte", "to", "number")),
    "float": (("gte", "from", "number"), ("lte", "to", "number")),
    "bool": (("eq", "is", "bool"),),
    "list[str]": (("eq", "holds", "text"),),
    "datetime": (("gte", "from", "date"), ("lte", "to", "date")),
    "date": (("gte", "from", "date"), ("lte", "to", "date")),
}
"""Of each kind of field: the operator, what it is called, and how it is typed in."""

SETTINGS = ("ranking", "diversity", "group", "fresh")
"""What can be compared side by side."""

_NAMES = ("q", "in", "k", "min", "previous", "by", "id", "start", *SETTINGS)
_SIDES = tuple(f"{side}.{one}" for side in "ab" for one in SETTINGS)
_TOKEN = "token"
"""Still in an address that was kept, though a cookie has let the browser in."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an index on the form.

    Attributes:
        name: Its name.
        inputs: Name on the form, what it is called, and how it is typed in, for each operator.
    """

    name: str
    inputs: tuple[tuple[str, str, str], ...]


def fields_of(conditions: Conditions) -> list[Field]:
    """The fields on the form: the declared ones, then title and id."""
    names = sorted(conditions.fields, key=lambda name: name in ("doc_id", "title"))
    return [
        Field(
            name,
            tuple(
                (f"f.{name}.{op}", said, typed)
                for op, said, typed in _INPUTS[conditions.fields[name][0]]
            ),
        )
        for name in names
    ]


@dataclass(frozen=True, slots=True)
class Form:
    """A form as it was filled in.

    Attributes:
        values: Name on the form -> what was typed, without what was left empty.
    """

    values: Mapping[str, str]

    @classmethod
    def of(cls, params: Mapping[str, str]) -> Form:
        """The form of an address."""
        return cls({name: value for name, value in params.items() if value.strip()})

    def __getitem__(self, name: str) -> str:
        return self.values.get(name, "")

    def check(self, conditions: Conditions) -> None:
        """Refuse what no page reads; each page may be given what others read, since they link to each other.

        Raises:
            Refused: A name is unknown.
        """
        typed = [name for field in fields_of(conditions) for name, _, _ in field.inputs]
        check_names("A page", (*_NAMES, *typed, *_SIDES, _TOKEN), self.values)

    @property
    def filtered(self) -> bool:
        """Whether a condition was set."""
        return any(name.startswith("f.") for name in self.values)

    @property
    def changed(self) -> bool:
        """Whether anything beside the question and conditions was set."""
        return any(not name.startswith("f.") and name not in ("q", "in") for name in self.values)

    def address(self, path: str = "/", **other: str) -> str:
        """An address that asks the same, but for these."""
        values = {**self.values, **other}
        return f"{path}?{urlencode({name: value for name, value in values.items() if value})}"

    def side(self, name: str) -> Form:
        """The form of one side of a comparison: its own settings as if they were the only ones."""
        shared = {key: value for key, value in self.values.items() if key not in SETTINGS}
        own = {one: self[f"{name}.{one}"] for one in SETTINGS}
        if not own["fresh"] and any(self[f"{side}.fresh"] for side in "ab"):
            shared.pop("by", None)  # the field of the other side
        return Form.of({**shared, **own})

    def arguments(self, tool: Tool, conditions: Conditions, rankings: tuple[str, ...]) -> Any:  # noqa: ANN401
        """What it asks of `search`, checked.

        Args:
            tool: `search` for programs.
            conditions: Those that it takes.
            rankings: What may rank.

        Raises:
            Refused: Something cannot be asked so.
        """
        given: dict[str, object] = {
            "query": self["q"] or None,
            "k": number(self["k"]),
            "min_relevance": number(self["min"] or str(MIN_RELEVANCE)),
            "diversity": number(self["diversity"]),
            "group_by": self["group"] or None,
            "previous": [line for line in self["previous"].splitlines() if line.strip()],
            "collection": self["in"] or None,
            "ranking": self["ranking"] or None,
            "fresh": number(self["fresh"]),
            "by": self["by"] or None,
            WHERE: self._where(conditions),
        }
        ranking = Choice("What ranks.", (EVERYTHING, *rankings), EVERYTHING)
        takes: dict[str, Parameter] = {**tool.takes, "ranking": ranking}
        asked = {name: one for name, one in given.items() if one is not None or name in takes}
        return arguments("search", takes, asked)

    def _where(self, conditions: Conditions) -> dict[str, object]:
        """The conditions, as the API takes them."""
        where: dict[str, Any] = {}
        for field in fields_of(conditions):
            for name, _, typed in field.inputs:
                if not (value := self[name]):
                    continue
                op = name.rpartition(".")[2]
                read = _read(value, typed)
                if op != "eq":
                    where[field.name] = _and(where.get(field.name), op, read)
                elif isinstance(read, str) and "," in read:
                    where[field.name] = [one.strip() for one in read.split(",") if one.strip()]
                else:
                    where[field.name] = read
        return where


def _and(there: object, op: str, value: object) -> object:
    """A further operator on a field; one that it equals goes before."""
    if there is None:
        return {op: value}
    return {**there, op: value} if isinstance(there, dict) else there


def _read(value: str, typed: str) -> object:
    if typed == "number":
        return number(value)
    return value == "true" if typed == "bool" and value in ("true", "false") else value


def number(text: str) -> int | float | str | None:
    """A number as it was typed; the text where it is none, which is told by who checks it."""
    if not text:
        return None
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def rankings_of(library: Library) -> tuple[str, ...]:
    """Legs that can rank alone, of any index."""
    hybrids = [shelf.index.experts.hybrid() for shelf in library.shelves]
    return tuple(dict.fromkeys(leg.name for one in hybrids for leg in one.legs))
