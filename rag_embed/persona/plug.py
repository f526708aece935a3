"""Persona-Plug: a user's history as two vectors that a frozen language model reads first.

Liu et al., "LLMs + Persona-Plug = Personalized LLMs" (2024, arXiv 2409.11901), written from the
paper. One trained module serves all users; a user costs nothing but the vectors of the history.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from rag_embed.encoders.sentence import SentenceEncoder
from rag_embed.errors import BadInput
from rag_embed.maths.vectors import unit
from rag_embed.paths import absolute
from rag_embed.persona import files
from rag_embed.persona.language_model import BATCH, FrozenLM
from rag_embed.persona.network import Persona, attention
from rag_embed.persona.prompts import PersonaPrompt
from rag_embed.persona.training import Lesson, Schedule, train
from rag_embed.protocols import Encoder
from rag_embed.types import Scores, Vectors

__all__ = ["PersonaPlug", "PersonaPrompt", "Schedule"]


class PersonaPlug:
    """Persona-Plug around a frozen language model.

    The history encoder and the language model never change. `fit` trains the input encoder, the
    projector and the instruction. ``examples/persona_plug.py`` runs all of it.

    Args:
        history: Encodes histories, as documents.
        lm: Causal or encoder-decoder model of transformers. It is put in evaluation mode and its
            parameters no longer ask for gradients.
        tokenizer: The language model's own.
        encoder: The input encoder starts as a copy of it; by default, as in the paper, of the
            history encoder's model. Encodes inputs, with its ``query`` prompt if it has one.
        temperature: Of the attention. The paper's 1 is close to the mean of the history, ``inf``
            is its mean; lower looks at fewer events.
        seed: Of the first weights.

    Raises:
        BadInput: The encoders' dimensions differ, the temperature is not positive, or the language
            model cannot be used.
        ModelUnavailable: There is no ``encoder`` and the history encoder's model cannot be trained.
    """

    def __init__(
        self,
        history: Encoder,
        lm: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        *,
        encoder: SentenceTransformer | None = None,
        temperature: float = 1.0,
        seed: int = 0,
    ) -> None:
        if not temperature > 0.0:
            raise BadInput(f"temperature must be above 0, got {temperature!r}.")
        trainable = copy.deepcopy(_trainable(history) if encoder is None else encoder)
        dims = (history.signature.dim, trainable.get_embedding_dimension())
        if dims[0] != dims[1]:
            raise BadInput(
                f"The history encoder gives {dims[0]} numbers and the input encoder {dims[1]}; "
                "attention compares them. Use two copies of one model."
            )
        self.lm = FrozenLM(lm, tokenizer)
        self.history = history
        self.steps = 0
        """Steps of training so far."""
        with torch.random.fork_rng([]):
            torch.manual_seed(seed)
            persona = Persona(trainable, self.lm.width, self.lm.token_length(), temperature)
        self.persona = persona.float().requires_grad_(True).to(self.lm.device).eval()
        self._queries: SentenceEncoder | None = None

    @classmethod
    def load(
        cls,
        folder: str | Path,
        history: Encoder,
        lm: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
    ) -> PersonaPlug:
        """What `save` saved, around the same history encoder and language model.

        Raises:
            ModelUnavailable: The folder holds no whole PersonaPlug.
            SpaceMismatch: Another history encoder or language model than it was trained with.
        """
        path = Path(absolute(folder))
        trained = files.read(path)
        encoder = files.read_encoder(path)
        plug = cls(history, lm, tokenizer, encoder=encoder, temperature=trained.temperature)
        trained.check(history.signature, plug.lm.fingerprint())
        files.fill(path, plug.persona)
        plug.persona.scale = trained.scale
        plug.steps = trained.steps
        return plug

    def save(self, folder: str | Path) -> None:
        """Write the trained parts as safetensors and JSON; see `persona_files`."""
        trained = files.Trained(
            history=self.history.signature,
            lm=self.lm.fingerprint(),
            temperature=self.persona.temperature,
            scale=self.persona.scale,
            steps=self.steps,
        )
        files.write(Path(absolute(folder)), self.persona, trained)

    def fit(
        self,
        prompts: Sequence[PersonaPrompt],
        targets: Sequence[str],
        schedule: Schedule | None = None,
        stepped: Callable[[int, int, float], None] | None = None,
    ) -> list[float]:
        """Learn from what users were answered; see `persona_training.train`.

        A history must not hold the answer that is to be learned: take what was before.

        Args:
            prompts: What was asked, by whom.
            targets: What was to be answered. Where the language model's tokens carry the space
                before them, start a target with it.
            schedule: How long and how fast; the paper's experiments by default.
            stepped: Called after each step with its number, the number of steps, and its loss.

        Returns:
            Loss of each step: nats per token of the targets.

        Raises:
            BadInput: There is nothing to learn from, there are not as many targets as prompts, a
                history cannot be used, or a loss is not finite.
        """
        _check_pairs(prompts, targets)
        lessons = [
            Lesson(one.asked, rows, one.text, target)
            for one, rows, target in zip(prompts, self._histories(prompts), targets, strict=True)
        ]
        self._queries = None

        def count(step: int, steps: int, loss: float) -> None:
            self.steps += 1
            if stepped is not None:
                stepped(step, steps, loss)

        return train(self.persona, self.lm, lessons, schedule or Schedule(), count)

    def loss(self, prompts: Sequence[PersonaPrompt], targets: Sequence[str]) -> float:
        """Nats per token of the targets; lower is better. Also says what training has to beat.

        Raises:
            BadInput: There is nothing to measure, or there are not as many targets as prompts.
        """
        _check_pairs(prompts, targets)
        texts = [one.text for one in prompts]
        total, tokens = 0.0, 0
        with torch.inference_mode():
            soft = self._soft(prompts)
            for i in range(0, len(texts), BATCH):
                part = slice(i, i + BATCH)
                some, count = self.lm.loss(soft[part], texts[part], targets[part])
                total, tokens = total + some.item(), tokens + count
        return total / tokens

    def generate(
        self, prompts: Sequence[PersonaPrompt], *, max_new_tokens: int = 128, beams: int = 4
    ) -> list[str]:
        """What the language model answers each user.

        Args:
            prompts: What is asked, by whom.
            max_new_tokens: Tokens per answer at most, >= 1.
            beams: Width of the beam search, >= 1; the paper's is 4.

        Returns:
            One text per prompt.

        Raises:
            BadInput: It was never trained, or an argument is out of range.
        """
        self._check_trained()
        with torch.inference_mode():
            soft = self._soft(prompts)
        return self.lm.generate(soft, [one.text for one in prompts], max_new_tokens, beams)

    def soft_prompts(self, prompts: Sequence[PersonaPrompt]) -> list[Vectors]:
        """The vectors themselves, for a server that takes prompt embeddings.

        Returns:
            Per prompt ``(2, width)`` float32, instruction first, or ``(1, width)`` without a
            history; of about the length of the language model's token embeddings.

        Raises:
            BadInput: It was never trained.
        """
        self._check_trained()
        with torch.inference_mode():
            return [np.ascontiguousarray(one.cpu().numpy()) for one in self._soft(prompts)]

    def attention(self, history: Sequence[str] | Vectors, query: str) -> Scores:
        """How much each event counts for a query: ``(n,)`` float32 that add up to 1.

        Raises:
            BadInput: There are no events.
        """
        return self._attended(history, query)[0]

    def user_vector(self, history: Sequence[str] | Vectors, query: str) -> Vectors:
        """The user as this query sees the history: a profile for retrieval.

        ``unit(sum_i w_i h_i)``: the attention of `soft_prompts`, before the projector, in the
        history encoder's space. It needs no training: the projector is not used.

        Returns:
            ``(dim,)`` float32 of length 1.

        Raises:
            BadInput: There are no events.
        """
        weights, rows = self._attended(history, query)
        vector: Vectors = unit((weights @ rows)[None])[0]
        return vector

    def input_vectors(self, queries: Sequence[str]) -> Vectors:
        """``(n, dim)`` unit rows by the input encoder: what the attention compares events with."""
        if self._queries is None:
            self._queries = SentenceEncoder.wrap(self.persona.encoder, name="input encoder")
        return self._queries.encode_query(queries)

    def _attended(self, history: Sequence[str] | Vectors, query: str) -> tuple[Scores, Vectors]:
        prompt = PersonaPrompt(query, history)
        rows = self._histories([prompt])[0]
        if not len(rows):
            raise BadInput("There is no history to attend to; search without a profile.")
        with torch.inference_mode():
            asked = self._encoded([prompt])[0]
            weights = attention(asked, rows, self.persona.temperature)
        array: Scores = weights.cpu().numpy()
        return array, rows.cpu().numpy()

    def _soft(self, prompts: Sequence[PersonaPrompt]) -> list[Tensor]:
        """One row at a time: a soft prompt does not depend on its neighbours, to the last bit."""
        queries, histories = self._encoded(prompts), self._histories(prompts)
        pairs = zip(queries, histories, strict=True)
        return [self.persona(query[None], [rows])[0] for query, rows in pairs]

    def _encoded(self, prompts: Sequence[PersonaPrompt]) -> Tensor:
        rows = self.input_vectors([one.asked for one in prompts])
        return torch.from_numpy(rows).to(self.lm.device)

    def _histories(self, prompts: Sequence[PersonaPrompt]) -> list[Tensor]:
        """``(n, dim)`` per prompt; all texts are encoded together, each distinct one once."""
        encoded = self.history.encode_document([text for one in prompts for text in one.texts])
        dim, used, found = encoded.shape[1], 0, []
        for one in prompts:
            rows = encoded[used : used + len(one.texts)]
            used += len(rows)
            if isinstance(one.history, np.ndarray):
                rows = np.ascontiguousarray(one.history, dtype=np.float32)
            if rows.shape[1] != dim:
                raise BadInput(
                    f"The vectors of a history have {rows.shape[1]} numbers, the history encoder "
                    f"gives {dim}; take them from its encode_document."
                )
            found.append(torch.from_numpy(rows).to(self.lm.device))
        return found

    def _check_trained(self) -> None:
        if not self.steps:
            raise BadInput(
                "This PersonaPlug was never trained: its vectors would be noise to the language "
                "model. Call fit(), or PersonaPlug.load() what was trained."
            )


def _trainable(history: Encoder) -> SentenceTransformer:
    if isinstance(history, SentenceEncoder):
        return history.model
    return SentenceEncoder(history.signature.model, device="cpu").model


def _check_pairs(prompts: Sequence[PersonaPrompt], targets: Sequence[str]) -> None:
    if not prompts or len(prompts) != len(targets):
        raise BadInput(
            "Expected prompts and one target for each, got "
            f"{len(prompts)} prompts and {len(targets)} targets."
        )
