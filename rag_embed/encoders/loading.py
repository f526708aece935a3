"""What every model of the sentence-transformers library needs when it is loaded."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from transformers.utils.logging import disable_progress_bar

import rag_embed.encoders.torch_forks  # noqa: F401
from rag_embed.encoders.models import ModelFiles
from rag_embed.errors import ModelUnavailable

M = TypeVar("M")

_CPU_BUDGET = 4096
_GPU_BUDGET = 65_536


def loaded(
    kind: Callable[..., M], files: ModelFiles, device: str | None, trust_remote_code: bool
) -> M:
    """A model of a class of the library, without progress bars.

    Raises:
        ModelUnavailable: The library cannot load it.
    """
    disable_progress_bar()  # type: ignore[no-untyped-call]  # a library writes nothing to the terminal
    try:
        return kind(str(files.path), device=device, trust_remote_code=trust_remote_code)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise ModelUnavailable(
            f"{files.name!r} is no model that sentence-transformers can load: {error}"
        ) from error


def budget(given: int | None, device: str) -> int:
    """Padded tokens per batch: what is given, or what the device bears."""
    return given or (_CPU_BUDGET if device == "cpu" else _GPU_BUDGET)
