"""Read a test collection in the BEIR layout; nothing else is read or written here.

    corpus.jsonl       one object per line: _id, title, text; further fields become metadata
    queries.jsonl      one object per line: _id, text; maybe user_id, and previous, a list of turns
    qrels.tsv          query-id, corpus-id, score, tab-separated, with or without a header line
    qrels/test.tsv     the same, one file per split

UTF-8. Every complaint starts with ``file:line``.
"""

from __future__ import annotations

import json
from collections.abc import Collection as Group
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from os import PathLike
from pathlib import Path
from typing import Any

from rag_embed.errors import BadInput
from rag_embed.evaluation.collection import Collection
from rag_embed.events import check_user
from rag_embed.types import Document


def read_collection(
    folder: str | PathLike[str],
    *,
    split: str | None = None,
    name: str | None = None,
    strict: bool = True,
) -> Collection:
    """Read a folder in the BEIR layout.

    Args:
        folder: Holds ``corpus.jsonl``, ``queries.jsonl`` and the judgements.
        split: Read ``qrels/{split}.tsv``. None reads ``qrels.tsv``, or ``qrels/test.tsv`` where
            that does not exist.
        name: Name of the collection, the folder's when None.
        strict: See `read_files`.

    Raises:
        BadInput: A file is missing or malformed.
    """
    folder = Path(folder)
    return read_files(
        folder / "corpus.jsonl",
        folder / "queries.jsonl",
        _judgements(folder, split),
        name=folder.resolve().name if name is None else name,
        strict=strict,
    )


def read_files(
    corpus: str | PathLike[str],
    queries: str | PathLike[str],
    qrels: str | PathLike[str],
    *,
    name: str,
    strict: bool = True,
) -> Collection:
    """Read the three files of a collection, wherever they are.

    Args:
        corpus: JSON lines. Entries without text keep their title, those with neither stay too:
            they belong to the corpus that others measured on.
        queries: JSON lines; queries without judgements are kept.
        qrels: Tab-separated judgements.
        name: Name of the collection.
        strict: Refuse a judgement of a document that is not in the corpus. False keeps it, and
            it counts as never found: what trec_eval does, and what some published sets need.

    Raises:
        BadInput: A file is missing or malformed; the message starts with ``file:line``.
    """
    documents = tuple(_read_corpus(Path(corpus)).values())
    return read_labels(documents, queries, qrels, name=name, strict=strict)


def read_labels(
    documents: Sequence[Document],
    queries: str | PathLike[str],
    qrels: str | PathLike[str],
    *,
    name: str,
    strict: bool = True,
) -> Collection:
    """Read queries and judgements for documents that are at hand already, an index's for example.

    Arguments and errors as in `read_files`.
    """
    texts: dict[str, str] = {}
    users: dict[str, str] = {}
    talks: dict[str, tuple[str, ...]] = {}
    for where, entry in _objects(Path(queries)):
        id_ = _id(entry, where)
        if id_ in texts:
            raise BadInput(f"{where}: query {id_!r} occurs a second time; ids must be unique.")
        texts[id_] = _text(entry, "text", where)
        if entry.get("user_id") is not None:
            users[id_] = _user(entry["user_id"], where)
        if "previous" in entry:
            talks[id_] = _turns(entry["previous"], where)
    known = {document.id for document in documents} if strict else None
    judged = _read_qrels(Path(qrels), texts.keys(), known)
    return Collection(name, tuple(documents), texts, judged, users, talks)


def _judgements(folder: Path, split: str | None) -> Path:
    plain = folder / "qrels.tsv"
    if split is None and plain.is_file():
        return plain
    path = folder / "qrels" / f"{split or 'test'}.tsv"
    if not path.is_file():
        splits = sorted(p.stem for p in (folder / "qrels").glob("*.tsv"))
        have = f"splits there: {', '.join(splits)}" if splits else "no qrels/*.tsv there"
        looked_for = path if split else f"{plain} or {path}"
        raise BadInput(f"Expected judgements in {looked_for}; {have}. Choose a split that exists.")
    return path


def _read_corpus(path: Path) -> dict[str, Document]:
    documents: dict[str, Document] = {}
    for where, entry in _objects(path):
        id_ = _id(entry, where)
        if id_ in documents:
            raise BadInput(f"{where}: document {id_!r} occurs a second time; ids must be unique.")
        metadata = {k: v for k, v in entry.items() if k not in {"_id", "title", "text"}}
        nested = metadata.get("metadata")
        if isinstance(nested, dict):
            # BEIR's own files put further fields there.
            del metadata["metadata"]
            metadata = {**nested, **metadata}
        title = "" if entry.get("title") is None else _text(entry, "title", where)
        documents[id_] = Document(id_, _text(entry, "text", where), title, metadata)
    if not documents:
        raise BadInput(f"{path}: expected at least one document, the file holds none.")
    return documents


def _read_qrels(
    path: Path, queries: Group[str], documents: Group[str] | None
) -> dict[str, dict[str, int]]:
    qrels: dict[str, dict[str, int]] = {}
    for number, line in _lines(path):
        where = f"{path}:{number}"
        cells = line.split("\t")
        if len(cells) != 3:
            raise BadInput(
                f"{where}: expected query-id, corpus-id and score separated by tabs, "
                f"got {len(cells)} column(s)."
            )
        query, document, score = (cell.strip() for cell in cells)
        try:
            grade = int(score)
        except ValueError:
            if number == 1 and query not in queries:
                continue  # the header line
            raise BadInput(f"{where}: expected an integer as score, got {score!r}.") from None
        if query not in queries:
            raise BadInput(f"{where}: query {query!r} is not in the queries file.")
        if documents is not None and document not in documents:
            raise BadInput(
                f"{where}: document {document!r} is not in the corpus{_meant(document, documents)} Correct the "
                "id (rag-embed list KB shows those of an index), or use the whole corpus; --no-strict, in "
                "Python strict=False, counts it as never found."
            )
        if qrels.setdefault(query, {}).setdefault(document, grade) != grade:
            raise BadInput(f"{where}: {query!r} and {document!r} were judged differently before.")
    if not qrels:
        raise BadInput(f"{path}: expected at least one judgement, the file holds none.")
    return qrels


def _meant(id: str, known: Group[str]) -> str:
    """The id that was meant: one by its end, as a file without its folder, else one whose last part is near.

    Last parts are compared apart and without the ending of a file: two ids of one folder are no nearer for it.
    """
    ends = [one for one in known if one.endswith(f"/{id}") or id.endswith(f"/{one}")]
    last: dict[str, list[str]] = {}
    for one in () if ends else known:
        last.setdefault(_last(one), []).append(one)
    close = get_close_matches(_last(id), last, 1, 0.75)
    among = ends or (last[close[0]] if close else [])
    return f"; did you mean {min(among, key=len)!r}?" if among else "."


def _last(id: str) -> str:
    """The last part of an id, without the ending of a file."""
    name = id.rpartition("/")[2]
    stem, _, ending = name.rpartition(".")
    return stem if stem and ending.isalpha() else name


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Numbered lines that are not blank, without their end."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, line.rstrip("\n")
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file; a collection needs it.") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: expected UTF-8 ({error}); convert the file.") from None


def _objects(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, line in _lines(path):
        where = f"{path}:{number}"
        try:
            entry = json.loads(line)
        except (RecursionError, ValueError) as error:
            raise BadInput(f"{where}: expected one JSON object per line ({error}).") from None
        if not isinstance(entry, dict):
            raise BadInput(f"{where}: expected a JSON object, got {type(entry).__name__}.")
        yield where, entry


def _id(entry: dict[str, Any], where: str) -> str:
    value = entry.get("_id")
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value:
        raise BadInput(f"{where}: expected a non-empty string in '_id', got {value!r}.")
    return value


def _user(value: Any, where: str) -> str:  # noqa: ANN401
    try:
        return check_user(value)
    except BadInput as error:
        raise BadInput(f"{where}: {error}") from None


def _turns(value: Any, where: str) -> tuple[str, ...]:  # noqa: ANN401
    if not isinstance(value, list) or not all(isinstance(turn, str) for turn in value):
        raise BadInput(f"{where}: expected a list of texts in 'previous', got {value!r}.")
    return tuple(value)


def _text(entry: dict[str, Any], field: str, where: str) -> str:
    value = entry.get(field)
    if not isinstance(value, str):
        raise BadInput(f"{where}: expected a string in {field!r}, got {value!r}.")
    return value
