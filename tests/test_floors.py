"""Every room imports only from rooms below it, and no two modules import each other.

`FLOORS` is the order of the architecture, from the ground up. One arrow may run up, lazily: `Index`
asks `rag_embed.tuning` what labels say, when it is told to.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import rag_embed

ROOT = Path(rag_embed.__file__).parent

FLOORS = (
    ("errors", "lazy", "text", "processes"),
    ("values", "paths", "arguments", "spelling", "languages"),
    ("filters", "analysis"),
    ("types",),
    ("texts", "maths", "chunking", "fields", "events"),
    ("protocols",),
    ("reading", "stores"),
    ("encoders", "evaluation"),
    ("situated",),
    ("ranking",),
    ("routing", "personal"),
    ("indexing", "persona"),
    ("telemetry",),
    ("index",),
    ("training", "testing"),
    ("tuning", "longcontext", "serving"),
    ("cli",),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}

UP = {("indexing.opening", "tuning.situate"), ("index", "tuning.tune")}
"""Module -> what it imports from above."""

MODULES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


def named(path: Path) -> str:
    """Dotted name below `rag_embed`; a package is named like its folder."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {named(path) for path in MODULES}


def imported(path: Path) -> Iterator[str]:
    """The modules of this package that a module imports anywhere in its code."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (
                one.name.removeprefix("rag_embed.")
                for one in node.names
                if one.name.startswith("rag_embed.")
            )
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rag_embed"):
            module = (node.module or "").removeprefix("rag_embed").removeprefix(".")
            for one in node.names:
                inner = f"{module}.{one.name}".removeprefix(".")
                yield inner if inner in NAMES else module or one.name


@pytest.fixture(scope="module")
def arrows() -> dict[str, list[str]]:
    return {named(path): sorted(set(imported(path)) - {named(path)}) for path in MODULES}


def test_every_room_has_its_floor() -> None:
    assert {name.partition(".")[0] for name in NAMES} == set(FLOOR)


@pytest.mark.parametrize("module", sorted(NAMES))
def test_no_arrow_runs_up(module, arrows) -> None:
    room = module.partition(".")[0]
    others = {to for to in arrows[module] if to.partition(".")[0] != room}
    up = {(module, to) for to in others if FLOOR[to.partition(".")[0]] >= FLOOR[room]}
    assert up <= UP


def test_every_listed_arrow_up_is_there(arrows) -> None:
    assert all(to in arrows[module] for module, to in UP)


def test_no_circle(arrows) -> None:
    graph = {
        module: [to for to in some if (module, to) not in UP] for module, some in arrows.items()
    }
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"These modules import each other: {' -> '.join(error.args[1])}")
