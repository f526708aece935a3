"""Three ways to read a document that is longer than the model reads, side by side.

    python examples/long_documents.py

A pass key is hidden in each of a few documents of about 1,500 tokens; the default model reads 256.
"""

from __future__ import annotations

from rag_embed import Document, Index, encoders
from rag_embed.encoders import SentenceEncoder
from rag_embed.longcontext import BestChunks, extend, passkeys, windows
from rag_embed.protocols import Encoder
from rag_embed.ranking import Reranked
from rag_embed.types import Query


def main() -> None:
    stacks = passkeys(1500, 6)
    texts = [one.text for one in stacks]
    queries = [one.questions[0][0] for one in stacks]

    model = SentenceEncoder(device="cpu").model
    ways: dict[str, Encoder] = {
        "cut off": SentenceEncoder.wrap(model),
        "one long text": SentenceEncoder.wrap(extend(model, 2048, "recurrent")),
        "mean of windows": windows(encoders.load(), 200, overlap=100),
    }
    for name, encoder in ways.items():
        nearest = (encoder.encode_query(queries) @ encoder.encode_document(texts).T).argmax(axis=1)
        print(f"{name}: {sum(nearest == range(len(texts)))} of {len(texts)} documents found")

    index = Index.in_memory(chunk_tokens=200, chunk_overlap=100)
    index.add([Document(str(i), text) for i, text in enumerate(texts)])
    retriever = Reranked(index.retriever, BestChunks(), depth=400, spread=False)
    hits = retriever.retrieve([Query(query, k=1, group_by="document") for query in queries])
    right = sum(some[0].chunk.doc_id == str(i) for i, some in enumerate(hits))
    print(f"an index of chunks: {right} of {len(texts)} documents found")


if __name__ == "__main__":
    main()
