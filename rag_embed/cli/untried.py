"""What labels can be asked of by a command of its own, beside what ``tune`` decides."""

from __future__ import annotations

from shlex import quote

ENOUGH = 650
"""Questions to learn from that a re-ranker of one's own was measured to help with; two dozen rarely do."""


def untried(kb: str, queries: str, qrels: str, questions: int) -> list[str]:
    """A line for each thing that ``tune KB all`` does not try, with the command that does.

    Args:
        kb: The index, as typed.
        queries: File of the questions, as typed.
        qrels: File of their documents, as typed.
        questions: How many have a right document.

    Examples:
        >>> print(untried("kb", "q.jsonl", "qrels.tsv", 24)[0])
        a re-ranker: rag-embed eval kb q.jsonl qrels.tsv --rerank MODEL
    """
    labels = f"{quote(queries)} {quote(qrels)}"
    measured = f"rag-embed eval {quote(kb)} {labels}"
    own = (
        f"rag-embed train-reranker {quote(kb)} {labels} --out my-reranker"
        if questions >= ENOUGH
        else f"rag-embed train-reranker helps from about {ENOUGH} questions on, here are {questions}"
    )
    made = "" if questions >= ENOUGH else " --pseudo 1000"
    return [
        f"a re-ranker: {measured} --rerank MODEL",
        f"a re-ranker of your own: {own}",
        f"a query encoder of your own: rag-embed train-expert {quote(kb)} {labels}{made} --out my-expert",
        f"another model beside yours: rag-embed experts add-space {quote(kb)} NAME MODEL, then "
        f"rag-embed tune {quote(kb)} weights {labels}",
        "another size of chunks, model or way to situate: rag-embed index FOLDER --to OTHER --chunk-tokens 256 "
        f"(--model, --situate), then rag-embed eval OTHER {labels}",
    ]
