"""Converting a model for OpenVINO once, and checking that its vectors are those of torch.

The cache holds a folder per model, named by the hash of its weights: the graph, the vectors that
torch gives for `PROBES`, and per precision the worst cosine to them. Only a model that is not there
needs torch.
"""

from __future__ import annotations

import json
import logging
import math
import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, TypeVar, cast
from weakref import WeakValueDictionary

import numpy as np

from rag_embed.encoders.cache import cache_folder, write_atomically
from rag_embed.encoders.layout import Layout
from rag_embed.encoders.models import ModelFiles
from rag_embed.encoders.ov import openvino as ov
from rag_embed.encoders.ov import unreported
from rag_embed.encoders.probes import PROBES
from rag_embed.encoders.quantised import quantised
from rag_embed.encoders.quiet import without_warnings
from rag_embed.encoders.runner import Graph, Runner
from rag_embed.encoders.tokens import Tokens
from rag_embed.errors import UnfaithfulEncoder, UnsupportedModel
from rag_embed.processes import PerProcess
from rag_embed.types import Vectors

if TYPE_CHECKING:
    import torch

R = TypeVar("R")

FAITHFUL = 0.999
"""Smallest cosine to torch, over all probes, that counts as the same model."""

NEAR = 0.99
"""The same for `quantised` models, which whoever uses one asked for."""

_FORMAT = 1
_BUDGET = 2048
_WORST = "worst_cosine"

_IN_USE: WeakValueDictionary[tuple[Path, str], Graph] = WeakValueDictionary()
"""Those that do as torch does, by folder and precision."""

_LAST: deque[Graph] = deque(maxlen=1)
"""What was asked for last stays: a program that opens an index for every request would compile it again."""

_TURN = PerProcess(Lock)
"""Threads that load one model at once wait for the first and share its graph."""

_log = logging.getLogger(__name__)


def faithful_runner(
    files: ModelFiles, layout: Layout, precision: str, budget: int = _BUDGET
) -> tuple[Runner, str]:
    """A runner whose vectors are those of torch, and the precision it computes in.

    Args:
        files: The model.
        layout: How it is built.
        precision: See `precision.Precision`.
        budget: Padded tokens per batch.

    Raises:
        UnsupportedModel: OpenVINO cannot convert it.
        UnfaithfulEncoder: Its vectors differ from those of torch.
    """

    def worst(runner: Runner, reference: Vectors) -> float:
        rows = runner.rows(Tokens.of(layout).ids(PROBES))
        return float((rows * reference).sum(axis=1).min())

    return faithful(
        Conversion(files, f"{files.weights[:32]}-{_FORMAT}", "SentenceEncoder"),
        precision,
        partial(_converted, files, layout),
        lambda graph: Runner(graph, layout, budget),
        worst,
    )


@dataclass(frozen=True, slots=True)
class Conversion:
    """A model that is converted for OpenVINO.

    Attributes:
        files: The model.
        folder: Where it is kept, below the cache's folder for OpenVINO.
        instead: The encoder that runs it with torch.
    """

    files: ModelFiles
    folder: str
    instead: str


def faithful(
    conversion: Conversion,
    precision: str,
    converted: Callable[[Path], tuple[ov.Model, Vectors]],
    running: Callable[[Graph], R],
    worst: Callable[[R, Vectors], float],
) -> tuple[R, str]:
    """What runs a converted model as torch does, and the precision it computes in.

    All that run one model in one precision share its graph.

    Args:
        conversion: Of which model.
        precision: See `precision.Precision`.
        converted: Converts the model with torch and keeps it in a folder; asked once. Gives the graph and
            what torch makes of `PROBES`.
        running: Makes what runs a graph.
        worst: Smallest cosine of what it makes of `PROBES` to that of torch; measured once per precision.

    Raises:
        UnfaithfulEncoder: In no precision it does as torch does.
    """
    name = conversion.files.name
    folder = cache_folder() / "openvino" / conversion.folder
    read: Callable[[], tuple[ov.Model, Vectors]] = cache(
        lambda: _stored(folder) or converted(folder)
    )
    expected = NEAR if precision == "int8" else FAITHFUL
    cosines = {}
    for one in [precision] if precision != "auto" else _native():
        with _TURN.get():
            if (known := _IN_USE.get((folder, one))) is not None:
                _LAST.append(known)
                return running(known), one
            measured = folder / f"{one}.json"
            cosines[one] = _remembered(measured)
            if not cosines[one] < expected:  # also where it is not measured yet
                model, reference = read()
                graph = Graph(quantised(model) if one == "int8" else model, one)
                runner = running(graph)
                if math.isnan(cosines[one]):
                    cosines[one] = worst(runner, reference)
                    write_atomically(measured, json.dumps({_WORST: cosines[one]}).encode())
                if cosines[one] >= expected:
                    _IN_USE[folder, one] = graph
                    _LAST.append(graph)
                    return runner, one
        _log.info("%s in %s: cosine %.5f to torch, too low", name, one, cosines[one])
    raise UnfaithfulEncoder(
        f"{name!r} through OpenVINO has cosines down to {min(cosines.values()):.4f} to torch, "
        f"expected {expected} at least ({cosines}). Use {conversion.instead}."
    )


@cache
def _native() -> Sequence[str]:
    """Precisions to try on this CPU, fastest first."""
    native = "BF16" in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return ["bf16", "f32"] if native else ["f32"]


def _remembered(file: Path) -> float:
    """The worst cosine as a file says; NaN where it was not measured."""
    try:
        return float(json.loads(file.read_text())[_WORST])
    except (OSError, ValueError, KeyError, TypeError):
        return math.nan


def _stored(folder: Path) -> tuple[ov.Model, Vectors] | None:
    if not (folder / "reference.npy").is_file():
        return None
    return ov.Core().read_model(folder / "model.xml"), np.load(folder / "reference.npy")


def traced(
    module: torch.nn.Module,
    example: tuple[torch.Tensor, ...],
    shapes: Sequence[ov.PartialShape],
    files: ModelFiles,
    instead: str,
) -> ov.Model:
    """OpenVINO's model of a module of torch.

    Args:
        module: In its mode for evaluation.
        example: Its inputs, as it is traced with.
        shapes: Of the inputs, -1 for what may be of any size.
        files: The model, for the message.
        instead: The class that runs it where this cannot.

    Raises:
        UnsupportedModel: It cannot be converted.
    """
    import torch
    from openvino.tools.ovc import convert_model

    try:
        with torch.inference_mode(), quiet():
            return convert_model(module, example_input=example, input=list(shapes))
    except Exception as error:  # the converter raises whatever the traced model raises
        raise UnsupportedModel(
            f"OpenVINO cannot convert {files.name!r} ({type(error).__name__}: {error}). Use {instead}."
        ) from error


def _converted(files: ModelFiles, layout: Layout, folder: Path) -> tuple[ov.Model, Vectors]:
    """Convert with torch, and keep the result where the cache can be written."""
    import torch

    from rag_embed.encoders.sentence import SentenceEncoder

    torch_model = SentenceEncoder(str(files.path), device="cpu").model
    torch_model.truncate_dim = None  # models that differ in what is kept of a vector are one here
    encoder = SentenceEncoder.wrap(torch_model, query_prompt="", document_prompt="")
    reference = encoder.encode_document(PROBES)

    class TokenVectors(torch.nn.Module):
        def __init__(self, transformer: torch.nn.Module) -> None:
            super().__init__()
            self.transformer = transformer

        def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            states: torch.Tensor = self.transformer(input_ids=ids, attention_mask=mask)[0]
            return states

    module = TokenVectors(cast(torch.nn.Module, encoder.model.transformers_model)).eval()
    ids = torch.full((2, 16), layout.pad + 1, dtype=torch.long)
    mask = torch.ones_like(ids)
    mask[1, 8:] = 0
    free = [ov.PartialShape([-1, -1])] * 2
    model = traced(module, (ids, mask), free, files, "SentenceEncoder")
    kept_graph(model, reference, folder)
    return model, reference


@contextmanager
def quiet() -> Iterator[None]:
    """Tracing warns of values it takes as constant; the comparison with torch is what counts.

    Nor is anyone else told of it: see `ov.unreported`.
    """
    with without_warnings(), unreported():
        yield


def kept_graph(model: ov.Model, reference: Vectors, folder: Path) -> None:
    """Move a complete folder into the cache; another process may have been faster."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=folder.parent))
        try:
            ov.save_model(model, draft / "model.xml", compress_to_fp16=False)
            np.save(draft / "reference.npy", reference)
            draft.rename(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except (OSError, RuntimeError) as error:
        _log.info("converted model not kept in %s: %s", folder, error)
