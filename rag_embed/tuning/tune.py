"""`tune` decides one thing on labels, `apply` makes the decision take effect: behind `Index.tune`.

| what | the question | candidates |
|---|---|---|
| ``"relevance"`` | is relevance fitted to these labels nearer the truth? | |
| ``"weights"`` | do other weights of legs and second stages rank better? | |
| ``"router"`` | do weights learned per query beat the default mixture? | |
| ``"personal"`` | do users' histories or talks help, because they are theirs? | `personal.setting.Setting` |
| ``"fresh"`` | should newer documents count before older ones? | `types.Fresh` |
| ``"tokens"`` | is token evidence worth its disk? | |
| ``"situate"`` | which way to situate chunks suits the corpus? | `situated.expressions` |

What is decided serves everybody, so labels that tell of a user are left out, and the reason says how many;
see `evaluation.shared`. ``"personal"`` keeps those that users asked: it chooses one of a few settings, and
no text of theirs is kept. ``"weights"`` can serve one user alone, and is then learned from that user's own
documents too; the others cannot, see `ONE_FOR_ALL`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, cast

from rag_embed.arguments import count
from rag_embed.errors import BadInput, class_of
from rag_embed.evaluation.collection import Collection
from rag_embed.evaluation.shared import shared
from rag_embed.evaluation.verdict import Verdict
from rag_embed.events import check_user
from rag_embed.index import Index
from rag_embed.indexing.installed import install, uninstall
from rag_embed.indexing.personalisation import bend_of, keep
from rag_embed.indexing.settings import write
from rag_embed.personal.setting import Setting, grid
from rag_embed.protocols import TokenSpace
from rag_embed.tuning.freshness import fit_freshness
from rag_embed.tuning.personal import tune_personal
from rag_embed.tuning.relevance import calibrated
from rag_embed.tuning.router import fit_router
from rag_embed.tuning.situate import CANDIDATES, choose
from rag_embed.tuning.tokens import token_gain
from rag_embed.tuning.weights import fit_weights

METRIC = "ndcg@10"


@dataclass(frozen=True, slots=True)
class Task:
    """What is decided by.

    Attributes:
        labels: Queries with the documents that answer them.
        candidates: What is chosen among; None for the usual.
        metric: What is to rise.
        seed: The same seed splits and draws the same.
        user: Whom the decision serves alone, and who asks the queries; None for everybody.
    """

    labels: Collection
    candidates: Sequence[Any] | None = None
    metric: str = METRIC
    seed: int = 0
    user: str | None = None


Tuner: TypeAlias = Callable[[Index, Task], Verdict[Any]]


def tune(index: Index, what: str, task: Task) -> Verdict[Any]:
    """See `Index.tune`."""
    if not isinstance(what, str) or what not in TUNERS:
        raise BadInput(f"tune() decides one of {sorted(TUNERS)}, got {what!r}.")
    if task.candidates is not None and what not in ("personal", "situate", "fresh"):
        raise BadInput(f"{what!r} is not chosen among candidates; leave them out.")
    if task.metric != METRIC and what not in ("personal", "router", "weights", "fresh"):
        raise BadInput(f"{what!r} is judged by a measure of its own; leave out metric.")
    _check_serves(what, task.user)
    count("seed", task.seed, 0)
    found = shared(task.labels, index.store, user=task.user, asked=what == "personal")
    labels = found.needed()
    if task.user is not None:
        labels = replace(labels, users=dict.fromkeys(labels.queries, task.user))
    verdict = TUNERS[what](index, replace(task, labels=labels))
    return replace(verdict, reason=f"{verdict.reason} {found.told}".strip(), user=task.user)


def apply(index: Index, verdict: Verdict[Any]) -> None:
    """See `Index.apply`."""
    if not isinstance(verdict, Verdict):
        raise BadInput(f"apply() takes what tune() gave, got {class_of(verdict)}.")
    if verdict.name not in _APPLIERS:
        raise BadInput(f"apply() takes what tune() gave, got a verdict on {verdict.name!r}.")
    _check_serves(verdict.name, verdict.user)
    _APPLIERS[verdict.name](index, verdict)


def reset(index: Index, what: str, *, user: str | None = None) -> None:
    """Use the standard again, for one user or for everybody, as if nothing had been tuned.

    Raises:
        BadInput: It is how chunks are stored, which no setting takes back.
    """
    _check_serves(what, user)
    if what in STORED:
        raise BadInput(
            f"{what!r} is how chunks are stored and cannot be reset; make a new index, with {STORED[what]}."
        )
    apply(index, Verdict(what, None, None, False, "The standard.", user=user))


def _check_serves(what: str, user: str | None) -> None:
    if user is None:
        return
    check_user(user)
    if what in ONE_FOR_ALL:
        raise BadInput(
            f"{what!r} cannot be tuned for {user!r} alone: {ONE_FOR_ALL[what]}. Leave out user, or "
            'tune "weights", which can serve one user.'
        )


def _relevance(index: Index, task: Task) -> Verdict[Any]:
    return calibrated(index, task.labels, seed=task.seed)


def _weights(index: Index, task: Task) -> Verdict[Any]:
    hybrid = index.experts.hybrid()
    if task.user is not None:
        if index.experts.router is not None:
            raise BadInput(
                "The index has a router, which weighs every query by itself; weights of one user are "
                'compared with those of the index. Reset "router" first.'
            )
        hybrid = replace(hybrid, weights=index.experts.weights_of(task.user))
    return fit_weights(hybrid, task.labels, metric=task.metric, seed=task.seed)


def _router(index: Index, task: Task) -> Verdict[Any]:
    return fit_router(
        index.experts.hybrid(),
        index.spaces.own.signature,
        [task.labels],
        metric=task.metric,
        seed=task.seed,
    )


def _personal(index: Index, task: Task) -> Verdict[Any]:
    profiles, settings = index.users.profiles, task.candidates
    if settings is None:
        events = [*grid("attention"), *grid("mean")] if profiles.users() else []
        settings = events + (grid("session") if any(task.labels.talks.values()) else [])
    if not settings:
        raise BadInput(
            "There is nothing to bend queries by: no user has events (rag-embed remember, in Python "
            "index.users.remember), and no label has earlier turns (previous in a line of "
            "queries.jsonl, in Python Collection.talks)."
        )
    asked = [one for one in task.labels.labelled if one.query.user is not None]
    if not asked:
        raise BadInput(
            f"No query of {task.labels.name!r} has both a user and a relevant document; users are user_id "
            "in lines of queries.jsonl, in Python Collection.users."
        )
    return tune_personal(
        index.experts.hybrid(routed=True),
        settings,
        lambda setting: bend_of(index.store, index.spaces.own, profiles, setting),
        asked,
        metric=task.metric,
        seed=task.seed,
    )


def _fresh(index: Index, task: Task) -> Verdict[Any]:
    hybrid = index.experts.hybrid(routed=True)
    return fit_freshness(hybrid, task.labels, task.candidates, metric=task.metric, seed=task.seed)


def _tokens(index: Index, task: Task) -> Verdict[Any]:
    return token_gain(index, task.labels, seed=task.seed)


def _situate(index: Index, task: Task) -> Verdict[Any]:
    documents = index.contents.documents(index.contents.matching())
    names = CANDIDATES if task.candidates is None else task.candidates
    encoder = cast(TokenSpace, index.spaces.own).encoder
    return choose(
        documents, index.spaces.splitter, encoder, task.labels, candidates=names, seed=task.seed
    )


def _use_relevance(index: Index, verdict: Verdict[Any]) -> None:
    index.experts.calibrate(verdict.value if verdict.kept else None)


def _use_weights(index: Index, verdict: Verdict[Any]) -> None:
    if verdict.kept or verdict.value is None:  # what was not better was compared with those in use
        index.experts.weigh(verdict.value, user=verdict.user)


def _use_router(index: Index, verdict: Verdict[Any]) -> None:
    if verdict.kept:
        install(index.store, verdict.value)
    else:
        uninstall(index.store)
    index.experts.router = verdict.value if verdict.kept else None


def _use_personal(index: Index, verdict: Verdict[Any]) -> None:
    setting = verdict.value if verdict.kept else Setting()
    keep(index.store, setting)
    index.users.setting = setting


def _use_fresh(index: Index, verdict: Verdict[Any]) -> None:
    fresh = verdict.value if verdict.kept else None
    write(index.store, lambda known: replace(known, fresh=fresh))
    index.experts.fresh = fresh


def _use_tokens(index: Index, verdict: Verdict[Any]) -> None:
    if verdict.kept:
        index.experts.keep_tokens()


def _use_situate(index: Index, verdict: Verdict[Any]) -> None:
    if verdict.kept and verdict.value != index.spaces.own.signature.chunks:
        raise BadInput(
            f"The chunks of this index are situated by {index.spaces.own.signature.chunks!r}; another way "
            f"needs another index: Index.create(path, situate={verdict.value!r}), in a shell rag-embed index "
            f"FOLDER --to KB --situate {verdict.value!r}."
        )


TUNERS: Mapping[str, Tuner] = {
    "relevance": _relevance,
    "weights": _weights,
    "router": _router,
    "personal": _personal,
    "fresh": _fresh,
    "tokens": _tokens,
    "situate": _situate,
}
"""What can be decided."""

STORED: Mapping[str, str] = {
    "tokens": "tokens=False, in a shell --no-tokens",
    "situate": "situate=..., in a shell --situate",
}
"""What cannot be taken back, and how a new index has it otherwise."""

ONE_FOR_ALL: Mapping[str, str] = {
    "relevance": "relevance is one scale, so that figures of different users mean the same",
    "router": "an index has one router, and everybody is shown the queries it was learned from",
    "personal": "it asks whether histories help users on the whole, which one user cannot tell",
    "fresh": "an index has one measure of what is new, by the dates of all documents",
    "tokens": "all users' searches read the same stored tokens",
    "situate": "all users' searches read the same chunks",
}
"""What can only serve everybody, and why."""

_APPLIERS: Mapping[str, Callable[[Index, Verdict[Any]], None]] = {
    "relevance": _use_relevance,
    "weights": _use_weights,
    "router": _use_router,
    "personal": _use_personal,
    "fresh": _use_fresh,
    "tokens": _use_tokens,
    "situate": _use_situate,
}
