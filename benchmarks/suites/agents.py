"""What an agent must read to find an answering passage: `search` and `read` against grep and whole files.

Both agents are scripts, and read what they are led to in its order. One greps the words of the question, takes
the files with the most of the rarest words first, and reads them whole; what grep itself prints is not counted.
The other asks the tool `search` and reads what it shows; what it was shown of a passage leads it to the rest,
by `read`. Tokens are those of the index's model.
"""

from __future__ import annotations

import ast
import hashlib
import json
import math
import re
import sysconfig
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import Bench, Suite
from benchmarks.records import Table
from rag_embed import Document, Index
from rag_embed.analysis import Analyzer
from rag_embed.serving import Library, tools
from rag_embed.serving.quoting import quoted

GOAL, K = 0.95, 50
BUDGETS = (200, 300, 400, 500, 600, 800, 1000, 1500, 2000, 3000, 4000, 6000, 8000, 12000, 20000)
LIBRARY, LARGEST = "python library", 40_000

Span = tuple[str, int, int]
"""Document, first character, character after the last."""


@dataclass
class Task:
    """Files, and questions with the passages that answer them.

    Attributes:
        name: Shown in tables.
        documents: By id.
        asked: Question and its answering passages.
        index: All documents, as anybody would index them.
    """

    name: str
    documents: Mapping[str, Document]
    asked: Sequence[tuple[str, Sequence[Span]]]
    index: Index
    words: Mapping[str, frozenset[str]] = field(init=False)

    def __post_init__(self) -> None:
        self.index.add(self.documents.values())
        terms = Analyzer().words
        self.words = {id: frozenset(terms(one.text)) for id, one in self.documents.items()}

    def tokens(self, text: str) -> int:
        return len(self.index.spaces.own.encoder.token_spans(text))

    @cached_property
    def lengths(self) -> dict[str, int]:
        """Tokens of every document."""
        return {id: self.tokens(one.text) for id, one in self.documents.items()}

    @cached_property
    def pairs(self) -> list[tuple[int, Span]]:
        """Every answering passage, with the number of its question."""
        return [(i, span) for i, (_, spans) in enumerate(self.asked) for span in spans]

    @cached_property
    def grepped(self) -> list[list[str]]:
        """Per question all files, those with the most of its rarest words first."""
        among = Counter(word for words in self.words.values() for word in words)
        found = []
        for question, _ in self.asked:
            asked = set(Analyzer().words(question))
            rare = {
                word: math.log(1 + len(self.words) / among[word]) for word in asked if among[word]
            }
            value = {
                id: sum(rare.get(w, 0) for w in asked & words) for id, words in self.words.items()
            }
            found.append(sorted(value, key=lambda id: (-value[id], id)))
        return found


def of_set(bench: Bench, name: str) -> Task:
    """A public set; a document is its entries one after the other where these have no place in one."""
    collection = bench.collection(name)
    places: dict[str, Span] = {}
    parts: dict[str, list[str]] = defaultdict(list)
    for entry in collection.documents:
        id = entry.metadata["doc_id"]
        if "start" in entry.metadata:
            places[entry.id] = (id, entry.metadata["start"], entry.metadata["end"])
        else:
            start = sum(len(part) + 2 for part in parts[id])
            text = f"## {entry.title}\n\n{entry.text.strip()}"
            parts[id].append(text)
            places[entry.id] = (id, start, start + len(text))
    whole = bench.data / name / "documents.jsonl"
    if whole.exists():
        rows = [json.loads(line) for line in whole.read_text("utf-8").splitlines()]
        documents = {row["_id"]: Document(row["_id"], row["text"], row["title"]) for row in rows}
    else:
        markdown = {"format": "markdown"}
        documents = {
            id: Document(id, "\n\n".join(texts), metadata=markdown) for id, texts in parts.items()
        }
    asked = [
        (collection.queries[id], [places[one] for one in collection.qrels[id]])
        for id in collection.judged[: bench.options.questions]
    ]
    return Task(name, documents, asked, Index.at(bench.work / "agents" / name))


def of_library(bench: Bench) -> Task:
    """Some modules of Python's library; asked is what a function says of itself, found its head."""
    folder = Path(sysconfig.get_paths()["stdlib"])
    files = [path for path in folder.glob("*.py") if path.stat().st_size <= LARGEST]
    files = sorted(files, key=lambda path: _digest(path.name))[: bench.options.modules]
    documents: dict[str, Document] = {}
    asked: list[tuple[str, list[Span]]] = []
    for path in files:
        text = path.read_text("utf-8")
        code = {"format": "code", "language": "python"}
        documents[path.name] = Document(path.name, text, path.name, code)
        asked += [(said, [(path.name, start, end)]) for said, (start, end) in _functions(text)]
    asked.sort(key=lambda one: _digest(one[0]))
    some = asked[: bench.options.questions]
    return Task(LIBRARY, documents, some, Index.at(bench.work / "agents" / "library"))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _functions(text: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """First sentence of the docstrings of public functions, and where head and docstring stand."""
    starts = np.cumsum([0, *(len(line) for line in text.splitlines(keepends=True))]).tolist()
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name[0] == "_":
            continue
        sentence = re.split(r"\.\s|\n\s*\n", ast.get_docstring(node) or "")[0]
        said = " ".join(sentence.split()).rstrip(".")
        if len(said.split()) >= 6:
            yield said, (starts[node.lineno - 1], starts[node.body[0].end_lineno or 0])


@dataclass(frozen=True)
class Read:
    """What a policy read, over all questions.

    Attributes:
        recall: Share of the answering passages of which something was shown.
        half: Of which at least half was.
        tokens: Mean over questions.
    """

    recall: float
    half: float
    tokens: float


def searched(task: Task, budget: int, found: Sequence[Sequence[tuple[Span, int]]]) -> Read:
    """What `search` shows within a budget; ``found`` are its hits with their lengths."""
    shown: list[list[Span]] = []
    spent = 0
    for hits in found:
        left = budget
        spans: list[Span] = []
        for span, length in hits:
            if length <= left:
                spans.append(span)
                left -= length
        shown.append(spans)
        spent += budget - left
    shares = [_share(span, shown[i]) for i, span in task.pairs]
    return Read(_mean(s > 0 for s in shares), _mean(s >= 0.5 for s in shares), spent / len(found))


def grepped(task: Task, files: int) -> Read:
    """The first files of grep, read whole."""
    read = [set(some[:files]) for some in task.grepped]
    recall = _mean(span[0] in read[i] for i, span in task.pairs)
    return Read(recall, recall, _mean(sum(task.lengths[id] for id in some) for some in read))


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def _share(span: Span, shown: Sequence[Span]) -> float:
    """How much of a passage was shown."""
    id, start, end = span
    seen = np.zeros(end - start, dtype=bool)
    for other, first, last in shown:
        if other == id:
            seen[max(0, first - start) : max(0, last - start)] = True
    return float(seen.mean())


def hits_of(task: Task) -> list[list[tuple[Span, int]]]:
    """Per question what `search` finds, best first, each with the tokens that it costs to show."""
    library = Library.of({"docs": task.index})
    [shelf] = library.shelves
    found = []
    for hits in task.index.search_many([question for question, _ in task.asked], k=K):
        quotes = [quoted([(shelf, hit)], 10**6)[0][0] for hit in hits]
        found.append(
            [
                ((q.chunk.doc_id, q.chunk.start, q.chunk.end), task.tokens(q.block(1, False)))
                for q in quotes
            ]
        )
    return found


def until(
    task: Task, found: Sequence[Sequence[tuple[Span, int]]]
) -> tuple[list[float], list[float]]:
    """Tokens that each agent has read once it has a whole answering passage, per passage.

    It stops then, as whoever sees the answer does. Where search never shows anything of a passage, its
    agent goes on as the other one does, from the first file.
    """
    ours: list[float] = []
    theirs: list[float] = []
    for i, span in task.pairs:
        files = task.grepped[i][: task.grepped[i].index(span[0]) + 1]
        grep = float(sum(task.lengths[id] for id in files))
        spent = 0.0
        seen: list[Span] = []
        for hit, length in found[i]:
            spent += length
            seen.append(hit)
            if _share(span, [hit]):
                rest = 1 - _share(span, seen)
                text = task.documents[span[0]].text[span[1] : span[2]]
                spent += rest * task.tokens(text)
                break
        else:
            spent += grep
        ours.append(spent)
        theirs.append(grep)
    return ours, theirs


def tokens(bench: Bench) -> Iterator[Table]:
    rows: list[list[Any]] = []
    curve: list[list[Any]] = []
    stops: list[list[Any]] = []
    makers = [*(partial(of_set, bench, name) for name in bench.sets), partial(of_library, bench)]
    for make in makers:
        task = make()
        found = hits_of(task)
        ours = {budget: searched(task, budget, found) for budget in BUDGETS}
        theirs = (grepped(task, n) for n in range(1, len(task.documents) + 1))
        grep = next(one for one in theirs if one.recall >= GOAL)
        curve += [[task.name, b, one.recall, one.half, one.tokens] for b, one in ours.items()]
        best = next((one for one in ours.values() if one.recall >= GOAL), ours[BUDGETS[-1]])
        half = next((one for one in ours.values() if one.half >= GOAL), ours[BUDGETS[-1]])
        cells = [grep.recall, grep.tokens, best.recall, best.tokens, best.tokens / grep.tokens]
        rows.append(
            [task.name, len(task.documents), len(task.pairs), *cells, half.tokens / grep.tokens]
        )
        mine, other = until(task, found)
        middles = [_mean(other), float(np.median(other)), _mean(mine), float(np.median(mine))]
        stops.append([task.name, *middles, middles[2] / middles[0]])
        offered = [[one.about, one.schema] for one in tools(Library.of({"docs": task.index}))]
        told = task.tokens(json.dumps(offered))
        bench.say(f"{task.name}: done; the tools are described once in {told} tokens")
    columns = {
        "set": "",
        "files": "d",
        "passages": "d",
        "grep + read: recall": ".3f",
        "tokens": ",.0f",
    }
    columns |= {
        "search: recall": ".3f",
        "search: tokens": ",.0f",
        "share": ".1%",
        "half read: share": ".1%",
    }
    yield Table("at recall .95", columns, rows)
    columns = {"set": "", "grep + read, mean": ",.0f", "grep + read, median": ",.0f"}
    columns |= {"search + read, mean": ",.0f", "search + read, median": ",.0f", "share": ".1%"}
    yield Table("until a passage is read", columns, stops)
    columns = {"set": "", "budget": ",d", "recall": ".3f", "half read": ".3f", "tokens": ",.0f"}
    yield Table("by budget", columns, curve)


SUITE = Suite(
    {"tokens": tokens},
    sets=("squad_ctx", "anthropic_docs"),
    options={
        "--questions": {"type": int, "default": 1000, "help": "of each set, at most"},
        "--modules": {"type": int, "default": 60, "help": "of Python's library"},
    },
)
