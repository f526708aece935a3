"""Personalisation: what tenancy and histories bring, what tuning decides, and what a million events cost.

    python benchmarks/personal.py --data DATA [--work DIR] [--parts tenancy ikat movielens costs ...]

Indexes are made as `Index.create` makes them by default. *Tenancy*: personal facts of many people and
the chats of one in one index, with owners and without. *ikat*, *movielens*: every setting against strength 0
and against the histories of other users (one in *ikat*, three in *movielens* and wherever something is
decided), 95 % intervals over users, who count alike; then `tune_personal` on one half of the users, and
its decision on the other half. In *ikat* a user's facts are both the corpus and the history, and the talk
so far is the session. In *movielens* liked films are the history, the query names the twenty liked last,
and films of the history are left out of the search (*movielens-fused* asks the default retriever, which
takes longer). *lihua* has one user: there is nothing to tell personal from general by. *Talks*: chats and a
chat log in pieces of about one turn, and `Neighbours`. *Costs*: random vectors of 384 numbers, 100 events
for each of 100, 1,000 and 10,000 users.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from personal_costs import costs
from personal_facts import personal_ikat, personal_lihua, tenancy
from personal_films import personal_movielens
from personal_talks import talks
from rich.console import Console


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parts = ["tenancy", "ikat", "movielens", "movielens-fused", "lihua", "talks", "costs"]
    parser.add_argument("--parts", nargs="+", default=parts, choices=parts)
    parser.add_argument(
        "--users", nargs="+", type=int, default=[100, 1000, 10_000], help="of costs"
    )
    parser.add_argument("--out", type=Path, default=Path("results/personal.json"))
    parser.add_argument("--work", type=Path, help="keep the indexes here")
    arguments = parser.parse_args()
    data, console = arguments.data, Console(width=170)
    known = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
    with tempfile.TemporaryDirectory() as scratch:
        work = arguments.work or Path(scratch)
        run: dict[str, Callable[[], Any]] = {
            "tenancy": lambda: tenancy(data, work, console),
            "ikat": lambda: personal_ikat(data, work, console),
            "movielens": lambda: personal_movielens(data, work, console),
            "movielens-fused": lambda: personal_movielens(data, work, console, fused=True),
            "lihua": lambda: personal_lihua(data, work, console),
            "talks": lambda: talks(data, work, console),
            "costs": lambda: costs(console, arguments.users),
        }
        for part in arguments.parts:
            known[part] = run[part]()
            arguments.out.parent.mkdir(parents=True, exist_ok=True)
            arguments.out.write_text(json.dumps(known, indent=2))


if __name__ == "__main__":
    main()
