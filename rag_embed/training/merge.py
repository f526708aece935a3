"""`merge`: several experts made one encoder, for whom routing is too much.

Experts of one model are changes of the same weights, so changes can be added with coefficients. The
coefficients are searched by gradient on a few queries of every expert's data (Self Positioning: Li et
al., Improving General Text Embedding Model: Tackling Task Conflict and Data Imbalance through Model
Merging, 2024).
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.func import functional_call

from rag_embed.encoders.adapter import Adapter, read_adapter
from rag_embed.encoders.adapter_card import Card
from rag_embed.encoders.sentence import SentenceEncoder
from rag_embed.errors import BadInput, SpaceMismatch
from rag_embed.maths.resampling import paired_bootstrap, stratified_paired_bootstrap
from rag_embed.training.candidates import Candidates
from rag_embed.training.corpus import Corpus, K
from rag_embed.training.encoded import Encoded, base_encoder
from rag_embed.training.folder import install_adapter, ready
from rag_embed.training.lora import features, pad_id, transformer
from rag_embed.training.losses import softmax_loss
from rag_embed.training.splits import Split
from rag_embed.types import Unit

_SIZE = 32
_MINED = 255
_FULL = 100_000


@dataclass(frozen=True, slots=True, eq=False)
class Domain:
    """What one of the merged experts is for.

    Attributes:
        corpus: What is searched.
        split: Coefficients are searched on the validation side, figures are of the held-out side.
        group_by: What is ranked for the scores.
    """

    corpus: Corpus
    split: Split
    group_by: Unit = "chunk"


def merge_experts(
    experts: Mapping[str, str | os.PathLike[str]],
    domains: Mapping[str, Domain],
    folder: str | os.PathLike[str],
    *,
    name: str = "merged",
    steps: int = 30,
    learning_rate: float = 0.05,
    temperature: float = 0.05,
    seed: int = 0,
    device: str | None = None,
) -> Card:
    """Merge query adapters, and install the result if it beats the model itself on average.

    The searched coefficients compete with equal ones and with every expert alone; what is best on
    the validation sides is measured on the held-out sides.

    Args:
        experts: Folders of at least two experts by name.
        domains: What they are for, by the same or other names.
        folder: Gets ``card.json``, and the adapter if it is better.
        name: Of the result.
        steps: Of the search.
        learning_rate: Of the search.
        temperature: Of its loss, `losses.softmax_loss` over each corpus.
        seed: Of the queries drawn.
        device: As in `SentenceEncoder`.

    Returns:
        The card; ``settings["coefficients"]`` has one number per expert, ``others`` the gain on
        each domain.

    Raises:
        BadInput: Fewer than two experts, or no domain; or the folder holds something else.
        SpaceMismatch: They are not all of one model.
    """
    started, folder = time.perf_counter(), ready(folder, "merged")
    if len(experts) < 2 or not domains or steps < 1:
        raise BadInput(
            f"merge_experts() needs two experts, a domain and steps >= 1, got {len(experts)} experts, "
            f"{len(domains)} domains and {steps} steps."
        )
    adapters = [read_adapter(one) for one in experts.values()]
    encoder = _shared(adapters, list(domains.values()), device)
    probes = [_encoded(encoder, domain, "validation") for domain in domains.values()]
    held = [_encoded(encoder, domain, "held_out") for domain in domains.values()]
    blend = _Blend(encoder, adapters)
    found = _searched(blend, probes, steps, learning_rate, temperature, seed)
    tried = {"searched": found, "equal": [1.0 / len(adapters)] * len(adapters)}
    for i, one in enumerate(experts):
        tried[f"{one} alone"] = [float(i == j) for j in range(len(adapters))]
    validated = {way: blend.score(c, probes) for way, c in tried.items()}
    best = max(validated, key=lambda way: validated[way])
    blend.apply(tried[best])
    pairs = [(some.scores(some.again(encoder)), some.scores(some.queries)) for some in held]
    sides = [domain.split for domain in domains.values()]
    card = Card(
        kind="merged",
        name=name,
        data=", ".join(experts),
        base=encoder.signature.model,
        weights=encoder.signature.weights,
        pairs={side: sum(split.pairs[side] for split in sides) for side in sides[0].pairs},
        documents={s: sum(split.documents[s] for split in sides) for s in sides[0].documents},
        settings={
            "coefficients": dict(zip(experts, map(float, tried[best]), strict=True)),
            "chosen": best,
            "validation": validated,
            "steps": steps,
            "learning_rate": learning_rate,
            "temperature": temperature,
            "seed": seed,
        },
        steps=steps if best == "searched" else 0,
        strength=1.0,
        seconds=round(time.perf_counter() - started, 1),
        history=(),
        metric=f"ndcg@{K}",
        before=float(np.mean([plain.mean() for _, plain in pairs])),
        after=float(np.mean([ours.mean() for ours, _ in pairs])),
        gain=stratified_paired_bootstrap(pairs),
        others={n: paired_bootstrap(a, b) for n, (a, b) in zip(domains, pairs, strict=True)},
    )
    install_adapter(card, joined(adapters, tried[best]), folder)
    return card


def joined(adapters: Sequence[Adapter], coefficients: Sequence[float]) -> Adapter:
    """The exact weighted sum of adapters: its rank is the sum of theirs.

    Examples:
        >>> from rag_embed.types import Signature
        >>> one = Adapter(Signature("m", "w", 2, 8), {"l": (np.eye(1, 2), np.ones((2, 1)))})
        >>> down, up = joined([one, one], [0.25, 0.5]).factors["l"]
        >>> (up @ down).tolist()
        [[0.75, 0.0], [0.75, 0.0]]
    """
    factors = {}
    for layer in sorted({layer for one in adapters for layer in one.factors}):
        parts = [
            (one.factors[layer], np.float32(c))
            for one, c in zip(adapters, coefficients, strict=True)
            if layer in one.factors and c
        ]
        if parts:
            factors[layer] = (
                np.concatenate([down for (down, _), _ in parts]),
                np.concatenate([up * c for (_, up), c in parts], axis=1),
            )
    return Adapter(adapters[0].base, factors)


class _Blend:
    """A model whose weights are its own plus a weighted sum of changes."""

    def __init__(self, encoder: SentenceEncoder, adapters: Sequence[Adapter]) -> None:
        self.encoder = encoder
        self.count = len(adapters)
        model, inner = encoder.model, transformer(encoder.model)
        for parameter in model.parameters():
            parameter.requires_grad_(False)
        [prefix] = [name for name, module in model.named_modules() if module is inner]
        parameters = dict(model.named_parameters())
        self._base: dict[str, torch.Tensor] = {}
        self._changes: dict[str, torch.Tensor] = {}
        for layer in sorted({layer for one in adapters for layer in one.factors}):
            weight = parameters[f"{prefix}.{layer}.weight"]
            changes = torch.zeros(self.count, *weight.shape)
            for i, one in enumerate(adapters):
                if layer in one.factors:
                    down, up = one.factors[layer]
                    changes[i] = torch.from_numpy(up @ down)
            self._base[f"{prefix}.{layer}.weight"] = weight.detach().clone()
            self._changes[f"{prefix}.{layer}.weight"] = changes.to(weight.device)

    def embed(self, ids: Sequence[Sequence[int]], coefficients: torch.Tensor) -> torch.Tensor:
        """Unit rows, with gradients to the coefficients."""
        weights = {
            name: base + torch.tensordot(coefficients, self._changes[name], dims=1)
            for name, base in self._base.items()
        }
        model = self.encoder.model
        inputs = features(ids, pad_id(self.encoder), model.device)
        rows = functional_call(model, weights, (inputs,))["sentence_embedding"]
        return torch.nn.functional.normalize(rows.float(), dim=1)

    def apply(self, coefficients: Sequence[float]) -> None:
        """Set the model's weights."""
        parameters = dict(self.encoder.model.named_parameters())
        each = torch.tensor(coefficients, device=self.encoder.model.device)
        with torch.no_grad():
            for name, base in self._base.items():
                parameters[name].copy_(base + torch.tensordot(each, self._changes[name], dims=1))

    def score(self, coefficients: Sequence[float], sides: Sequence[Encoded]) -> float:
        """Mean over the sides of the mean nDCG."""
        self.apply(coefficients)
        return float(np.mean([s.scores(s.again(self.encoder)).mean() for s in sides]))


def _searched(
    blend: _Blend,
    probes: Sequence[Encoded],
    steps: int,
    learning_rate: float,
    temperature: float,
    seed: int,
) -> list[float]:
    """Coefficients that lower the loss on all probes alike."""
    rng = np.random.default_rng(seed)
    each = torch.full((blend.count,), 1.0 / blend.count, requires_grad=True)
    optimizer = torch.optim.Adam([each], lr=learning_rate)
    candidates = [Candidates.of(some.corpus, some, _FULL, _MINED) for some in probes]
    blend.encoder.model.eval()
    for _ in range(steps):
        optimizer.zero_grad()
        for some, known in zip(probes, candidates, strict=True):
            batch = rng.permutation(len(some.pairs))[:_SIZE]
            vectors, right, ignored = known.judged(batch, known.columns(batch))
            rows = blend.embed([some.ids[i] for i in batch], each.to(blend.encoder.model.device))
            losses = softmax_loss(rows.cpu() @ vectors.T, right, ignored, temperature=temperature)
            (losses.mean() / len(probes)).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    found: list[float] = each.detach().tolist()
    return found


def _encoded(encoder: SentenceEncoder, domain: Domain, side: str) -> Encoded:
    return Encoded.of(encoder, domain.corpus, getattr(domain.split, side), domain.group_by)


def _shared(
    adapters: Sequence[Adapter], domains: Sequence[Domain], device: str | None
) -> SentenceEncoder:
    """The model of all of them."""
    hashes = {one.base.weights for one in adapters}
    hashes |= {domain.corpus.signature.weights for domain in domains}
    if len(hashes) > 1:
        raise SpaceMismatch(
            f"Experts and corpora to merge must be of one model, got the weights {sorted(hashes)}; "
            "merge those of the same model only."
        )
    return base_encoder(domains[0].corpus, device)
