"""What each room offers, and that adapters, documentation and examples take no more than that."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import rag_embed

PACKAGE = Path(rag_embed.__file__).parent
ROOT = PACKAGE.parent
ROOMS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))
GROUND = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
"""Modules that are rooms by themselves."""

IMPORT = re.compile(
    r"^[ \t]*(?:>>> |\.\.\. )?from rag_embed\.([\w.]+) import (\([^)]*\)|[^\n(#]+)", re.MULTILINE
)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_names_what_it_offers(room) -> None:
    module = import_module(f"rag_embed.{room}")
    assert isinstance(module.__doc__, str) and len(module.__all__) == len(set(module.__all__))
    for name in module.__all__:
        found = getattr(module, name)
        assert found is not None and not isinstance(found, ModuleType), name
    with pytest.raises(AttributeError, match="no_such_name"):
        module.no_such_name  # noqa: B018


LAZY = [
    name
    for name in ("rag_embed", *(f"rag_embed.{room}" for room in ROOMS))
    if hasattr(import_module(name), "_HOMES")
]


@pytest.mark.parametrize("name", LAZY)
def test_type_checkers_see_the_same_names(name) -> None:
    module = import_module(name)
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    [block] = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {
        alias.name: (node.module or "").removeprefix("rag_embed.")
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == module._HOMES and module._HOMES.keys() <= set(module.__all__)


def outside() -> list[Path]:
    """Everything that uses the package as a stranger does."""
    patterns = ("docs/**/*.md", "README.md", "examples/*.py", "integrations/*/**/*.py")
    found = [path for pattern in patterns for path in ROOT.glob(pattern)]
    return sorted(path for path in found if "tests" not in path.parts)


@pytest.mark.parametrize("path", outside(), ids=lambda path: str(path.relative_to(ROOT)))
def test_strangers_import_from_rooms(path) -> None:
    for home, names in IMPORT.findall(path.read_text(encoding="utf-8")):
        assert home in {*ROOMS, *GROUND}, f"import from the room, not from rag_embed.{home}"
        offered = getattr(import_module(f"rag_embed.{home}"), "__all__", None)
        wanted = {
            name.split(" as ")[0].strip(" .>") for name in re.sub(r"[()\n]", " ", names).split(",")
        } - {""}
        assert offered is None or wanted <= set(offered), f"rag_embed.{home}: {wanted}"


def lines_of_code(path: Path) -> int:
    """Those that are neither empty nor a comment, and in no docstring."""
    text = path.read_text(encoding="utf-8")
    said = {
        line
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    lines = ((number, line.strip()) for number, line in enumerate(text.splitlines(), 1))
    return sum(line[:1] not in ("", "#") and number not in said for number, line in lines)


def test_a_file_is_short() -> None:
    """Of code; what it says to those who read it may be longer."""
    places = ("rag_embed", "benchmarks", "integrations", "tests", "examples")
    files = [path for place in places for path in (ROOT / place).rglob("*.py")]
    long = {str(path.relative_to(ROOT)): n for path in files if (n := lines_of_code(path)) >= 300}
    assert len(files) > 500 and not long
