"""What an index remembers beside its documents: one noun, one reader, one writer.

An index keeps each field as one entry of its store's settings, so that two processes which change
different fields do not undo each other. Entries of other names belong to somebody else (the store
itself, an adapter of a framework) and are left alone; unknown values inside our own are refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, TypeAlias

from rag_embed.errors import BadInput, StoreError
from rag_embed.indexing.roots import Root
from rag_embed.personal.setting import Setting
from rag_embed.protocols import Store
from rag_embed.ranking.relevance import Calibration
from rag_embed.types import DENSE, Fresh, Signature

FORMAT = 1
"""Of the settings; indexes without a number are brought up to date by `indexing.migration`."""

INDEX = "index"
"""Name of the entry that makes a store an index: the format, and the fields of `_OWN`."""

NODES = "llama_index"
"""Name of the entry of a store that a vector store of LlamaIndex made, which is no index."""

_OWN = ("signature", "splitter", "tokens")
"""Written together, when an index is made and when its own space changes."""

Kind: TypeAlias = Literal["query", "space", "sparse", "attached"]


@dataclass(frozen=True, slots=True)
class Expert:
    """One expert of an index.

    Attributes:
        name: Name of its leg, and the key of its weight.
        kind: ``"query"``, ``"space"``, ``"sparse"`` (a space that weighs terms) or ``"attached"``.
        model: Folder that the adapter came from, or name or path of the model; empty for what is attached.
        space: Where it searches.
        weights: Hash of the model's weights; of an adapter, those of its base.
        enabled: A disabled one is kept, but not asked.
        card: Training data, sizes, splits, measured gain; empty where nothing was measured.
        files: The adapter's files by name, and where the index keeps them; empty for an adapter that
            is read from its folder, as older indexes have it.
    """

    name: str
    kind: Kind
    model: str = ""
    space: str = DENSE
    weights: str = ""
    enabled: bool = True
    card: Mapping[str, Any] = field(default_factory=dict, hash=False)
    files: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class IndexSettings:
    """All that an index remembers beside its documents.

    Attributes:
        signature: The space the index was made with.
        splitter: Settings of what cuts documents.
        tokens: Settings of the tokens that the own space keeps; None where it keeps none.
        filling: Settings of tokens that are being computed; None while nothing is.
        spaces: Signature of each space that was added.
        experts: The experts, in the order in which they came.
        weights: How much each leg and second stage counts; None for the defaults.
        own_weights: The same for one user's queries alone, by user.
        calibration: Relevance as fitted to the owner's labels; None for that of the model.
        personal: How histories bend queries; off unless tuning found a gain.
        situated: Why chunks are situated as they are; empty where it was not measured.
        contexts: Files in which its spaces keep what they write about documents.
        roots: The folders its documents came from, and scopes, by name.
        recipes: How each space is made again, by name; see `indexing.recipes`. A space without one
            is that of an older index, whose model is loaded by its name.
        sparse: Signature of each sparse space.
        fresh: How much newer documents count before older ones; None for not at all.
    """

    signature: Signature
    splitter: Mapping[str, Any] = field(hash=False)
    tokens: Mapping[str, Any] | None = field(default=None, hash=False)
    filling: Mapping[str, Any] | None = field(default=None, hash=False)
    spaces: Mapping[str, Signature] = field(default_factory=dict, hash=False)
    experts: tuple[Expert, ...] = ()
    weights: Mapping[str, float] | None = field(default=None, hash=False)
    own_weights: Mapping[str, Mapping[str, float]] = field(default_factory=dict, hash=False)
    calibration: Calibration | None = None
    personal: Setting = field(default_factory=Setting)
    situated: str = ""
    contexts: tuple[str, ...] = ()
    roots: Mapping[str, Root] = field(default_factory=dict, hash=False)
    recipes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, hash=False)
    sparse: Mapping[str, Signature] = field(default_factory=dict, hash=False)
    fresh: Fresh | None = None

    def entries(self) -> dict[str, Any]:
        """All fields as entries of a store's settings: JSON values by name."""
        values = asdict(self)
        own = {name: values.pop(name) for name in _OWN}
        return {INDEX: {"format": FORMAT, **own}, **values}

    def without_user(self, user: str) -> IndexSettings:
        """Without what was learned for a user alone."""
        others = {one: own for one, own in self.own_weights.items() if one != user}
        return replace(self, own_weights=others)

    def since(self, before: IndexSettings) -> dict[str, Any]:
        """The entries that differ from others."""
        old = before.entries()
        return {name: value for name, value in self.entries().items() if value != old[name]}


def read(store: Store, place: str = "") -> IndexSettings:
    """What an index remembers.

    Args:
        store: Of the index.
        place: Where it lies, for messages.

    Raises:
        BadInput: The store is not that of an index.
        StoreError: A newer version of rag_embed wrote it, or it is damaged.
    """
    return _read(store.settings(), place or type(store).__name__)


def write(store: Store, change: Callable[[IndexSettings], IndexSettings]) -> IndexSettings:
    """Remember something else from now on, in one commit, with no other write in between.

    Args:
        store: Of the index.
        change: Makes the new settings of those that are stored; it may not write to the store.

    Returns:
        The new settings.

    Raises:
        BadInput: They could not be read again.
    """
    after: list[IndexSettings] = []

    def revised(values: dict[str, Any]) -> Mapping[str, Any]:
        before = _read(values, type(store).__name__)
        after.append(change(before))
        changed = after[-1].since(before)
        _check_readable(values, changed)
        return changed  # a store without a lock asks again

    store.revise(revised)
    return after[-1]


def _read(values: Mapping[str, Any], place: str) -> IndexSettings:
    if INDEX not in values and NODES in values:
        raise BadInput(
            f"{place!r} was made by LlamaIndex's RagEmbedVectorStore, which keeps vectors and is no index. "
            "Search it there, VectorStoreIndex.from_vector_store(RagEmbedVectorStore(uri), embed_model=...), "
            "or fill an index elsewhere with the same documents (RagEmbedIndexer) and search that."
        )
    if INDEX not in values:
        raise BadInput(
            f"{place!r} is a bare store, not that of an index; open it with LanceStore.open."
        )
    own = values[INDEX]
    if not isinstance(own, Mapping):
        raise _unread(place, f"{INDEX!r} is {type(own).__name__}, and no object")
    own = dict(own)
    if (found := own.pop("format", 0)) != FORMAT:
        raise StoreError(
            f"The settings of the index at {place!r} have format {found}, this version reads "
            f"{FORMAT}. Open it with Index.open, or upgrade rag_embed."
        )
    ours = {one.name for one in fields(IndexSettings)} - set(_OWN)
    told = {**own, **{name: values[name] for name in ours & values.keys()}}
    try:
        return IndexSettings(**{n: _READ[n](one) if n in _READ else one for n, one in told.items()})
    except (TypeError, AttributeError, ValueError, LookupError) as error:
        raise _unread(place, str(error)) from error


def _check_readable(values: Mapping[str, Any], changed: Mapping[str, Any]) -> None:
    """Refuse what would keep an index from being opened ever again."""
    try:
        _read({**values, **json.loads(json.dumps(changed, allow_nan=False))}, "")
    except (TypeError, ValueError, StoreError) as error:
        raise BadInput(f"An index cannot keep this as its {', '.join(changed)}: {error}") from error


def _unread(place: str, why: str) -> StoreError:
    return StoreError(
        f"The settings of the index at {place!r} cannot be read ({why}). A newer version of "
        "rag_embed may have written them: upgrade, or restore the folder from a copy."
    )


def _calibration(known: Mapping[str, Any]) -> Calibration:
    return Calibration(**{name: value for name, value in known.items() if name != "level"})


_READ: Mapping[str, Callable[[Any], Any]] = {
    "signature": lambda one: Signature(**one),
    "spaces": lambda some: {name: Signature(**one) for name, one in some.items()},
    "sparse": lambda some: {name: Signature(**one) for name, one in some.items()},
    "experts": lambda some: tuple(Expert(**one) for one in some),
    "contexts": tuple,
    "calibration": lambda one: None if one is None or one.get("level") else _calibration(one),
    "personal": lambda one: Setting(**one),
    "fresh": lambda one: None if one is None else Fresh(**one),
    "roots": lambda some: {name: Root(**one) for name, one in some.items()},
}
"""How the fields that are no plain JSON are read. A fit that weighs a ``level`` is of the time when that was
another fact, and is none: the curve for every index takes its place."""
