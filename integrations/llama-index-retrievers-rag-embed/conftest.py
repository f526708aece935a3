"""Where tests find the shared suite.

Pytest would import the leaf package as ``rag_embed``; tests/test_doctests.py runs its doctests.
"""

import sys
from pathlib import Path

import pytest

from rag_embed import encoders
from rag_embed.protocols import Encoder

collect_ignore = ["llama_index"]
sys.path.insert(0, str(Path(__file__).parent / "tests"))
pytest.register_assert_rewrite("conformance", "conformance_search")


@pytest.fixture(scope="session")
def minilm() -> Encoder:
    """The real default model."""
    return encoders.load()
