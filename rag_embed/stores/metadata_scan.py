"""What filters read of all chunks of one version, column by column, each once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property

import pyarrow as pa

from rag_embed.fields import READERS, Fields
from rag_embed.filters import METADATA
from rag_embed.stores.schema import field_columns, field_values, unpacked
from rag_embed.stores.sorted_columns import Metadata, present


def scanned(names: Iterable[str], fields: Fields) -> list[str]:
    """The columns that a `Scan` reads for some names of a resolved filter."""
    found = ["id"]
    for name in names:
        if name.startswith(METADATA):
            found.append("metadata_json")
        else:
            found += field_columns(name) if name in fields.types else [name]
    return list(dict.fromkeys(found))


class Scan:
    """Columns of all chunks, in the order of `ids`.

    Args:
        read: Reads columns of all rows.
        fields: The declared fields.
    """

    def __init__(self, read: Callable[[Sequence[str]], pa.Table], fields: Fields) -> None:
        self._read = read
        self._fields = fields
        self.ids: list[str] = read(["id"])["id"].to_pylist()

    def values(self, name: str) -> Mapping[int, object]:
        """The values of one name of a resolved filter, by the number of the chunk."""
        if name.startswith(METADATA):
            return self._metadata.values(name)
        if name in self._fields.types:
            table = self._columns(field_columns(name))
            return present(field_values(table, name, self._fields.types[name]))
        found = self._columns([name])[name].to_pylist()
        return present(found if name != READERS else (unpacked(one) or None for one in found))

    @cached_property
    def _metadata(self) -> Metadata:
        """Parsed metadata; chunks of one document share it."""
        sources = self._columns(["metadata_json"])["metadata_json"].to_pylist()
        parsed = {source: json.loads(source) for source in set(sources)}
        return Metadata([parsed[source] for source in sources])

    def _columns(self, names: Sequence[str]) -> pa.Table:
        table = self._read(list(dict.fromkeys(["id", *names])))
        found = table["id"].to_pylist()
        if found == self.ids:
            return table
        place = {id: i for i, id in enumerate(found)}
        return table.take([place[id] for id in self.ids])
