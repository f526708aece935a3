"""Settings of `personal` against none and against other users, and what tuning decides of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from benchmarks.common import Row, gain
from benchmarks.records import Table
from rag_embed import Index, Query
from rag_embed.evaluation import Labelled
from rag_embed.maths.metrics import Metric
from rag_embed.personal.bend import Bend, Centre
from rag_embed.personal.profiles import Profiles
from rag_embed.personal.setting import Setting
from rag_embed.protocols import Retriever
from rag_embed.tuning.personal import _measured, _of_others, _own, _user_means, tune_personal
from rag_embed.types import Hit


@dataclass
class Once:
    """Asks another retriever the same thing once; the same settings are measured several times."""

    retriever: Retriever
    known: dict[tuple[Any, ...], list[Hit]] = field(default_factory=dict)

    def retrieve(self, queries: Sequence[Query], /) -> list[list[Hit]]:
        keys = [_key(query) for query in queries]
        fresh = {key: q for key, q in zip(keys, queries, strict=True) if key not in self.known}
        found = self.retriever.retrieve(list(fresh.values())) if fresh else []
        self.known |= dict(zip(fresh, found, strict=True))
        return [self.known[key] for key in keys]


def _key(query: Query) -> tuple[Any, ...]:
    bent = tuple((name, row.tobytes()) for name, row in sorted(query.vectors.items()))
    return query.text, query.user, query.k, query.group_by, bent


@dataclass(frozen=True)
class Trial:
    """Labelled queries of many users, who count alike.

    Attributes:
        index: What is searched.
        retriever: How.
        profiles: The histories.
        centre: The mean of the corpus.
        labelled: The queries.
        others: How many other users' histories each query is tried with.
        metric: What is measured.
    """

    index: Index
    retriever: Retriever
    profiles: Profiles
    centre: Centre
    labelled: Sequence[Labelled]
    others: int
    metric: str = "ndcg@10"

    @cached_property
    def asked(self) -> Once:
        return Once(self.retriever)

    @cached_property
    def users(self) -> list[str]:
        return sorted({str(one.query.user) for one in self.labelled})

    @cached_property
    def plain(self) -> list[Query]:
        return [one.query for one in self.labelled]

    def bend(self, setting: Setting) -> Bend:
        return setting.bend(self.profiles, self.index.spaces.own, self.centre)

    def mean(self, queries: Sequence[Query]) -> Row:
        """By user."""
        scores = _measured(self.asked, self.labelled, Metric.parse(self.metric), queries)
        return _user_means(self.labelled, self.users, scores)

    def row(self, setting: Setting) -> list[Any]:
        bend, metric, some = self.bend(setting), Metric.parse(self.metric), self.labelled
        none, own = self.mean(self.plain), self.mean(_own(bend, some))
        scores = _of_others(self.asked, bend, some, some, self.users, self.others, metric)
        wrong = _user_means(some, self.users, scores)
        return [setting.label, float(own.mean()), gain([(own, none)]), gain([(own, wrong)])]

    def tables(self, name: str, settings: Sequence[Setting]) -> Iterator[Table]:
        """Every setting, and what tuning says, which scores users by what was best on others."""
        none: list[Any] = ["strength 0", float(self.mean(self.plain).mean()), None, None]
        columns = {"setting": "", self.metric: ".3f", "against none": "+.3f"}
        columns["against other users"] = "+.3f"
        yield Table(name, columns, [none, *map(self.row, settings)])
        tuned = tune_personal(self.asked, settings, self.bend, self.labelled, metric=self.metric)
        row = [tuned.value.label, tuned.reason]
        yield Table(f"{name}, tuned", {"best": "", "decision": ""}, [row])
