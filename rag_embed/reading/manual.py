# ruff: noqa: RUF001, SIM905 - signs are meant, and lists of macros read best as text
r"""Manual pages (``man``, ``mdoc``): what troff would print becomes Markdown, with its sections."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from rag_embed.reading.base import made, read_text
from rag_embed.types import Document, Skipped

SUFFIXES = (
    ".man",
    ".mdoc",
    *(f".{number}{of}" for number in range(1, 10) for of in ("", "p", "ssl")),
)
"""Suffixes of manual pages, by their sections; a file with one of them need not be a manual page."""

_FIRST = re.compile(rb"^[.'](?:TH|Dd|Dt|so)[ \t]", re.MULTILINE)
_HEAD = 20_000
_REQUEST = re.compile(r"[.'][ \t]*([A-Za-z]{1,3})(?![A-Za-z])[ \t]*(.*)")
_WORD = re.compile(r'"((?:[^"]|"")*)"?|(\S+)')
_COMMENT = re.compile(r'(?<!\\)\\["#].*')
_FONT = re.compile(
    r"\\f(?:\(..|\[[^\]\n]{0,20}\]|.)|\\[sm](?:[-+]?\d{1,2}|\[[^\]\n]{0,20}\])|\\[&%:|^/,)]|\\c$"
)
_NAMED = re.compile(r"\\(?:\((..)|\[([^\]\n]{1,30})\]|\*(?:\((..)|\[([^\]\n]{1,30})\]|(\S)))")
_ESCAPED = re.compile(r"\\(.)")
_SIGNS = {
    "-": "-", "em": "-", "en": "-", "hy": "-", "aq": "'", "cq": "’", "oq": "‘", "lq": "“", "rq": "”",
    "dq": '"', "bu": "•", "co": "©", "rg": "®", "ti": "~", "ha": "^", "ga": "`", "rs": "\\", "bv": "|",
    "lB": "[", "rB": "]", "la": "<", "ra": ">", "->": "→", "<-": "←", "mu": "×", "sp": " ", "R": "®", "Tm": "™",
}  # fmt: skip
_FONTS = frozenset("B I R SM SB BI BR IB IR RB RI".split())
_CODE = {"nf": "fi", "EX": "EE", "Bd": "Ed", "TS": "TE"}
_SILENT = frozenset(
    "ad br ce de ds fi ft hy ie if in ll na ne nh nr ns PD ps rm rs RE RS sp ss ta ti tr so el Dd Dt Os Bl El "
    "Ek Bk Ef Bf EE Ed HP LP P PP UE ME YS Sm".split()
)
_QUOTED = {
    "Dq": "“”",
    "Sq": "‘’",
    "Pq": "()",
    "Op": "[]",
    "Bq": "[]",
    "Aq": "<>",
    "Ql": "‘’",
    "Qq": '""',
}
_PARAGRAPHS = frozenset("PP LP P HP Pp RS RE sp Bl El".split())


def read_manual(path: Path, name: str) -> Iterator[Document | Skipped]:
    """A manual page with its sections as headings and without its commands; ``format`` is ``"man"``."""
    found = read_text(path, name)
    if isinstance(found, Skipped):
        yield found
    else:
        title, text = manual_text(found.text)
        yield made(path, name, found._replace(text=text), title, format="man")


def is_manual(path: Path) -> bool:
    """Whether a file is a manual page, as `SUFFIXES` alone do not say: those of libraries end so too."""
    try:
        with path.open("rb") as file:
            start = file.read(_HEAD)
    except OSError:
        return False
    return b"\0" not in start and bool(_FIRST.search(start))


def manual_text(source: str) -> tuple[str, str]:
    r"""The title and the Markdown of a manual page.

    Examples:
        >>> manual_text('.TH LS 1\n.SH OPTIONS\n.TP\n.BR \\-a ", " \\-\\-all\nAll.\n')
        ('ls(1)', '## OPTIONS\n\n-a, --all\nAll.')
    """
    page = _Page()
    until = ""
    for line in source.split("\n"):
        request = _REQUEST.match(line) if line[:1] in (".", "'") else None
        if until:
            if request and request[1] == until:
                until = ""
                page.close()
            elif request is None or request[1] not in _SILENT:
                page.lines.append(
                    _plain(_spoken(request[1], _words(request[2])) if request else line)
                )
        elif request is None:
            if line[:1] not in (".", "'"):
                page.say(_plain(line))
        elif request[1] in _CODE and not (request[1] == "Bd" and "-filled" in request[2]):
            until = _CODE[request[1]]
            page.open()
        else:
            page.follow(request[1], _words(request[2]))
    if until:
        page.close()
    return page.title, re.sub(r"\n{3,}", "\n\n", "\n".join(page.lines)).strip()


class _Page:
    """What was read so far, by lines."""

    def __init__(self) -> None:
        self.title = ""
        self.lines: list[str] = []
        self._name = ""
        self._heading = 0

    def say(self, text: str) -> None:
        """A line of text; the first one after a bare heading macro is the heading."""
        if self._heading and text.strip():
            self._head(self._heading, text)
        else:
            self.lines.append(f"\\{text}" if text.startswith("#") else text)

    def open(self) -> None:
        """Begin lines that stay as they are."""
        self.lines += ["", "```"]

    def close(self) -> None:
        """End them."""
        self.lines += ["```", ""]

    def follow(self, name: str, words: list[str]) -> None:
        """Do what a macro says."""
        if name in ("TH", "Dt") and words:
            self.title = words[0].lower() + (f"({words[1]})" if len(words) > 1 else "")
        elif name in ("SH", "SS", "Sh", "Ss"):
            level = 2 if name in ("SH", "Sh") else 3
            if words:
                self._head(level, " ".join(words))
            else:
                self._heading = level
        elif name in ("TP", "TQ", "IP", "It"):
            self.lines += [""] if name != "TQ" else []
            label = words[:1] if name == "IP" else words if name == "It" else []
            if label:
                self.lines.append(_spoken("It", label))
        elif name == "Nm":
            self._name = words[0] if words and not self._name else self._name
            self.say(" ".join(words) or self._name)
        elif name in _PARAGRAPHS:
            self.lines.append("")
        elif name not in _SILENT:
            self.say(_spoken(name, words))

    def _head(self, level: int, text: str) -> None:
        self._heading = 0
        self.lines += ["", f"{'#' * level} {' '.join(text.split())}", ""]


def _words(rest: str) -> list[str]:
    """The arguments of a macro, without fonts."""
    found = _WORD.finditer(_COMMENT.sub("", rest).replace("\\ ", "\u00a0"))
    return [
        _plain(quoted.replace('""', '"') if plain is None else plain)
        for quoted, plain in ((one[1], one[2]) for one in found)
    ]


def _spoken(name: str, words: list[str]) -> str:
    """The text of a macro with these arguments."""
    if name in _FONTS:
        return ("" if len(name) == 2 and name not in ("SM", "SB") else " ").join(words)
    if name in _QUOTED:
        return f"{_QUOTED[name][0]}{_spoken('It', words)}{_QUOTED[name][1]}"
    parts: list[str] = []
    flag = name == "Fl"
    for word in words:
        if word == "Fl":
            flag = True
        elif word not in _MDOC or name in _FONTS:
            parts.append(f"-{word}" if flag else word)
            flag = False
    return " ".join(parts)


_MDOC = frozenset(
    "Ar Cm Dv Em Er Ev Fa Fn Ic Li Nm Ns No Oc Oo Op Pa Pf Pq Sm Sy Va Xr Xo Xc Ta Ad".split()
)


def _plain(text: str) -> str:
    """Text without fonts and comments, its escapes as what they stand for."""
    if "\\" not in text:
        return text
    text = _FONT.sub("", _COMMENT.sub("", text))
    text = _NAMED.sub(lambda found: _SIGNS.get(next(filter(None, found.groups())), ""), text)
    return _ESCAPED.sub(
        lambda found: {"e": "\\", "-": "-", "~": " ", "t": "\t"}.get(found[1], found[1]), text
    )
