# ruff: noqa: SIM905 - kinds of nodes read best as text
"""Sections of source code in many languages: functions, classes and the like (extra ``code``)."""

from __future__ import annotations

import functools
import re
from importlib.util import find_spec
from itertools import count
from typing import TYPE_CHECKING

from rag_embed.chunking.outline import Outline, Section

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

LARGEST = 2_000_000
"""Characters. A syntax tree takes many times the memory of its source."""

_GRAMMARS = {
    "c": "c", "cpp": "cpp", "csharp": "csharp", "go": "go", "java": "java", "javascript": "javascript",
    "kotlin": "kotlin", "lua": "lua", "objective-c": "objc", "php": "php",
    "powershell": "powershell", "protobuf": "proto", "ruby": "ruby", "rust": "rust", "scala": "scala",
    "shell": "bash", "sql": "sql", "swift": "swift", "terraform": "hcl", "typescript": "tsx",
}  # fmt: skip
"""``metadata["language"]`` -> the grammar's name. That of Perl is left out: a few dozen strings in one another
end the process."""

_TEMPLATES = {"kotlin": 1000}
"""Language -> how many ``${`` its grammar is given at most: of 1024 open strings it ends the process."""

_STEPS, _EVERY = 200, 25
"""A parser is stopped after so many reports of progress, and one more for so many bytes. It makes one for 50
bytes or more of ordinary source, and some for each byte of what is made to hold it up."""

_PART = 65_536

_CONTAINERS = frozenset(
    "class class_declaration class_definition class_specifier class_implementation class_interface "
    "struct_specifier struct_declaration impl_item trait_item interface_declaration enum_declaration "
    "object_declaration object_definition trait_definition module namespace_definition "
    "namespace_declaration mod_item protocol_declaration companion_object record_declaration "
    "trait_declaration mixin_declaration extension_declaration union_specifier".split()
)
_DEFINITIONS = _CONTAINERS | frozenset(
    "function_definition function_declaration function_item function function_statement method "
    "method_definition method_declaration singleton_method constructor_declaration type_declaration "
    "type_alias_declaration enum_item struct_item union_item enum_specifier macro_definition "
    "preproc_function_def procedure_declaration create_table "
    "create_function create_view block message service rpc function_signature local_function "
    "property_declaration init_declaration deinit_declaration".split()
)
_WRAPPERS = frozenset(
    "export_statement template_declaration declaration_list class_body declaration_list body_statement "
    "field_declaration_list statement statement_list interface_body enum_body block_statement "
    "linkage_specification class_member_declaration program source_file translation_unit compilation_unit "
    "preproc_ifdef preproc_if config_file body source chunk enum_body_declarations template_body "
    "file_scoped_namespace_declaration namespace_definition decorated_definition".split()
)
_NAMES = ("name", "identifier", "reference", "type_spec")
_NAME = re.compile(r"[\w$.:~<>-]{1,100}")


def has_grammar(language: object) -> bool:
    """Whether source in a language can be cut at its definitions here."""
    return language in _GRAMMARS and find_spec("tree_sitter_language_pack") is not None


def code_outline(text: str, language: str) -> Outline:
    """A section per definition, with the comments above it; one of all where nothing is found.

    That is also what becomes of source on which the parser does not get on.

    Args:
        text: Source code.
        language: One that `has_grammar`.
    """
    sections = [Section(0, 0, 0)]
    if len(text) <= LARGEST and text.count("${") <= _TEMPLATES.get(language, len(text)):
        lines = [0, *(at + 1 for at, letter in enumerate(text) if letter == "\n")]
        root = _root(_parser(_GRAMMARS[language]), text.encode("utf-8", "replace"))
        for row, level, path in _definitions(root) if root else ():
            offset = lines[row]
            if offset > sections[-1].start:
                sections.append(Section(offset, offset, level, path))
            elif offset == sections[-1].start:
                sections[-1] = Section(offset, offset, level, path)
    return Outline(tuple(sections), ((0, len(text)),), source=True)


def _root(parser: Parser, source: bytes) -> Node | None:
    """The syntax tree; None where it takes too many steps, which depends on the source alone."""
    most, steps = _STEPS + len(source) // _EVERY, count()

    def stop(*_: object) -> bool:
        return next(steps) > most

    try:  # progress is reported only where the source is asked for part by part
        return parser.parse(
            lambda start, _: source[start : start + _PART], progress_callback=stop
        ).root_node
    except ValueError:
        parser.reset()
        return None


def _definitions(root: Node) -> list[tuple[int, int, tuple[str, ...]]]:
    """``(line, level, path)`` per definition, and where what is between them starts."""
    found: list[tuple[int, int, tuple[str, ...]]] = []
    waiting: list[tuple[Node, int, tuple[str, ...]]] = [(root, 1, ())]
    while waiting:
        node, level, path = waiting.pop()
        inside, comments = False, -1
        for child in node.named_children:
            row = child.start_point.row
            if "comment" in child.type or child.type in ("attribute_item", "attribute_list"):
                comments = row if comments < 0 else comments
                continue
            inner = _definition(child)
            start = row if comments < 0 else comments
            comments = -1
            if inner is not None:
                own = (*path, _name(inner))
                found.append((start, level, own))
                if inner.type in _CONTAINERS:
                    waiting += [(one, level + 1, own) for one in _bodies(inner)]
                inside = True
            elif child.type in _WRAPPERS:
                waiting.append((child, level, path))
                inside = True
            elif inside and path == ():
                found.append((start, level, path))
                inside = False
    return sorted(found, key=lambda one: one[0])


def _definition(node: Node) -> Node | None:
    """The definition that a node is or wraps, such as an exported one."""
    while node.type in ("export_statement", "template_declaration", "decorated_definition"):
        inner = [one for one in node.named_children if one.type in _DEFINITIONS | _WRAPPERS]
        if not inner:
            return None
        node = inner[-1]
    if (
        node.type not in _DEFINITIONS
        or node.end_point.row == node.start_point.row == 0 == node.end_byte
    ):
        return None
    return node


def _bodies(node: Node) -> list[Node]:
    body = node.child_by_field_name("body")
    return [body] if body is not None else [node]


def _name(node: Node) -> str:
    """What a definition is called: its name, or that of what it declares."""
    at: Node | None = node
    while at is not None:
        fields = (at.child_by_field_name(field) for field in ("name", "declarator", "type"))
        inner = next((one for one in fields if one is not None), None)
        if inner is None and at is node:
            named = (one for one in node.named_children if one.type.endswith(_NAMES))
            inner = next(named, None)
        if inner is None:
            break
        at = inner
    match = (
        _NAME.match((at.text or b"").decode("utf-8", "replace")) if at and at is not node else None
    )
    return match.group() if match else node.type.split("_")[0]


@functools.cache
def _parser(grammar: str) -> Parser:
    from tree_sitter_language_pack import get_parser

    found: Parser = get_parser(grammar)
    return found
