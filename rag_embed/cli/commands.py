"""The commands of ``rag-embed`` by name: a module is loaded when its command is run, none for the overview."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, cast

import typer
from typer.core import TyperCommand, TyperGroup

from rag_embed.cli.mistakes import UsageError, amend, check_place


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
    "delete": Home(
        "documents",
        "delete",
        "Delete documents by their ids; what is unknown is no error.",
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
    "extend": Home(
        "extend",
        "extend",
        "Make a model read texts longer than it was trained on; without training, unless --tune.",
        "Quality",
        ("rag-embed extend all-MiniLM-L6-v2 --to longer --max-tokens 2048",),
    ),
}
"""In the order of the overview, by groups."""


_STOPPED = "stopped; what was written so far is whole. Run the same command again to go on."


class Loaded(Mapping[str, Any]):
    """The commands of `HOMES`, each loaded with its module when it is asked for."""

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401  # click's, or typer's own copy of it
        home = HOMES[name]
        found = getattr(import_module(f"rag_embed.cli.{home.module}"), home.name)
        if not isinstance(found, typer.Typer):
            function, found = found, typer.Typer(add_completion=False)
            found.command(name)(function)
        command = typer.main.get_command(found)
        command.name = name
        command.epilog = "\n\n".join(["Examples:", *home.examples])
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(HOMES)

    def __len__(self) -> int:
        return len(HOMES)


class Commands(TyperGroup):
    """The group of `HOMES`."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401  # typer's own
        super().__init__(**settings)
        self.commands = cast(Any, Loaded())

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401
        """The names, in the order of the overview."""
        return [*HOMES]

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401
        """The overview."""
        shown = TyperGroup(
            name=self.name,
            commands={
                name: TyperCommand(name, help=home.about, rich_help_panel=home.group)
                for name, home in HOMES.items()
            },
            params=self.params,
            help=self.help,
            rich_markup_mode=self.rich_markup_mode,
        )
        shown.format_help(ctx, formatter)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401
        """The command of a line; an index and a question alone are a search."""
        place = args[0] if args else ""
        if len(args) > 1 and place not in HOMES and ("://" in place or Path(place).is_dir()):
            args = ["search", *args]
        elif place and place not in HOMES and not place.startswith("-"):
            check_place(ctx, place, HOMES)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401
        """Run a command; one that is stopped by hand says how to go on."""
        try:
            return super().invoke(ctx)
        except UsageError as error:
            amend(error)
            raise
        except KeyboardInterrupt:
            typer.echo(_STOPPED, err=True)
            raise typer.Exit(130) from None
