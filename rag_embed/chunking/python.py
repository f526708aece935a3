"""Sections of Python source: its classes, functions and methods."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Sequence

from rag_embed.chunking.outline import Outline, Section, line_starts

LARGEST = 2_000_000
"""Characters. A syntax tree takes about a hundred times the memory of its source."""

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def python_outline(text: str) -> Outline:
    r"""A section per class, function and method, with the comments and decorators above it.

    Text that does not parse, or is longer than `LARGEST`, is one section of source code.

    Examples:
        >>> source = "import os\nclass A:\n    def f(self): ...\n"
        >>> [section.path for section in python_outline(source).sections]
        [(), ('A',), ('A', 'f')]
    """
    sections = [Section(0, 0, 0)]
    tree = _parsed(text) if len(text) <= LARGEST else None
    if tree is not None:
        lines = line_starts(text)
        for line, level, path in _definitions(tree.body, 1, (), _comments(text, lines), 0):
            offset = lines[line - 1]
            if offset > sections[-1].start:
                sections.append(Section(offset, offset, level, path))
            elif offset == sections[-1].start:
                sections[-1] = Section(offset, offset, level, path)
    return Outline(tuple(sections), ((0, len(text)),), source=True)


def _parsed(text: str) -> ast.Module | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the source read, such as invalid escapes
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def _comments(text: str, lines: Sequence[int]) -> frozenset[int]:
    """Numbers (from 1) of the lines that hold nothing but a comment."""
    ends = [*lines[1:], len(text)]
    return frozenset(
        number
        for number, (start, end) in enumerate(zip(lines, ends, strict=True), 1)
        if text[start:end].lstrip().startswith("#")
    )


def _definitions(
    body: Sequence[ast.stmt],
    level: int,
    path: tuple[str, ...],
    comments: frozenset[int],
    after: int,
) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """``(line, level, path)`` per definition, and where the statements between them start."""
    inside = False
    for node in body:
        if isinstance(node, _DEFINITIONS):
            own = (*path, node.name)
            line = min([node.lineno, *(item.lineno for item in node.decorator_list)])
            while line - 1 > after and line - 1 in comments:
                line -= 1
            yield line, level, own
            if isinstance(node, ast.ClassDef):
                yield from _definitions(node.body, level + 1, own, comments, node.lineno)
            inside = True
        elif inside:
            yield node.lineno, level, path
            inside = False
        after = node.end_lineno or node.lineno
