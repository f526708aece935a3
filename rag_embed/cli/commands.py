"""The commands of ``rag-embed`` by name: a module is loaded when its command is run, none for the overview."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import typer
from rich.markup import escape
from typer.core import TyperCommand, TyperGroup

from rag_embed.cli.homes import HOMES
from rag_embed.cli.mistakes import UsageError, amend, check_place

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
        command.epilog = "\n\n".join(["Examples:", *map(escape, home.examples)])
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
        except KeyboardInterrupt as stop:
            typer.echo(stop.args[0] if stop.args else _STOPPED, err=True)
            raise typer.Exit(130) from None
