"""The commands of ``rag-embed`` by name: a module is loaded when its command is run, none for the overview."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, NamedTuple, cast

import typer
from typer.core import TyperCommand, TyperGroup


class Home(NamedTuple):
    """Where a command is.

    Attributes:
        module: Its module in this folder.
        name: Its function there, or a `typer.Typer` of several.
        about: The first line of its help, as the overview shows it.
    """

    module: str
    name: str
    about: str


HOMES = {
    "index": Home(
        "index",
        "index",
        "Add files to an index; unchanged ones cost nothing, changed ones are replaced.",
    ),
    "search": Home("search", "search", "Search an index."),
    "ask-why": Home(
        "search",
        "ask_why",
        "Search, and show what each leg contributed to every hit, which words matched, and what is personal.",
    ),
    "show": Home(
        "documents",
        "show",
        "Print documents as they were added, or list the ids of those that match.",
    ),
    "delete": Home(
        "documents", "delete", "Delete documents by their ids; what is unknown is no error."
    ),
    "eval": Home(
        "evaluate",
        "evaluate",
        "Measure each leg alone and the whole retriever, with paired bootstrap intervals.",
    ),
    "remember": Home("personal", "remember", "Remember what users did; a known event is replaced."),
    "forget": Home(
        "personal",
        "forget",
        "Erase a user's documents, events and weights, or some events, from every file.",
    ),
    "profile": Home("personal", "profile", "Show what is known of a user."),
    "extend": Home(
        "extend",
        "extend",
        "Make a model read texts longer than it was trained on; without training, unless --tune.",
    ),
    "tune": Home(
        "tune",
        "tune",
        "Ask labels whether a change helps, and use it if its gain is above chance; exit code 5 if not.",
    ),
    "doctor": Home(
        "doctor",
        "doctor",
        "Check the installation, the default model and, if given, an index; exit 1 if it is bad.",
    ),
    "mcp": Home(
        "mcp",
        "mcp",
        "Offer indexes to agents as tools, over the Model Context Protocol; nothing can be written.",
    ),
    "demo": Home(
        "demo",
        "demo",
        "Index Python's language reference, ask it questions, compare dense, BM25 and rag_embed.",
    ),
    "train-expert": Home(
        "train",
        "train_expert",
        "Train a query encoder for your kind of question; no document is encoded again.",
    ),
    "train-situated": Home(
        "train",
        "train_situated",
        "Train how a chunk is read within its document, beside its own vector.",
    ),
    "experts": Home("experts", "app", "Experts that a router may choose for a query."),
}
"""In the order of the overview."""


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
            commands={name: TyperCommand(name, help=home.about) for name, home in HOMES.items()},
            params=self.params,
            help=self.help,
            rich_markup_mode=self.rich_markup_mode,
        )
        shown.format_help(ctx, formatter)
