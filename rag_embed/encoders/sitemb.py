"""SitEmb-v1.5: a causal model that reads a chunk, then the passage around it (arXiv 2508.01959).

The sequence is ``chunk EOS instruction context EOS``. The state of the first EOS has seen the chunk alone,
that of the last one the chunk in its context; a chunk's score is the weighted mean of a query's
similarities to both, which is the similarity to ONE vector. An untrained model must not be read like
this: it collapses.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers import AutoModel, AutoTokenizer

import rag_embed.encoders.torch_forks  # noqa: F401
from rag_embed.encoders.batching import batches
from rag_embed.encoders.loading import check_device
from rag_embed.encoders.models import weights_hash
from rag_embed.encoders.recipe import Recipe
from rag_embed.encoders.remade import Remade
from rag_embed.errors import BadInput, ModelUnavailable
from rag_embed.maths.vectors import unit
from rag_embed.paths import absolute
from rag_embed.types import Chunk, Cut, Document, Signature, Spans, Vectors

QUERY = (
    "Instruct: Given a search query, retrieve relevant chunks from fictions that answer the query\n"
    "Query: "
)
CONTEXT = (
    "The context in which the chunk is situated is given below. "
    "Please encode the chunk by being aware of the context. Context:\n"
)
"""As the paper's appendix has it; compare with the card of the checkpoint you load."""

_BUDGET = 16_384


class SitEmb(Remade):
    """A `protocols.ChunkEncoder` on a SitEmb-v1.5 checkpoint.

    A chunk's row is ``(1 - factor) * c + factor * s`` of the unit states ``c`` and ``s``, so that a dot
    product is the checkpoint's score: its length is at most 1, not 1. The context is the whole group of
    chunks that it lies in, itself among them; groups follow each other through the document.

    Args:
        folder: The checkpoint with its tokenizer, or a LoRA adapter of one (extra ``train``).
        factor: How much the situated state counts, in [0, 1]; 0.5 on the card.
        group: Chunks of a context; 16 of 200 tokens in the paper, which finds 512 tokens of
            context as good as 8,000.
        max_tokens: Longest sequence; contexts are cut there, chunks never are.
        query_prompt: Put before queries; the task of the checkpoint.
        instruction: Put before the context.
        device: The CPU by default.

    Raises:
        BadInput: ``factor`` or ``group`` is out of range.
        ModelUnavailable: The checkpoint cannot be loaded, or its tokenizer has no EOS or padding.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        factor: float = 0.5,
        group: int = 16,
        max_tokens: int = 4096,
        query_prompt: str = QUERY,
        instruction: str = CONTEXT,
        device: str = "cpu",
    ) -> None:
        if not 0 <= factor <= 1 or group < 1:
            raise BadInput(f"SitEmb needs factor in [0, 1] and group >= 1, got {factor}, {group}.")
        check_device(device)
        folder = Path(absolute(folder))
        weights = weights_hash(folder)
        self.model = _loaded(folder).eval().to(device)
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self._end = self.tokenizer.pad_token_id  # "<|endoftext|>" pads and ends
        if self._end is None:
            raise ModelUnavailable(f"The tokenizer in {str(folder)!r} has no padding token.")
        self.factor, self.group, self.instruction = factor, group, instruction
        self.signature = Signature(
            model=str(folder),
            weights=weights,
            dim=int(self.model.config.hidden_size),
            max_tokens=max_tokens,
            pooling="eos",
            query_prompt=query_prompt,
            document_prompt=instruction,
            chunks=f"sitemb({factor!r},{group})",
        )

    @property
    def recipe(self) -> Recipe:
        """How it is made again; see `situated.rebuilding`."""
        own = self.signature
        settings = {
            "folder": own.model,
            "factor": self.factor,
            "group": self.group,
            "max_tokens": own.max_tokens,
            "query_prompt": own.query_prompt,
            "instruction": self.instruction,
        }
        return Recipe("sitemb", settings)

    def encode_query(self, texts: Sequence[str], /) -> Vectors:
        """See `protocols.ChunkEncoder`."""
        prompted = [self._ids(self.signature.query_prompt + text)[: self._room] for text in texts]
        states = self._states([([*ids, self._end], [len(ids)]) for ids in prompted], 1)
        return unit(states[:, 0])

    @property
    def encoder(self) -> SitEmb:
        """See `protocols.ChunkEncoder`: the same model reads single texts, without a context."""
        return self

    def encode_document(self, texts: Sequence[str], /) -> Vectors:
        """See `protocols.Encoder`: a chunk's own state, which has seen no context."""
        read = [self._ids(text)[: self._room] for text in texts]
        states = self._states([([*ids, self._end], [len(ids)]) for ids in read], 1)
        return unit(states[:, 0])

    def token_spans(self, text: str, /) -> Spans:
        """See `protocols.Encoder`."""
        read = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        return np.array(read["offset_mapping"], dtype=np.int64).reshape(-1, 2)

    def encode_chunks(self, cuts: Sequence[Cut], /) -> Vectors:
        """See `protocols.ChunkEncoder`; lengths are at most 1."""
        read = [one for document, chunks in cuts for one in self._sequences(document, chunks)]
        states = self._states(read, 2)
        chunk, situated = unit(states[:, 0]), unit(states[:, 1])
        rows: Vectors = ((1 - self.factor) * chunk + self.factor * situated).astype(np.float32)
        return rows

    @property
    def _room(self) -> int:
        return self.signature.max_tokens - 1

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def _sequences(
        self, document: Document, chunks: Sequence[Chunk]
    ) -> Iterable[tuple[list[int], list[int]]]:
        """Token ids of each chunk in its context, and where its two ends are."""
        instruction = self._ids(self.instruction)
        for start in range(0, len(chunks), self.group):
            some = chunks[start : start + self.group]
            context = self._ids(document.text[some[0].start : max(one.end for one in some)])
            for one in some:
                ids = [*self._ids(one.text), self._end]
                room = max(0, self._room - len(ids) - len(instruction))
                after = [*instruction, *context[:room], self._end]
                yield [*ids, *after], [len(ids) - 1, len(ids) + len(after) - 1]

    def _states(
        self, sequences: Sequence[tuple[list[int], list[int]]], ends: int
    ) -> npt.NDArray[np.float32]:
        """``(n, ends, dim)`` states at the ends.

        Padding comes after the text: nothing in a causal model sees what comes later, so states are
        those of the text alone, as with the card's padding before it.
        """
        found = np.zeros((len(sequences), ends, self.signature.dim), dtype=np.float32)
        for padded, members in batches([len(ids) for ids, _ in sequences], _BUDGET):
            tokens = torch.full((len(members), padded), self._end)
            mask = torch.zeros_like(tokens)
            for row, i in enumerate(members):
                ids = sequences[i][0]
                tokens[row, : len(ids)] = torch.tensor(ids)
                mask[row, : len(ids)] = 1
            with torch.inference_mode():
                inputs = {"input_ids": tokens, "attention_mask": mask}
                on_device = {name: one.to(self.model.device) for name, one in inputs.items()}
                states = self.model(**on_device, use_cache=False).last_hidden_state
            for row, i in enumerate(members):
                found[i] = states[row, sequences[i][1]].float().cpu().numpy()
        return found


def _loaded(folder: Path) -> Any:  # noqa: ANN401
    try:
        if not (folder / "adapter_config.json").exists():
            return AutoModel.from_pretrained(folder, use_safetensors=True)
        from peft import AutoPeftModelForFeatureExtraction

        adapted = AutoPeftModelForFeatureExtraction.from_pretrained(str(folder))
        return adapted.merge_and_unload()
    except ImportError as error:
        raise ModelUnavailable(
            f"{str(folder)!r} is a LoRA adapter: install the extra 'train' to load it."
        ) from error
    except (OSError, ValueError, KeyError) as error:
        raise ModelUnavailable(
            f"No checkpoint can be loaded from {str(folder)!r}: {error}"
        ) from error
