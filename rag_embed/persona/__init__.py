"""Persona-Plug: a user's history as a soft prompt of a frozen language model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rag_embed.lazy import lazily

if TYPE_CHECKING:
    from rag_embed.persona.plug import PersonaPlug
    from rag_embed.persona.pooling import PersonaPooling
    from rag_embed.persona.prompts import PersonaPrompt
    from rag_embed.persona.training import Schedule

_HOMES = {
    "PersonaPlug": "persona.plug",
    "PersonaPooling": "persona.pooling",
    "PersonaPrompt": "persona.prompts",
    "Schedule": "persona.training",
}

__all__ = ["PersonaPlug", "PersonaPooling", "PersonaPrompt", "Schedule"]

__getattr__ = lazily(__name__, _HOMES)
