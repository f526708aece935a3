"""Every command's help shows all that was written for it, in whole sentences."""

from collections.abc import Iterator

import click
import pytest
import typer
from typer.testing import CliRunner

from rag_embed.cli import app
from rag_embed.cli.commands import HOMES


def walked(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name, inner in getattr(command, "commands", {}).items():
        yield from walked(inner, (*path, name))


WHOLE = typer.main.get_command(app)
PATHS = list(walked(WHOLE))


def found(path: tuple[str, ...]) -> click.Command:
    command = WHOLE
    for name in path:
        command = command.commands[name]
    return command


def shown(path: tuple[str, ...]) -> str:
    """The help in words: without frames, and however its lines are broken."""
    result = CliRunner(env={"COLUMNS": "400", "TERMINAL_WIDTH": "400"}).invoke(
        app, [*path, "--help"]
    )
    assert result.exit_code == 0
    return " ".join(result.output.replace("│", " ").split())


def texts(command: click.Command) -> Iterator[str]:
    """What was written for a command and its options."""
    yield from (line.strip() for line in (command.help or "").splitlines() if line.strip())
    for option in command.params:
        yield getattr(option, "help", None) or ""
        default = getattr(option, "show_default", None)
        if isinstance(default, str):
            yield f"[default: ({default})]"


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_nothing_that_was_written_is_missing(path: tuple[str, ...]) -> None:
    page = shown(path)
    missing = [text for text in texts(found(path)) if text not in page]
    assert missing == []


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_help_is_whole_sentences(path: tuple[str, ...]) -> None:
    for option in found(path).params:
        text = getattr(option, "help", None) or ""
        assert text.endswith((".", "?")), option.name
        assert text[0].isupper(), option.name
        assert not text.startswith(("Of ", "To ", "At most")), option.name


@pytest.mark.parametrize("name", HOMES)
def test_the_overview_says_what_the_command_says(name: str) -> None:
    first = WHOLE.commands[name].help.split("\n\n")[0]
    assert HOMES[name].about == " ".join(first.split())


def test_a_command_that_is_not_there_is_an_error_with_the_nearest() -> None:
    result = CliRunner().invoke(app, ["seach"])
    assert result.exit_code == 2 and "Did you mean 'search'?" in result.output
