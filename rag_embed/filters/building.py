"""How a filter is written: ``field(name)`` and its comparisons."""

from __future__ import annotations

from collections.abc import Iterable

from rag_embed.errors import BadInput
from rag_embed.filters.nodes import Compare, Contains, Has, In, Missing, comparable
from rag_embed.values import Value


class Field:
    """A value to compare: one of the declared ``fields``, or ``id``, ``doc_id``, ``title``.

    ``field("metadata.source")`` reads any key of the metadata without a declaration, and
    ``field("metadata.author.name")`` a nested one. Such a filter looks at every chunk's metadata,
    where a declared field is a column; and a misspelt key is not noticed.

    Examples:
        >>> from rag_embed.filters import matches
        >>> recent = (field("year") >= 2020) & field("lang").is_in(["en", "de"])
        >>> matches(recent, {"year": 2024, "lang": "de"})
        True
        >>> matches(recent, {"year": 2024})
        False
    """

    __slots__ = ("name",)
    __hash__ = None  # type: ignore[assignment]  # == builds a filter, so a Field cannot be a key

    def __init__(self, name: str) -> None:
        if not isinstance(name, str) or not name:
            raise BadInput(f"A field name is a non-empty str, got {name!r}.")
        self.name = name

    def __eq__(self, value: Value) -> Compare:  # type: ignore[override]
        return Compare(self.name, "==", comparable(value))

    def __ne__(self, value: Value) -> Compare:  # type: ignore[override]
        return Compare(self.name, "!=", comparable(value))

    def __lt__(self, value: Value) -> Compare:
        return Compare(self.name, "<", comparable(value))

    def __le__(self, value: Value) -> Compare:
        return Compare(self.name, "<=", comparable(value))

    def __gt__(self, value: Value) -> Compare:
        return Compare(self.name, ">", comparable(value))

    def __ge__(self, value: Value) -> Compare:
        return Compare(self.name, ">=", comparable(value))

    def is_in(self, values: Iterable[Value]) -> In:
        """The value, or an element of the list that it is, is one of ``values``; none of no values."""
        if isinstance(values, str | bytes) or not isinstance(values, Iterable):
            raise BadInput(f"is_in() takes a list of values, got {values!r}; wrap it in a list.")
        return In(self.name, tuple(map(comparable, values)))

    def has(self, value: Value) -> Has:
        """The field is a list that contains ``value``."""
        return Has(self.name, comparable(value))

    def contains(self, text: str, *, ignore_case: bool = False) -> Contains:
        """The value is a text that has ``text`` somewhere in it."""
        return Contains(self.name, text, ignore_case)

    def is_missing(self) -> Missing:
        """The field has no value."""
        return Missing(self.name)


def field(name: str) -> Field:
    """Name a column for a filter; see `Field`."""
    return Field(name)
