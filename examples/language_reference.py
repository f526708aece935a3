"""Index Python's language reference in a folder, search it, and change a document.

    python examples/language_reference.py [KB]

Run it twice with the same folder: the second time nothing is encoded.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from rag_embed import Index, field
from rag_embed.cli import language_reference


def main(folder: Path) -> None:
    index = Index.open(folder) if folder.exists() else Index.create(folder, fields={"format": str})
    report = index.add(language_reference())
    print(f"{report.added} added, {report.unchanged} unchanged, {report.chunks} chunks encoded")

    for hit in index.search("make sure a file gets closed", k=3, group_by="document"):
        print(f"\n{hit.relevance:.2f}  {hit.chunk.title}")
        print(" ".join(chunk.text for chunk in index.contents.neighbours(hit, after=0))[:300])

    document = index.contents.document("with")
    assert document is not None
    index.add([replace(document, text=document.text + "\n\nAsk Ada about context managers.")])
    hits = index.search("who knows about context managers?", where=field("format") == "markdown")
    print(f"\nafter the change: {hits[0].text[-34:]}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as scratch:
            main(Path(scratch, "kb"))
