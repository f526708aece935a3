"""Any ``str`` made one that can be encoded and stored."""


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
