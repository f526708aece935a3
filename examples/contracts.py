"""Contracts: the clause that answers, who else signed the same one, and what was in force on a day.

    python examples/contracts.py

Six contracts with clauses in common are made first, one of them in two versions; put your own in their place.
"""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path

from rag_embed import Document, Index, field

LIABILITY = (
    "The supplier is liable for damage that it causes by gross negligence, up to the fees of one "
    "year. Liability for lost profit is excluded, and so is liability for data that the customer "
    "did not back up."
)
COURT = "The courts of {city} have jurisdiction, and the law of {country} applies."
LEAVING = (
    "Either party may terminate with {notice} days' notice to the end of a quarter. Notice is "
    "given in writing; an email is enough."
)
PARTIES = {
    "Acme": ("Vienna", "Austria", 30),
    "Borealis": ("Oslo", "Norway", 90),
    "Cobalt": ("Vienna", "Austria", 30),
    "Dunmore": ("Dublin", "Ireland", 60),
    "Estrella": ("Madrid", "Spain", 14),
}
UNLIMITED = "The supplier is liable without limit, for lost profit too."


def contract(party: str, since: date, until: date | None = None, **changed: str) -> Document:
    city, country, notice = PARTIES[party]
    clauses = {
        "1 Services": f"The supplier runs the ordering platform for {party}, every day of the year.",
        "2 Fees": f"{party} pays 1,200 euros a month, due on the tenth.",
        "7 Liability": LIABILITY,
        "8 Termination": LEAVING.format(notice=notice),
        "9 Jurisdiction": COURT.format(city=city, country=country),
        **changed,
    }
    text = "\n\n".join(f"## {name}\n\n{said}" for name, said in clauses.items())
    when = {"since": since, **({} if until is None else {"until": until})}
    return Document(
        f"{party}@{since.year}", text, f"Contract with {party}", {"party": party, **when}
    )


def contracts() -> list[Document]:
    start = date(2022, 1, 1)
    turned = date(2025, 7, 1)
    own = {"7 Liability": UNLIMITED}
    acme = [contract("Acme", start, turned, **own), contract("Acme", turned)]
    return acme + [contract(party, start) for party in list(PARTIES)[1:]]


def show(index: Index, question: str, **asked: object) -> None:
    print(f"\n? {question}")
    hit = index.search(question, k=1, **asked)[0]  # type: ignore[arg-type]
    text = " ".join(line for line in hit.text.splitlines() if line and line[0] != "#")
    print(f"  {index.contents.citation(hit)}\n  {text}")
    if hit.siblings:
        others = sorted({str(one.metadata["party"]) for one in hit.siblings})
        print(f"  nearly the same in the contracts with {', '.join(others)}")


def main(folder: Path) -> None:
    fields = {"party": str, "since": date, "until": date}
    index = Index.create(folder, chunk_tokens=50, fields=fields)
    print(f"{index.add(contracts()).added} contracts, {len(index)} clauses")
    now = field("until").is_missing()
    show(index, "who pays when our data is lost?", where=now, group_by="text")
    show(index, "How quickly can Borealis leave us?", where=now)
    show(index, "how long before we can cancel?", where=now & (field("party") == "Estrella"))
    acme = field("party") == "Acme"
    for day in (date(2024, 3, 1), date(2026, 3, 1)):
        then = (field("since") <= day) & (now | (field("until") > day))
        show(index, f"Is lost profit covered? (Acme, on {day})", where=acme & then)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        main(Path(scratch, "kb"))
