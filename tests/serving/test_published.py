"""What tells registries and models of the server says what is so."""

from __future__ import annotations

import importlib.metadata
import json
import re
import sys
from pathlib import Path

import pytest
import typer

from rag_embed.cli import app

if sys.version_info >= (3, 11):
    import tomllib

ROOT = Path(__file__).parents[2]


def test_the_server_is_named_alike_everywhere() -> None:
    said = json.loads((ROOT / "server.json").read_text())
    [package] = said["packages"]
    assert f"<!-- mcp-name: {said['name']} -->" in (ROOT / "README.md").read_text()
    assert said["version"] == package["version"] == importlib.metadata.version("rag-embed")
    assert len(said["description"]) <= 100


def test_the_command_takes_what_is_published() -> None:
    [package] = json.loads((ROOT / "server.json").read_text())["packages"]
    [command, *rest] = package["packageArguments"]
    known = {
        name
        for one in typer.main.get_command(app).commands[command["value"]].params
        for name in one.opts
    }
    assert {one["name"] for one in rest if one["type"] == "named"} <= known


def test_links_for_models_lead_somewhere() -> None:
    pages = set(re.findall(r"\]\(([^)]+)\)", (ROOT / "llms.txt").read_text()))
    assert pages and all((ROOT / page).is_file() for page in pages)


def test_the_skill_has_its_head() -> None:
    text = (ROOT / "skills" / "rag-embed" / "SKILL.md").read_text()
    head = re.match(r"---\nname: ([a-z-]+)\ndescription: ([^\n]+)\n---\n", text)
    assert head[1] == "rag-embed" and len(head[2]) <= 1024
    for name in re.findall(r"^rag-embed ([a-z-]+)", text, re.MULTILINE):
        assert name in typer.main.get_command(app).commands


@pytest.mark.skipif(sys.version_info < (3, 11), reason="reads pyproject.toml with tomllib")
def test_the_dockerfile_names_what_there_is() -> None:
    text = (ROOT / "Dockerfile").read_text()
    for line in re.findall(r"^COPY (.+) \S+$", text, re.MULTILINE):
        assert all((ROOT / name).exists() for name in line.split())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = re.search(r"'\.\[([\w,]+)\]'", text)[1].split(",")
    assert set(extras) <= project["optional-dependencies"].keys() and "serve" in extras
    command, name, *words = json.loads(re.search(r"^ENTRYPOINT (.+)$", text, re.MULTILINE)[1])
    assert command in project["scripts"]
    serve = typer.main.get_command(app).commands[name]
    known = {name: one for one in serve.params for name in one.opts}
    assert all(one in known for one in words if one.startswith("--"))
    assert f"EXPOSE {known['--port'].default}\n" in text
    assert text.index("USER rag") < text.index("ENTRYPOINT")
