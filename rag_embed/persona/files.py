"""A trained Persona-Plug in a folder: safetensors and JSON, nothing that can run code.

    persona.json           what it was trained for; written last, so a folder with it is whole
    persona.safetensors    projector and instruction
    encoder/               the input encoder, as sentence-transformers saves it

The language model and the history encoder are not in it, but their identities are.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer

from rag_embed.encoders.models import resolve
from rag_embed.errors import ModelUnavailable, SpaceMismatch
from rag_embed.persona.network import Persona
from rag_embed.types import Signature

_FORMAT = 1
_ENCODER = "encoder."


@dataclass(frozen=True, slots=True)
class Trained:
    """What a persona was trained for and with.

    Attributes:
        history: The space of the history vectors.
        lm: `FrozenLM.fingerprint` of the language model.
        temperature: Of the attention.
        scale: See `Persona`.
        steps: Of training so far; 0 is untrained.
    """

    history: Signature
    lm: str
    temperature: float
    scale: float
    steps: int

    def check(self, history: Signature, lm: str) -> None:
        """That these are the history encoder and the language model it was trained with.

        Raises:
            SpaceMismatch: One of them is another.
        """
        if different := self.history.difference(history):
            raise SpaceMismatch(
                f"This PersonaPlug was trained with another history encoder (then, now): "
                f"{different}. Pass the encoder of {self.history.model!r}."
            )
        if self.lm != lm:
            raise SpaceMismatch(
                "This PersonaPlug was trained with another language model: the weights differ. A "
                "soft prompt means nothing to any other; pass that model or train again."
            )


def write(folder: Path, persona: Persona, trained: Trained) -> None:
    """Save a persona; an older one in the folder is replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "persona.json").unlink(missing_ok=True)
    persona.encoder.save(str(folder / "encoder"), create_model_card=False)
    own = {k: v for k, v in persona.state_dict().items() if not k.startswith(_ENCODER)}
    save_file({k: v.cpu().contiguous() for k, v in own.items()}, folder / "persona.safetensors")
    # JSON has no infinity, so the temperature goes as text.
    values = {"format": _FORMAT, **asdict(trained), "temperature": str(trained.temperature)}
    (folder / "persona.json").write_text(json.dumps(values, indent=2), encoding="utf-8")


def read(folder: Path) -> Trained:
    """What the persona in a folder was trained for.

    Raises:
        ModelUnavailable: There is no whole persona, or another version of rag_embed wrote it.
    """
    try:
        values: dict[str, Any] = json.loads((folder / "persona.json").read_text("utf-8"))
        found = values.pop("format")
        if found != _FORMAT:
            raise ModelUnavailable(
                f"{folder} has format {found}, this version of rag_embed reads {_FORMAT}."
            )
        values["history"] = Signature(**values["history"])
        return Trained(**{**values, "temperature": float(values["temperature"])})
    except (OSError, RecursionError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelUnavailable(
            f"{folder} holds no whole PersonaPlug ({type(error).__name__}: {error}); expected a "
            "folder that PersonaPlug.save wrote."
        ) from error


def read_encoder(folder: Path) -> SentenceTransformer:
    """The input encoder, on the CPU.

    Raises:
        ModelUnavailable: It is not there or cannot be loaded.
    """
    files = resolve(str(folder / "encoder"))
    try:
        return SentenceTransformer(str(files.path), device="cpu")
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise ModelUnavailable(f"{files.path} cannot be loaded: {error}") from error


def fill(folder: Path, persona: Persona) -> None:
    """Load projector and instruction.

    Raises:
        ModelUnavailable: They are missing, damaged or of another size.
    """
    path = folder / "persona.safetensors"
    try:
        own = load_file(path)
        kept = {k: v for k, v in persona.state_dict().items() if k.startswith(_ENCODER)}
        persona.load_state_dict({**kept, **own})
    except (OSError, SafetensorError, RuntimeError) as error:
        raise ModelUnavailable(f"{path} cannot be loaded: {error}") from error
