"""Running a compiled OpenVINO model over batches of token ids, on all cores."""

from __future__ import annotations

import ctypes
import os
import threading
import weakref
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from rag_embed.encoders.batching import Seen, batches
from rag_embed.encoders.layout import Layout
from rag_embed.encoders.ov import openvino as ov
from rag_embed.encoders.ov import ran
from rag_embed.encoders.quantised import GROUP
from rag_embed.maths.vectors import unit
from rag_embed.processes import PerProcess, forks
from rag_embed.types import Vectors


class Runner:
    """Token ids in, unit rows out.

    Every core computes batches of its own: a batch is never spread over cores, so its result does
    not depend on what else is running.

    Args:
        graph: The transformer: ids and mask to token vectors.
        layout: Pooling and padding.
        budget: Padded tokens per batch.
    """

    def __init__(self, graph: Graph, layout: Layout, budget: int) -> None:
        self.graph = graph
        self.layout = layout
        self.budget = budget
        self.rows([[layout.pad]])  # all that is set up at first use is, before there are threads

    def rows(self, ids: Sequence[Sequence[int]], seen: Seen | None = None) -> Vectors:
        """``(n, dim)`` unit rows, one per list of token ids; ``seen`` gets the token vectors."""
        rows = np.empty((len(ids), self.layout.dim), dtype=np.float32)

        def one(batch: tuple[int, list[int]]) -> None:
            padded, members = batch
            rows[members] = self._forward(own.request(), ids, members, padded, seen)

        parts = list(batches([len(some) for some in ids], self.budget))
        own = self.graph.own
        if len(parts) == 1:
            one(parts[0])
        else:
            list(own.workers.map(one, parts))
        return unit(rows)

    def _forward(
        self,
        request: Any,  # noqa: ANN401
        ids: Sequence[Sequence[int]],
        members: list[int],
        padded: int,
        seen: Seen | None,
    ) -> npt.NDArray[np.float32]:
        tokens = np.full((len(members), padded), self.layout.pad, dtype=np.int64)
        mask = np.zeros((len(members), padded), dtype=np.int64)
        for row, i in enumerate(members):
            tokens[row, : len(ids[i])] = ids[i]
            mask[row, : len(ids[i])] = 1
        states = ran(request, tokens, mask)
        if seen is not None:
            for row, i in enumerate(members):
                seen(i, states[row, : len(ids[i])])
        if self.layout.pooling == "cls":
            return np.array(states[:, 0])
        weights = mask.astype(np.float32) / mask.sum(axis=1, keepdims=True)
        pooled: npt.NDArray[np.float32] = np.einsum("bsd,bs->bd", states, weights)
        return pooled


class Graph:
    """A model in a precision. Whoever runs it in a process shares what is compiled: most of its memory.

    Args:
        model: The graph.
        precision: ``"f32"``, ``"bf16"``, or ``"int8"`` for a `quantised` one.
    """

    def __init__(self, model: ov.Model, precision: str) -> None:
        self._own = PerProcess(partial(_Compiled, model, precision))

    @property
    def own(self) -> _Compiled:
        """This process's."""
        return self._own.get()


class _Compiled:
    """A model compiled by one process, and the threads that run it.

    What OpenVINO sets up belongs to that process: a forked one can neither use nor destroy it, since
    it would wait for threads that are not there.
    """

    def __init__(self, model: ov.Model, precision: str) -> None:
        threads = os.cpu_count() or 1
        eight = precision == "int8"
        self._model = ov.Core().compile_model(
            model,
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": "f32" if eight else precision,
                "DYNAMIC_QUANTIZATION_GROUP_SIZE": str(GROUP if eight else 0),
                "NUM_STREAMS": str(threads),
                "INFERENCE_NUM_THREADS": str(threads),
            },
        )
        self._local = threading.local()
        self.workers = ThreadPoolExecutor(threads, thread_name_prefix="openvino")
        weakref.finalize(self, _left_alone, forks(), self._model, self._local)

    def request(self) -> Any:  # noqa: ANN401
        """This thread's own inference request."""
        if not hasattr(self._local, "request"):
            self._local.request = self._model.create_infer_request()
        return self._local.request


def _left_alone(made_in: int, *inherited: object) -> None:
    """Keep what another process set up from being destroyed in this one, even when it ends."""
    if made_in != forks():
        for one in inherited:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(one))
