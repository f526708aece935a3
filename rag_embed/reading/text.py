"""Plain text, Markdown and source files: stored as they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from rag_embed.chunking.light import SYNTAXES, light_outline
from rag_embed.reading.base import Reader, made, read_text
from rag_embed.reading.decoding import is_utf8
from rag_embed.reading.front_matter import fault_of
from rag_embed.reading.markdown import markdown
from rag_embed.types import Document, Skipped

LANGUAGES = {
    ".bash": "shell",
    ".c": "c",
    ".cc": "cpp",
    ".bib": "bibtex",
    ".cfg": "ini",
    ".cnf": "ini",
    ".conf": "ini",
    ".cpp": "cpp",
    ".cs": "csharp",
    ".css": "css",
    ".cxx": "cpp",
    ".dart": "dart",
    ".erl": "erlang",
    ".ex": "elixir",
    ".exs": "elixir",
    ".go": "go",
    ".gradle": "groovy",
    ".groovy": "groovy",
    ".h": "c",
    ".hpp": "cpp",
    ".hs": "haskell",
    ".ini": "ini",
    ".java": "java",
    ".jl": "julia",
    ".js": "javascript",
    ".json": "json",
    ".jsx": "javascript",
    ".kt": "kotlin",
    ".lua": "lua",
    ".m": "objective-c",
    ".mjs": "javascript",
    ".ml": "ocaml",
    ".php": "php",
    ".pl": "perl",
    ".properties": "properties",
    ".proto": "protobuf",
    ".ps1": "powershell",
    ".py": "python",
    ".pyi": "python",
    ".r": "r",
    ".rb": "ruby",
    ".rs": "rust",
    ".scala": "scala",
    ".sh": "shell",
    ".sql": "sql",
    ".swift": "swift",
    ".tf": "terraform",
    ".toml": "toml",
    ".ts": "typescript",
    ".tsx": "typescript",
    ".vue": "vue",
    ".xml": "xml",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".zig": "zig",
}
"""File suffix -> ``metadata["language"]``."""

AS_WRITTEN = frozenset({"text", "markdown", "code", *SYNTAXES})
"""Formats whose documents have the lines of their file, a front matter aside."""

_SNIFFED = 8192
_DRAWN = frozenset({".eps", ".obj", ".ps", ".stl", ".svg"})
"""Drawings that are written as text."""


def read_plain(path: Path, name: str) -> Iterator[Document | Skipped]:
    """A text file, as it is."""
    found = read_text(path, name)
    if isinstance(found, Skipped):
        yield found
    else:
        yield made(path, name, found, format="text")


def light_reader(syntax: str) -> Reader:
    """The reader of a markup whose headings the splitter knows; see `chunking.light`."""
    return partial(_read_light, syntax)


def _read_light(syntax: str, path: Path, name: str) -> Iterator[Document | Skipped]:
    found = read_text(path, name)
    if isinstance(found, Skipped):
        yield found
    else:
        paths = (section.path for section in light_outline(found.text, syntax).sections)
        title = next((path[0] for path in paths if path), "")
        yield made(path, name, found, title, format=syntax)


def read_if_text(path: Path, name: str) -> Iterator[Document | Skipped]:
    """A file of unknown kind, where it is UTF-8 text."""
    kind = path.suffix.lower()
    with path.open("rb") as file:
        start = file.read(_SNIFFED)
    text = kind not in _DRAWN and is_utf8(start, whole=len(start) < _SNIFFED)
    if text:
        yield from read_plain(path, name)
    else:
        yield Skipped(name, f"unknown kind of file ({kind or 'no suffix'})")


def read_markdown(path: Path, name: str) -> Iterator[Document | Skipped]:
    """A Markdown file without its front matter, whose values are metadata and whose title leads.

    ``metadata["front_matter"]`` keeps it as it stands. Where a key is taken, as ``path`` is, it keeps
    what it says of every file.
    """
    found = read_text(path, name)
    if isinstance(found, Skipped):
        yield found
        return
    said = markdown(found.text)
    one = made(path, name, found._replace(text=said.text), said.title)
    if isinstance(one, Document):
        one = replace(one, metadata={**said.metadata, **one.metadata})
        line, fault = fault_of(said.front)
        if fault:
            yield Skipped(f"{name}:{line}", fault, partly=True)
    yield one


def code_reader(language: str) -> Reader:
    """The reader of source files in this language."""
    return partial(_read_code, language)


def _read_code(language: str, path: Path, name: str) -> Iterator[Document | Skipped]:
    found = read_text(path, name)
    if isinstance(found, Skipped):
        yield found
    else:
        yield made(path, name, found, format="code", language=language)
