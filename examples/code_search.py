"""Search code by what it does and by what it is called: this library's own mathematics.

    python examples/code_search.py [FOLDER]

Any folder of source will do; what is found is cited as file and line.
"""

from __future__ import annotations

import sys
from pathlib import Path

import rag_embed
from rag_embed import Index

QUESTIONS = (
    "reciprocal_rank",
    "is the difference between two systems significant?",
    "average the tokens of a text into one vector",
    "how many bits of two codes are equal",
    "where is idf computed?",
)


def main(folder: Path) -> None:
    index = Index.in_memory()
    report = index.add_files(folder, include=["*.py"])
    print(f"{report.added} files, {report.chunks} chunks")
    for question in QUESTIONS:
        print(f"\n? {question}")
        for hit in index.search(question, k=2):
            place = index.contents.citation(hit)
            within = " > ".join(hit.chunk.headings)
            print(f"  {hit.relevance:.2f}  {place.link.rpartition('/')[2]}  {within}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else Path(rag_embed.__file__).parent / "maths")
