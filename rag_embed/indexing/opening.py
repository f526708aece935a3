"""Where an index comes from: made at a place, opened there, or held in memory."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias, TypedDict

from rag_embed.analysis import Analyzer
from rag_embed.arguments import check_options, lacking
from rag_embed.errors import BadInput, IndexExists, NoIndex, class_of
from rag_embed.fields import Fields, FieldTypes
from rag_embed.indexing import erasing
from rag_embed.indexing.assembly import (
    Situate,
    loaded,
    mixture_of,
    say_what_is_cut,
    settings_of,
    space_again,
    space_of,
)
from rag_embed.indexing.cutting import again, chosen
from rag_embed.indexing.migration import migrate
from rag_embed.indexing.noted import leave_note, loading_ahead
from rag_embed.indexing.recipes import ENCODER, packed_space, plain_model, put
from rag_embed.indexing.settings import INDEX, IndexSettings, read
from rag_embed.protocols import ChunkEncoder, Encoder, Splitter, Store
from rag_embed.situated.expressions import STANDARD
from rag_embed.stores.places import local
from rag_embed.types import DENSE, Document

Place: TypeAlias = str | os.PathLike[str] | Store
"""A folder, the URI of an object store, or a store of the caller's own."""

Parts: TypeAlias = tuple[Store, Splitter, ChunkEncoder]
"""What an index is put together from."""


class Shape(TypedDict, total=False):
    """What decides how an index is made, wherever it lies.

    Attributes:
        encoder: An encoder, or the name or path of a sentence-transformers model; all-MiniLM-L6-v2 by
            default.
        chunk_tokens: Longest chunk, in tokens of the encoder; ``None`` keeps documents whole.
        chunk_overlap: Tokens, in whole sentences, repeated from the chunk before.
        splitter: Cuts documents instead, as your program likes; it is given to `Index.open` again.
        situate: ``"titled"`` puts title and headings before a chunk when it is encoded, ``"isolated"``
            nothing; sums such as ``"titled+0.25*heading(titled)"``, the default, see
            `situated.expressions`; `situated.described` what a language model writes; ``"auto"`` what
            is best on a sample, see `tuning.situate`.
        sample: Documents that ``"auto"`` measures on; they are not added.
        tokens: Keep every token's vector at one bit a number, and look at the best candidates again
            word by word; see `ranking.token_evidence`. By default for the models with which that was
            measured to help; `tuning.tokens` measures it for others.
        weights: How much ``"dense"``, ``"lexical"`` and ``"tokens"`` count, each >= 0; one that is not
            named counts nothing. `ranking.weights.WEIGHTS` by default; `Experts.weigh` changes them.
        fields: Metadata that filters may use, such as ``{"year": int, "tags": list[str]}``; see
            `fields.FieldTypes`.
        analyzer: Language and stemming of lexical search.
    """

    encoder: Encoder | str | None
    chunk_tokens: int | None
    chunk_overlap: int
    splitter: Splitter | None
    situate: Situate
    sample: Iterable[Document] | None
    tokens: bool | None
    weights: Mapping[str, float] | None
    fields: FieldTypes | None
    analyzer: Analyzer | None


class Making(Shape, total=False):
    """What `Index.create` takes beside the place.

    Attributes:
        durable: Whether every write is synced to the disk before it counts as done, so that a power cut takes
            nothing of it; a write of one document then takes as long as some syncs. Not by default: a
            power cut may take what was written last, and the index is whole as it was before.
        storage_options: Credentials and region of an object store.
    """

    durable: bool
    storage_options: Mapping[str, str] | None


class Opening(TypedDict, total=False):
    """What `Index.open` takes beside the place; everything else is kept in the index.

    Attributes:
        encoder: What the index was built with, if only your program can make it.
        situate: What it was built with, such as a writer of contexts; without it nothing can be added.
        splitter: What it was built with, if any; without it nothing can be added.
        storage_options: Credentials and region of an object store.
    """

    encoder: Encoder | str | None
    situate: Situate | None
    splitter: Splitter | None
    storage_options: Mapping[str, str] | None


def made(path: Place, making: Making) -> Parts:
    """An empty index; see `Index.create`."""
    check_options("create()", making, Making.__optional_keys__)
    _check_place(path)
    if not isinstance(path, str | os.PathLike):
        return _made_in(path, making)
    _check_lasting(path)
    from rag_embed.stores.lance import LanceStore  # keeps `import rag_embed` light

    declared = Fields.of(making.get("fields") or {})
    splitter, space, settings, files = _shaped(making)
    store = LanceStore.create(
        path,
        {DENSE: space.signature.dim},
        fields=declared,
        analyzer=making.get("analyzer"),
        tokens=_token_spaces(space),
        settings=settings.entries(),
        files=files,
        durable=making.get("durable", False),
        storage_options=making.get("storage_options"),
    )
    leave_note(store.uri, plain_model(settings.recipes[DENSE][ENCODER]))
    return store, splitter, space


def _check_place(path: object) -> None:
    if not isinstance(path, str | os.PathLike) and (told := lacking(path, Store)):
        raise BadInput(f"An index lies in a folder, at a URI or in a Store; {told}.")


def _check_lasting(path: str | os.PathLike[str]) -> None:
    if os.fspath(path).startswith("memory://"):
        raise BadInput(
            "LanceDB keeps memory:// for one connection, and an index has several; use "
            "Index.in_memory()."
        )


def held(shape: Shape) -> Parts:
    """An empty index in memory; see `Index.in_memory`."""
    check_options("in_memory()", shape, Shape.__optional_keys__)
    from rag_embed.stores.memory import MemoryStore

    splitter, space, settings, files = _shaped(shape)
    store = MemoryStore(
        {DENSE: space.signature.dim},
        fields=shape.get("fields"),
        analyzer=shape.get("analyzer"),
        tokens=_token_spaces(space),
    )
    store.files.put(files)
    store.configure(settings.entries())
    return store, splitter, space


def opened(path: Place, opening: Opening) -> Parts:
    """An index that is there; see `Index.open`."""
    if kept := sorted(opening.keys() & (Making.__optional_keys__ - Opening.__optional_keys__)):
        raise BadInput(
            f"open() takes no {kept[0]}, which an index keeps from when it was made: leave it out, or "
            "Index.at(path, ...) opens an index only if it was made so."
        )
    check_options("open()", opening, Opening.__optional_keys__)
    _check_place(path)
    encoder, storage_options = opening.get("encoder"), opening.get("storage_options")
    named = path if isinstance(path, str | os.PathLike) else None
    load = loading_ahead(None if encoder else named)
    if isinstance(path, str | os.PathLike):
        _check_lasting(path)
        from rag_embed.stores.lance import LanceStore

        lance = LanceStore.open(path, storage_options=storage_options)
        where = lance.uri
        migrate(lance, local(where))
        store: Store = lance
    else:
        _check_bare(path, {"storage_options": storage_options})
        store, where = path, type(path).__name__
        if INDEX not in store.settings():
            raise NoIndex(f"This {where} holds no index yet", "make one with Index.create")
    settings = read(store, where)
    given = loaded(encoder) if encoder else None
    own, space = space_again(settings, given, opening.get("situate"), where, store.files, load)
    erasing.finish(store, (space,))
    return store, again(settings.splitter, own, opening.get("splitter"), where), space


def reopened(path: Place, making: Making) -> Parts:
    """An index that is there and was made like this; see `Index.at`, which declares the fields that it lacks.

    Raises:
        BadInput: It was made otherwise, or has a field of another type.
    """
    check_options("at()", making, Making.__optional_keys__)
    situate, fields = making.get("situate"), Fields.of(making.get("fields") or {})
    parts = opened(
        path,
        {
            "encoder": making.get("encoder"),
            "situate": None if situate == "auto" else situate,
            "splitter": making.get("splitter"),
            "storage_options": making.get("storage_options"),
        },
    )
    store, _, space = parts
    known = read(store)
    measured = situate if known.situated else space.signature.chunks
    wanted: list[tuple[str, object, object]] = [
        ("situate", situate if situate == "auto" else None, measured),
        ("tokens", making.get("tokens"), bool(space.signature.tokens)),
        ("analyzer", making.get("analyzer"), store.analyzer),
        ("chunk_overlap", making.get("chunk_overlap"), known.splitter.get("overlap")),
        ("durable", making.get("durable"), store.settings().get("store", {}).get("durable", False)),
        ("weights", making.get("weights"), mixture_of(known.weights, space)),
    ]
    given = [(name, value, own) for name, value, own in wanted if value is not None]
    if "chunk_tokens" in making:
        given.append(("chunk_tokens", making["chunk_tokens"], known.splitter.get("max_tokens")))
    for name, value, own in given:
        if value != own:
            where = os.fspath(path) if isinstance(path, str | os.PathLike) else type(path).__name__
            raise BadInput(
                f"The index at {where!r} was made with {name}={own!r}, got {value!r}. Leave {name} "
                "out, or make a new index elsewhere."
            )
    store.fields.joined(fields)
    return parts


def _made_in(store: Store, making: Making) -> Parts:
    given = {
        name: making.get(name) for name in ("fields", "analyzer", "durable", "storage_options")
    }
    _check_bare(store, given)
    if INDEX in store.settings():
        raise IndexExists(f"This {type(store).__name__} holds an index already; open it instead.")
    splitter, space, settings, files = _shaped(making)
    recipes = {DENSE: put(settings.recipes[DENSE], files, store.files)}
    store.configure(replace(settings, recipes=recipes).entries())
    return store, splitter, space


def _check_bare(store: Store, given: Mapping[str, object]) -> None:
    """Refuse options that belong to the making of a store."""
    if unused := [name for name, value in given.items() if value is not None]:
        raise BadInput(
            f"{' and '.join(unused)} belong to the place; leave them out, and make the "
            f"{type(store).__name__} with them."
        )


def _shaped(
    shape: Shape,
) -> tuple[Splitter, ChunkEncoder, IndexSettings, dict[str, bytes]]:
    """How documents are cut and chunks encoded, and what a new index remembers and keeps of it."""
    model, analyzer = loaded(shape.get("encoder")), shape.get("analyzer")
    if analyzer is not None and not isinstance(analyzer, Analyzer):
        raise BadInput(f"analyzer is an Analyzer(language='english'), got {class_of(analyzer)}.")
    sizes: dict[str, Any] = {
        name: shape[name] for name in ("chunk_tokens", "chunk_overlap") if name in shape
    }
    splitter, cut = chosen(shape.get("splitter"), model, sizes)
    situate, why = _decided(shape.get("situate", STANDARD), shape.get("sample"), splitter, model)
    weights = shape.get("weights")
    space = space_of(situate, model, shape.get("tokens"), weights)
    say_what_is_cut(cut.get("max_tokens"), space)
    recipes, files = packed_space(model, situate, space)
    return splitter, space, settings_of(space, cut, why, weights, recipes), files


def _token_spaces(space: ChunkEncoder) -> list[str]:
    return [DENSE] if space.signature.tokens else []


def _decided(
    situate: Situate, sample: Iterable[Document] | None, splitter: Splitter, encoder: Encoder
) -> tuple[Situate, str]:
    """What ``"auto"`` stands for on a sample, and why; anything else as it is."""
    if (situate == "auto") != (sample is not None):
        raise BadInput('situate="auto" measures on sample=documents; give both or neither.')
    if sample is None:
        return situate, ""
    from rag_embed.tuning.situate import choose  # only here, it brings a whole trial index

    verdict = choose(sample, splitter, encoder)
    return verdict.value, verdict.reason
