"""`Extension`: what was done to a model, as data. Loads neither torch nor a model."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from rag_embed.arguments import set_counts
from rag_embed.errors import BadInput, ModelUnavailable

Method: TypeAlias = Literal[
    "recurrent", "grouped", "interpolated", "dynamic", "ntk", "linear", "yarn", "self-extend"
]
"""How positions beyond the trained ones are read; see `extend`."""

MAPS = ("recurrent", "grouped", "interpolated")
"""Methods for positions of either kind."""

STATIC = ("ntk", "linear", "yarn")
"""Methods that are an entry in the configuration, and change vectors of short texts too."""

Scaling: TypeAlias = Literal["none", "log-n"] | float
"""What attention logits are multiplied by: nothing, `maths.positions.log_n`, or one over this
temperature."""

SIDE_FILE = "long_context.json"
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Extension:
    """How a model reads texts longer than it was trained on.

    Attributes:
        method: How positions are read.
        max_tokens: Tokens that are read at most, special tokens included.
        trained_tokens: Tokens the model was trained on. A shorter text is encoded as ever, unless
            the method is static or there is a temperature.
        scaling: Of attention logits.
        baked: The checkpoint itself was changed; nothing is left to be done when it is loaded.

    Raises:
        BadInput: A value is out of range.
    """

    method: Method
    max_tokens: int
    trained_tokens: int
    scaling: Scaling = "none"
    baked: bool = False

    def __post_init__(self) -> None:
        set_counts(self, 1, "trained_tokens", "max_tokens")
        if self.method not in get_args(Method):
            raise BadInput(f"method must be one of {list(get_args(Method))}, got {self.method!r}.")
        if not 1 < self.trained_tokens < self.max_tokens:
            raise BadInput(
                f"Expected 1 < trained_tokens < max_tokens, got {self.trained_tokens} and "
                f"{self.max_tokens}. A model reads what it was trained on as it is: set "
                "model.max_seq_length for that."
            )
        if isinstance(self.scaling, str):
            valid = self.scaling in ("none", "log-n")
        else:
            valid = 0.0 < self.scaling <= 2.0
        if not valid:
            raise BadInput(
                "scaling must be 'none', 'log-n' or a temperature in (0, 2], such as 0.9; got "
                f"{self.scaling!r}."
            )

    @property
    def keeps_short_texts(self) -> bool:
        """Whether texts of the trained length are encoded as the model itself does it."""
        return self.method not in STATIC and isinstance(self.scaling, str)

    @property
    def scale(self) -> int:
        """``max_tokens`` over ``trained_tokens``, rounded up."""
        return -(-self.max_tokens // self.trained_tokens)

    @property
    def digest(self) -> str:
        """sha256 (hex) of all of it: spaces of different extensions must not be mixed."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """For the side file."""
        return json.dumps({"format": _FORMAT, **asdict(self)}, indent=2, sort_keys=True)

    @classmethod
    def beside(cls, folder: Path) -> Extension | None:
        """The extension that was saved with a model, if any.

        Raises:
            ModelUnavailable: The side file cannot be understood.
        """
        path = folder / SIDE_FILE
        if not path.is_file():
            return None
        try:
            values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            found = values.pop("format")
            if found != _FORMAT:
                raise BadInput(f"its format is {found!r}, known is {_FORMAT}")
            return cls(**values)
        except (RecursionError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise ModelUnavailable(
                f"{path} says how the model was extended, but cannot be read ({error}). Extend the "
                "model again, or use the version of rag_embed that saved it."
            ) from error
