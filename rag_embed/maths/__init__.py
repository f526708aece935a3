"""Pure numpy: no models, no disks, no state. Property-tested."""

from rag_embed.maths.moments import Moments
from rag_embed.maths.vectors import unit

__all__ = ["Moments", "unit"]
