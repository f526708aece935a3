"""From queries to ranked hits: legs that score, fusion, relevance, diversity."""

from rag_embed.ranking.best_chunks import BestChunks
from rag_embed.ranking.excerpts import Excerpts, excerpt
from rag_embed.ranking.foreign_leg import ForeignLeg, Found
from rag_embed.ranking.hybrid import POOL, Hybrid
from rag_embed.ranking.joining import Passage, cover, passages
from rag_embed.ranking.legs import DenseLeg, LexicalLeg
from rag_embed.ranking.multivector import MaxSimReranker, StoredMaxSimReranker
from rag_embed.ranking.neighbours import Neighbours
from rag_embed.ranking.relevance import Calibration, default
from rag_embed.ranking.rerank import Reranked, stored_rows
from rag_embed.ranking.rerankers import FunctionReranker, scores_of_order
from rag_embed.ranking.retriever_leg import RetrieverLeg
from rag_embed.ranking.token_evidence import TokenStage
from rag_embed.ranking.visibility import readable
from rag_embed.ranking.weights import WEIGHTS

__all__ = [
    "BestChunks",
    "Calibration",
    "DenseLeg",
    "Excerpts",
    "ForeignLeg",
    "Found",
    "FunctionReranker",
    "Hybrid",
    "LexicalLeg",
    "MaxSimReranker",
    "Neighbours",
    "POOL",
    "Passage",
    "Reranked",
    "RetrieverLeg",
    "StoredMaxSimReranker",
    "TokenStage",
    "WEIGHTS",
    "cover",
    "default",
    "excerpt",
    "passages",
    "readable",
    "scores_of_order",
    "stored_rows",
]
