"""`Index`: the way in. It wires; the work is done in the modules it names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, TypedDict

from typing_extensions import Unpack

from rag_embed.analysis import Analyzer
from rag_embed.chunking import TokenSplitter
from rag_embed.errors import BadInput, RagEmbedError, class_of
from rag_embed.events import UserEvent, check_user, owned
from rag_embed.fields import Fields
from rag_embed.filters import Filter, field
from rag_embed.indexing import erasing, installed
from rag_embed.indexing.assembly import Situate, mixture_of
from rag_embed.indexing.documents import several
from rag_embed.indexing.experts import Experts
from rag_embed.indexing.explanation import Explanation, explanations
from rag_embed.indexing.ingest import AddReport, Ingest
from rag_embed.indexing.opening import Making, Place, Shape, held, made, opened, reopened
from rag_embed.indexing.origin import unmarked
from rag_embed.indexing.settings import read, write
from rag_embed.indexing.spaces import Spaces
from rag_embed.indexing.sync import Files, Mode, Scope, synced
from rag_embed.indexing.users import Users
from rag_embed.personal.profiles import Profile
from rag_embed.protocols import (
    ChunkEncoder,
    Encoder,
    LearnedRouter,
    Leg,
    Reranker,
    Retriever,
    Router,
    SecondStage,
    Store,
)
from rag_embed.ranking.hybrid import Hybrid
from rag_embed.ranking.joining import Passage, passages
from rag_embed.ranking.legs import DenseLeg, LexicalLeg
from rag_embed.ranking.relevance import default
from rag_embed.ranking.rerank import Reranked, stored_rows
from rag_embed.ranking.token_evidence import TokenStage
from rag_embed.ranking.token_matches import Heat, heat
from rag_embed.ranking.visibility import visible
from rag_embed.ranking.weights import WEIGHTS, checked
from rag_embed.situated.tokens import WithTokens
from rag_embed.stores.opening import opened_or_made
from rag_embed.types import (
    DENSE,
    TOKENS,
    Chunk,
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
        splitter: TokenSplitter,
        space: ChunkEncoder,
    ) -> None:
        self.store = store
        self.splitter = splitter
        self.spaces = Spaces(store, space)
        self.experts = Experts(store, self.spaces)
        self.router: Router | None = installed.installed(store)
        self.users = Users(store, space)
        known = read(store)
        self.calibration = known.calibration
        self._weights = known.weights

    @property
    def space(self) -> ChunkEncoder:
        """How chunks and queries are encoded; spaces that were added are in `spaces`."""
        return self.spaces.own

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
        storage_options: Mapping[str, str] | None = None,
    ) -> Index:
        """Open an index.

        Args:
            path: Where it was created.
            encoder: The encoder it was built with, where only your program can make it, such as an
                embedding function; without it all works that needs no encoder.
            situate: What `create` was given, where only your program can make it, such as a writer of
                contexts; without it the index can be searched, but not added to.
            storage_options: Credentials and region of an object store.

        Raises:
            NoIndex: There is none.
            ModelUnavailable: The model cannot be loaded.
            SpaceMismatch: The encoder is not the one the index was built with.
        """
        return cls(*opened(path, encoder, situate, storage_options))

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
            self.store.optimize()
        return report

    def add_files(
        self,
        *paths: str | os.PathLike[str],
        name: str | None = None,
        patterns: Sequence[str] | None = None,
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
            patterns: See `rag_embed.reading.read`.
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
        files = Files.of(self.store, paths, name, patterns, user, mode)
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
        return Ingest(self.store, self.splitter, self.spaces.writing(), lenient)

    def delete(self, ids: Sequence[str]) -> int:
        """Delete documents by id; returns how many were there. Unknown ids are no error."""
        deleted = self.store.delete(_listed("delete()", ids))
        if deleted:
            self.store.optimize()
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
        tokens = self.heat(asked, hits) if self.space.signature.tokens else []
        moved = self.users.moved(asked, hits)
        return explanations(self.analyzer, asked.text, hits, tokens, moved)

    def passages(
        self, query: str | Query, budget: int, **options: Unpack[Options]
    ) -> list[Passage]:
        """`search`, and neighbouring hits joined into the best contiguous passages.

        Args:
            query: A text, or a `Query`.
            budget: Tokens of a passage at most.
            **options: See `search`; ``k`` is the number of hits that are joined.

        Returns:
            Passages of whole chunks that cover all hits, best first; see `ranking.joining`.

        Raises:
            BadInput: An option is out of range.
        """
        hits = self.search(query, **options)
        return passages(self.store.view(), hits, budget, self.splitter.encoder.token_spans)

    def tune(
        self,
        what: str,
        labels: Collection,
        *,
        candidates: Sequence[Any] | None = None,
        metric: str = "ndcg@10",
        seed: int = 0,
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

        Returns:
            The verdict, for `apply`.

        Raises:
            BadInput: The labels do not suffice, or an option does not fit.
        """
        from rag_embed.tuning.tune import Task, tune

        return tune(self, what, Task(labels, candidates, metric, seed))

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
        return self.users.around(self.hybrid(routed=True))

    def hybrid(self, *, routed: bool = False) -> Hybrid:
        """The hybrid search inside `retriever`: what a router or a history is fitted to.

        All legs are in it, enabled experts among them, under the weights of the index; it is frozen,
        and `dataclasses.replace` gives one with other weights, legs or pool. No history bends its
        queries.

        Args:
            routed: With the router of the index, if it has one.
        """
        legs, stages, weights = self._own_legs, self._stages, self.weights
        own = {leg.name for leg in legs} | {stage.name for stage in stages}
        if not routed or self.router is not None or weights.keys() - own:
            legs = (*legs, *self.experts.legs())  # otherwise nobody would ask an expert
        counting = {leg.name: weights.get(leg.name, 0.0) for leg in legs}
        calibration = self.calibration or default(self.space.signature.fingerprint, counting)
        whole = Hybrid(self.store, legs, weights, calibration, stages)
        if self.router is None or not routed:
            return whole
        router = self.router
        if isinstance(router, LearnedRouter):
            router = router.fitting(whole.mixture, self.space.signature)
        return replace(whole, router=router)

    @property
    def weights(self) -> Mapping[str, float]:
        """How much each leg and second stage counts where no router decides; see `weigh`."""
        return mixture_of(self._weights, self.space)

    def weigh(self, weights: Mapping[str, float] | None) -> None:
        """Rank by other weights from now on, here and wherever the index is opened.

        Relevance that was fitted to labels keeps its meaning.

        Args:
            weights: How much each leg and second stage counts, experts among them, each >= 0; one that
                is not named counts nothing. None for the defaults.

        Raises:
            BadInput: A name is unknown or a number out of range, no leg counts, or the router of the
                index was learned beside other weights.
            StoreError: The index cannot be written.
        """
        legs = [leg.name for leg in (*self._own_legs, *self.experts.legs())]
        stages = [stage.name for stage in self._stages]
        new = None if weights is None else checked(weights, legs, stages)
        before, self._weights = self._weights, new
        try:
            self.hybrid(routed=True)
            write(self.store, lambda known: replace(known, weights=new))
        except RagEmbedError:
            self._weights = before
            raise

    @property
    def _own_legs(self) -> tuple[Leg, ...]:
        return DenseLeg(DENSE, self.space), LexicalLeg()

    @property
    def _stages(self) -> tuple[SecondStage, ...]:
        own = (self._tokens(self.space),) if isinstance(self.space, WithTokens) else ()
        return *own, *self.experts.stages()

    def _tokens(self, space: WithTokens) -> TokenStage:
        return TokenStage(space, DENSE, frozenset(self.analyzer.blocked))

    def reranked(
        self,
        reranker: Reranker,
        *,
        depth: int = 40,
        weight: float | None = None,
        spread: bool = True,
    ) -> Reranked:
        """The retriever of `search` with its best hits put in order by a re-ranker.

        Args:
            reranker: Looks at query and text together; see `ranking.rerankers` and `encoders`.
            depth: How many hits it looks at.
            weight: How much its scores count beside what the hits had; None takes its order alone.
            spread: Whether its scores are spread over [0, 1] for each query.
        """
        rows = stored_rows(self.store)
        return Reranked(self.retriever, reranker, depth, weight, spread, rows)

    def remember(self, user: str, events: Iterable[UserEvent | str] | UserEvent) -> int:
        """Remember what a user did; an event with a known id is replaced.

        It changes no search until `tuning.personal` has found that it helps; see `users.setting`.

        Args:
            user: Whose; from your authentication, never from a text.
            events: Events or texts, consumed lazily; or one event.

        Returns:
            How many there were.

        Raises:
            BadInput: An event is another user's, or cannot be stored; batches before it are.
        """
        return self.users.profiles.remember(owned(user, events))

    def profile(self, user: str, *, instruction: str = "") -> Profile:
        """What is known of a user, on the whole or for a purpose; see `personal.profiles`."""
        return self.users.profiles.profile(user, instruction=instruction)

    def forget(self, user: str, events: Sequence[str] | None = None) -> int:
        """Erase a user's documents and events, or some events, from every file.

        Pilots of the router that these documents answer go too, and contexts that were written for
        them. No byte is left; whoever opens the index next finishes what a crash
        interrupted.

        Args:
            user: Who is forgotten.
            events: Ids; only these are, and no document.

        Returns:
            How many documents and events there were.

        Raises:
            BadInput: ``events`` is one str, or the user id is none.
            StoreError: It could not be finished; it is when the index is next opened.
        """
        if events is not None:
            return self.users.forget(user, events)
        if isinstance(self.router, LearnedRouter):
            self.router = self.router.without_documents(
                self.matching(field("user_id") == user, user=user)
            )
        gone = erasing.forget(self.store, self.spaces.at_hand, check_user(user))
        return gone["documents"] + gone["events"]

    @property
    def fields(self) -> Fields:
        """The declared filter columns."""
        return self.store.fields

    @property
    def analyzer(self) -> Analyzer:
        """Settings of lexical search."""
        return self.store.analyzer

    def keep_tokens(self, *, progress: OnProgress | None = None) -> int:
        """Switch token evidence on in an index that was built without it.

        Chunks are encoded again, in batches that survive being killed: call it again, and it goes
        on. Until the last one is done, searches are as before.

        Args:
            progress: Called with the chunks done and those there are to do.

        Returns:
            How many chunks were given their tokens; 0 when the index keeps them already.

        Raises:
            BadInput: The encoder gives no token vectors.
            StoreError: The index cannot be written.
        """
        kept = isinstance(self.space, WithTokens)
        done = self.spaces.keep_tokens(progress)
        if not kept and self._weights is not None and TOKENS not in self._weights:
            self.weigh({**self._weights, TOKENS: WEIGHTS[TOKENS] * sum(self._weights.values())})
        self.store.optimize()
        return done

    def add_space(
        self,
        name: str,
        encoder: Encoder | str,
        *,
        situate: Situate | None = None,
        progress: OnProgress | None = None,
    ) -> int:
        """Encode all chunks with another model too; the new space becomes an expert.

        It answers when a router gives it weight; see `routing`. Batches survive being killed: call
        it again with the same arguments, and it goes on. Documents added later are encoded in
        every space.

        Args:
            name: Of the space and the expert.
            encoder: An encoder, or the name or path of a sentence-transformers model. One that
                cannot be loaded by its name is given to ``spaces.know`` after opening.
            situate: As in `create`; like the index's own space by default.
            progress: Called with the chunks done and those there are to do.

        Returns:
            How many chunks were encoded.

        Raises:
            BadInput: The name is taken.
            StoreError: The index cannot be written.
        """
        self.experts.check_free(name)
        done = self.spaces.add(name, encoder, situate, progress)
        self.experts.add_space(name, self.spaces.all()[name].signature)
        self.store.optimize()
        return done

    def drop_space(self, name: str) -> None:
        """Remove a space that was added, and its expert.

        Raises:
            BadInput: There is none of that name, it is the index's own, or the weights count it.
        """
        if any(one.name == name and one.kind == "space" for one in self.experts.list()):
            self.experts.remove(name)
        self.spaces.drop(name)

    def heat(self, query: str | Query, hits: Sequence[Hit]) -> list[Heat]:
        """Which words of the query found which words of each hit; see `ranking.token_matches`.

        Raises:
            BadInput: The index keeps no tokens.
        """
        if not isinstance(self.space, WithTokens):
            raise BadInput("This index keeps no tokens; see Index.keep_tokens.")
        stage = self._tokens(self.space)
        return heat(stage, self.space, self.store.view(), _query(query, {}), hits)

    def neighbours(self, chunk: Chunk | Hit, *, before: int = 1, after: int = 1) -> list[Chunk]:
        """The chunk with those before and after it in its document, in reading order."""
        chunk = chunk.chunk if isinstance(chunk, Hit) else chunk
        first, last = chunk.ordinal - before, chunk.ordinal + after
        all_chunks = self.store.view().document_chunks(chunk.doc_id)
        return [one for one in all_chunks if first <= one.ordinal <= last]

    def section(self, chunk: Chunk | Hit) -> list[Chunk]:
        """All chunks under the same headings, in reading order; the document if it has none."""
        chunk = chunk.chunk if isinstance(chunk, Hit) else chunk
        depth = len(chunk.headings)
        all_chunks = self.store.view().document_chunks(chunk.doc_id)
        return [one for one in all_chunks if one.headings[:depth] == chunk.headings]

    def document(self, id: str, *, user: str | None = None) -> Document | None:
        """A document as it was added; None when there is none that the user sees."""
        return next(iter(self.documents([id], user=user)), None)

    def documents(self, ids: Sequence[str], *, user: str | None = None) -> list[Document]:
        """Those of the documents that the user sees, as they were added, in the order of ``ids``.

        Args:
            ids: Of documents.
            user: Sees shared documents and this user's own; ``None`` sees shared ones only.
        """
        found = self.store.view().documents(_listed("documents()", ids))
        return [document for document in found if document.user in (None, user)]

    def matching(self, where: Filter | None = None, *, user: str | None = None) -> list[str]:
        """Ids of the documents with a chunk that matches and that the user sees, sorted.

        Raises:
            BadInput: The filter does not fit the fields.
        """
        view = self.store.view()
        return view.matching(visible(Query("", where=where, user=user), view))

    def optimize(self) -> None:
        """Compact files and update search indexes; `add` and `delete` do it themselves."""
        self.store.optimize()

    def stats(self) -> dict[str, Any]:
        """Counts, sizes, the signature of the space, what relevance goes by, why chunks are situated so."""
        why = read(self.store).situated
        own = {
            "signature": asdict(self.space.signature),
            "relevance": self.hybrid().calibration.fitted_to,
        }
        return {**self.store.stats(), **own, **({"situated": why} if why else {})}

    def __len__(self) -> int:
        """Number of chunks."""
        return len(self.store.view())


def _listed(what: str, ids: Sequence[str]) -> list[str]:
    """Ids as a list; one str alone is refused, since its letters would be taken for ids."""
    if isinstance(ids, str):
        raise BadInput(f"{what} takes a list of ids, got one str; wrap it in a list.")
    return list(ids)


def _query(query: str | Query, options: Options) -> Query:
    if isinstance(query, Query):
        return replace(query, **options) if options else query
    return Query(query, **options)
