"""Where each command of ``rag-embed`` is, and what its help shows beside its options."""

from __future__ import annotations

from typing import NamedTuple


class Home(NamedTuple):
    """Where a command is.

    Attributes:
        module: Its module in this folder.
        name: Its function there, or a `typer.Typer` of several.
        about: The first line of its help, as the overview shows it.
        group: The heading under which the overview shows it.
        examples: Command lines that its help ends with.
    """

    module: str
    name: str
    about: str
    group: str
    examples: tuple[str, ...]


HOMES = {
    "search": Home(
        "search",
        "search",
        "Search an index.",
        "Asking",
        (
            'rag-embed search kb "how do I close a file?"',
            'rag-embed search kb "holidays" -k 3 --where "year>=2024" --jsonl',
            'rag-embed kb "how do I close a file?"',
        ),
    ),
    "ask-why": Home(
        "search",
        "ask_why",
        "Search, and show what each leg contributed to every hit, which words matched, and what is personal.",
        "Asking",
        (
            'rag-embed ask-why kb "how do I close a file?" -k 3',
            'rag-embed ask-why kb "holidays" --html why.html',
        ),
    ),
    "list": Home(
        "listing",
        "list_",
        "List documents: their ids and titles.",
        "Asking",
        (
            "rag-embed list kb",
            'rag-embed list kb --where "year>=2024" --jsonl',
        ),
    ),
    "show": Home(
        "documents",
        "show",
        "Print documents as they were added, or list the ids of those that match.",
        "Asking",
        (
            "rag-embed show kb handbook/leave.md",
            "rag-embed show kb handbook/leave.md --json",
        ),
    ),
    "stats": Home(
        "listing",
        "stats",
        "Show how much an index holds, how it was made, and what ranks in it.",
        "Asking",
        (
            "rag-embed stats kb",
            "rag-embed stats kb --json",
        ),
    ),
    "mcp": Home(
        "mcp",
        "mcp",
        "Offer indexes to agents as tools, over the Model Context Protocol; nothing can be written.",
        "Asking",
        (
            "rag-embed mcp kb",
            "rag-embed mcp handbook=kb code=s3://bucket/code --user ann",
            "rag-embed mcp kb --http --port 8765",
        ),
    ),
    "serve": Home(
        "serve",
        "serve",
        "Offer indexes over HTTP: JSON for programs, a page for people; without --write it only reads.",
        "Asking",
        (
            "rag-embed serve kb",
            "rag-embed serve handbook=kb notes=s3://bucket/notes --user ann",
            "rag-embed serve kb --write --port 8080",
        ),
    ),
    "demo": Home(
        "demo",
        "demo",
        "Index Python's standard library, ask it questions, compare dense, BM25, their RRF and rag_embed.",
        "Asking",
        ("rag-embed demo",),
    ),
    "index": Home(
        "index",
        "index",
        "Add files to an index; unchanged ones cost nothing, changed ones are replaced.",
        "Documents",
        (
            "rag-embed index handbook --to kb",
            "rag-embed index handbook --to kb --prune --dry-run",
            "rag-embed index notes --to kb --user ann --field year:int",
        ),
    ),
    "declare": Home(
        "declared",
        "declare",
        "Let filters use more of the metadata, of what is stored and of what comes; nothing is encoded.",
        "Documents",
        (
            "rag-embed declare kb year:int",
            "rag-embed declare kb day:date 'tags:list[str]'",
        ),
    ),
    "delete": Home(
        "documents",
        "delete",
        "Delete documents by their ids; what is unknown is named, and no error.",
        "Documents",
        (
            "rag-embed delete kb handbook/old.md",
            "rag-embed delete kb note-1 note-2 --user ann",
        ),
    ),
    "export": Home(
        "listing",
        "export",
        "Write documents as JSON lines, as they were added; index reads them back.",
        "Documents",
        (
            "rag-embed export kb --to documents.jsonl",
            'rag-embed export kb --where "year>=2024" | wc -l',
            "rag-embed export kb --everyone --to documents.jsonl",
        ),
    ),
    "doctor": Home(
        "doctor",
        "doctor",
        "Check the installation, the default model and, if given, an index; exit 1 if it is bad.",
        "Documents",
        (
            "rag-embed doctor",
            "rag-embed doctor kb",
            "rag-embed doctor kb --copies",
        ),
    ),
    "remember": Home(
        "personal",
        "remember",
        "Remember what users did; a known event is replaced.",
        "Users",
        ("rag-embed remember kb events.jsonl --user ann",),
    ),
    "profile": Home(
        "personal",
        "profile",
        "Show what is known of a user.",
        "Users",
        (
            "rag-embed profile kb ann",
            "rag-embed profile kb ann --export ann.jsonl",
        ),
    ),
    "forget": Home(
        "personal",
        "forget",
        "Erase a user's documents, events and weights, or some events, from every file.",
        "Users",
        ("rag-embed forget kb ann --certificate ann.json",),
    ),
    "eval": Home(
        "evaluate",
        "evaluate",
        "Measure each leg alone and the whole retriever, with paired bootstrap intervals.",
        "Quality",
        ("rag-embed eval kb queries.jsonl qrels.tsv",),
    ),
    "tune": Home(
        "tune",
        "tune",
        "Ask labels whether a change helps, and use it if its gain is above chance; exit code 5 if not.",
        "Quality",
        (
            "rag-embed tune kb weights queries.jsonl qrels.tsv",
            "rag-embed tune kb router queries.jsonl qrels.tsv",
        ),
    ),
    "experts": Home(
        "experts",
        "app",
        "Experts that a router may choose for a query.",
        "Quality",
        (
            "rag-embed experts list kb",
            "rag-embed experts add kb my-expert",
        ),
    ),
    "train-expert": Home(
        "train",
        "train_expert",
        "Train a query encoder for your kind of question; no document is encoded again.",
        "Quality",
        ("rag-embed train-expert kb queries.jsonl qrels.tsv --out my-expert",),
    ),
    "train-situated": Home(
        "train",
        "train_situated",
        "Train how a chunk is read within its document, beside its own vector.",
        "Quality",
        ("rag-embed train-situated kb --out my-situated",),
    ),
    "train-reranker": Home(
        "train_reranker",
        "train_reranker",
        "Train a small cross-encoder that scores the best hits of a search again.",
        "Quality",
        (
            "rag-embed train-reranker kb queries.jsonl qrels.tsv --out my-reranker",
            'rag-embed search kb "how do I close a file?" --rerank my-reranker',
        ),
    ),
    "extend": Home(
        "extend",
        "extend",
        "Make a model read texts longer than it was trained on; without training, unless --tune.",
        "Quality",
        ("rag-embed extend all-MiniLM-L6-v2 --to longer --max-tokens 2048",),
    ),
}
"""In the order of the overview, by groups."""
