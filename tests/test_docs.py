"""Every code block of the README and the docs does what it says.

Python blocks of a file run one after the other in one empty folder; bash blocks run line by line in
the same folder, as far as they are commands of this project, and in this process: starting one costs
seconds. Of a diff both sides run, the old one in a folder of its own. A text block is what the block
before it prints, or some lines of that; whatever Python prints is shown.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

import pytest
import yaml

from benchmarks import __main__ as benchmarks
from rag_embed import cli
from rag_embed.telemetry import observing

if sys.version_info >= (3, 11):
    import tomllib

ROOT = Path(__file__).parents[1]
FILES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "integrations").glob("*/README.md")),
]
_FENCE = re.compile(r"^(`{3,})(\w*)[^\n]*\n(.*?)^\1$", re.MULTILINE | re.DOTALL)
_SHOWN_ONLY = {"console", "json"}
_FOREIGN = re.compile(r"^import chromadb$", re.MULTILINE)
"""What is not installed for tests: such a side of a diff is compiled only."""


_NUMBER = re.compile(r"(-?\d+\.\d+)")


def end_of(shown: str, printed: str, start: int) -> int:
    """Where a shown line ends in what was printed, -1 if it is not there.

    Numbers may differ by two hundredths: the last digits of a score are the processor's.
    """
    form = "".join(
        _NUMBER.pattern if i % 2 else re.escape(part) for i, part in enumerate(_NUMBER.split(shown))
    )
    wanted = [float(one) for one in _NUMBER.findall(shown)]
    for found in re.compile(form).finditer(printed, start):
        if all(abs(float(a) - b) <= 0.02 for a, b in zip(found.groups(), wanted, strict=True)):
            return found.end()
    return -1


def blocks(path: Path) -> list[tuple[str, str, int]]:
    """Language, code and line number of the first line of code of every fenced block."""
    text = path.read_text(encoding="utf-8")
    return [(m[2], m[3], text.count("\n", 0, m.start(3)) + 1) for m in _FENCE.finditer(text)]


def sides(code: str) -> tuple[str, str]:
    """The program before and after a diff."""
    rows = [(line[:1], line[1:]) for line in code.splitlines()]
    assert {mark for mark, _ in rows} <= {"", " ", "+", "-"}, code
    return tuple("\n".join(text for mark, text in rows if mark != other) for other in "+-")


def lines(code: str) -> list[str]:
    """Commands of a bash block, continued lines joined, comments left out."""
    joined = code.replace("\\\n", " ")
    return [line.strip() for line in joined.splitlines() if line.strip() and line[0] != "#"]


def called(main: Callable[[], object], words: list[str]) -> tuple[int, str]:
    """Exit code of a command, and all that it printed."""
    said = io.StringIO()
    with mock.patch.object(sys, "argv", words), redirect_stdout(said), redirect_stderr(said):
        try:
            main()
        except SystemExit as stop:
            return int(stop.code or 0), said.getvalue()
    return 0, said.getvalue()


def run_line(line: str) -> str:
    """Run or check a line; returns what it printed."""
    words = shlex.split(line, comments=True)
    match words:
        case ["rag-embed", *_]:
            code, said = called(cli.main, words)
            assert code == 0, f"{line}: exit {code}\n{said}"
            return said
        case ["make", *targets]:
            makefile = (ROOT / "Makefile").read_text()
            for target in targets:
                assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE), line
        case ["pip", "install", *requirements]:
            if requirements[:1] == ["-c"]:
                assert (ROOT / requirements[1]).is_file(), line
                del requirements[:2]
            assert requirements, line
            for requirement in requirements:
                installable(requirement)
        case ["git", "clone", _] | ["cd", _] | ["python", "-m", "benchmarks.models", _]:
            pass
        case ["python", "-m", "benchmarks", "render"]:
            pass
        case ["python", "-m", "benchmarks", suite, *arguments]:
            parser = benchmarks.parser_of(suite, benchmarks.suite_of(suite))
            parser.parse_args(arguments)  # exits where it does not fit
        case _:
            pytest.fail(f"no rule runs or checks this line: {line}")
    return ""


def installable(requirement: str) -> None:
    if any((ROOT / one / requirement / "pyproject.toml").is_file() for one in ("", "integrations")):
        return
    form = re.fullmatch(r"(?:rag-embed|\.)(?:\[([\w,-]+)\])?", requirement)
    assert form is not None, f"not this package: {requirement}"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = set(form[1].split(",")) if form[1] else set()
    assert extras <= project["optional-dependencies"].keys(), requirement


@pytest.mark.skipif(sys.version_info < (3, 11), reason="reads pyproject.toml with tomllib")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_blocks(path, tmp_path, monkeypatch, loaded_once) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(observing, "_observers", ())  # a page may leave one for good
    own = str(Path(sys.executable).parent)  # blocks that start a program of their own
    monkeypatch.setenv("PATH", own, prepend=os.pathsep)
    names: dict[str, object] = {"__name__": "docs"}
    printed, owed = "", ""
    for language, code, line in blocks(path):
        assert language == "text" or not owed, f"{path.name}: show that a block prints\n{owed}"
        where = f"{path.name}:{line}"
        if language == "python":
            # Line numbers of the file, so that a traceback points at it.
            with redirect_stdout(io.StringIO()) as said:
                exec(compile("\n" * (line - 1) + code, str(path), "exec"), names)
            printed = owed = said.getvalue()
        elif language == "diff":
            old, new = sides(code)
            before = compile(old, f"{where}, before", "exec")
            if not _FOREIGN.search(old):
                (tmp_path / "before").mkdir()
                with monkeypatch.context() as there, redirect_stdout(io.StringIO()):
                    there.chdir(tmp_path / "before")
                    exec(before, dict(names))
            with redirect_stdout(io.StringIO()) as said:
                exec(compile(new, f"{where}, after", "exec"), names)
            printed = owed = said.getvalue()
        elif language == "bash":
            printed = "".join(run_line(command) for command in lines(code))
        elif language == "text":
            at, owed = 0, ""
            for shown in code.splitlines():
                at = end_of(shown, printed, at)
                assert at >= 0, f"{where}: the block before does not print {shown!r}:\n{printed}"
        else:
            assert language in _SHOWN_ONLY, f"{where}: nothing is known about {language!r} blocks"
    assert not owed, f"{path.name}: show that the last block prints\n{owed}"


def test_the_command_is_installed() -> None:
    """All other commands of the docs run in this process."""
    command = [str(Path(sys.executable).with_name("rag-embed")), "--version"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and done.stdout.startswith("rag-embed "), done.stderr


def test_no_block_is_overlooked() -> None:
    """Every fence opens or closes a block that was found."""
    for path in FILES:
        fences = re.findall(r"^\s*(?:`{3,}|~{3,})", path.read_text("utf-8"), re.MULTILINE)
        assert len(fences) == 2 * len(blocks(path)), path


def anchors(path: Path) -> set[str]:
    """What a link into a page may name, as Python-Markdown makes it of headings."""
    text = _FENCE.sub("", path.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE)
    words = (re.sub(r"[^\w\s-]", "", heading).strip().lower() for heading in headings)
    return {re.sub(r"[-\s]+", "-", one) for one in words}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path) -> None:
    text = _FENCE.sub("", path.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        page = (path.parent / name).resolve() if name else path
        assert page.exists(), target
        assert not anchor or anchor in anchors(page), target


def test_tests_that_are_named_are_there() -> None:
    for path in (*FILES, ROOT / "SECURITY.md", ROOT / "CONTRIBUTING.md"):
        for name in re.findall(r"\btests/[\w/]+\.py\b", path.read_text(encoding="utf-8")):
            assert any((folder / name).is_file() for folder in (ROOT, path.parent)), (
                f"{path}: {name}"
            )


def test_every_page_has_its_place() -> None:
    """Each is in the navigation once, and nothing of a foreign host is asked for."""
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    found = [*named(site["nav"])]
    pages = {
        page.relative_to(ROOT / "docs").as_posix()
        for page in FILES
        if page.is_relative_to(ROOT / "docs")
    }
    assert len(found) == len(set(found)) and set(found) == pages
    assert site["theme"]["font"] is False
    assert not any("://" in one for one in [*site["extra_css"], *site.get("extra_javascript", [])])


def named(nav: object) -> Iterator[str]:
    """The pages of a navigation."""
    if isinstance(nav, str):
        yield nav
    else:
        for one in nav.values() if isinstance(nav, dict) else nav:
            yield from named(one)


@pytest.mark.parametrize(
    "line",
    [
        *("rm -rf .", "rag-embed search nowhere x", "make nothing", "pip install 'rag-embed[no]'"),
        *("ls", "python -m benchmarks nothing", "python -m benchmarks quality --data x --parts no"),
    ],
)
def test_wrong_lines_are_noticed(line, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises((AssertionError, ImportError, SystemExit, pytest.fail.Exception)):
        run_line(line)
