"""Which expert answers which query: pilots, the router made of them, experts and their cards."""

from rag_embed.routing.pilots import Pilots
from rag_embed.routing.router import Paper, PilotRouter, Soft
from rag_embed.routing.storage import load_router, save_router

__all__ = ["Paper", "PilotRouter", "Pilots", "Soft", "load_router", "save_router"]
