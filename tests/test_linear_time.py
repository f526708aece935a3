"""No text of a stranger takes more than time in proportion to its length.

Where a function was not linear, its text here is so long that the test would run for hours.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import rag_embed
from rag_embed.cli.conditions import parsed
from rag_embed.fields import Fields
from rag_embed.filters import field
from rag_embed.reading import read
from rag_embed.reading.front_matter import front_matter, title_of, values_of
from rag_embed.reading.html import html_text

if hasattr(re, "_parser"):
    from re import _parser as sre
else:
    import sre_parse as sre

_N = 200_000


def patterns() -> Iterator[tuple[str, str | bytes]]:
    """Every regular expression in the package, with its place; what is put in counts as a letter."""
    root = Path(rag_embed.__file__).parent
    for path in sorted(root.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "re"
                and node.args
            ):
                first = node.args[0]
                place = f"{path.relative_to(root)}:{node.lineno}"
                if isinstance(first, ast.Constant):
                    yield place, first.value
                elif isinstance(first, ast.JoinedStr):
                    parts = [p.value if isinstance(p, ast.Constant) else "x" for p in first.values]
                    yield place, "".join(parts)


def repeats_inside(parsed_pattern, inside: bool = False) -> bool:
    """Whether an unlimited repetition stands inside another, which can take exponential time."""
    for operator, value in parsed_pattern:
        unlimited = str(operator).endswith("_REPEAT") and value[1] == sre.MAXREPEAT
        if unlimited and inside:
            return True
        parts = value if isinstance(value, tuple | list) else [value]
        for part in parts:
            some = part if isinstance(part, list) else [part]
            for one in some:
                if isinstance(one, sre.SubPattern) and repeats_inside(one, inside or unlimited):
                    return True
    return False


def test_no_pattern_repeats_a_repetition() -> None:
    assert repeats_inside(sre.parse(r"(?:(?:a+|b)x)*?y"))
    assert not repeats_inside(sre.parse(r"(?:a{1,3}b)*c+"))
    found = list(patterns())
    assert len(found) > 30
    assert [place for place, pattern in found if repeats_inside(sre.parse(pattern))] == []


@pytest.mark.parametrize("line", ["--option: text\n", "- a: b\n", "a:\n", "# \n", " -\n", "\n"])
def test_front_matter(line) -> None:
    """Lines of options under a rule are no front matter unless a second rule ends them."""
    body = "---\nx: 1\n" + line * _N
    assert front_matter(body) == ("", body)
    assert front_matter(body + "no front matter\n---\n")[0] == ""
    assert front_matter(body + "---\nText") == (body[4:], "Text")


@pytest.mark.parametrize("unit", ["[", "'", '"', "a, ", "\\'", "' ", "# ", "- ", ": ", "1", " "])
def test_values_of_front_matter(unit) -> None:
    for front in (f"a: {unit * _N}", f"a: [{unit * _N}", f'a: "{unit * _N}', f"a:\n- {unit * _N}"):
        assert values_of(front).keys() <= {"a"}


def test_titles_and_conditions() -> None:
    assert title_of("title: a" + " " * _N + "b\n") == "a b"
    text = "a" + " " * _N + "b"
    where = parsed([f"  lang = {text}  "], Fields({"lang": "str"}))
    assert where == (field("lang") == text)


@pytest.mark.parametrize("tag", ["footer", "aside", "h1", "nav", "table", "div hidden", "article"])
def test_pages_nested_deep(tag) -> None:
    pytest.importorskip("bs4")
    assert html_text("<p>Text</p>" + f"<{tag}>x" * 6000)[1].startswith("Text")


@pytest.mark.parametrize(
    "unit",
    [
        "<!--",
        "<!--x>",
        "<a",
        "<a '",
        '<a x="',
        "</a",
        "<?",
        "<![CDATA[",
        "<![CDATA[>",
        "<![CDATA[]>",
    ],
)
def test_pages_of_what_is_never_closed(unit) -> None:
    pytest.importorskip("bs4")
    assert html_text("<p>Text</p>" + unit * _N)[1].startswith("Text")


def test_links_nested_in_a_heading() -> None:
    pytest.importorskip("bs4")
    assert html_text("<h1>" + "<a>x" * 60_000)[1].startswith("# xx")


def test_a_cell_that_spans_many_is_not_repeated_whole() -> None:
    pytest.importorskip("bs4")
    cell = f'<td colspan="99999" rowspan="9999">{"word " * 2000}'
    markup = f"<table><tr>{cell}{'<tr>' * 50}</table>"
    assert len(html_text(markup)[1]) < 2 * len(markup)


def test_lists_nested_without_end_are_not_mostly_indentation() -> None:
    pytest.importorskip("bs4")
    markup = "<ul><li>x" * 3000
    assert len(html_text(markup)[1]) < 10 * len(markup)


def test_a_long_name_of_a_column_is_not_repeated_whole(tmp_path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("name" * 5000 + ",b\n" + "x,y\n" * 2000)
    (document,) = read(file)
    assert len(document.text) < 100 * file.stat().st_size


@pytest.mark.parametrize("quote", ["'", '"'])
def test_quotes_in_rows(tmp_path, quote) -> None:
    path = tmp_path / "a.tsv"
    path.write_text(f"a\t{quote * 8000}<table>{quote * 7000}a\tb\n1\t2\n")
    assert [one.metadata["format"] for one in read(path)] == ["rows"]


def test_one_long_line_in_front_matter_is_not_parsed(monkeypatch) -> None:
    import yaml

    monkeypatch.setattr(yaml, "compose", lambda front, **_: pytest.fail(f"{len(front)} characters"))
    text = "---\n[" + "x," * _N + "]\n---\nText"
    assert front_matter(text) == ("", text)


def test_a_page_that_claims_a_charset_without_end(tmp_path) -> None:
    pytest.importorskip("bs4")
    page = tmp_path / "page.html"
    page.write_text("<meta" * 40 + " charset=" + " " * 4000 + "><p>Text")
    (document,) = read(page)
    assert document.text == "Text"
