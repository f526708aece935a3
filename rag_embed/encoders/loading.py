"""What every model of the sentence-transformers library needs when it is loaded."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from safetensors import SafetensorError
from transformers.utils.logging import disable_progress_bar

import rag_embed.encoders.torch_forks  # noqa: F401
from rag_embed.encoders.models import ModelFiles
from rag_embed.errors import BadInput, ModelUnavailable

M = TypeVar("M")

_CPU_BUDGET = 4096
_GPU_BUDGET = 65_536


def loaded(
    kind: Callable[..., M], files: ModelFiles, device: str | None, trust_remote_code: bool
) -> M:
    """A model of a class of the library, without progress bars.

    Raises:
        BadInput: torch cannot compute on the device.
        ModelUnavailable: The library cannot load it.
    """
    check_device(device)
    disable_progress_bar()  # type: ignore[no-untyped-call]  # a library writes nothing to the terminal
    try:
        return kind(str(files.path), device=device, trust_remote_code=trust_remote_code)
    except (OSError, ValueError, KeyError, ImportError, SafetensorError) as error:
        raise ModelUnavailable(
            f"{files.name!r} is no model that sentence-transformers can load: {error}"
        ) from error


def check_device(device: str | None) -> None:
    """Check where a model shall run.

    Raises:
        BadInput: torch cannot compute there: there is no such device, or this build of torch does not know it.
    """
    if device is None:
        return
    try:
        torch.zeros(1, device=device).item()
    except (AssertionError, RuntimeError, NotImplementedError, TypeError) as error:
        raise BadInput(
            f"torch cannot compute on the device {device!r} here: {str(error).splitlines()[0]}. Name another "
            "one, or leave device out for the best there is."
        ) from error


def budget(given: int | None, device: str) -> int:
    """Padded tokens per batch: what is given, or what the device bears."""
    return given or (_CPU_BUDGET if device == "cpu" else _GPU_BUDGET)
