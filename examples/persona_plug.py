"""Teach a frozen language model to file mail the way each user does, from the user's own history.

    python examples/persona_plug.py

Every user has their own folder for each subject, so nothing but the history can tell it. A very small
GPT-2 is trained first, on mail in general, and then frozen. PersonaPlug learns on some users and is
asked about others: without a history, with somebody else's, with the mean of the history in place of
attention, and as in the paper. There are six folders: guessing is right one time in six, and the best
loss without a history is ln(6) / 2 = 0.90 nats (a folder and the end of the text are two tokens).
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace

import torch
from rich.console import Console
from rich.table import Table
from tokenizers import Tokenizer, models, pre_tokenizers
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from rag_embed.encoders import SentenceEncoder
from rag_embed.persona import PersonaPlug, PersonaPrompt, Schedule

FOLDERS = ["red", "blue", "green", "black", "white", "orange"]
MAIL = {
    "travel": ["train tickets to Rome", "hotel booking for May", "your flight was moved"],
    "health": ["dentist appointment", "results of the blood test", "new glasses are ready"],
    "money": ["credit card statement", "tax return is due", "your bank changed its fees"],
    "food": ["pizza order on its way", "table for two at eight", "recipe for onion soup"],
    "sport": ["football practice on Sunday", "gym membership ends", "swimming lane times"],
    "music": ["concert on Friday", "new guitar strings", "the choir needs a tenor"],
}
FILLERS = ["please", "note", "this", "one", "goes", "in", "folder"]
LESSONS = Schedule(epochs=8, batch=32, learning_rate=1e-2, encoder_rate=2e-4)

Asked = tuple[list[PersonaPrompt], list[str]]


def question(mail: str) -> str:
    return f"where to put {mail} ?"


def users(count: int, rng: random.Random) -> list[Asked]:
    """Of each user: one question per subject with the user's history, and the right folders."""
    found = []
    for _ in range(count):
        folders = {subject: rng.choice(FOLDERS) for subject in MAIL}
        drawn = {subject: rng.sample(mails, 3) for subject, mails in MAIL.items()}
        history = [f"{folders[s]}: {mail}" for s in MAIL for mail in drawn[s][:2]]
        rng.shuffle(history)
        prompts = [PersonaPrompt(question(m), history, query=m) for _, _, m in drawn.values()]
        found.append((prompts, list(folders.values())))
    return found


def with_histories(asked: Sequence[Asked], histories: Sequence[Sequence[str]]) -> list[Asked]:
    """The same questions, asked from other histories."""
    return [
        ([replace(prompt, history=history) for prompt in prompts], folders)
        for (prompts, folders), history in zip(asked, histories, strict=True)
    ]


def language_model(
    rng: random.Random, steps: int = 150
) -> tuple[GPT2LMHeadModel, PreTrainedTokenizerFast]:
    """A GPT-2 that answers with the folder it was told before the question, or guesses."""
    questions = [question(mail) for mails in MAIL.values() for mail in mails]
    words = sorted({word for text in questions for word in text.split()} | {*FILLERS, *FOLDERS})
    vocabulary = {word: i for i, word in enumerate(["<end>", "<unknown>", *words])}
    plain = Tokenizer(models.WordLevel(vocabulary, unk_token="<unknown>"))
    plain.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=plain, eos_token="<end>", unk_token="<unknown>"
    )
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=len(vocabulary),
        n_positions=32,
        n_embd=64,
        n_layer=2,
        n_head=4,
        bos_token_id=0,
        eos_token_id=0,
        initializer_range=0.1,
    )
    model = GPT2LMHeadModel(config).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    every = torch.arange(32)
    for _ in range(steps):
        rows = []
        for folder in rng.choices(FOLDERS, k=32):
            said = rng.choice([folder, rng.choice(FILLERS)])
            told = f"{rng.choice(FILLERS)} {said} {rng.choice(questions)}"
            rows.append(torch.tensor(tokenizer(f"{told} {folder} <end>")["input_ids"]))
        ids = pad_sequence(rows, batch_first=True)
        logits = model(input_ids=ids).logits
        at = torch.tensor([len(row) - 2 for row in rows])  # of the folder in the answer
        loss = cross_entropy(logits[every, at - 1], ids[every, at])
        loss = loss + cross_entropy(logits[every, at], ids[every, at + 1])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model, tokenizer


def two_layers() -> SentenceEncoder:
    """The first two of the default model's six layers: enough here, and quickly trained."""
    model = SentenceEncoder(device="cpu").model
    transformer = model[0].model
    transformer.encoder.layer = transformer.encoder.layer[:2]
    return SentenceEncoder.wrap(model)


def flat(asked: Sequence[Asked]) -> Asked:
    return [p for prompts, _ in asked for p in prompts], [
        f for _, folders in asked for f in folders
    ]


def main() -> None:
    torch.set_num_threads(1)  # for matrices this small more threads cost more than they bring
    rng = random.Random(0)
    lm, tokenizer = language_model(rng)
    encoder = two_layers()
    learned, asked = users(64, rng), users(24, rng)
    own = [prompts[0].history for prompts, _ in asked]
    somebody_elses = with_histories(asked, [*own[1:], own[0]])

    plug = PersonaPlug(encoder, lm, tokenizer, temperature=0.05)
    losses = plug.fit(*flat(learned), LESSONS)
    print(f"{plug.steps} steps, loss of the first {losses[0]:.2f}, of the last {losses[-1]:.2f}")
    mean = PersonaPlug(encoder, lm, tokenizer, temperature=math.inf)
    mean.fit(*flat(learned), LESSONS)
    alone = PersonaPlug(encoder, lm, tokenizer, temperature=math.inf)
    alone.fit(*flat(with_histories(learned, [[]] * len(learned))), LESSONS)

    table = Table("", "loss", "right", title=f"{len(asked)} new users, {6 * len(asked)} questions")
    for name, one, some in [
        ("no profile", alone, with_histories(asked, [[]] * len(asked))),
        ("mean profile", mean, asked),
        ("wrong user", plug, somebody_elses),
        ("PersonaPlug", plug, asked),
    ]:
        prompts, folders = flat(some)
        answers = one.generate(prompts, max_new_tokens=2, beams=1)
        right = sum(a == f for a, f in zip(answers, folders, strict=True)) / len(folders)
        table.add_row(name, f"{one.loss(prompts, folders):.3f}", f"{right:.3f}")
    Console(width=60).print(table)

    prompt = asked[0][0][0]
    weights = plug.attention(prompt.history, prompt.asked)
    print(f"{prompt.asked!r} was decided by:")
    for weight, event in sorted(zip(weights, prompt.history, strict=True), reverse=True)[:3]:
        print(f"  {weight:.2f}  {event}")


if __name__ == "__main__":
    main()
