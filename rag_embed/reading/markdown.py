"""A Markdown text parted into what it says and what it says of itself: one rule for every way in."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any, NamedTuple

from rag_embed.reading.front_matter import front_matter, title_of, values_of
from rag_embed.reading.titles import first_heading

MARKDOWN = (".md", ".markdown", ".mdx")
"""Suffixes of Markdown files."""


class Markdown(NamedTuple):
    """A Markdown text, parted.

    Attributes:
        text: The text without its front matter.
        title: What the front matter gives, else the first heading, else empty.
        metadata: Values of the front matter but the title, ``format``, and ``front_matter`` as it stands.
        front: The front matter as it stands, empty where there is none.
    """

    text: str
    title: str
    metadata: dict[str, Any]
    front: str


def markdown(text: str) -> Markdown:
    r"""Part a Markdown text from its front matter, YAML between ``---`` or TOML between ``+++``.

    Examples:
        >>> found = markdown("---\ntitle: Trips\nyear: 2024\n---\nTrains run.\n")
        >>> found.title, found.text, found.metadata["year"]
        ('Trips', 'Trains run.\n', 2024)
    """
    front, body = front_matter(text)
    values = {key: value for key, value in values_of(front).items() if key != "title"}
    own = {"format": "markdown", **({"front_matter": front} if front else {})}
    return Markdown(body, title_of(front) or first_heading(body), {**values, **own}, front)


def is_markdown(name: str) -> bool:
    """Whether the name of a file is that of Markdown.

    Examples:
        >>> is_markdown("notes/Travel.MD"), is_markdown("notes/travel.txt")
        (True, False)
    """
    return PurePath(name).suffix.lower() in MARKDOWN
