"""What an import costs, and what it offers."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest

import rag_embed

HEAVY = {"torch", "transformers", "sentence_transformers", "lancedb", "openvino"}


def loaded(statement: str) -> set[str]:
    """Top-level packages in memory after a statement in a fresh process."""
    script = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_package_alone_loads_nothing_heavy() -> None:
    found = loaded("import rag_embed; dir(rag_embed)")
    assert "rag_embed" in found and not found & (HEAVY | {"numpy", "pyarrow"})


@pytest.mark.parametrize(
    "statement",
    [
        "from rag_embed import *",
        "from rag_embed import Index, Document, Query, field, read",
        "import rag_embed.encoders, rag_embed.protocols, rag_embed.evaluation",
        "import rag_embed.cli",
    ],
)
def test_names_load_no_model_and_no_store(statement) -> None:
    assert not loaded(statement) & (HEAVY | {"pyarrow"})


SHELL = """
import sys
sys.argv = ["rag-embed", *{words}]
from rag_embed.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print(*sys.modules, file=sys.stderr)
"""


def shell(*words: str) -> tuple[str, set[str]]:
    """What a command prints, and every module in memory at its end."""
    script = SHELL.format(words=[*words])
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout, set(done.stderr.splitlines()[-1].split())


def test_the_overview_of_commands_loads_none_of_them() -> None:
    shown, found = shell("--help")
    assert "ask-why" in shown
    assert not found & (HEAVY | {"numpy", "pyarrow", "pydantic", "rag_embed.types"})
    assert {name for name in found if name.startswith("rag_embed.cli.")} == {
        "rag_embed.cli.commands",
        "rag_embed.cli.homes",
        "rag_embed.cli.mistakes",
    }


FOR_NOTHING = {
    *HEAVY - {"lancedb", "openvino"},
    "pandas.core",  # through Arrow's dataset
    "openvino.tools.ovc",  # converts models
    "lance_namespace_urllib3_client.models.create_table_request",  # and a hundred more like it
    "rag_embed.cli.demo",
    "rag_embed.training",
    "rag_embed.tuning",
}


def test_a_search_from_a_shell_loads_nothing_it_does_not_need(tmp_path) -> None:
    kb = tmp_path / "kb"
    rag_embed.Index.create(kb).add(rag_embed.Document("fox", "The fox is red."))
    shown, found = shell("search", str(kb), "red foxes")
    assert "The fox is red." in shown and {"lancedb", "openvino", "pyarrow.dataset"} <= found
    assert not found & FOR_NOTHING


def test_pandas_is_left_out_for_arrow_alone() -> None:
    script = """
from rag_embed.stores._deferred import spare_pandas
spare_pandas()
import pyarrow.dataset, sys
assert "pandas" not in sys.modules
import pandas, pyarrow
assert pyarrow.table({"a": [1]}).to_pandas()["a"].tolist() == [1]
"""
    pytest.importorskip("pandas")
    assert "pandas" in loaded(script)


def test_what_stands_for_a_class_does_as_the_class() -> None:
    script = """
import rag_embed.stores, sys
from rag_embed.stores._deferred import defer_classes
defer_classes("lance_namespace_urllib3_client.models")
defer_classes("no_such_package.models")
from lance_namespace import ListTablesResponse
from typing import Optional
Optional[ListTablesResponse], ListTablesResponse | None
home = "lance_namespace_urllib3_client.models.list_tables_response"
assert home not in sys.modules
try:
    from lance_namespace_urllib3_client.models import NoSuchClass
except ImportError:
    pass
else:
    raise AssertionError
found = ListTablesResponse(tables=["a"])
assert type(found) is sys.modules[home].ListTablesResponse and isinstance(found, ListTablesResponse)
assert not isinstance(3, ListTablesResponse)
assert ListTablesResponse.from_dict({"tables": ["a"]}) == found
assert home.replace("list_tables_response", "create_table_request") not in sys.modules
"""
    assert "lance_namespace" in loaded(script)


def test_every_name_resolves() -> None:
    assert sorted(rag_embed.__all__) == sorted(rag_embed._HOMES) == sorted(dir(rag_embed))
    for name in rag_embed.__all__:
        found = getattr(rag_embed, name)
        assert found.__name__ == name and found.__module__.startswith("rag_embed.")
    with pytest.raises(AttributeError, match="no_such_name"):
        rag_embed.no_such_name  # noqa: B018


def test_type_checkers_see_the_same_names() -> None:
    source = Path(rag_embed.__file__).read_text()
    block = source[source.index("if TYPE_CHECKING:") : source.index("_HOMES")]
    imported = {
        (name.strip(), home)
        for home, names in re.findall(r"from rag_embed\.([\w.]+) import (.+)", block)
        for name in names.split(",")
    }
    assert imported == set(rag_embed._HOMES.items())


def test_newest_changelog_entry_is_this_version() -> None:
    changelog = Path(__file__).parents[1] / "CHANGELOG.md"
    versions = re.findall(r"^## (\d+\.\d+\.\d+)", changelog.read_text(), re.MULTILINE)
    assert versions[0] == importlib.metadata.version("rag-embed")
