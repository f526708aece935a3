"""Any ``str`` made one that can be encoded and stored."""

import re

_UNUSABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
ACTING = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\U000e0000-\U000e007f]"
)
"""Characters that act on a terminal or hide from a reader; see `printable`."""

_BYTES = range(0xDC80, 0xDD00)
"""What Python makes of the bytes of a file's name that are no text."""


def unusable(name: str) -> str | None:
    r"""The first character that a name must not hold: a control character, or half of a surrogate pair.

    Examples:
        >>> unusable("at 9.41\u202fAM.txt"), unusable("two\nlines")
        (None, '\n')
    """
    found = _UNUSABLE.search(name)
    return found[0] if found else None


def shown(name: str) -> str:
    r"""A name that can be printed: characters that it must not hold are spelt out.

    Examples:
        >>> print(shown("two\nlines"))
        two\nlines
    """
    return _UNUSABLE.sub(_spelt, name)


def _spelt(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code - 0xDC00:02x}" if code in _BYTES else ascii(found[0])[1:-1]


def printable(text: str) -> str:
    r"""A text that a terminal or a model can be shown: what would act on it is spelt out.

    That is control characters but for new lines and tabs, halves of surrogate pairs, and marks that turn
    the direction of writing or hide letters; what a terminal shows is then what the text holds.

    Examples:
        >>> print(printable("\x1b[2Jgone\nfa\u202egpj.exe"))
        \x1b[2Jgone
        fa\u202egpj.exe
    """
    return ACTING.sub(_spelt, text.replace("\r\n", "\n"))


def amount(number: int, noun: str) -> str:
    """A count with its noun, in the right number.

    Args:
        number: How many.
        noun: For one of them, regular in English.

    Examples:
        >>> amount(1, "document"), amount(0, "query"), amount(2000, "copy")
        ('1 document', '0 queries', '2000 copies')
    """
    if number == 1:
        return f"1 {noun}"
    many = f"{noun[:-1]}ies" if noun[-1] == "y" and noun[-2] not in "aeiou" else f"{noun}s"
    return f"{number} {many}"


def storable(text: str) -> str:
    r"""Lone surrogates, which cannot be encoded, become U+FFFD; offsets stay.

    Examples:
        >>> storable("a\ud800b") == "a\ufffdb"
        True
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= letter <= "\udfff" else letter for letter in text)
    return text


def word_around(text: str, start: int, end: int) -> tuple[int, int]:
    """The letters and digits on both sides of a token, and the token: the word that it is part of.

    Examples:
        >>> word_around("the retriever's", 7, 10)
        (4, 13)
    """
    while start and text[start - 1].isalnum():
        start -= 1
    while end < len(text) and text[end].isalnum():
        end += 1
    return start, end
