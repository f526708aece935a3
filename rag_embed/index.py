"""`Index`: the way in. It wires; the work is done in the modules it names."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from typing_extensions import Unpack

from rag_embed.arguments import check_is, made_by, naming_throughout
from rag_embed.events import check_user
from rag_embed.fields import Fields
from rag_embed.filters import field
from rag_embed.indexing import erasing
from rag_embed.indexing.contents import Contents, listed
from rag_embed.indexing.documents import Given, several
from rag_embed.indexing.evidence import Mode
from rag_embed.indexing.experts import Experts
from rag_embed.indexing.explanation import Explanation, explanations
from rag_embed.indexing.folders import Files, Looking
from rag_embed.indexing.opening import Making, Opening, Place, Shape, held, made, opened, reopened
from rag_embed.indexing.origin import unmarked
from rag_embed.indexing.own_legs import as_found, matched
from rag_embed.indexing.reported import AddReport
from rag_embed.indexing.spaces import Spaces
from rag_embed.indexing.sync import Scope, added, synced
from rag_embed.indexing.telling import told
from rag_embed.indexing.users import Users
from rag_embed.indexing.workers import Workers
from rag_embed.protocols import ChunkEncoder, Retriever, Splitter, Store
from rag_embed.stores.opening import declare_lacking, opened_or_made
from rag_embed.stores.rereading import with_view
from rag_embed.telemetry.observing import Observed, gone, observed, written
from rag_embed.types import ANYONE, Anyone, Hit, OnProgress, Options, Query, check_hits

if TYPE_CHECKING:
    from rag_embed.evaluation import Collection, Verdict


@naming_throughout
class Index:
    """Documents in, ranked and explained chunks out.

    Made by `at`, `create`, `open` or `in_memory`. A model that cannot be loaded raises `ModelUnavailable`,
    a place that cannot be read or written `StoreError`; what was committed stays.

    Attributes:
        store: Where it lies.
        spaces: How documents are cut and chunks encoded.
        experts: What ranks: legs, second stages, their weights, a router.
        users: What is remembered of users, and how far it bends their queries.
        contents: Documents and chunks, read as they were added, and what filters may use of them.

    Examples:
        >>> from rag_embed import Document, Index
        >>> from rag_embed.encoders import HashEncoder
        >>> index = Index.in_memory(encoder=HashEncoder())
        >>> index.add([Document("a", "The fox is red."), Document("b", "The sea is blue.")]).added
        2
        >>> index.search("red foxes", k=1)[0].text
        'The fox is red.'
    """

    __slots__ = ("__weakref__", "contents", "experts", "spaces", "store", "users")

    @made_by(
        "An Index is opened by Index.open(path), made by Index.create(path) or Index.in_memory()."
    )
    def __init__(self, store: Store, splitter: Splitter, space: ChunkEncoder) -> None:
        self.store = check_is("store", store, Store)
        self.spaces = Spaces(store, space, splitter)
        self.experts = Experts(store, self.spaces)
        self.users = Users(store, space)
        self.contents = Contents(store, self.spaces)

    @classmethod
    def at(cls, path: Place, **making: Unpack[Making]) -> Index:
        """Open the index at a place, or make it where there is none; arguments as in `create`.

        Of ``fields``, those that the index lacks are declared; see `Contents.declare`.

        Raises:
            BadInput: As in `create`, or the index that is there was made otherwise.
            SpaceMismatch: The encoder is not the one the index was built with.
        """
        index = cls(*opened_or_made(lambda: reopened(path, making), lambda: made(path, making)))
        declare_lacking(index.store, Fields.of(making.get("fields") or {}))
        return index

    @classmethod
    def create(cls, path: Place, **making: Unpack[Making]) -> Index:
        """Make an empty index in a folder, an object store, or a store of your own.

        Args:
            path: Folder, ``s3://``, ``gs://`` or ``az://`` URI, or a `protocols.Store` without index.
            **making: ``encoder``, ``chunk_tokens``, ``situate``, ``weights``, ``fields`` and more,
                each with a default: see `indexing.opening.Making`.

        Raises:
            BadInput: An argument is wrong, or the folder holds files which are no index's.
            IndexExists: There is an index already.
        """
        return cls(*made(path, making))

    @classmethod
    def open(cls, path: Place, **opening: Unpack[Opening]) -> Index:
        """Open an index.

        Args:
            path: Where it was created.
            **opening: ``encoder``, ``situate``, ``splitter``, ``storage_options``, as far as only your
                program knows them: see `indexing.opening.Opening`.

        Raises:
            BadInput: An argument is wrong, or does not fit the index.
            NoIndex: There is none.
            SpaceMismatch: The encoder is not the one the index was built with.
        """
        return cls(*opened(path, opening))

    @classmethod
    def in_memory(cls, **shape: Unpack[Shape]) -> Index:
        """Make an index that lives as long as the process; arguments as in `create`."""
        return cls(*held(shape))

    @observed("add", written)
    def add(
        self, documents: Given, *, progress: OnProgress | None = None, workers: int | Workers = 1
    ) -> AddReport:
        """Add documents; one with a known id replaces the stored one in a single commit.

        Unchanged documents cost no encoding. The report tells what was skipped, by a reader or for its id.

        Args:
            documents: Any iterable, consumed lazily, see `rag_embed.reading.read`; or one document.
            progress: Called after each batch.
            workers: Processes that encode; or `indexing.workers.Ray`. Rows are the same.

        Raises:
            BadInput: The metadata of a document cannot be stored; batches before it are.
        """
        return added(self.spaces.ingest(workers), unmarked(several(documents)), progress)

    @observed("add", written)
    def add_files(
        self,
        *paths: str | os.PathLike[str],
        progress: OnProgress | None = None,
        **looking: Unpack[Looking],
    ) -> AddReport:
        """Add files and folders, again and again: what is unchanged costs nothing.

        The index remembers its folders, and an id begins with the name of one; see `indexing.roots`.

        Args:
            *paths: Files and folders.
            progress: Called with the counts so far.
            **looking: ``name``, ``include``, ``exclude``, ``ignore_files``, ``user``, ``prune``,
                ``allow_empty``, ``dry_run``, ``workers``: see `indexing.folders.Looking`.

        Raises:
            BadInput: There is no such file or folder, its name is taken by another one, or nothing
                is left of a folder; then none of its documents is deleted.
        """
        files, mode = Files.of(self.store, paths, looking)
        ingest = self.spaces.ingest(looking.get("workers", 1), lenient=True)
        return synced(ingest, files, mode, progress)

    @observed("add", written)
    def sync(
        self,
        documents: Given,
        *,
        scope: str,
        allow_empty: bool = False,
        dry_run: bool = False,
        progress: OnProgress | None = None,
        workers: int | Workers = 1,
    ) -> AddReport:
        """Make the documents of a scope those that come: `add`, then delete what did not come.

        Only what came under this scope is deleted, nothing of a skipped source, and of an owner only where
        something else of the same owner came; what stays for such a reason is in the report's notes.

        Args:
            documents: All documents of the scope that there are; or the only one.
            scope: A name for documents of one kind, such as ``"tickets"``.
            allow_empty: Delete all of them when none comes.
            dry_run: Change nothing, and list in the report what would be done.
            progress: Called with the counts so far.
            workers: See `add`.

        Raises:
            BadInput: One cannot be stored, the scope is a folder's name, or none came and none is deleted.
        """
        scoped = Scope.of(self.store, scope, several(documents))
        mode = Mode(True, allow_empty, dry_run)
        return synced(self.spaces.ingest(workers), scoped, mode, progress)

    @observed("delete", gone)
    def delete(
        self,
        ids: Sequence[str],
        *,
        user: str | Anyone | None = ANYONE,
        groups: Sequence[str] = (),
    ) -> int:
        """Delete documents by id, and say how many there were; unknown ids are no error.

        With ``user`` only what is this owner's goes, and with None only what is nobody's: of that, what names
        readers only if one is among the ``groups``.

        Raises:
            BadInput: ``ids`` is one str, or there are ``groups`` without ``user``.
        """
        return erasing.delete(self.store, listed("delete()", ids), user, groups)

    def search(self, query: str | Query, **options: Unpack[Options]) -> list[Hit]:
        """Find the best chunks: at most ``k``, best first. Fewer hits are always a prefix of more.

        Args:
            query: A text, or a `Query` that holds everything.
            **options: See `Query`: ``k``, ``where``, ``user``, ``groups``, ``min_relevance`` and the others.

        Raises:
            BadInput: An option is out of range, or the filter does not fit the fields.
        """
        return self.search_many([query], **options)[0]

    def search_many(
        self, queries: Sequence[str | Query], **options: Unpack[Options]
    ) -> list[list[Hit]]:
        """`search` for many queries, encoded and searched as one batch."""
        return self.retriever.retrieve(Query.several(queries, options))

    def explain(
        self,
        query: str | Query,
        *,
        hits: Sequence[Hit] | None = None,
        **options: Unpack[Options],
    ) -> list[Explanation]:
        """`search`, and for each hit all that can be said of why it was found, best first.

        Args:
            query: A text, or a `Query`.
            hits: What a retriever of your own found for it among these chunks; None searches.
        """
        asked = Query.of(query, options)
        hits = self.search(asked) if hits is None else hits
        check_hits("explain()", hits)
        same = as_found(self.store, hits)
        found = *matched(self.store, self.spaces, asked, same), self.users.moved(asked, same)
        return explanations(self.store.analyzer, asked, hits, same, *found)

    def tune(
        self,
        what: str,
        labels: Collection,
        *,
        candidates: Sequence[Any] | None = None,
        metric: str = "ndcg@10",
        seed: int = 0,
        user: str | None = None,
    ) -> Verdict[Any]:
        """Ask labels whether a change helps, judged by queries it was not chosen on; `apply` makes it.

        Args:
            what: ``"relevance"``, ``"weights"``, ``"router"``, ``"personal"``, ``"fresh"``, ``"tokens"`` or
                ``"situate"``; see `tuning.tune`.
            labels: Queries with the documents that answer them; ``Collection.of({...})``.
            candidates: What is chosen among, for ``"personal"``, ``"fresh"`` and ``"situate"``.
            metric: What is to rise, for ``"weights"``, ``"router"``, ``"fresh"``, ``"personal"``.
            seed: The same seed splits and draws the same.
            user: Whom ``"weights"`` are to serve alone, by that user's documents too; `forget` erases them.

        Raises:
            BadInput: The labels do not suffice, or an option does not fit.
        """
        from rag_embed.tuning.tune import Task, tune

        return tune(self, what, Task(labels, candidates, metric, seed, user))

    def apply(self, verdict: Verdict[Any]) -> None:
        """Let a verdict take effect, now and whenever the index is opened.

        What was kept is used; where nothing was, the standard is used again. To use what was not
        kept all the same: ``apply(dataclasses.replace(verdict, kept=True))``.

        Raises:
            BadInput: The verdict is none of `tune`, or it takes a new index to follow it.
        """
        from rag_embed.tuning.tune import apply

        apply(self, verdict)

    @property
    def retriever(self) -> Retriever:
        """What `search` asks: routed, and with queries bent by histories once that was chosen."""
        return Observed(self.users.around(self.experts.hybrid(routed=True)), self.store)

    @observed("forget", gone)
    def forget(self, user: str, events: Sequence[str] | None = None) -> int:
        """Erase a user's documents, events and weights, or the events of these ids; how many there were.

        Router pilots and contexts of these documents go too. No byte is left; a crash is made good when
        the index is next opened.

        Raises:
            BadInput: ``events`` is one str, or ``user`` no id.
        """
        check_user(user)
        if events is not None:
            return self.users.forget(user, events)
        self.experts.forget(user, self.contents.matching(field("user_id") == user, user=user))
        erased = erasing.forget(self.store, self.spaces.at_hand, user)
        return erased["documents"] + erased["events"] + erased["learned"]

    def __len__(self) -> int:
        """Number of chunks."""
        return with_view(self.store, len)

    def __repr__(self) -> str:
        return told(self.store, self.spaces.own.signature.model)
