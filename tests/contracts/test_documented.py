"""The contracts that docs/extending.md subclasses hold for what it shows."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"


@contextmanager
def elsewhere():
    """An empty working folder, since the page writes files."""
    before = Path.cwd()
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)


def shown() -> dict[str, object]:
    """All that the page defines."""
    names: dict[str, object] = {"__name__": __name__}
    code = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    with elsewhere():
        exec(compile("\n".join(code), str(PAGE), "exec"), names)
    return names


SHOWN = {name: found for name, found in shown().items() if name.startswith("Test")}
globals().update(SHOWN)


def test_the_page_shows_contracts() -> None:
    assert {"TestLexicalLeg", "TestRecent"} <= SHOWN.keys()
