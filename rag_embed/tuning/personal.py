"""`tune_personal`: personalisation stays off until it is shown to help, and to help *because* it is personal.

Two comparisons on the owner's own labels, both by a bootstrap over users: with the user's history
against none, and against the history of somebody else. Many profiles improve results for the second
reason alone: they say what kind of text is sought at all, and anybody's would do.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt

from rag_embed.errors import BadInput
from rag_embed.evaluation.collection import Labelled
from rag_embed.evaluation.verdict import Tried, Verdict, told
from rag_embed.maths.metrics import Metric
from rag_embed.maths.resampling import Difference, paired_bootstrap
from rag_embed.personal.setting import Setting
from rag_embed.protocols import QueryTransform, Retriever
from rag_embed.text import amount
from rag_embed.types import Query

NAME = "personal"

MIN_USERS = 10
"""With fewer, a bootstrap over users says nothing."""

Row = npt.NDArray[np.float64]


def tune_personal(
    retriever: Retriever,
    settings: Sequence[Setting],
    make: Callable[[Setting], QueryTransform],
    labelled: Sequence[Labelled],
    *,
    metric: str = "ndcg@10",
    folds: int = 5,
    others: int = 3,
    seed: int = 0,
) -> Verdict[Setting]:
    """Choose a setting by users held out, and keep it only if its gain is significant and personal.

    Users are dealt to folds. Each fold's queries are scored by the setting that was best on the users of
    the other folds, so the choice is never judged by labels it was made on. It is kept when the lower
    ends of both 95 % intervals (over users, who count alike) are above 0; then the setting that is best
    on all users is returned.

    Args:
        retriever: What is to be made personal.
        settings: To choose from, each with a strength other than 0; see `setting.grid`.
        make: Builds the transform of a setting.
        labelled: Queries of at least `MIN_USERS` users.
        metric: Like ``"ndcg@10"``.
        folds: >= 2.
        others: How many other users' histories each query is tried with, >= 1.
        seed: Deals the users, and draws the bootstrap.

    Raises:
        BadInput: No labels, a query without user or answer, no setting, or one that is off.
    """
    _check(settings, labelled, folds, others)
    parsed = Metric.parse(metric)
    measure = partial(_measured, retriever, labelled, parsed)
    users = sorted({str(one.query.user) for one in labelled})
    random.Random(int(seed)).shuffle(users)
    none = measure([one.query for one in labelled])
    off = replace(settings[0], strength=0.0)
    mean = partial(_user_means, labelled, users)
    if len(users) < MIN_USERS:
        reason = (
            f"Off: the labels are of {amount(len(users), 'user')}. At least {MIN_USERS} are needed to tell a "
            "personal gain from a general one."
        )
        base = float(mean(none).mean())
        return Verdict(NAME, off, None, False, reason, (Tried("no history", base),))
    own = np.stack([measure(_own(make(setting), labelled)) for setting in settings])
    tried = [
        Tried(setting.label, float(mean(row).mean()))
        for setting, row in zip(settings, own, strict=True)
    ]
    chosen = _chosen(mean(none), np.stack([mean(row) for row in own]), folds)
    held, wrong = none.copy(), none.copy()
    for number in sorted({one for one in chosen if one is not None}):
        among = {user for user, one in zip(users, chosen, strict=True) if one == number}
        rows = [i for i, one in enumerate(labelled) if one.query.user in among]
        held[rows] = own[number][rows]
        wrong[rows] = _of_others(
            retriever,
            make(settings[number]),
            [labelled[i] for i in rows],
            labelled,
            users,
            others,
            parsed,
        )
    gain = paired_bootstrap(mean(held), mean(none), seed=seed)
    specific = paired_bootstrap(mean(held), mean(wrong), seed=seed)
    best = int(np.argmax([mean(row).mean() for row in own]))
    kept = gain.low > 0 and specific.low > 0
    tried.append(Tried("no history", float(mean(none).mean())))
    tried.sort(key=lambda one: -one.value)
    reason = _reason(kept, gain, specific, len(users))
    return Verdict(NAME, settings[best], gain, kept, reason, tuple(tried))


def _check(
    settings: Sequence[Setting], labelled: Sequence[Labelled], folds: int, others: int
) -> None:
    if not settings or any(setting.strength == 0 for setting in settings):
        raise BadInput("tune_personal() needs settings, each with a strength other than 0.")
    if not labelled:
        raise BadInput("tune_personal() needs labelled queries, got none.")
    for one in labelled:
        if one.query.user is None or not any(grade > 0 for grade in one.relevant.values()):
            raise BadInput(
                f"The labelled query {one.query.text!r} needs a user and a relevant document."
            )
    if folds < 2 or others < 1:
        raise BadInput(f"folds must be >= 2 and others >= 1, got {folds} and {others}.")


def _measured(
    retriever: Retriever, labelled: Sequence[Labelled], metric: Metric, queries: Sequence[Query]
) -> Row:
    """The metric of each query."""
    asked = [replace(query, k=metric.k, group_by="document") for query in queries]
    found = retriever.retrieve(asked)
    scores = [
        metric([hit.chunk.doc_id for hit in hits], one.relevant)
        for hits, one in zip(found, labelled, strict=True)
    ]
    return np.array(scores, dtype=np.float64)


def _own(transform: QueryTransform, labelled: Sequence[Labelled]) -> list[Query]:
    return transform.transform([one.query for one in labelled])


def _of_others(
    retriever: Retriever,
    transform: QueryTransform,
    some: Sequence[Labelled],
    labelled: Sequence[Labelled],
    users: Sequence[str],
    others: int,
    metric: Metric,
) -> Row:
    """The metric with histories and talks of other users, averaged; what may be seen stays."""
    place = {user: i for i, user in enumerate(users)}
    talks: dict[str, list[Sequence[str]]] = {}
    for one in labelled:
        talks.setdefault(str(one.query.user), []).append(one.query.previous)
    steps = min(others, len(users) - 1)
    strangers = []
    for i, one in enumerate(some):
        for step in range(1, steps + 1):
            other = users[(place[str(one.query.user)] + step) % len(users)]
            talk = talks[other][i % len(talks[other])]
            strangers.append(replace(one.query, user=other, previous=talk))
    asked = [one for one in some for _ in range(steps)]
    back = [
        replace(query, user=one.query.user, previous=one.query.previous)
        for query, one in zip(transform.transform(strangers), asked, strict=True)
    ]
    average: Row = _measured(retriever, asked, metric, back).reshape(-1, steps).mean(axis=1)
    return average


def _user_means(labelled: Sequence[Labelled], users: Sequence[str], scores: Row) -> Row:
    """``(n_users,)``: each user's queries count together as much as any other user's."""
    rows: dict[str, list[float]] = {user: [] for user in users}
    for one, score in zip(labelled, scores.tolist(), strict=True):
        rows[str(one.query.user)].append(score)
    return np.array([np.mean(rows[user]) for user in users])


def _chosen(none: Row, own: Row, folds: int) -> list[int | None]:
    """Per user the setting that is best on the users of the other folds; None where none gains.

    Args:
        none: ``(users,)``.
        own: ``(settings, users)``.
        folds: Users are dealt to them in turn.
    """
    fold = np.arange(len(none)) % folds
    choice: dict[int, int | None] = {}
    for one in range(folds):
        rest = fold != one
        gains = (own[:, rest] - none[rest]).mean(axis=1)
        best = int(np.argmax(gains))
        choice[one] = best if gains[best] > 0 else None
    return [choice[int(one)] for one in fold]


def _reason(on: bool, gain: Difference, specific: Difference, users: int) -> str:
    figures = f"own history against none {told(gain)}, against other users' {told(specific)}, {users} users"
    if on:
        return f"On: {figures}."
    if gain.low <= 0:
        return f"Off: no significant gain; {figures}."
    return f"Off: the gain is not personal, another user's history does as well; {figures}."
