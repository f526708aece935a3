"""`rag-embed serve` as a process of its own, asked by many clients at once for a while.

Each client has a connection of its own and asks the questions of a public set one after the other, as fast as
it is answered. Clients run on the same machine, and so take a part of its processors.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.common import Bench, Suite
from benchmarks.records import Table

RUN = "import sys; from rag_embed.cli import main; sys.argv[0] = 'rag-embed'; main()"


@contextmanager
def serving(folder: str, token: str) -> Iterator[tuple[int, int]]:
    """The port of a server over an index, and the id of its process."""
    env = {**os.environ, "RAG_EMBED_TOKEN": token}
    command = [sys.executable, "-c", RUN, "serve", folder, "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=env)
    assert process.stderr is not None
    try:
        yield int(process.stderr.readline().rpartition(":")[2]), process.pid
    finally:
        process.terminate()
        process.communicate(timeout=60)


def processor(id: int) -> float:
    """Seconds of processor time that a process has used, on Linux."""
    ticks = Path(f"/proc/{id}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def asked(
    port: int, token: str, questions: list[str], until: float, number: int
) -> tuple[list[float], int]:
    """Milliseconds of each answer to one client, and how many were errors."""
    spent, errors = [], 0
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    at = number * len(questions) // 32
    while time.perf_counter() < until:
        body = json.dumps({"query": questions[at % len(questions)]})
        at += 1
        began = time.perf_counter()
        try:
            connection.request("POST", "/api/search", body, headers)
            got = connection.getresponse()
            hits = json.loads(got.read()).get("hits")
            errors += got.status != 200 or not hits
        except (OSError, http.client.HTTPException, ValueError):
            errors += 1
            connection.close()
        spent.append(1000 * (time.perf_counter() - began))
    connection.close()
    return spent, errors


def clients(bench: Bench) -> Iterator[Table]:
    rows = []
    for collection in bench.collections:
        index = bench.chunked(collection)
        questions = [collection.queries[id] for id in collection.judged]
        token = secrets.token_urlsafe(24)
        place = str(bench.work / "chunked" / collection.name)
        with serving(place, token) as (port, server):
            asked(port, token, questions[:20], time.perf_counter() + 5, 0)  # models are loaded
            for count in bench.options.clients:
                until = time.perf_counter() + bench.options.seconds
                before = processor(server)
                with ThreadPoolExecutor(count) as pool:
                    one = partial(asked, port, token, questions, until)
                    found = list(pool.map(one, range(count)))
                spent = np.array([ms for some, _ in found for ms in some])
                cpu = 1000 * (processor(server) - before) / len(spent)
                errors = sum(wrong for _, wrong in found)
                rate = len(spent) / bench.options.seconds
                p50, p99 = np.quantile(spent, [0.5, 0.99])
                known = [collection.name, len(index), count, bench.options.seconds]
                rows.append([*known, len(spent), errors, rate, float(p50), float(p99), cpu])
                bench.say(f"{collection.name}, {count} clients: done")
    columns = {"collection": "", "chunks": ",d", "clients": "d", "seconds": "d"}
    columns |= {"searches": ",d", "errors": "d", "searches/s": ".0f", "p50, ms": ".0f"}
    columns |= {"p99, ms": ".0f", "CPU of the server, ms": ".1f"}
    yield Table("clients", columns, rows)


SUITE = Suite(
    {"clients": clients},
    sets=("anthropic_docs",),
    options={
        "--clients": {"nargs": "+", "type": int, "default": [1, 32], "help": "at once"},
        "--seconds": {"type": int, "default": 120, "help": "how long they ask"},
    },
)
