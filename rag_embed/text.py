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
