"""`train_reranker`: a small cross-encoder of one's own, for the hits of one's own search.

It begins as the model that the index has, which now reads query and text together (`encoders.joint`). It learns
to tell what answers a query from the other hits of the search, beside the score that they have there. Those are
hard, and they are what it will be asked about. A teacher, a stronger re-ranker or a judge, may say more of them
than labels do (Hofstätter et al., Improving Efficient Neural Ranking Models with Cross-Architecture Knowledge
Distillation, 2020).
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from sentence_transformers import CrossEncoder
from sentence_transformers.util import batch_to_device
from transformers import AutoConfig

from rag_embed.arguments import check_is, check_made
from rag_embed.encoders.adapter_card import Card
from rag_embed.encoders.cross import CrossEncoderReranker
from rag_embed.encoders.joint import joint
from rag_embed.encoders.layout import transformer_of
from rag_embed.encoders.loading import loaded
from rag_embed.encoders.models import ModelFiles, resolve
from rag_embed.encoders.quiet import without_warnings
from rag_embed.errors import BadInput, ModelUnavailable, SpaceMismatch
from rag_embed.index import Index
from rag_embed.protocols import Reranker
from rag_embed.ranking.excerpts import Excerpts
from rag_embed.ranking.rerankers import checked
from rag_embed.training.folder import install, ready
from rag_embed.training.found import FoundHits, found_hits
from rag_embed.training.loop import fit
from rag_embed.training.lora import fill
from rag_embed.training.losses import softmax_loss
from rag_embed.training.outcome import card_of
from rag_embed.training.reranker_recipe import RerankerRecipe
from rag_embed.training.splits import Split
from rag_embed.types import OnProgress, Scores

_MODEL = "model.safetensors"
_RIGHT = 2
"""Right hits of a query in one step; a long document has many chunks, and one answers."""

_PAIRS = 64
"""Pairs that go through the model at once."""


def train_reranker(
    index: Index,
    split: Split,
    folder: str | os.PathLike[str],
    *,
    name: str = "reranker",
    data: str = "",
    recipe: RerankerRecipe | None = None,
    model: str | None = None,
    teacher: Reranker | None = None,
    device: str | None = None,
    progress: OnProgress | None = None,
) -> Card:
    """Train a cross-encoder, and keep it in ``folder`` if the search is better with it on the held-out side.

    Steps, and how much it counts beside the search, are chosen on the validation side; the held-out side is
    looked at once. Repeating an interrupted call goes on where it stopped, with the same result. Shared
    documents alone are read; see `Source.of_index`, which makes the pairs.

    Args:
        index: Is searched; its hits are what is told apart.
        split: Labelled pairs whose chunks are in the index; queries made of its texts may be in training only.
        folder: Gets ``card.json``, and the model if it is better: for `Reranked.by`.
        name: Of the re-ranker.
        data: Says where the pairs come from.
        recipe: How it is trained.
        model: Name or folder of the model that it begins as; that of the index by default.
        teacher: Is asked once about the hits of each training query, which it gets whole.
        device: As in `SentenceEncoder`.
        progress: Called after every step.

    Returns:
        The card. ``card.installed`` is False if the interval of the gain reaches down to 0.

    Raises:
        BadInput: For no training query the search finds both what answers it and something else; or a query to
            choose or report on was made of a text; or the folder holds something else.
        ModelUnavailable: The index has no model that a cross-encoder can begin as; name one.
        SpaceMismatch: The model of that name is not the one of the index.
    """
    check_made("index", index, Index)
    check_made("split", split, Split)
    recipe = check_made("recipe", recipe or RerankerRecipe(), RerankerRecipe)
    folder = ready(folder, "reranker")
    if teacher is not None:
        check_is("teacher", teacher, Reranker)
    started = time.perf_counter()
    if any(pair.text for pair in split.validation + split.held_out):
        raise BadInput(
            "A re-ranker is chosen and judged by labelled queries: one that was made of a text is found by its "
            "own words, so the search cannot be better. Give labels."
        )
    files = _base(index, model)
    cross = _begun(files, recipe, device)
    sides = (split.train, split.validation, split.held_out)
    train, validation, held = (found_hits(index, pairs, recipe.depth) for pairs in sides)
    task = _Lists(cross, recipe, train, validation, teacher)
    mark = _fingerprint(files, split, recipe, train, task.said)
    fitted = fit(task, recipe.schedule, folder=folder, fingerprint=mark, progress=progress)
    fill(task.parameters, fitted.best)
    weight, _ = task.chosen()
    plain = np.array([one.ndcg() for one in held])
    raw = task.scored(held)
    ours = np.array([one.ndcg(some, weight) for one, some in zip(held, raw, strict=True)])
    taught_by = None if teacher is None else type(teacher).__name__
    settings = {**asdict(recipe), "weight": weight, "taught_by": taught_by}
    base = (files.name, files.weights)
    card = card_of("reranker", name, data, base, split, fitted, (plain, ours), settings, started)
    install(
        card,
        folder,
        lambda place: (place / _MODEL).unlink(missing_ok=True),
        lambda place: cross.save_pretrained(str(place), create_model_card=False),
        _MODEL,
    )
    return card


class _Lists:
    """The `loop.Task` of a re-ranker: lists of hits, each with a right one."""

    def __init__(
        self,
        cross: CrossEncoder,
        recipe: RerankerRecipe,
        train: Sequence[FoundHits],
        validation: Sequence[FoundHits],
        teacher: Reranker | None,
    ) -> None:
        self._cross = cross
        self._reader = CrossEncoderReranker.wrap(cross)
        self._excerpts = Excerpts(self._reader, recipe.characters)
        self._recipe = recipe
        self._train = [one for one in train if one.right.any() and not one.right.all()]
        self._validation = validation
        if not self._train:
            raise BadInput(
                f"For none of {len(train)} training queries the search finds both what answers it and "
                f"something else among {recipe.depth} hits: there is nothing to tell apart. Add labels."
            )
        self.said = [_targets(teacher, one, recipe) for one in self._train]
        self.parameters = {
            name: one for name, one in sorted(cross.named_parameters()) if one.requires_grad
        }
        self.steps = -(-len(self._train) // recipe.batch)

    def losses(self, epoch: int, step: int, /) -> Iterator[torch.Tensor]:
        """See `loop.Task`; a part is as many queries as go through the model at once."""
        seed, size = self._recipe.schedule.seed, self._recipe.batch
        order = np.random.default_rng([seed, epoch]).permutation(len(self._train))
        batch = order[step * size : (step + 1) * size]
        queries = max(1, _PAIRS // (self._recipe.negatives + _RIGHT))
        self._cross.train()
        for start in range(0, len(batch), queries):
            some = batch[start : start + queries]
            chosen = [self._chosen(i, np.random.default_rng([seed, epoch, i])) for i in some]
            rows = self._forward(list(zip(some, chosen, strict=True)))
            yield sum(map(self._loss, some, chosen, rows), torch.zeros(())) / len(batch)

    def score(self) -> float:
        """See `loop.Task`."""
        return self.chosen()[1]

    def chosen(self) -> tuple[float, float]:
        """The weight that the validation side likes best, the smaller of equals, and its mean nDCG@10."""
        raw = self.scored(self._validation)
        means = {
            weight: float(
                np.mean([o.ndcg(r, weight) for o, r in zip(self._validation, raw, strict=True)])
            )
            for weight in sorted(self._recipe.weights)
        }
        best = max(means, key=lambda weight: round(means[weight], 6))
        return best, means[best]

    def scored(self, some: Sequence[FoundHits]) -> list[Scores]:
        """What the model says of hits."""
        self._cross.eval()
        with self._precision():
            said = [
                self._reader.rerank(one.query, self._excerpts.cut(one.query, one.hits))
                for one in some
            ]
        if not all(np.isfinite(one).all() for one in said):
            raise BadInput("Training has left all bounds: choose a smaller learning_rate.")
        return said

    def _precision(self) -> torch.autocast:
        """bf16 on a CPU that computes in it, which takes little more than half the time; f32 elsewhere."""
        native = self._cross.device.type == "cpu" and torch.cpu._is_avx512_bf16_supported()
        return torch.autocast("cpu", torch.bfloat16, enabled=native)

    def _chosen(self, i: int, rng: np.random.Generator) -> npt.NDArray[np.intp]:
        """Places of the hits that are told apart this time, right ones first."""
        right = self._train[i].right
        wrong = np.flatnonzero(~right)
        near = rng.permutation(wrong[:10])[: (self._recipe.negatives + 1) // 2]
        others = rng.permutation(np.setdiff1d(wrong, near))[: self._recipe.negatives - len(near)]
        return np.concatenate([np.flatnonzero(right)[:_RIGHT], near, others])

    def _forward(self, lists: Sequence[tuple[int, npt.NDArray[np.intp]]]) -> Sequence[torch.Tensor]:
        pairs = []
        for i, places in lists:
            one = self._train[i]
            hits = self._excerpts.cut(one.query, [one.hits[j] for j in places])
            pairs += self._reader.pairs(one.query, hits)
        features = batch_to_device(self._cross.preprocess(pairs), self._cross.device)
        with self._precision():
            rows: torch.Tensor = self._cross(features)["scores"][:, 0].float().cpu()
        return torch.split(rows, [len(places) for _, places in lists])

    def _loss(self, i: int, places: npt.NDArray[np.intp], row: torch.Tensor) -> torch.Tensor:
        one, sharp = self._train[i], self._recipe.temperature
        right = torch.from_numpy(one.right[places])
        row = row + torch.tensor(
            [one.hits[j].score for j in places]
        )  # what the search says counts too
        loss = softmax_loss(row[None], right[None], temperature=sharp)[0]
        said = self.said[i]
        if said is None:
            return loss
        target = torch.softmax(torch.from_numpy(said[places]), 0)
        follow = torch.nn.functional.kl_div(
            torch.log_softmax(row / sharp, 0), target, reduction="sum"
        )
        return (1 - self._recipe.taught) * loss + self._recipe.taught * follow


def _targets(teacher: Reranker | None, one: FoundHits, recipe: RerankerRecipe) -> Scores | None:
    """What a teacher says of a query's hits, spread over [0, 1] and divided by the temperature."""
    raw = None if teacher is None else teacher.rerank(one.query, one.hits)
    if teacher is None or raw is None:
        return None
    said = checked(teacher, raw, len(one.hits))
    width = max(float(np.ptp(said)), 1e-9)
    spread: Scores = ((said - said.min()) / width / recipe.temperature).astype(np.float32)
    return spread


def _base(index: Index, model: str | None) -> ModelFiles:
    """The files of the model that a cross-encoder begins as."""
    own = index.spaces.own.signature
    files = resolve(own.model if model is None else model)
    if model is None and files.weights != own.weights:
        raise SpaceMismatch(
            f"The index was encoded by {own.model!r} with weights {own.weights[:12]}..., the model of that "
            f"name here has {files.weights[:12]}...; name the model to begin with."
        )
    return files


def _begun(files: ModelFiles, recipe: RerankerRecipe, device: str | None) -> CrossEncoder:
    """The first layers of a model; what stands for words stays as it is, and all layers but the last."""
    place = replace(files, path=transformer_of(files.path))
    try:
        layers = min(recipe.layers, AutoConfig.from_pretrained(place.path).num_hidden_layers)
    except (OSError, ValueError, AttributeError) as error:
        raise ModelUnavailable(
            f"{files.name!r} is no transformer that a cross-encoder can begin as ({error}); name another model."
        ) from error
    with without_warnings():
        cross: CrossEncoder = loaded(partial(joint, layers=layers), place, device, False)
    cross.requires_grad_(False)
    stacks = [one for one in cross.modules() if isinstance(one, torch.nn.ModuleList)]
    for layer in max(stacks, key=len)[-recipe.trained :]:
        layer.requires_grad_(True)
    return cross


def _fingerprint(
    files: ModelFiles,
    split: Split,
    recipe: RerankerRecipe,
    train: Sequence[FoundHits],
    said: Sequence[Scores | None],
) -> str:
    lists: list[Mapping[str, object]] = [
        {"query": one.query.text, "hits": [(hit.id, hit.text) for hit in one.hits]} for one in train
    ]
    told = [None if some is None else some.tolist() for some in said]
    settings = [files.weights, asdict(split), asdict(recipe), lists, told]
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
