"""Late pooling with gradients: the same windows and the same tokens as `situated.late.Late`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from rag_embed.encoders.sentence import SentenceEncoder
from rag_embed.encoders.tokens import content
from rag_embed.maths.pooling import touching
from rag_embed.situated.late import Late
from rag_embed.training.lora import features, pad_id
from rag_embed.types import Chunk, Document


@dataclass(frozen=True, slots=True, eq=False)
class Pooled:
    """A window as a model takes it, and which of its tokens are pooled.

    Attributes:
        document: Position of its document.
        ids: Token ids, special tokens and prompt included.
        chunks: Positions among all chunks of those that are whole in it.
        tokens: Per such chunk, positions in ``ids``.
        alone: Whether the window is its only chunk, which the model then pools itself.
    """

    document: int
    ids: list[int]
    chunks: tuple[int, ...]
    tokens: tuple[npt.NDArray[np.intp], ...]
    alone: bool


def read_windows(
    encoder: SentenceEncoder, late: Late, groups: Sequence[tuple[Document, Sequence[Chunk]]]
) -> list[Pooled]:
    """The windows of documents that hold a whole chunk; chunks in several windows are left out."""
    prompt = encoder.signature.document_prompt
    found = []
    base = 0
    for place, (document, chunks) in enumerate(groups):
        windows = late.windows_of(document, chunks)
        pieces = Counter(piece.chunk for window in windows for piece in window.pieces)
        encodings = encoder.tokens.traced([prompt + window.text for window in windows])
        for window, encoding in zip(windows, encodings, strict=True):
            at, spans = content(encoding, len(prompt))
            kept, tokens, alone = [], [], False
            for piece in window.pieces:
                start, end = np.array([piece.start]), np.array([piece.end])
                [[first, after]] = touching(start, end, spans).tolist()
                if pieces[piece.chunk] == 1 and after > first:
                    kept.append(base + piece.chunk)
                    tokens.append(at[first:after])
                    alone = window.only(piece)
            if kept:
                found.append(Pooled(place, list(encoding.ids), tuple(kept), tuple(tokens), alone))
        base += len(chunks)
    return found


def pooled_rows(
    encoder: SentenceEncoder, windows: Sequence[Pooled]
) -> tuple[npt.NDArray[np.intp], torch.Tensor]:
    """Positions of the windows' chunks, and their ``(n, dim)`` unit rows with gradients."""
    inputs = features([one.ids for one in windows], pad_id(encoder), encoder.model.device)
    outputs = encoder.model(inputs)
    states, pooled = outputs["token_embeddings"].float(), outputs["sentence_embedding"].float()
    rows = [
        pooled[i] if one.alone else states[i, at].mean(dim=0)
        for i, one in enumerate(windows)
        for at in one.tokens
    ]
    chunks = np.array([chunk for one in windows for chunk in one.chunks], dtype=np.intp)
    return chunks, torch.nn.functional.normalize(torch.stack(rows), dim=1)
