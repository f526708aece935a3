# ruff: noqa: RUF001 - letters of many languages are meant
"""From the bytes of a file to its text: what the file says, then UTF-8, then a guess that is told."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

_BOMS = (  # UTF-32 before UTF-16: its mark starts with the same bytes
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARED = re.compile(rb"(?:coding|encoding|charset)[ \t]{0,9}[:=\s][\s\"']{0,9}([\w.:-]{2,40})")
_HEAD = 1024
_SNIFFED = 8192
_SAMPLED = 1 << 15
_NEWLINES = re.compile(r"\r\n?")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_CONTROLS = re.compile(r"[\x80-\x9f]")
_HIGH = re.compile(rb"[\x80-\xff]")
_LETTERS = re.compile(rb"[A-Za-z\x80-\xff]")
_UNREADABLE = "\ufffd"
_WIDE = re.compile(
    r"[\t\n\r -~\u00a0-\u024f\u0370-\u077f\u0900-\u0eff\u10a0-\u11ff\u1780-\u17ff\u1e00-\u1fff"
    r"\u2010-\u203e\u20ac\u2190-\u2193\u2460-\u2473\u25a0-\u25ff\u3000-\u30ff\u3105-\u312f\u4e00-\u9fff"
    r"\uac00-\ud7a3\uff01-\uff9f\U0001f300-\U0001faff]"
)
"""Characters that texts are made of; read in the wrong halves, a text is made of others too."""

_BETWEEN = re.compile(r"[ \n\u3000-\u3002\uff0c\uff0e]")
"""What parts words or sentences; no text goes on without."""

_FAR = 200
"""Characters between two of `_BETWEEN` on average, at most."""

_SEVEN_BIT = re.compile(rb"\x1b\$[@B]|\x1b\$\)C")
"""What switches to two-byte characters in ISO-2022-JP and ISO-2022-KR, whose bytes are those of ASCII."""

_FEW = 6
"""High bytes under which a guess at a script is none."""

_SCRIPTS = [
    "cp932", "euc_jp", "gb18030", "big5", "cp949", "cp1251", "koi8_r", "koi8_u", "cp866", "cp1253", "cp1255",
    "cp1256", "cp874", "cp1250", "cp1252", "cp1254", "cp1257",
]  # fmt: skip
"""What is asked of the detector: more would be taken for one another."""

_MULTIBYTE = frozenset({"cp932", "euc_jp", "gb18030", "big5", "cp949"})
_LATIN = (
    ("cp1252", "àâçéèêëîïôùûüÿœæ"),
    ("cp1252", "äöüßé"),
    ("cp1252", "áéíóúüñ¿¡ªº"),
    ("cp1252", "àáâãçéêíóôõú"),
    ("cp1252", "àèéìíòóù"),
    ("cp1252", "åäöæøéàáèêëïüóúý"),
    ("cp1252", "áéíóúýþæöð"),
    ("cp1250", "áčďéěíňóřšťúůýž"),
    ("iso8859_2", "áčďéěíňóřšťúůýž"),
    ("cp1250", "ąćęłńóśźż"),
    ("iso8859_2", "ąćęłńóśźż"),
    ("cp1250", "áéíóöőúüű"),
    ("cp1250", "áäčďéíĺľňóôŕšťúýž"),
    ("iso8859_2", "áäčďéíĺľňóôŕšťúýž"),
    ("cp1250", "čćđšž"),
    ("iso8859_2", "čćđšž"),
    ("cp1250", "ăâîşţ"),
    ("cp1254", "çğıöşüâîi̇"),
    ("cp1257", "ąčęėįšųūž"),
    ("cp1257", "āčēģīķļņšūž"),
    ("cp1257", "äõöüšž"),
)
"""Encoding, and the letters beyond ASCII of a language that is written in it; earlier ones win."""

_ANYWHERE = frozenset("“”„‘’‚–—…•·«»‹›€£§©®™°±²³µ×¹½¼¾\u00a0\u00ad")


class Decoded(NamedTuple):
    r"""The text of a file.

    Attributes:
        text: The text, with ``"\n"`` at line ends.
        encoding: What it was read with.
        guessed: Whether nothing in the file said so.
    """

    text: str
    encoding: str
    guessed: bool = False


def decode(raw: bytes, declared: str | None = None) -> Decoded | None:
    r"""The text of some bytes; None for bytes that are no text.

    A byte order mark decides; then UTF-8, where it fits; then ``declared``, or what the first lines
    declare; then UTF-8 with U+FFFD for a few bad bytes; then the best guess: by ``charset-normalizer`` for
    other scripts, by the letters of languages for Latin. UTF-16 without a mark is known by its NULs, and by
    the characters that its halves make; other bytes with a NUL are no text.

    Examples:
        >>> decode(b"caf\xc3\xa9\r\n").text, decode(b"caf\xe9")[1:], decode(b"\x00\x01")
        ('café\n', ('cp1252', True), None)
    """
    for mark, encoding in _BOMS:
        if raw.startswith(mark):
            text = _decoded(raw[len(mark) :], encoding)
            return None if text is None else Decoded(text, encoding)
    if b"\0" in raw[:_SNIFFED]:
        return _without_mark(raw) or _by_halves(raw)
    said = declared or _declaration(raw)
    if said is None and (switched := _switched(raw)) is not None:
        return switched
    sevenbit = said is not None and said.lower().replace("_", "-").startswith(("iso-2022", "hz"))
    for wanted in (said, "utf-8") if sevenbit else ("utf-8", said):
        if wanted and (text := _decoded(raw, wanted)) is not None:
            return Decoded(text, wanted.lower())
    if (text := _mended(raw)) is not None:
        return Decoded(text, "utf-8")
    return _guessed(raw)


def is_utf8(start: bytes, whole: bool = False) -> bool:
    r"""Whether the first bytes of a file are those of an UTF-8 text without control characters.

    Args:
        start: The bytes.
        whole: Whether they are all there are, so that no character may be cut off.

    Examples:
        >>> is_utf8("café".encode()[:-1]), is_utf8(b"\x89PNG"), is_utf8(b"a\x00b")
        (True, False, False)
    """
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(start, final=whole)
    except UnicodeDecodeError:
        return False
    return not _CONTROL.search(text)


def _decoded(raw: bytes, encoding: str) -> str | None:
    try:
        text = raw.decode(encoding)
        text.encode("utf-8")  # some codecs let half a surrogate pair through
    except (UnicodeError, LookupError):
        return None
    return _NEWLINES.sub("\n", text)


def _declaration(raw: bytes) -> str | None:
    """What an XML declaration, a coding comment or an ``@charset`` among the first lines says."""
    found = _DECLARED.search(raw[:_HEAD])
    return found.group(1).decode("ascii", "replace") if found else None


def _without_mark(raw: bytes) -> Decoded | None:
    """UTF-16 that does not say so: every NUL is the same half of a character, and all are assigned."""
    head = raw[: _SNIFFED * 2]
    halves = {at % 2 for at, byte in enumerate(head) if not byte}
    if len(halves) != 1 or len(raw) % 2:
        return None
    encoding = "utf-16-be" if halves == {0} else "utf-16-le"
    text = _decoded(raw, encoding)
    if text is None or _CONTROL.search(text):
        return None
    strange = any(unicodedata.category(one) in ("Cn", "Co") for one in text[:_SNIFFED])
    return None if strange else Decoded(text, encoding, guessed=True)


def _switched(raw: bytes) -> Decoded | None:
    """Seven-bit text that switches to Japanese or Korean and back."""
    found = _SEVEN_BIT.search(raw[:_SAMPLED])
    if found is None:
        return None
    encoding = "iso2022_kr" if found.group().endswith(b"C") else "iso2022_jp"
    text = _decoded(raw, encoding)
    return None if text is None else Decoded(text, encoding, guessed=True)


def _guessed(raw: bytes) -> Decoded | None:
    """What the best guess makes of bytes that are no UTF-8."""
    if _CONTROL.search(raw[:_SNIFFED].decode("latin-1")) and (wide := _by_halves(raw)):
        return wide
    for encoding in _guesses(raw):
        if (text := _decoded(raw, encoding)) is not None:
            return Decoded(text, encoding, guessed=True)
    return None


def _by_halves(raw: bytes) -> Decoded | None:
    """UTF-16 of a script whose characters have no half in common: as what nearly all are usual ones."""
    for encoding in ("utf-16-le", "utf-16-be") if len(raw) % 2 == 0 else ():
        text = _decoded(raw, encoding)
        if text is None or _CONTROL.search(text):
            continue
        head = text[:_SNIFFED]
        if len(_WIDE.findall(head)) < 0.97 * len(head):
            continue
        if len(_BETWEEN.findall(head)) * _FAR >= len(head):
            return Decoded(text, encoding, guessed=True)
    return None


def _mended(raw: bytes) -> str | None:
    """UTF-8 in which only a few bytes are wrong: one for three characters beyond ASCII that are right."""
    text = raw.decode("utf-8", "replace")
    bad = text.count(_UNREADABLE)
    good = sum(1 for one in text if one > "\x7f") - bad
    return _NEWLINES.sub("\n", text) if good >= 3 * bad else None


def _guesses(raw: bytes) -> Iterator[str]:
    from charset_normalizer import from_bytes

    sample = _sample(raw)
    high = len(_HIGH.findall(sample))
    share = high / max(1, len(_LETTERS.findall(sample)))
    if high >= _FEW:
        for match in from_bytes(sample, cp_isolation=_SCRIPTS):
            if match.encoding in _MULTIBYTE or (share > 0.25 and not _is_latin(match.encoding)):
                yield match.encoding
            break  # what is less likely is no better than a Latin alphabet
    yield from _latin(sample)
    yield "latin-1"


def _sample(raw: bytes) -> bytes:
    """The first lines with bytes that are not ASCII."""
    taken, size, start = [], 0, 0
    while size < _SAMPLED and (found := _HIGH.search(raw, start)):
        first = max(raw.rfind(b"\n", start, found.start()) + 1, start, found.start() - _HEAD)
        end = raw.find(b"\n", found.start())
        start = min(len(raw) if end < 0 else end + 1, found.start() + _SAMPLED)
        taken.append(raw[first:start])
        size += start - first
    return b"".join(taken)


def _is_latin(encoding: str) -> bool:
    return any(encoding == one for one, _ in _LATIN)


def _latin(sample: bytes) -> Iterator[str]:
    """Encodings of Latin alphabets, that of the language first whose letters these are."""
    scored: dict[str, float] = {}
    texts = {encoding: _decoded(sample, encoding) for encoding, _ in _LATIN}
    for encoding, letters in _LATIN:
        text = texts[encoding]
        if text is not None and not _CONTROLS.search(text):
            beyond = [one for one in text.lower() if one > "\x7f" and one not in _ANYWHERE]
            fit = sum(one in letters for one in beyond) / len(beyond) if beyond else 1.0
            scored[encoding] = max(fit, scored.get(encoding, 0.0))
    yield from sorted(scored, key=scored.__getitem__, reverse=True)
