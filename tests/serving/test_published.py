"""What tells registries and models of the server says what is so."""

from __future__ import annotations

import importlib.metadata
import json
import re
from pathlib import Path

import typer

from rag_embed.cli import app

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
