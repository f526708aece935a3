"""A support desk over Markdown: answers with their source, or a person where nothing fits.

    python examples/support_desk.py

The articles are written into a folder first; put your own in its place.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from rag_embed import Index, field

ARTICLES = {
    "billing/invoices.md": """---
product: shop
---
# Invoices

## When an invoice is due

Invoices are due within 30 days. After that a reminder is sent, the second one costs 5 euros.

## Changing the address

Write to billing before the invoice is made; afterwards it is cancelled and made anew.
""",
    "billing/refunds.md": """---
product: shop
---
# Refunds

Send the goods back within 14 days. The money is on your account a week after they arrived.
""",
    "devices/router.md": """---
product: router
---
# Router

## The red light is on

The line is down. Pull the plug, wait ten seconds, put it in again. If the light stays red after
five minutes, call us.

## Error E-4711

The certificate has expired. Install firmware 2.4 or newer.
""",
    "devices/printer.md": """---
product: printer
---
# Printer

It prints everything twice: switch off "keep a copy" in the settings of the driver.
""",
}
QUESTIONS = (
    ("When do I have to pay an invoice?", None),
    ("E-4711", None),
    ("the lamp is red, what now?", "router"),
    ("I want my money back", None),
    ("Do you sell bicycles?", None),
)
ENOUGH = 0.1
"""Below this relevance a person answers."""


def written(folder: Path) -> Path:
    for name, text in ARTICLES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def answer(index: Index, question: str, product: str | None) -> None:
    where = None if product is None else field("product") == product
    hits = index.search(question, k=1, where=where, min_relevance=ENOUGH)
    print(f"\n? {question}" + (f"  [{product}]" if product else ""))
    if not hits:
        print("  nothing relevant; a person is asked")
        return
    print(f"  {' '.join(hits[0].text.split())}")
    print(f"  {hits[0].relevance:.2f}  {index.contents.citation(hits[0])}")


def main(folder: Path) -> None:
    articles = written(folder / "articles")
    index = Index.create(folder / "kb", chunk_tokens=60, fields={"product": str})
    print(f"{index.add_files(articles).added} articles")
    for question, product in QUESTIONS:
        answer(index, question, product)

    (articles / "billing/refunds.md").unlink()
    (articles / "billing/invoices.md").write_text(
        "# Invoices\n\nInvoices are due within 14 days.\n"
    )
    report = index.add_files(articles, prune=True)
    print(f"\n{report.replaced} article changed, {report.deleted} gone")
    answer(index, "When do I have to pay an invoice?", None)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        main(Path(scratch))
