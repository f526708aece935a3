"""A frozen language model that reads vectors before its tokens.

Causal and encoder-decoder models of transformers, through ``inputs_embeds``. Where the vectors come
from is not known here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

from rag_embed.arguments import count
from rag_embed.errors import BadInput

BATCH = 16
"""Prompts that are answered or measured at once."""

_IGNORED = -100
_SAMPLE = 4096


class FrozenLM:
    """A language model whose weights never change.

    Args:
        model: Causal or encoder-decoder, with a language-model head. It is put in evaluation mode
            and its parameters no longer ask for gradients.
        tokenizer: The model's own.

    Raises:
        BadInput: The model cannot generate text or takes no embeddings, or nothing ends a text.
    """

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
        if not model.can_generate():
            raise BadInput(
                f"{type(model).__name__} cannot generate text; expected a causal or "
                "encoder-decoder model with a language-model head, such as AutoModelForCausalLM."
            )
        if tokenizer.eos_token_id is None:
            raise BadInput(
                "The tokenizer has no end-of-text token, so no answer would ever end; set "
                "tokenizer.eos_token to one of its tokens."
            )
        self.model = model
        model.train(False).requires_grad_(False)
        self.tokenizer = tokenizer
        self.encoder_decoder = bool(model.config.is_encoder_decoder)
        self.embeddings = model.get_input_embeddings()

    @property
    def device(self) -> torch.device:
        """Where the token embeddings are."""
        return next(self.embeddings.parameters()).device

    @property
    def width(self) -> int:
        """Length of a token's embedding."""
        return int(self._embedded([0]).shape[1])

    def token_length(self) -> float:
        """Mean Euclidean length of up to `_SAMPLE` token embeddings, spread over the vocabulary."""
        size = int(self.model.config.get_text_config().vocab_size)
        ids = torch.linspace(0, size - 1, min(size, _SAMPLE)).long().tolist()
        return float(self._embedded(ids).float().norm(dim=1).mean())

    def fingerprint(self) -> str:
        """Identity of the weights (hex), from `_SAMPLE` values of each tensor at most.

        In bfloat16, so that a model is the same model when it is loaded in bfloat16 or float32.
        """
        digest = hashlib.sha256()
        for name, tensor in sorted(self.model.state_dict().items()):
            flat = tensor.detach().flatten()
            some = flat[:: max(1, len(flat) // _SAMPLE)].to("cpu", torch.bfloat16)
            digest.update(f"{name} {tuple(tensor.shape)}\n".encode())
            digest.update(some.view(torch.int16).numpy().tobytes())
        return digest.hexdigest()

    def loss(
        self, soft: Sequence[Tensor], prompts: Sequence[str], targets: Sequence[str]
    ) -> tuple[Tensor, int]:
        """Negative log-likelihood of the targets, in nats (equation 6 of Persona-Plug).

        Args:
            soft: One ``(k, width)`` per prompt, read before it.
            prompts: What is asked.
            targets: What is to be answered; a target's end counts as a token.

        Returns:
            The sum over all tokens of all targets, with its gradient, and the number of tokens.
        """
        wanted = [self._target(text) for text in targets]
        labels = [torch.tensor(ids, device=self.device) for ids in wanted]
        if self.encoder_decoder:
            rows = self._rows(soft, prompts, [0] * len(prompts))
            padded = pad_sequence(labels, batch_first=True, padding_value=_IGNORED)
            logits = self.model(**_padded(rows, "right"), labels=padded).logits
        else:
            rows = self._rows(soft, prompts, [len(ids) for ids in wanted])
            answers = [self._embedded(ids) for ids in wanted]
            whole = [torch.cat(pair) for pair in zip(rows, answers, strict=True)]
            silent = [torch.full((len(row),), _IGNORED, device=self.device) for row in rows]
            spoken = [torch.cat(pair) for pair in zip(silent, labels, strict=True)]
            padded = pad_sequence(spoken, batch_first=True, padding_value=_IGNORED)[:, 1:]
            logits = self.model(**_padded(whole, "right")).logits[:, :-1]
        total = cross_entropy(
            logits.float().flatten(0, 1),
            padded.flatten().to(logits.device),
            ignore_index=_IGNORED,
            reduction="sum",
        )
        return total, sum(len(ids) for ids in wanted)

    def generate(
        self, soft: Sequence[Tensor], prompts: Sequence[str], max_new_tokens: int, beams: int
    ) -> list[str]:
        """What the model answers, by beam search without sampling.

        Args:
            soft: One ``(k, width)`` per prompt, read before it.
            prompts: What is asked.
            max_new_tokens: Tokens per answer, >= 1.
            beams: Width of the beam, >= 1; 1 takes the most likely token each time.

        Raises:
            BadInput: A number is out of range, or a prompt is too long.
        """
        eos, pad = self.tokenizer.eos_token_id, self.tokenizer.pad_token_id
        settings = GenerationConfig(  # type: ignore[no-untyped-call]
            max_new_tokens=count("max_new_tokens", max_new_tokens),
            num_beams=count("beams", beams),
            do_sample=False,
            eos_token_id=eos,
            pad_token_id=eos if pad is None else pad,
        )
        room = 0 if self.encoder_decoder else max_new_tokens
        rows = self._rows(soft, prompts, [room] * len(prompts))
        side = "right" if self.encoder_decoder else "left"
        generate: Any = self.model.generate
        answers: list[str] = []
        with torch.inference_mode():
            for i in range(0, len(rows), BATCH):
                padded = _padded(rows[i : i + BATCH], side)
                found = generate(**padded, generation_config=settings)
                answers += self.tokenizer.batch_decode(found, skip_special_tokens=True)
        return answers

    def _rows(
        self, soft: Sequence[Tensor], prompts: Sequence[str], room: Sequence[int]
    ) -> list[Tensor]:
        """``(k + tokens, width)`` per prompt; ``room`` is what has to fit behind it."""
        rows = []
        limit = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        for prefix, ids, more in zip(soft, self._ids(prompts), room, strict=True):
            length = len(prefix) + len(ids) + more
            if limit is not None and length > limit:
                raise BadInput(
                    f"A prompt of {len(ids)} tokens, {len(prefix)} vectors before it and {more} "
                    f"tokens of answer are {length}; the model reads {limit}. Shorten the prompt."
                )
            embedded = self._embedded(ids)
            rows.append(torch.cat([prefix.to(embedded), embedded]))
        return rows

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        return [list(self.tokenizer(text, verbose=False)["input_ids"]) for text in texts]

    def _target(self, text: str) -> list[int]:
        """Token ids of an answer, its end included."""
        if self.encoder_decoder:  # with all that the decoder is used to, such as BART's first token
            ids = list(self.tokenizer(text_target=text, verbose=False)["input_ids"])
        else:
            ids = list(self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
        end = int(self.tokenizer.eos_token_id)
        return ids if ids[-1:] == [end] else [*ids, end]

    def _embedded(self, ids: Sequence[int]) -> Tensor:
        rows: Tensor = self.embeddings(torch.tensor(ids, dtype=torch.long, device=self.device))
        return rows


def _padded(rows: Sequence[Tensor], side: str) -> dict[str, Tensor]:
    embeddings = pad_sequence(list(rows), batch_first=True, padding_side=side)
    ones = [torch.ones(len(row), dtype=torch.long, device=row.device) for row in rows]
    mask = pad_sequence(ones, batch_first=True, padding_side=side)
    return {"inputs_embeds": embeddings, "attention_mask": mask}
