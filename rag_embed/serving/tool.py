"""A tool that a model is offered: what it takes, what it gives, and how it fails."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rag_embed.serving.parameters import Parameter, Refused, arguments, schema_of
from rag_embed.types import Chunk

_log = logging.getLogger(__name__)

FAILED = "The index cannot answer just now. The log of the server says why."
"""What a caller is told of an error that is not its own."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool gives.

    Attributes:
        text: For the model: short, with citations.
        data: The same for a program; fits the tool's ``gives``. Empty for an error.
        failed: Whether it is an error, told in ``text``.
        chunks: What is quoted, for a program in this process: with all metadata, which ``data`` has not.
    """

    text: str
    data: Mapping[str, Any] = field(default_factory=dict, hash=False)
    failed: bool = False
    chunks: tuple[Chunk, ...] = ()

    @property
    def quoted(self) -> list[tuple[Chunk, float | None]]:
        """What is quoted, each with its relevance; None where nothing was searched, as by ``read``."""
        said = self.data.get("passages", [self.data] * len(self.chunks))
        found = zip(self.chunks, said, strict=True)
        return [(chunk, one.get("relevance")) for chunk, one in found]


@dataclass(frozen=True, slots=True)
class Tool:
    """One thing that can be asked of a library. It reads, and writes nothing.

    Attributes:
        name: Its name, a verb.
        about: When and how to use it, for the model.
        takes: Its arguments by name.
        gives: JSON Schema of ``Answer.data``.
        run: Answers checked arguments.
    """

    name: str
    about: str
    takes: Mapping[str, Parameter] = field(hash=False)
    gives: Mapping[str, Any] = field(hash=False)
    run: Callable[[Mapping[str, Any]], Answer]

    @property
    def schema(self) -> dict[str, Any]:
        """JSON Schema of the arguments."""
        return schema_of(self.takes)

    def call(self, given: Mapping[str, object]) -> Answer:
        """The answer; an error is an answer too, in words for the caller.

        Args:
            given: Arguments as they came from a model: nothing about them is trusted.
        """
        try:
            return self.run(arguments(self.name, self.takes, given))
        except Refused as error:
            return Answer(str(error), failed=True)
        except (
            Exception
        ):  # what went wrong in here may hold paths or texts, and is not the caller's
            _log.exception("%s failed", self.name)
            return Answer(FAILED, failed=True)
