"""What a model asks for in words and filters, for self-query retrievers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.structured_query import (
    Comparator,
    Comparison,
    Operation,
    Operator,
    StructuredQuery,
    Visitor,
)

from rag_embed import field
from rag_embed.arguments import naming_keywords
from rag_embed.errors import BadInput, class_of
from rag_embed.fields import Fields
from rag_embed.filters import METADATA, And, Field, Filter, Not, Or, compare
from rag_embed.values import time_of


class RagEmbedTranslator(Visitor):
    """Structured queries of LangChain as rag_embed filters, for self-query retrievers.

    ``contain`` finds an element of a list, or a part of a text. ``like`` finds a part of a text
    whatever its case, since a language model does not know how it is written; ``%`` may stand at
    its ends. Dates are compared as times.

    Args:
        fields: The declared fields of the index (``index.store.fields``), if there are any.

    Examples:
        >>> recent = Comparison(comparator=Comparator.GTE, attribute="year", value=2020)
        >>> RagEmbedTranslator().visit_structured_query(StructuredQuery("foxes", recent))
        ('foxes', {'filter': Compare(field='metadata.year', op='>=', value=2020)})
    """

    allowed_operators = tuple(Operator)
    allowed_comparators = tuple(Comparator)

    @naming_keywords
    def __init__(self, fields: Fields | None = None) -> None:
        if fields is not None and not isinstance(fields, Fields):
            raise BadInput(
                f"RagEmbedTranslator takes the declared fields, index.store.fields, got {class_of(fields)}."
            )
        self._types = fields.types if fields else {}

    def visit_operation(self, operation: Operation) -> Filter:
        """See `Visitor`.

        Raises:
            BadInput: There are no arguments, or several in a ``not``.
        """
        parts = tuple(argument.accept(self) for argument in operation.arguments)
        if not parts or (operation.operator == Operator.NOT and len(parts) > 1):
            raise BadInput(
                f"{operation.operator.value!r} with {len(parts)} arguments: 'not' takes one, 'and' "
                "and 'or' take at least one."
            )
        match operation.operator:
            case Operator.AND:
                return And(parts)
            case Operator.OR:
                return Or(parts)
            case _:
                return Not(parts[0])

    def visit_comparison(self, comparison: Comparison) -> Filter:
        """See `Visitor`.

        Raises:
            BadInput: The value does not fit the comparator.
        """
        name = field(METADATA + comparison.attribute)
        value = _plain(comparison.value)
        match comparison.comparator:
            case Comparator.LIKE:
                return name.contains(_part(value), ignore_case=True)
            case Comparator.CONTAIN:
                return self._contains(comparison.attribute, name, value)
            case other:
                return compare(f"${other.value}", name, value)

    def visit_structured_query(
        self, structured_query: StructuredQuery
    ) -> tuple[str, dict[str, Filter]]:
        """See `Visitor`: the text, and what `RagEmbedVectorStore.similarity_search` takes with it."""
        if structured_query.filter is None:
            return structured_query.query, {}
        return structured_query.query, {"filter": structured_query.filter.accept(self)}

    def _contains(self, attribute: str, name: Field, value: Any) -> Filter:  # noqa: ANN401
        """A declared column is a list or a text; of other metadata nobody knows."""
        kind = self._types.get(attribute)
        if kind == "list[str]" or not isinstance(value, str):
            return name.has(value)
        return name.contains(value) if kind else name.has(value) | name.contains(value)


def _plain(value: Any) -> Any:  # noqa: ANN401
    """LangChain's parser writes a date as ``{"date": "2020-01-31", "type": "date"}``."""
    if not isinstance(value, Mapping) or value.get("type") not in ("date", "datetime"):
        return value
    text = value.get(value["type"])
    moment = time_of(text)
    if moment is None:
        raise BadInput(f"{text!r} is no {value['type']}; it is written like 2020-01-31.")
    return moment


def _part(pattern: object) -> str:
    part = pattern.removeprefix("%").removesuffix("%") if isinstance(pattern, str) else ""
    if not part or "%" in part:
        raise BadInput(f"'like' takes a part of a text, with % at its ends only, got {pattern!r}.")
    return part
