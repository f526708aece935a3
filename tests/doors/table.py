"""The table: what an index can do, and how it is asked for from Python, a shell, LangChain, LlamaIndex.

What it says is what the tests run: the words of a cell are the arguments of the call that is made there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from langchain_rag_embed import RagEmbedDocumentIndex
from langchain_rag_embed import RagEmbedRetriever as LangChainRetriever
from langchain_rag_embed import RagEmbedVectorStore as LangChainStore
from llama_index.retrievers.rag_embed import RagEmbedIndexer
from llama_index.retrievers.rag_embed import RagEmbedRetriever as LlamaRetriever

WAYS = ("Python", "shell", "LangChain", "LlamaIndex")


@dataclass(frozen=True)
class Asked:
    """One search.

    Attributes:
        python: Arguments, as Python has them; those of the frameworks too where they are no others.
        shell: Arguments on a command line.
        index: Which of the indexes.
        langchain: Arguments of LangChain's retriever.
        llama_index: Arguments of LlamaIndex's retriever.
        retriever: What is asked instead of the index, as an expression.
    """

    python: str = ""
    shell: str = ""
    index: str = "plain"
    langchain: str | None = None
    llama_index: str | None = None
    retriever: str | None = None

    def arguments(self, way: str) -> str:
        """How it is said by one way in."""
        own = {"shell": self.shell, "LangChain": self.langchain, "LlamaIndex": self.llama_index}
        said = own.get(way)
        return self.python if said is None else said


@dataclass(frozen=True)
class Row:
    """A capability that shows in what a search finds.

    Attributes:
        what: What it is.
        page: Where the docs tell of it.
        asked: A search with it.
        less: A search without it, which must find something else.
        shown: What the table says instead of the arguments, by the way in.
    """

    what: str
    page: str
    asked: Asked
    less: Asked = Asked()
    shown: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Verb:
    """A capability that is done.

    Attributes:
        what: What is done.
        page: Where the docs tell of it.
        said: How, by the way in; where it is missing there is a reason.
    """

    what: str
    page: str
    said: Mapping[str, str]


@dataclass(frozen=True)
class Reason:
    """Why one way in has not what others have.

    Attributes:
        why: In words.
        lacking: Classes of that way in which have no such method; once they have, the reason is void.
        method: Its name.
    """

    why: str
    lacking: Sequence[type]
    method: str


SINCE = {
    "python": 'where=field("year") >= 2020',
    "shell": '--where "year>=2020"',
    "langchain": 'where={"year": {"$gte": 2020}}',
    "llama_index": 'where=MetadataFilter(key="year", operator=FilterOperator.GTE, value=2020)',
}
TALK = 'previous=["What are shares?", "Who pays a dividend?"]'
SPOKEN = '--previous "What are shares?" --previous "Who pays a dividend?"'
REST = (
    'k=4, user="ann", groups=["hr"], min_relevance=0.1, diversity=0.5, group_by="document", '
    'fresh=3650, by="day"'
)
SPELT = (
    "-k 4 --user ann --group hr --min-relevance 0.1 --diversity 0.5 --group-by document "
    "--fresh 3650 --by day"
)
AGAIN = {way: "`RagEmbedRetriever` of the same" for way in WAYS[2:]}
BEST = "Reranked(index.retriever, BestChunks(2), depth=400, spread=False)"
CROSS = 'Reranked.by(index.retriever, "a-cross-encoder")'

OPTIONS = (
    Row("fewer or more", "searching.md", Asked("k=2", "-k 2")),
    Row("filter", "searching.md#filters", Asked(**SINCE)),
    Row("private documents", "personal.md", Asked('user="ann"', "--user ann")),
    Row("documents for groups", "personal.md#groups", Asked('groups=["hr"]', "--group hr")),
    Row("earlier turns", "personal.md#bending-queries", Asked(TALK, SPOKEN, "talk")),
    Row(
        "relevance at least",
        "searching.md#relevance",
        Asked("min_relevance=0.4", "--min-relevance 0.4"),
    ),
    Row(
        "variety",
        "searching.md#variety-documents-context",
        Asked("diversity=0.9", "--diversity 0.9"),
    ),
    Row(
        "a hit per document",
        "searching.md#variety-documents-context",
        Asked('group_by="document"', "--group-by document"),
    ),
    Row(
        "newer before older",
        "guides/freshness.md",
        Asked('fresh=3650, by="day"', "--fresh 3650 --by day"),
    ),
    Row(
        "all at once",
        "searching.md",
        Asked(
            index="history",
            **{
                way: f"{year}, {REST}, previous=['What are shares?']"
                for way, year in SINCE.items()
                if way != "shell"
            },
            shell=f"{SINCE['shell']} {SPELT} --previous 'What are shares?'",
        ),
        shown=dict.fromkeys(WAYS, "the same, together"),
    ),
    Row(
        "passages",
        "searching.md#variety-documents-context",
        Asked("passage_tokens=40", "--passage-tokens 40"),
        shown={"Python": "`index.contents.passages(hits, 40)`"},
    ),
    Row(
        "best chunks of a document",
        "long-context.md#whole-documents-by-their-best-chunks",
        Asked('group_by="document"', "--group-by document --best-chunks 2", "long", retriever=BEST),
        Asked('group_by="document"', "--group-by document", "long"),
        {"Python": f"`{BEST}`", **AGAIN},
    ),
    Row(
        "a re-ranker",
        "reranking.md",
        Asked(shell="--rerank a-cross-encoder", retriever=CROSS),
        shown={"Python": f"`{CROSS}`", **AGAIN},
    ),
)
"""What comes with a search."""


def _held(what: str, page: str, index: str, less: str = "tiny", asked: str = "") -> Row:
    shell = '--user "ann"' if asked else ""
    return Row(what, page, Asked(asked, shell, index), Asked(asked, shell, less))


HELD = (
    _held("weights of the legs", "fusion.md#weights", "weighed", "plain"),
    _held("token evidence", "tokens.md", "plain", "no tokens"),
    _held("relevance fitted to labels", "searching.md#relevance", "calibrated"),
    _held("histories of users", "personal.md", "history", "plain", 'user="ann"'),
    _held("a router", "routing.md", "routed", "plain"),
    _held("an expert (LoRA)", "routing.md#experts", "expert"),
    _held("a second space", "routing.md#experts", "second space"),
    _held("a learned sparse space (SPLADE)", "routing.md#sparse-experts", "sparse space"),
    _held("a router over experts", "routing.md#experts", "routed experts"),
    _held("situated: title and headings", "situated.md", "standard"),
    _held("situated: late chunking", "situated.md", "late"),
    _held("situated: headed", "situated.md", "headed"),
    _held("situated: summary", "situated.md", "summary"),
    _held("situated: a trained adapter", "training.md", "trained"),
    _held("situated: SitEmb", "situated.md", "sitemb"),
    _held("described by a writer", "documents.md#described-chunks", "described"),
    _held("an extended model", "long-context.md#one-vector-a-model-that-reads-on", "extended"),
    _held("windows", "long-context.md#one-vector-windows", "windows"),
)
"""What an index is made of, and so does wherever it is opened by its path."""


def _said(python: str, shell: str, langchain: str = "", llama_index: str = "") -> dict[str, str]:
    said = zip(WAYS, (python, shell, langchain, llama_index), strict=True)
    return {way: one for way, one in said if one}


VERBS = (
    Verb(
        "add for an owner",
        "personal.md#private-and-shared",
        _said(
            'index.add(Document(..., user="ann"))',
            "rag-embed index FILE --to KB --user ann",
            'index.add(to_documents(loaded, user="ann"))',
            'index.add(to_documents(loaded, user="ann"))',
        ),
    ),
    Verb(
        "add for groups",
        "personal.md#groups",
        _said(
            'index.add(Document(..., readers=["hr"]))',
            "rag-embed index FILE --to KB --reader hr",
            'index.add(to_documents(loaded, readers=["hr"]))',
            'index.add(to_documents(loaded, readers=["hr"]))',
        ),
    ),
    Verb(
        "delete, only what is the owner's",
        "documents.md#keeping-an-index-up-to-date",
        _said(
            'index.delete(ids, user="ann")',
            "rag-embed delete KB ID --user ann",
            'RagEmbedVectorStore("kb").delete(ids, user="ann")',
            'RagEmbedIndexer("kb", user="ann").delete(ids)',
        ),
    ),
    Verb(
        "delete, only what is for a group",
        "personal.md#groups",
        _said(
            'index.delete(ids, user=None, groups=["hr"])',
            "rag-embed delete KB ID --group hr",
            'RagEmbedVectorStore("kb").delete(ids, user=None, groups=["hr"])',
            'RagEmbedIndexer("kb", readers=["hr"]).delete(ids)',
        ),
    ),
    Verb(
        "declare a field later",
        "guides/filters.md#a-field-that-is-needed-later",
        _said(
            'index.contents.declare({"year": int})',
            "rag-embed declare KB year:int",
            'RagEmbedVectorStore("kb", fields={"year": int})',
        ),
    ),
    Verb(
        "explain",
        "searching.md#why-this-hit",
        _said(
            "index.explain(query)",
            "rag-embed ask-why KB QUERY",
            "retriever.explain(query)",
            "retriever.explain(query)",
        ),
    ),
    Verb(
        "remember",
        "personal.md#remembering",
        _said(
            'index.users.remember("ann", events)',
            "rag-embed remember KB events.jsonl --user ann",
            'retriever.remember("ann", events)',
            'retriever.remember("ann", events)',
        ),
    ),
    Verb(
        "forget",
        "personal.md#remembering",
        _said(
            'index.forget("ann")',
            "rag-embed forget KB ann",
            'retriever.forget("ann")',
            'retriever.forget("ann")',
        ),
    ),
    Verb(
        "tell what is known of a user",
        "personal.md#remembering",
        _said('index.users.profile("ann")', "rag-embed profile KB ann"),
    ),
    Verb(
        "tune on labels",
        "measuring.md",
        _said(
            'index.apply(index.tune("weights", labels))',
            "rag-embed tune KB weights queries.jsonl qrels.tsv",
        ),
    ),
)
"""What is done."""

_LANGCHAIN = (LangChainRetriever, LangChainStore, RagEmbedDocumentIndex)
_LLAMA_INDEX = (LlamaRetriever, RagEmbedIndexer)
_PROFILE = "no verb of the framework; `retriever.index.users.profile`"
_TUNE = "no verb of the framework; what was tuned counts"

_DECLARE = "no verb of the framework; `retriever.index.contents.declare`"

REASONS: dict[tuple[str, str], Reason] = {
    ("declare a field later", "LlamaIndex"): Reason(_DECLARE, _LLAMA_INDEX, "declare"),
    ("tell what is known of a user", "LangChain"): Reason(_PROFILE, _LANGCHAIN, "profile"),
    ("tell what is known of a user", "LlamaIndex"): Reason(_PROFILE, _LLAMA_INDEX, "profile"),
    ("tune on labels", "LangChain"): Reason(_TUNE, _LANGCHAIN, "tune"),
    ("tune on labels", "LlamaIndex"): Reason(_TUNE, _LLAMA_INDEX, "tune"),
}
