"""`Index`: the way in. It wires; the work is done in the modules it names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypedDict

from typing_extensions import Unpack

from rag_embed.errors import BadInput, class_of
from rag_embed.events import check_user
from rag_embed.filters import Filter, field
from rag_embed.indexing import erasing
from rag_embed.indexing.assembly import Situate
from rag_embed.indexing.contents import Contents, listed
from rag_embed.indexing.documents import several
from rag_embed.indexing.experts import Experts
from rag_embed.indexing.explanation import Explanation, explanations
from rag_embed.indexing.ingest import AddReport, Ingest
from rag_embed.indexing.opening import Making, Place, Shape, held, made, opened, reopened
from rag_embed.indexing.origin import unmarked
from rag_embed.indexing.own_legs import token_matches
from rag_embed.indexing.spaces import Spaces
from rag_embed.indexing.sync import Files, Mode, Scope, synced
from rag_embed.indexing.users import Users
from rag_embed.protocols import (
    ChunkEncoder,
    Encoder,
    Retriever,
    Splitter,
    Store,
)
from rag_embed.reading.selection import Selection
from rag_embed.stores.opening import opened_or_made
from rag_embed.stores.rereading import with_view
from rag_embed.types import (
    ANYONE,
    Anyone,
    Document,
    Grouping,
    Hit,
    OnProgress,
    Query,
    Skipped,
)

if TYPE_CHECKING:
    from rag_embed.evaluation.collection import Collection
    from rag_embed.evaluation.verdict import Verdict


class Options(TypedDict, total=False):
    """What `Index.search` takes beside the text; the same names as in `Query`."""

    k: int
    where: Filter | None
    user: str | None
    min_relevance: float
    diversity: float
    group_by: Grouping
    previous: Sequence[str]


class Index:
    """Documents in, ranked and explained chunks out.

    Make one with `at`, `create`, `open` or `in_memory`.

    Attributes:
        store: Where it lies.
        spaces: How documents are cut and chunks encoded.
        experts: What ranks: legs, second stages, their weights, a router.
        users: What is remembered of users, and how far it bends their queries.
        contents: Documents and chunks, read as they were added.

    Examples:
        >>> from rag_embed import Document, Index
        >>> from rag_embed.encoders import HashEncoder
        >>> index = Index.in_memory(encoder=HashEncoder())
        >>> index.add([Document("a", "The fox is red."), Document("b", "The sea is blue.")]).added
        2
        >>> index.search("red foxes", k=1)[0].text
        'The fox is red.'
    """

    def __init__(
        self,
        store: Store,
        splitter: Splitter,
        space: ChunkEncoder,
    ) -> None:
        self.store = store
        self.spaces = Spaces(store, space, splitter)
        self.experts = Experts(store, self.spaces)
        self.users = Users(store, space)
        self.contents = Contents(store, self.spaces)

    @classmethod
    def at(cls, path: Place, **making: Unpack[Making]) -> Index:
        """Open the index at a place, or make it where there is none.

        Args:
            path: As in `create`.
            **making: As in `create`; for an index that is there, what it must have been made with.

        Raises:
            BadInput: The index that is there was made otherwise, or an argument is wrong.
            ModelUnavailable: The model cannot be loaded.
            SpaceMismatch: The encoder is not the one the index was built with.
            StoreError: The place cannot be read or written.
        """
        return cls(*opened_or_made(lambda: reopened(path, making), lambda: made(path, making)))

    @classmethod
    def create(cls, path: Place, **making: Unpack[Making]) -> Index:
        """Make an empty index in a folder, an object store, or a store of your own.

        Args:
            path: Folder, which a later change of the working folder does not move; or ``s3://``,
                ``gs://``, ``az://`` URI; or a `protocols.Store` that is no index yet.
            **making: Options, each of which has a default.

        Keyword Args:
            encoder: An encoder, or the name or path of a sentence-transformers model;
                all-MiniLM-L6-v2 by default.
            chunk_tokens: Longest chunk, in tokens of the encoder; ``None`` keeps documents whole.
            chunk_overlap: Tokens, in whole sentences, repeated from the chunk before.
            splitter: Cuts documents instead, as your program likes; it is given to `open` again.
            situate: ``"titled"`` puts title and headings before a chunk when it is encoded,
                ``"isolated"`` nothing; sums such as ``"titled+0.25*heading(titled)"``, the default,
                see `situated.expressions`; `situated.described` what a language model writes; ``"auto"``
                what is best on a sample, see `tuning.situate`.
            sample: Documents that ``"auto"`` measures on; they are not added.
            tokens: Keep every token's vector at one bit a number, and look at the best candidates
                again word by word; see `ranking.token_evidence`. By default for the models with which that
                was measured to help; `tuning.tokens` measures it for others.
            weights: How much ``"dense"``, ``"lexical"`` and ``"tokens"`` count, each >= 0; one that is
                not named counts nothing. `ranking.weights.WEIGHTS` by default; `weigh` changes them.
            fields: Metadata that filters may use, such as ``{"year": int, "tags": list[str]}``; see
                `fields.FieldTypes`.
            analyzer: Language and stemming of lexical search.
            storage_options: Credentials and region of an object store.

        Raises:
            BadInput: An argument is wrong.
            ModelUnavailable: The model cannot be loaded.
            IndexExists: There is an index already.
            StoreError: The place cannot be written.
        """
        return cls(*made(path, making))

    @classmethod
    def open(
        cls,
        path: Place,
        *,
        encoder: Encoder | str | None = None,
        situate: Situate | None = None,
        splitter: Splitter | None = None,
        storage_options: Mapping[str, str] | None = None,
    ) -> Index:
        """Open an index.

        Args:
            path: Where it was created.
            encoder: The encoder it was built with, where only your program can make it, such as an
                embedding function; without it all works that needs no encoder.
            situate: What `create` was given, where only your program can make it, such as a writer of
                contexts; without it the index can be searched, but not added to.
            splitter: What `create` was given, if it was; without it nothing can be added.
            storage_options: Credentials and region of an object store.

        Raises:
            NoIndex: There is none.
            ModelUnavailable: The model cannot be loaded.
            SpaceMismatch: The encoder is not the one the index was built with.
        """
        return cls(*opened(path, encoder, situate, splitter, storage_options))

    @classmethod
    def in_memory(cls, **shape: Unpack[Shape]) -> Index:
        """Make an index that lives as long as the process; arguments as in `create`."""
        return cls(*held(shape))

    def add(
        self,
        documents: Iterable[Document | Skipped] | Document,
        *,
        progress: OnProgress | None = None,
    ) -> AddReport:
        """Add documents; one with a known id replaces the stored one in a single commit.

        Unchanged documents cost no encoding. What a reader skipped is passed on to the report.

        Args:
            documents: Any iterable, consumed lazily, see `rag_embed.reading.read`; or one document.
            progress: Called after each batch.

        Raises:
            BadInput: A document cannot be stored; batches before it are.
            StoreError: The index cannot be written; what was committed stays.
        """
        report = self._ingest().add(unmarked(several(documents)), progress)
        if report.added or report.replaced:
            self.store.tidy()
        return report

    def add_files(
        self,
        *paths: str | os.PathLike[str],
        name: str | None = None,
        include: Sequence[str] | None = None,
        exclude: Sequence[str] | None = None,
        ignore_files: bool = True,
        user: str | None = None,
        prune: bool = False,
        allow_empty: bool = False,
        dry_run: bool = False,
        progress: OnProgress | None = None,
    ) -> AddReport:
        """Add files and folders, again and again: what is unchanged costs nothing.

        The index remembers its folders. An id begins with the name of the folder, however many a
        call names, and a folder inside a known one is a part of it; see `indexing.roots`.

        Args:
            *paths: Files and folders.
            name: The name of the only folder, where its own name is taken or it was moved.
            include: Patterns of the files that are read; see `rag_embed.reading.read`.
            exclude: Patterns of files and folders that are not.
            ignore_files: Whether ``.gitignore`` and ``.ignore`` are followed.
            user: Owner of the documents, who alone finds them; one that a file names goes before.
            prune: Delete documents that came from these files and folders, whose file is seen to
                be gone. Documents with an owner stay.
            allow_empty: Prune even where nothing is left at all, or the folder itself is gone.
            dry_run: Change nothing, and list in the report what would be done.
            progress: Called with the counts so far.

        Raises:
            BadInput: There is no such file or folder, its name is taken by another one, or nothing
                is left of a folder; then none of its documents is deleted.
            StoreError: The index cannot be written; what was committed stays.
        """
        mode = Mode(prune, allow_empty, dry_run)
        chosen = Selection.of(include, exclude, ignore_files)
        files = Files.of(self.store, paths, name, chosen, user, mode)
        return synced(self._ingest(lenient=True), files, mode, progress)

    def sync(
        self,
        documents: Iterable[Document | Skipped] | Document,
        *,
        scope: str,
        allow_empty: bool = False,
        dry_run: bool = False,
        progress: OnProgress | None = None,
    ) -> AddReport:
        """Make the documents of a scope those that come: `add`, then delete what did not come.

        Only documents that came under the same scope before are deleted. Documents with an owner
        stay, and those whose source was skipped: a file, all below a folder, all of a file with a
        broken line.

        Args:
            documents: All documents of the scope that there are; or the only one.
            scope: A name for documents of one kind, such as ``"tickets"``.
            allow_empty: Delete all of them when none comes.
            dry_run: Change nothing, and list in the report what would be done.
            progress: Called with the counts so far.

        Raises:
            BadInput: A document cannot be stored, the scope is a folder's name, or no document
                came; then none is deleted.
            StoreError: The index cannot be written; what was committed stays.

        Examples:
            >>> from rag_embed.encoders import HashEncoder
            >>> index = Index.in_memory(encoder=HashEncoder())
            >>> fox, sea = Document("a", "The fox is red."), Document("b", "The sea is blue.")
            >>> index.sync([fox, sea], scope="facts").added
            2
            >>> index.sync([sea], scope="facts").deleted
            1
        """
        mode = Mode(True, allow_empty, dry_run)
        return synced(
            self._ingest(), Scope.of(self.store, scope, several(documents)), mode, progress
        )

    def _ingest(self, lenient: bool = False) -> Ingest:
        return Ingest(self.store, self.spaces.splitter, self.spaces.writing(), lenient)

    def delete(self, ids: Sequence[str], *, user: str | Anyone | None = ANYONE) -> int:
        """Delete documents by id; unknown ids are no error.

        Args:
            ids: Ids of documents.
            user: The owner of what may be deleted, ``None`` for shared documents alone; those of others
                stay. Whoever they belong to, by default.

        Returns:
            How many were deleted.

        Raises:
            BadInput: ``ids`` is one str.
            StoreError: The index cannot be written.
        """
        ids = listed("delete()", ids)
        if user is not ANYONE:
            ids = [id for id, (_, owner) in self.store.known(ids).items() if owner == user]
        deleted = self.store.delete(ids)
        if deleted:
            self.store.tidy()
        return deleted

    def search(self, query: str | Query, **options: Unpack[Options]) -> list[Hit]:
        """Find the best chunks.

        Args:
            query: A text, or a `Query` that holds everything.
            **options: ``k``, ``where``, ``user``, ``min_relevance``, ``diversity``, ``group_by``,
                ``previous``; see `Query`.

        Returns:
            At most ``k`` hits, best first. Fewer hits are always a prefix of more.

        Raises:
            BadInput: An option is out of range, or the filter does not fit the fields.
        """
        return self.search_many([query], **options)[0]

    def search_many(
        self, queries: Sequence[str | Query], **options: Unpack[Options]
    ) -> list[list[Hit]]:
        """`search` for many queries, encoded and searched as one batch."""
        if isinstance(queries, str | Query):
            raise BadInput(
                f"search_many() takes a list of queries, got one {class_of(queries)}; search() takes one."
            )
        return self.retriever.retrieve([_query(query, options) for query in queries])

    def explain(self, query: str | Query, **options: Unpack[Options]) -> list[Explanation]:
        """`search`, and for each hit all that can be said of why it was found.

        Args:
            query: A text, or a `Query`.
            **options: See `search`.

        Returns:
            One per hit, best first: parts, route, words in common, tokens, and what is personal.

        Raises:
            BadInput: An option is out of range.
        """
        asked = _query(query, options)
        [hits] = self.search_many([asked])
        tokens = token_matches(self.store, self.spaces.own, asked, hits)
        moved = self.users.moved(asked, hits)
        return explanations(self.store.analyzer, asked.text, hits, tokens, moved)

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
        """Ask labels whether a change to the index helps; nothing is changed yet.

        What is decided is always judged by queries that it was not chosen on.

        Args:
            what: ``"relevance"``, ``"weights"``, ``"router"``, ``"personal"``, ``"tokens"`` or
                ``"situate"``; see `tuning.tune`.
            labels: Queries with the documents that answer them; ``Collection.of({...})``.
            candidates: What is chosen among, for ``"personal"`` and ``"situate"``.
            metric: What is to rise, for ``"weights"``, ``"router"`` and ``"personal"``.
            seed: The same seed splits and draws the same.
            user: Whom ``"weights"`` are to serve alone. That user's documents answer too, and every
                query is asked as that user's. What is applied is erased by `forget`.

        Returns:
            The verdict, for `apply`.

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
            StoreError: The index cannot be written.
        """
        from rag_embed.tuning.tune import apply

        apply(self, verdict)

    @property
    def retriever(self) -> Retriever:
        """What `search` asks: routed, and with queries bent by histories once that was chosen."""
        return self.users.around(self.experts.hybrid(routed=True))

    def forget(self, user: str, events: Sequence[str] | None = None) -> int:
        """Erase a user's documents, events and weights, or some events, from every file.

        Pilots of the router that these documents answer go too, and contexts that were written for
        them. No byte is left; whoever opens the index next finishes what a crash
        interrupted.

        Args:
            user: Who is forgotten.
            events: Ids; only these are, and no document.

        Returns:
            How many documents, events and tuned weights there were.

        Raises:
            BadInput: ``events`` is one str, or the user id is none.
            StoreError: It could not be finished; it is when the index is next opened.
        """
        if events is not None:
            return self.users.forget(user, events)
        self.experts.forget(user, self.contents.matching(field("user_id") == user, user=user))
        gone = erasing.forget(self.store, self.spaces.at_hand, check_user(user))
        return gone["documents"] + gone["events"] + gone["learned"]

    def __len__(self) -> int:
        """Number of chunks."""
        return with_view(self.store, len)


def _query(query: str | Query, options: Options) -> Query:
    if isinstance(query, Query):
        return replace(query, **options) if options else query
    return Query(query, **options)
