"""Measure retrieval: read a collection, run systems over it, compare them, report.

>>> from rag_embed.evaluation import Collection, evaluate, make_report, to_markdown
"""

from rag_embed.evaluation.beir import read_collection, read_files, read_labels
from rag_embed.evaluation.collection import Collection, Labelled, split_by_document
from rag_embed.evaluation.cuts import Cut, cuts
from rag_embed.evaluation.nearest import recall
from rag_embed.evaluation.outcomes import Evaluation, Found, Outcome
from rag_embed.evaluation.page import to_html
from rag_embed.evaluation.questions import Missed, Turned, missed, turned
from rag_embed.evaluation.report import (
    Report,
    make_report,
    read_report,
    to_json,
    to_markdown,
    to_rich,
)
from rag_embed.evaluation.run import DEFAULT_METRICS, System, evaluate, from_retriever
from rag_embed.evaluation.shared import Shared, as_seen, shared
from rag_embed.evaluation.significance import (
    Comparison,
    Row,
    average,
    check_system,
    compare,
    gains,
    reach,
    smallest_gain,
)
from rag_embed.evaluation.verdict import Tried, Verdict

__all__ = [
    "DEFAULT_METRICS",
    "Collection",
    "Comparison",
    "Cut",
    "Evaluation",
    "Found",
    "Labelled",
    "Missed",
    "Outcome",
    "Report",
    "Row",
    "Shared",
    "System",
    "Tried",
    "Turned",
    "Verdict",
    "as_seen",
    "average",
    "check_system",
    "compare",
    "cuts",
    "evaluate",
    "from_retriever",
    "gains",
    "make_report",
    "missed",
    "reach",
    "read_collection",
    "read_files",
    "read_labels",
    "read_report",
    "recall",
    "shared",
    "smallest_gain",
    "split_by_document",
    "to_html",
    "to_json",
    "to_markdown",
    "to_rich",
    "turned",
]
