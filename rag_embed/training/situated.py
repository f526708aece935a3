"""`train_situated`: an adapter that reads a chunk within its document, beside the chunk's own vector.

Trained is the second part of ``unit(own + weight * late)`` (`situated.residual`): windows of whole
documents are encoded, each chunk's tokens pooled, and the sum compared with the queries. The chunk's
own vector, which is that of the standard, and the queries stay those of the model as it is.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict

import torch

from rag_embed.arguments import check_made
from rag_embed.encoders.adapter import Adapter
from rag_embed.encoders.adapter_card import Card
from rag_embed.encoders.sentence import SentenceEncoder
from rag_embed.training.folder import install_adapter, ready
from rag_embed.training.loop import fit
from rag_embed.training.lora import extract, fill, inject
from rag_embed.training.outcome import card_of
from rag_embed.training.situated_recipe import SituatedRecipe
from rag_embed.training.situated_task import LatePart, Side
from rag_embed.training.splits import Split
from rag_embed.types import Cut, OnProgress


def train_situated(
    cuts: Sequence[Cut],
    split: Split,
    folder: str | os.PathLike[str],
    *,
    model: str,
    name: str = "situated",
    data: str = "",
    recipe: SituatedRecipe | None = None,
    device: str | None = None,
    progress: OnProgress | None = None,
) -> Card:
    """Train the late part, and install it in ``folder`` if it is better on the held-out side.

    Steps and the weight of the late part are chosen on the validation side, the weight also for the
    model as it is: the trained part is compared with the best untrained one, and with none.

    Args:
        cuts: Documents with their chunks.
        split: Pairs over these chunks.
        folder: Gets ``card.json``, and the adapter if it is better.
        model: Name or path of the model.
        name: Of the adapter.
        data: Says where the pairs come from.
        recipe: How it is trained.
        device: As in `SentenceEncoder`.
        progress: Called after every step.

    Returns:
        The card; ``settings["weights"]`` has the weight without and with the adapter.

    Raises:
        BadInput: A pair names a chunk that is in no group; or the folder holds something else.
        MissingExtra: PEFT is not installed.
    """
    check_made("split", split, Split)
    recipe = check_made("recipe", recipe or SituatedRecipe(), SituatedRecipe)
    folder = ready(folder, "situated")
    started = time.perf_counter()
    encoder = SentenceEncoder(model, device=device)
    sides = {
        name: Side.of(encoder, cuts, getattr(split, name), recipe)
        for name in ("train", "validation", "held_out")
    }
    with torch.random.fork_rng():
        torch.manual_seed(recipe.schedule.seed)
        parameters = inject(
            encoder, rank=recipe.rank, dropout=recipe.dropout, targets=recipe.targets
        )
    task = LatePart(encoder, recipe, sides["train"], sides["validation"], parameters)
    digest = hashlib.sha256(json.dumps([asdict(split), asdict(recipe)], sort_keys=True).encode())
    for side in sides.values():
        digest.update(side.own.tobytes())
    fitted = fit(
        task, recipe.schedule, folder=folder, fingerprint=digest.hexdigest(), progress=progress
    )
    fill(parameters, fitted.best)
    adapter: Adapter = extract(encoder, fitted.best)
    validation, held = sides["validation"], sides["held_out"]
    plain = validation.best_weight(validation.late)
    ours = validation.best_weight(validation.encoded(encoder))
    scores = (held.scores(held.late, plain), held.scores(held.encoded(encoder), ours))
    settings = {**asdict(recipe), "weights": {"untrained": plain, "trained": ours}}
    base = (encoder.signature.model, encoder.signature.weights)
    card = card_of("situated", name, data, base, split, fitted, scores, settings, started)
    install_adapter(card, adapter, folder)
    return card
