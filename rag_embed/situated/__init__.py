"""How much of its document a chunk's vector sees."""

from rag_embed.situated.derived import DocumentMean, Headed, Heading
from rag_embed.situated.described import Described, Writer, context_prompt, described
from rag_embed.situated.expressions import FULL, STANDARD, situated
from rag_embed.situated.late import Late
from rag_embed.situated.residual import Residual
from rag_embed.situated.space import TextSpace
from rag_embed.situated.summary import summary
from rag_embed.situated.titled import Isolated, Titled
from rag_embed.situated.trained import trained

__all__ = [
    "Described",
    "DocumentMean",
    "FULL",
    "Headed",
    "Heading",
    "Isolated",
    "Late",
    "Residual",
    "STANDARD",
    "TextSpace",
    "Titled",
    "Writer",
    "context_prompt",
    "described",
    "situated",
    "summary",
    "trained",
]
