"""What is imported is declared, what is declared has bounds, and the wheel says so."""

from __future__ import annotations

import ast
import json
import re
import sys
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

tomllib = pytest.importorskip("tomllib")

ROOT = Path(__file__).parents[1]
PACKAGES = {
    "rag_embed": ROOT,
    "langchain_rag_embed": ROOT / "integrations" / "langchain-rag-embed",
    "llama_index": ROOT / "integrations" / "llama-index-retrievers-rag-embed",
}
OWN = {"rag-embed", "langchain-rag-embed", "llama-index-retrievers-rag-embed"}


def key(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements(folder: Path) -> list[Requirement]:
    project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project.get("optional-dependencies", {})
    return [
        *map(
            Requirement,
            [*project["dependencies"], *(one for some in extras.values() for one in some)],
        )
    ]


def imported(package: Path) -> dict[str, str]:
    """Names of foreign packages, with a file that imports each."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [one.name for one in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [str(node.module)]
            found |= {name.partition(".")[0]: path.name for name in names}
    return {name: file for name, file in found.items() if name not in sys.stdlib_module_names}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_foreign_import_is_declared(package) -> None:
    declared = {key(one.name) for one in requirements(PACKAGES[package])}
    homes = {name: {key(one) for one in some} for name, some in packages_distributions().items()}
    homes["pydantic_core"] = {"pydantic"}  # each release of one fits one of the other
    homes |= {"ray": {"ray"}, "tomli": {"tomli"}, "fastembed": {"fastembed"}}  # maybe not installed
    found = imported(PACKAGES[package] / package)
    assert len(found) > 3
    assert {
        name: file
        for name, file in found.items()
        if name not in PACKAGES and not homes.get(name, {name}) & (declared | OWN)
    } == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_dependency_has_a_lower_and_an_upper_bound(package) -> None:
    for one in requirements(PACKAGES[package]):
        operators = {bound.operator for bound in one.specifier}
        assert key(one.name) in OWN or operators in ({">=", "<"}, {"=="}), str(one)


def test_the_wheel_names_what_it_depends_on(tmp_path, monkeypatch) -> None:
    build = pytest.importorskip("hatchling.build")
    monkeypatch.chdir(ROOT)
    name = build.build_wheel(str(tmp_path))
    with zipfile.ZipFile(tmp_path / name) as wheel:
        [file] = [one for one in wheel.namelist() if ".dist-info/sboms/" in one]
        told = json.loads(wheel.read(file))
        assert (
            file in wheel.read(next(n for n in wheel.namelist() if n.endswith("RECORD"))).decode()
        )
    assert (told["bomFormat"], told["metadata"]["component"]["name"]) == ("CycloneDX", "rag-embed")
    ranges = {key(one["name"]): one["versionRange"] for one in told["components"]}
    assert ranges["lancedb"] == "vers:pypi/>=0.40|<0.41"
    assert ranges.keys() == {key(one.name) for one in requirements(ROOT)} - {"rag-embed"}
