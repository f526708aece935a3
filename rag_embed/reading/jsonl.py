"""JSON lines: one document per line, streamed."""

from __future__ import annotations

import codecs
import json
import reprlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from rag_embed.arguments import nearest
from rag_embed.errors import BadInput
from rag_embed.types import EVERYBODY, Audience, Document, Skipped

_OWN = frozenset({"id", "_id", "text", "title", "metadata", "user", "readers"})


def read_jsonl(path: Path, name: str, whose: Audience = EVERYBODY) -> Iterator[Document | Skipped]:
    """One document per line; a broken line is reported and the others go on.

    Fields: ``text``, which may be empty beside a title; ``id`` or ``_id`` (a string or integer; without it
    the id is ``"file.jsonl:17"``); ``title``; ``user``, the owner; ``readers``, a list of groups;
    ``metadata``, an object - without it the remaining fields that are strings, numbers, booleans, or lists
    of these. Empty lines are ignored. A line with ``"user": null`` says that nobody owns it, and one with
    ``"readers": null`` too that it is for everybody; such a line is reported where ``whose`` says otherwise.
    """
    with path.open("rb") as lines:
        yield from documents_of(lines, name, whose)


def documents_of(
    lines: Iterable[bytes], name: str = "", whose: Audience = EVERYBODY
) -> Iterator[Document | Skipped]:
    """`read_jsonl` of lines that are no file, or of which it is known.

    Args:
        lines: As they come, in UTF-8.
        name: That of the file. Without one each document needs an id of its own, and says in ``metadata``
            whatever else it has: a program can be told what it misspelt, a file's writer is not there.
        whose: For whom the caller takes what says nothing of it; a document has what its line says alone.

    Examples:
        >>> list(documents_of([b'{"id": 7, "text": "Foxes."}', b"[]"]))[1]
        Skipped(source='line 2', reason='expected a JSON object, got list', by_rule=False, partly=False)
    """
    for number, line in enumerate(lines, 1):
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if not line.strip():
            continue
        place = f"{name}:{number}" if name else f"line {number}"
        try:
            record = json.loads(line.decode("utf-8"), parse_constant=_refuse)
            document = _document(record, name, place)
            _check_shared(record, document, whose)
            yield document
        except RecursionError:
            yield Skipped(place, "nested too deeply")
        except ValueError as error:  # BadInput, broken JSON and wrong encoding are all of these
            yield Skipped(place, str(error))


def _document(record: object, name: str, place: str) -> Document:
    if not isinstance(record, dict):
        raise BadInput(f"expected a JSON object, got {type(record).__name__}")
    text, title, user = record.get("text"), record.get("title"), record.get("user")
    if not isinstance(text, str):
        raise BadInput(f"field 'text' must be a string, got {type(text).__name__}")
    if not text.strip() and not (isinstance(title, str) and title.strip()):
        raise BadInput("no text")
    metadata = record.get("metadata")
    if not name:
        _check_fields(record)
    if metadata is None:
        metadata = {
            key: value for key, value in record.items() if key not in _OWN and _is_plain(value)
        }
    if not isinstance(metadata, dict):
        raise BadInput(f"field 'metadata' must be an object, got {type(metadata).__name__}")
    if name:
        metadata = {"path": name, **metadata}
    document = Document(
        _identity(record, place if name else ""),
        text,
        title="" if title is None else title,
        metadata=metadata,
        user=user,
        readers=record.get("readers"),
    )
    _require_unicode(document)
    return document


def _check_shared(record: Mapping[str, Any], document: Document, whose: Audience) -> None:
    """Refuse a line that says it is shared where the caller would make it somebody's.

    Raises:
        BadInput: It does.
    """
    if not document.audience.everybody:
        return
    if whose.user is not None and "user" in record:
        raise BadInput(
            f"'user' is null in its line, so nobody owns it, and not {whose.user!r} either: leave out user "
            "(--user), since lines say whose they are, or take the key out of the line"
        )
    if whose.readers and "readers" in record:
        raise BadInput(
            "'readers' is null in its line, so it is for everybody: leave out readers (--reader), since "
            "lines say who reads them, or take the key out of the line"
        )


def _check_fields(record: Mapping[str, Any]) -> None:
    for one in record:
        if one not in _OWN:
            near = nearest(one, ("id", "text", "title", "metadata"))
            meant = f"did you mean {near!r}? " if near else ""
            raise BadInput(
                f"unknown field {reprlib.repr(one)}; {meant}A document has id, text, title and "
                "metadata, an object for all else"
            )


def _is_plain(value: object) -> bool:
    if isinstance(value, list):
        return all(isinstance(one, str | int | float) for one in value)
    return isinstance(value, str | int | float)


def _identity(record: Mapping[str, Any], place: str) -> str:
    found = record.get("id", record.get("_id"))
    if found is None:
        return place  # an empty one is refused by the document
    if isinstance(found, bool) or not isinstance(found, (str, int)):
        raise BadInput(f"field 'id' must be a string or integer, got {type(found).__name__}")
    return str(found)


def _require_unicode(document: Document) -> None:
    named = document.audience
    parts = (document.id, document.text, document.title, named.user or "", *named.readers)
    try:
        "".join(parts).encode("utf-8")
        json.dumps(document.metadata, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise BadInput("holds half of a surrogate pair, which no file can store") from error


def _refuse(constant: str) -> NoReturn:
    raise BadInput(f"{constant} is not JSON")
