"""`RagEmbedNodeParser`: rag_embed's structure-aware splitting in an ingestion pipeline."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from llama_index.core.bridge.pydantic import ConfigDict, Field, model_validator
from llama_index.core.node_parser import NodeParser
from llama_index.core.node_parser.node_utils import build_nodes_from_splits, default_id_func
from llama_index.core.schema import BaseNode, TextNode
from llama_index.core.schema import Document as LlamaDocument
from llama_index.core.utils import get_tqdm_iterable
from llama_index.retrievers.rag_embed.documents import to_document
from llama_index.retrievers.rag_embed.models import loaded
from pydantic_core import PydanticCustomError

from rag_embed.arguments import check_keywords, check_named
from rag_embed.chunking import TokenSplitter
from rag_embed.encoders import DEFAULT, HashEncoder
from rag_embed.errors import BadInput
from rag_embed.types import Chunk


class RagEmbedNodeParser(NodeParser):
    """Cuts at headings, paragraphs, sentences - the best place that fits a token budget.

    Nodes have exact character offsets, their ``headings`` in the metadata (unless you have such a
    key), and ids made of document and offsets, so that ingesting again replaces them; an
    ``id_func`` of yours is used instead. Markdown and code are recognised by the metadata's
    ``format`` or ``file_name``, see `TokenSplitter` and `to_documents`. Metadata does not count
    for the budget.

    Attributes:
        chunk_tokens: Tokens per node at most; ``None`` keeps documents whole.
        chunk_overlap: Tokens, in whole sentences, repeated from the node before.
        model: The model whose tokens are counted; loaded at first use, once per process.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")
    chunk_tokens: int | None = Field(default=200, description="Tokens per node at most.")
    chunk_overlap: int = Field(default=0, description="Tokens repeated from the node before.")
    model: str | None = Field(default=None, description="Whose tokens are counted.")

    @classmethod
    def class_name(cls) -> str:
        """Name in serialised form."""
        return "RagEmbedNodeParser"

    @model_validator(mode="before")
    @classmethod
    def _known(cls, given: Any) -> Any:  # noqa: ANN401  # whatever pydantic is given
        check_keywords(cls.__name__, given, cls.model_fields)
        return given

    if not TYPE_CHECKING:  # a type checker reads the fields

        def __init__(self, *given: object, **options: Any) -> None:  # noqa: ANN401
            check_named("RagEmbedNodeParser", given, "chunk_tokens=200")
            super().__init__(**options)

    @model_validator(mode="after")
    def _in_range(self) -> RagEmbedNodeParser:
        try:
            TokenSplitter(HashEncoder(), self.chunk_tokens, self.chunk_overlap)
        except BadInput as error:  # told without the words of pydantic before it
            raise PydanticCustomError("rag_embed", "{told}", {"told": str(error)}) from error
        return self

    def _parse_nodes(
        self,
        nodes: Sequence[BaseNode],
        show_progress: bool = False,
        **others: Any,  # noqa: ANN401
    ) -> list[BaseNode]:
        self._check(others)
        splitter = TokenSplitter(
            loaded(self.model or DEFAULT), self.chunk_tokens, self.chunk_overlap
        )
        parsed: list[BaseNode] = []
        for node in get_tqdm_iterable(nodes, show_progress, "Parsing nodes"):
            chunks = splitter.split(to_document(node))
            parsed += self._nodes(node, chunks)
        return parsed

    async def _aparse_nodes(
        self,
        nodes: Sequence[BaseNode],
        show_progress: bool = False,
        **others: Any,  # noqa: ANN401
    ) -> list[BaseNode]:
        self._check(others)
        return await asyncio.to_thread(self._parse_nodes, nodes, show_progress)

    def _check(self, others: Mapping[str, Any]) -> None:
        """Options of the index or pipeline around it come here too; its own are set beforehand."""
        if own := sorted(others.keys() & type(self).model_fields.keys()):
            raise TypeError(
                f"Set {own} when you make the RagEmbedNodeParser, not when you call it."
            )

    def _nodes(self, source: BaseNode, chunks: Sequence[Chunk]) -> list[TextNode]:
        own = self.id_func is not default_id_func
        nodes = build_nodes_from_splits(
            [chunk.text for chunk in chunks],
            source,
            id_func=self.id_func if own else lambda i, _: chunks[i].id,
        )
        for node, chunk in zip(nodes, chunks, strict=True):
            node.start_char_idx, node.end_char_idx = chunk.start, chunk.end
            if chunk.headings and "headings" not in source.metadata:
                node.metadata["headings"] = list(chunk.headings)
        return nodes

    def _postprocess_parsed_nodes(
        self, nodes: list[BaseNode], parent_doc_map: dict[str, LlamaDocument]
    ) -> list[BaseNode]:
        """As the framework does, but the offsets stay: it would look for the text again."""
        places = [_place(node) for node in nodes]
        done: list[BaseNode] = super()._postprocess_parsed_nodes(nodes, parent_doc_map)
        for node, (start, end) in zip(done, places, strict=True):
            if isinstance(node, TextNode):
                node.start_char_idx, node.end_char_idx = start, end
        return done


def _place(node: BaseNode) -> tuple[int | None, int | None]:
    return (node.start_char_idx, node.end_char_idx) if isinstance(node, TextNode) else (None, None)
