# ruff: noqa: E501 - small files read best on a line
"""Good inputs, of which almost right ones are made."""

from __future__ import annotations

from typing import Any

import small_files

FIELDS = {"year": int, "tags": list[str], "ok": bool, "day": "date", "share": float, "lang": str}
TOKEN = "a-token-of-sixteen-letters"
TEXT = """---
title: Foxes
tags: [red, "blue: sea"]
---
# Foxes

They are *red*. [Link](https://x.org/a?b=c) and `code`.

| a | b |
|---|--:|
| 1 | 2 |

```python
def f(x):
    return {"a": [x]}
```

- one
  - two

1. first
"""
HTML = (
    "<!doctype html><html><head><title>Foxes</title><meta charset=utf-8></head><body><nav>x</nav><h1>Foxes"
    "</h1><p>They <b>are</b> red.<table><tr><th>a<th colspan=2>b<tr><td>1<td>2</table><ul><li>x<ol><li>y</ol>"
    "</ul><pre><code class=language-js>f(x)</code></pre><math><mi>x</mi></math><!-- c --><script>1</script>"
)
SOURCES = {
    ".txt": TEXT, ".md": TEXT, ".html": HTML, ".py": "class A:\n    def f(self):\n        '''x'''\n        return 1\n",
    ".rst": "Foxes\n=====\n\n.. note:: red\n\n::\n\n  x\n", ".adoc": "= Foxes\n:a: b\n\n== Red\n\n----\nx\n----\n",
    ".org": "* Foxes\n#+BEGIN_SRC sh\nx\n#+END_SRC\n", ".tex": "\\section{Foxes}\nRed.\\begin{verbatim}x\\end{verbatim}\n",
    ".jsonl": '{"id": "a", "text": "red", "title": "A", "metadata": {"year": 1}}\n{"text": "blue", "user": null}\n',
    ".csv": 'name,price\n"fox, red",3\nsea,"a\nb"\n', ".tsv": "a\tb\n1\t2\n", ".srt": "1\n00:00:01,0 --> 00:00:02,0\nHi\n",
    ".vtt": "WEBVTT\n\n00:01.000 --> 00:02.000\nHi\n", ".json": '{"a": [1, {"b": null}]}', ".toml": 'a = "b"\n[c]\nd = 1\n',
    ".ipynb": '{"cells": [{"cell_type": "code", "source": ["x\\n"], "outputs": [{"text": "1"}]}], "metadata": {}}',
    ".js": "function f(x) { return `a${x}`; }\nclass A { b() {} }\n", ".go": "package a\nfunc F() {}\n",
}  # fmt: skip
PACKED = {".docx": small_files.docx(), ".pptx": small_files.pptx(), ".xlsx": small_files.xlsx()}
PACKED |= {".odt": small_files.odt(), ".epub": small_files.epub()}
FLAT = {".eml": small_files.EML, ".rtf": small_files.RTF}
PDFS = [
    small_files.pdf(b"They are red.", b"The sea is blue.", title=b"Foxes"),
    small_files.pdf(b"\\101\\(b\\) 1/2", title=b"\xfe\xff\x00F\xd8\x3e\xdd\x8a"),
    small_files.pdf(b"(", b"", b"x" * 500),
]
PDF_WORDS = (
    b"/Kids [1 0 R 2 0 R 2 0 R] /Parent 2 0 R /Count -1 /Length 99999999999 /Filter [/FlateDecode /LZWDecode "
    b"/ASCII85Decode] /Encrypt 4 0 R /Prev 9 /XRefStm 9 /Type /ObjStm /Encoding /Identity-H /ToUnicode 5 0 R "
    b"/Rotate 91 /MediaBox [1e38 -1e38 0 0] endstream endobj stream\nBT Tj ET q Q cm /F9 Do BI ID EI <FEFF> <<>> [[ "
)

ASKED: dict[str, list[dict[str, Any]]] = {
    "search": [
        {
            "query": "leave",
            "k": 3,
            "filters": {"year": {"gte": 2020}, "tags": ["hr"]},
            "min_relevance": 0.1,
        },
        {
            "query": "who",
            "budget": 500,
            "filters": {"title": {"contains": "a"}, "day": "2024-01-01"},
        },
    ],
    "read": [
        {"id": "handbook/leave.md", "start": 0, "end": 20},
        {"id": "handbook/leave.md#0-5", "show": "section"},
    ],
    "list": [{"documents": 3, "after": "a", "filters": {"ok": True}}],
}
"""Name of a tool -> what it is asked."""
