"""Earlier turns of a conversation, as texts or as LangChain's messages."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage


def turns(previous: Any) -> Any:  # noqa: ANN401  # what is wrong with it, `rag_embed.Query` says
    """The texts of earlier turns: of messages the user's alone, as `rag_embed.Query` takes questions.

    Examples:
        >>> from langchain_core.messages import AIMessage
        >>> turns([HumanMessage("How long?"), AIMessage("Two years."), "And on mounts?"])
        ['How long?', 'And on mounts?']
    """
    if not isinstance(previous, list | tuple):
        return previous
    asked = (
        one for one in previous if not isinstance(one, BaseMessage) or isinstance(one, HumanMessage)
    )
    return [str(one.text) if isinstance(one, BaseMessage) else one for one in asked]
