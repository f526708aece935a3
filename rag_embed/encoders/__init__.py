"""From texts to vectors. The only place that imports torch, sentence-transformers and OpenVINO.

`load` picks the best way to run a model on this machine; the classes can be used directly.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, TypeVar

from rag_embed import protocols
from rag_embed.encoders.adapter import read_adapter
from rag_embed.encoders.function import Embed, FunctionEncoder
from rag_embed.encoders.hashing import HashEncoder
from rag_embed.encoders.minilm import DEFAULT
from rag_embed.encoders.precision import Precision
from rag_embed.errors import BadInput, ModelUnavailable, UnfaithfulEncoder, UnsupportedModel
from rag_embed.lazy import lazily
from rag_embed.protocols import Encoder
from rag_embed.texts import Read, read_titled

if TYPE_CHECKING:
    from rag_embed.encoders.cross import CrossEncoderReranker
    from rag_embed.encoders.cross_openvino import OpenVINOReranker
    from rag_embed.encoders.multivector import MultiVectorEncoder
    from rag_embed.encoders.muvera import Muvera
    from rag_embed.encoders.openvino import OpenVINOEncoder
    from rag_embed.encoders.sentence import SentenceEncoder
    from rag_embed.encoders.sparse import SparseEncoder
    from rag_embed.encoders.sparse_openvino import OpenVINOSparseEncoder

__all__ = [
    "DEFAULT",
    "Embed",
    "CrossEncoderReranker",
    "FunctionEncoder",
    "HashEncoder",
    "MultiVectorEncoder",
    "Muvera",
    "OpenVINOEncoder",
    "OpenVINOReranker",
    "OpenVINOSparseEncoder",
    "SentenceEncoder",
    "SparseEncoder",
    "load",
    "load_adapted",
    "load_reranker",
    "load_sparse",
]

_HOMES = {
    "SentenceEncoder": "encoders.sentence",
    "OpenVINOEncoder": "encoders.openvino",
    "MultiVectorEncoder": "encoders.multivector",
    "CrossEncoderReranker": "encoders.cross",
    "OpenVINOReranker": "encoders.cross_openvino",
    "Muvera": "encoders.muvera",
    "SparseEncoder": "encoders.sparse",
    "OpenVINOSparseEncoder": "encoders.sparse_openvino",
}
_log = logging.getLogger(__name__)

F = TypeVar("F", bound="OpenVINOEncoder | OpenVINOSparseEncoder | OpenVINOReranker")
E = TypeVar("E")


def load(
    model: str = DEFAULT,
    *,
    device: str | None = None,
    query_prompt: str | None = None,
    document_prompt: str | None = None,
    precision: Precision = "auto",
) -> Encoder:
    """The fastest faithful encoder for a model on this machine.

    A GPU runs it with torch. Without one, OpenVINO runs the same weights several times faster than
    torch does, if it is installed (extra ``fast``), can run the model, and was checked to give the
    same vectors; otherwise torch runs it on the CPU.

    Args:
        model: Name or path; see `rag_embed.encoders.models.resolve`.
        device: Ask for torch on this device.
        query_prompt: Put before queries; the model's own ``query`` prompt by default.
        document_prompt: Put before documents; the model's own ``document`` prompt by default.
        precision: Ask for OpenVINO in this precision; see `OpenVINOEncoder`.

    Raises:
        BadInput: There is no such precision, or a device was named too.
        ModelUnavailable: The model cannot be loaded.
        UnsupportedModel: It cannot be run in the precision that was asked for.
        UnfaithfulEncoder: Its vectors in that precision are not those of torch.
    """

    def fast() -> OpenVINOEncoder:
        from rag_embed.encoders.openvino import OpenVINOEncoder

        return OpenVINOEncoder(
            model, query_prompt=query_prompt, document_prompt=document_prompt, precision=precision
        )

    def exact() -> SentenceEncoder:
        from rag_embed.encoders.sentence import SentenceEncoder

        return SentenceEncoder(
            model, query_prompt=query_prompt, document_prompt=document_prompt, device=device
        )

    return _fastest(model, device, precision, fast, exact)


def load_adapted(folder: str | os.PathLike[str], *, device: str | None = None) -> Encoder:
    """The fastest faithful encoder of a model with the adapter of a folder multiplied in.

    An expert's vectors of *queries* belong into the space of its base: search with it where
    ``encoders.adapter.read_adapter(folder).base`` encoded the documents.

    Args:
        folder: Written by `rag_embed.training`.
        device: Ask for torch on this device.

    Raises:
        BadInput: The folder is none of an adapter.
        SpaceMismatch: The model on this machine is not the one the adapter was trained on.
        ModelUnavailable: The model cannot be found.
    """
    read_adapter(folder)
    return load(os.fspath(folder), device=device)


def load_sparse(
    model: str,
    *,
    device: str | None = None,
    query_prompt: str | None = None,
    document_prompt: str | None = None,
    precision: Precision = "auto",
) -> protocols.SparseEncoder:
    """The fastest faithful encoder for a model that weighs terms (SPLADE and its kin), as `load` chooses.

    Args:
        model: Name or path; see `rag_embed.encoders.models.resolve`.
        device: Ask for torch on this device.
        query_prompt: Put before queries; the model's own ``query`` prompt by default.
        document_prompt: Put before documents; the model's own ``document`` prompt by default.
        precision: Ask for OpenVINO in this precision; see `OpenVINOEncoder`.

    Raises:
        BadInput: There is no such precision, or a device was named too.
        ModelUnavailable: The model cannot be loaded, or was not trained to weigh terms.
        UnsupportedModel: It cannot be run in the precision that was asked for.
        UnfaithfulEncoder: Its weights in that precision are not those of torch.
    """

    def fast() -> OpenVINOSparseEncoder:
        from rag_embed.encoders.sparse_openvino import OpenVINOSparseEncoder

        return OpenVINOSparseEncoder(
            model, query_prompt=query_prompt, document_prompt=document_prompt, precision=precision
        )

    def exact() -> SparseEncoder:
        from rag_embed.encoders.sparse import SparseEncoder

        return SparseEncoder(
            model, query_prompt=query_prompt, document_prompt=document_prompt, device=device
        )

    return _fastest(model, device, precision, fast, exact)


def load_reranker(
    model: str,
    *,
    device: str | None = None,
    read: Read = read_titled,
    precision: Precision = "auto",
) -> OpenVINOReranker | CrossEncoderReranker:
    """The fastest faithful way to run a cross-encoder on this machine, as `load` chooses.

    Args:
        model: Name or path; see `rag_embed.encoders.models.resolve`.
        device: Ask for torch on this device.
        read: What the model reads of a hit; title, headings and text by default.
        precision: Ask for OpenVINO in this precision; see `OpenVINOEncoder`.

    Raises:
        BadInput: There is no such precision, or a device was named too.
        ModelUnavailable: The model cannot be loaded, or is no cross-encoder with one score.
        UnsupportedModel: It cannot be run in the precision that was asked for.
        UnfaithfulEncoder: Its scores in that precision are not those of torch.
    """

    def fast() -> OpenVINOReranker:
        from rag_embed.encoders.cross_openvino import OpenVINOReranker

        return OpenVINOReranker(model, read=read, precision=precision)

    def exact() -> CrossEncoderReranker:
        from rag_embed.encoders.cross import CrossEncoderReranker

        return CrossEncoderReranker(model, read=read, device=device)

    return _fastest(model, device, precision, fast, exact)


def _fastest(
    model: str,
    device: str | None,
    precision: Precision,
    fast: Callable[[], F],
    exact: Callable[[], E],
) -> F | E:
    """What OpenVINO makes of a model where it can and may, and what torch makes of it elsewhere."""
    if precision != "auto":
        if device is not None:
            raise BadInput(
                f"Expected a device or a precision, got both: torch runs on {device!r}, in what it likes."
            )
        if find_spec("openvino") is None:
            raise ModelUnavailable(
                f"{model!r} in {precision} needs OpenVINO, which is not installed; the extra 'fast' brings it."
            )
        return fast()
    if device is None and not _gpu() and find_spec("openvino") is not None:
        try:
            encoder = fast()
        except (UnsupportedModel, UnfaithfulEncoder) as reason:
            _log.info("%s runs with torch: %s", model, reason)
        else:
            _log.info("%s runs with OpenVINO in %s", model, encoder.precision)
            return encoder
    return exact()


def _gpu() -> bool:
    """Whether torch would find a GPU, without the seconds it takes to import it."""
    return shutil.which("nvidia-smi") is not None or shutil.which("rocm-smi") is not None


__getattr__ = lazily(__name__, _HOMES)
