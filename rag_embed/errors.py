"""Everything rag_embed raises on purpose.

    RagEmbedError
      BadInput           an argument is wrong (also a ValueError)
      MissingExtra       an optional dependency is not installed (also an ImportError)
      ModelUnavailable   a model cannot be found, or is not the one it claims to be
      SpaceMismatch      the encoder is not the one the index was built with
      StoreError         the index on disk is foreign, read-only, full or broken
        NoIndex          there is no index at that place
        IndexExists      there is one where a new one should be made
      UnsupportedModel   a fast encoder cannot run this kind of model; `SentenceEncoder` can
      UnfaithfulEncoder  a fast encoder does not reproduce the model it stands for

Each message says what was expected, what came, and what to do.
"""

from __future__ import annotations

import re

_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]{1,512}@")


class RagEmbedError(Exception):
    """Base of every error raised on purpose; what stands before the host of a URI is left out.

    Examples:
        >>> str(RagEmbedError("No index at 's3://key:secret@bucket/kb'."))
        "No index at 's3://...@bucket/kb'."
    """

    def __init__(self, *told: object) -> None:
        super().__init__(*(_CREDENTIALS.sub("...@", str(one)) for one in told))


class BadInput(RagEmbedError, ValueError):
    """An argument cannot be used as given; nothing was changed."""


def installing(extra: str) -> str:
    """The line that installs an extra, from where rag_embed itself was installed: a folder, a repository.

    Args:
        extra: Its name in ``pyproject.toml``.

    Returns:
        A line for a shell; in a folder such as a clone it names that folder, so that it holds anywhere.
        See the `direct URL <https://packaging.python.org/en/latest/specifications/direct-url/>`_ of a package.
    """
    import json
    from importlib.metadata import PackageNotFoundError, distribution
    from pathlib import Path
    from shlex import quote
    from urllib.request import url2pathname

    try:
        source = json.loads(distribution("rag-embed").read_text("direct_url.json") or "{}")
    except PackageNotFoundError:  # it runs where its source lies
        source = {"url": Path(__file__).parents[1].as_uri()}
    url = source.get("url", "")
    if url.startswith("file:"):
        folder = url2pathname(url.removeprefix("file:").removeprefix("//"))
        editable = "-e " if source.get("dir_info", {}).get("editable") else ""
        return f"pip install {editable}{quote(f'{folder}[{extra}]')}"
    commit = source.get("vcs_info", {})
    at = f"{commit['vcs']}+{url}@{commit['commit_id']}" if commit else url
    return f"pip install {quote(f'rag-embed[{extra}] @ {at}' if at else f'rag-embed[{extra}]')}"


class MissingExtra(RagEmbedError, ImportError):
    """An optional dependency is missing; the message holds the line that installs it."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package '{package}', which is not installed. "
            f"Install it with: {installing(extra)}"
        )


class ModelUnavailable(RagEmbedError):
    """A model cannot be loaded, or its weights are not the expected ones."""


class SpaceMismatch(RagEmbedError):
    """Vectors of two different spaces would be mixed."""


class StoreError(RagEmbedError):
    """The index cannot be read or written."""


class NoIndex(StoreError):
    """There is no index at that place.

    Args:
        what: What there is instead, a sentence without its end.
        remedy: What to do, in Python.

    Attributes:
        what: As given; a shell has a remedy of its own.
    """

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what, remedy)
        self.what = str(self.args[0])

    def __str__(self) -> str:
        return "; ".join(map(str, self.args)) + "."


class IndexExists(StoreError):
    """There is an index where a new one should be made."""


class UnsupportedModel(RagEmbedError):
    """A fast encoder cannot run this kind of model; `SentenceEncoder` can."""


class UnfaithfulEncoder(RagEmbedError):
    """A fast encoder's vectors differ too much from those of the model it stands for."""


_ADAPTERS = {
    "langchain_core": "langchain_rag_embed",
    "llama_index": "llama_index.retrievers.rag_embed",
}


def class_of(value: object) -> str:
    """The class of a value with its module, for messages: frameworks call their classes alike.

    Of a class of rag_embed the room is named, where one imports it from.

    Examples:
        >>> class_of("a"), class_of(BadInput())
        ('str', 'rag_embed.errors.BadInput')
    """
    return class_name(type(value))


def class_name(kind: type) -> str:
    """A class with its module, as `class_of` names it."""
    module = kind.__module__
    if module.startswith("rag_embed."):
        module = ".".join(module.split(".")[:2])
    return kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}"


def adapter_of(value: object) -> str | None:
    """The package that converts values of a framework; None for a value of none."""
    roots = [base.__module__.partition(".")[0] for base in type(value).__mro__]
    return next((_ADAPTERS[root] for root in roots if root in _ADAPTERS), None)


def belongs(value: object) -> str:
    """Where a document goes that came to the wrong door, as the last sentence of a message; or nothing.

    Examples:
        >>> belongs("a text")
        ''
    """
    if type(value).__module__.startswith("rag_embed."):
        return " rag_embed's own documents go to Index.add directly."
    adapter = adapter_of(value)
    return f" It is for {adapter}.to_documents." if adapter else ""


class NoContext(RagEmbedError):
    """A chunk that was to be encoded under a written context got none."""
