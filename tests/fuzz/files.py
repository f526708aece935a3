"""Files of all kinds, and the texts that they become."""

from __future__ import annotations

import io
import random
import zipfile
from pathlib import Path

from fuzz.corpus import FLAT, PACKED, PDF_WORDS, PDFS, SOURCES, TEXT
from fuzz.door import Door, said
from mutating import mutated

from rag_embed import Document
from rag_embed.analysis import Analyzer
from rag_embed.chunking import TokenSplitter
from rag_embed.chunking.splitter import MARKDOWN
from rag_embed.encoders import HashEncoder
from rag_embed.reading.files import read_file
from rag_embed.reading.front_matter import front_matter, title_of, values_of
from rag_embed.types import Citation, Skipped

SPLIT = TokenSplitter(HashEncoder(16), 12).split
FORMATS = [*sorted(MARKDOWN)[:2], "rst", "asciidoc", "org", "tex", "rows", "code", "text"]
LANGUAGES = ["python", "javascript", "go", "unknown"]

File = tuple[str, bytes]
"""Suffix and content."""


def doors(folder: Path) -> dict[str, Door]:
    return {
        "text files": Door(60, _text_file, lambda given: read(folder, given)),
        "office files": Door(4, _office_file, lambda given: read(folder, given)),
        "PDF files": Door(8, _pdf, lambda given: read(folder, given)),
        "texts to split": Door(60, _document, whole),
        "words": Door(110, _words, _analysed),
        "front matter": Door(60, _front, _values),
        "citations": Door(60, _document, _cited),
    }


def read(folder: Path, given: File) -> bool:
    """What is read can be cut; what is not has a reason."""
    kind, content = given
    path = folder / f"x{kind}"
    path.write_bytes(content)
    taken = False
    for one in read_file(path, path.name, named=True):
        if isinstance(one, Document):
            whole(one)
            taken = True
        else:
            assert isinstance(one, Skipped) and one.reason
    return taken


def whole(document: Document) -> None:
    """Its chunks are parts of it, in order, and cover every visible character."""
    at = 0
    for chunk in SPLIT(document):
        assert document.text[chunk.start : chunk.end] == chunk.text and chunk.start < chunk.end
        assert not document.text[at : chunk.start].strip()
        at = chunk.end
    assert not document.text[at:].strip()


def _text_file(chance: random.Random) -> File:
    kind = chance.choice(sorted(SOURCES))
    others = SOURCES.values() if chance.random() < 0.2 else ()
    return kind, mutated(chance, [one.encode() for one in (SOURCES[kind], *others)])


def _office_file(chance: random.Random) -> File:
    """One of its parts is almost right and the others are right, or the whole is almost right."""
    kind = chance.choice(sorted(PACKED | FLAT))
    if kind in FLAT or chance.random() < 0.2:
        return kind, mutated(chance, [(PACKED | FLAT)[kind]])
    held = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(PACKED[kind])) as source, zipfile.ZipFile(held, "w") as archive:
        parts = {one: source.read(one) for one in source.namelist()}
        broken = chance.choice(sorted(parts))
        for name, content in parts.items():
            seeds = [content, content, *parts.values()]
            archive.writestr(name, mutated(chance, seeds) if name == broken else content)
    return kind, held.getvalue()


def _pdf(chance: random.Random) -> File:
    return ".pdf", mutated(chance, [*PDFS, PDF_WORDS])


def _document(chance: random.Random) -> Document:
    about: dict[str, object] = {
        "format": chance.choice(FORMATS),
        "language": chance.choice(LANGUAGES),
    }
    return Document(
        "d", said(mutated(chance, [text.encode() for text in SOURCES.values()])), metadata=about
    )


def _words(chance: random.Random) -> tuple[str, str]:
    seeds = [
        TEXT.encode(),
        "Größe naïve 狐狸 3.11 C++ it's الثعلب лиса ﬁne".encode(),
        b"a-b_c.d@e.f/g",
    ]
    return chance.choice(("english", "german", "arabic", "greek")), said(mutated(chance, seeds))


def _analysed(given: tuple[str, str]) -> None:
    found = Analyzer(given[0]).words(given[1])
    assert all(word and not any(c.isspace() for c in word) for word in found)


def _front(chance: random.Random) -> str:
    seeds = [
        b"---\ntitle: >-\n  A day\nyear: 2020 # printed\ntags: [fox, 'sea, blue']\nby:\n  name: Zo\n---\nText",
        b"+++\nday = 2024-05-01\ntags = ['a', \"b\"]\n[a.b]\nc = 1e9\n+++\nText",
        b"---\na: &x [1, *x]\n<<: {b: !!binary aGk=}\n? c\n: d\n...\n- e: {f: 0x1f, g: 1_0, h: .inf}\n---\n",
    ]
    return said(mutated(chance, seeds))


def _values(given: str) -> bool:
    front, text = front_matter(given)
    assert given.endswith(text) and front in given
    for value in values_of(front or given).values():
        for one in value if isinstance(value, list) else [value]:
            assert one is None or isinstance(one, str | int | float)
    title_of(front or given)
    return bool(front)


def _cited(given: Document) -> None:
    """The first chunks, of a text that names itself as its address."""
    place = given.text[:60].strip() or "d"
    one = Document(
        place, given.text[:300], metadata={**given.metadata, "url": f"https://x.org/{place}"}
    )
    for chunk in SPLIT(one):
        known = Citation.of(chunk, line=1)
        assert known.link.isprintable() or not place.isprintable()
        assert known.title and str(known)
