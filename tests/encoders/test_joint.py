"""Query and text are read together and compared by what stands for each."""

from __future__ import annotations

import pytest
import torch

from rag_embed.encoders.joint import JointCosine

START, END, PAD = 1, 2, 0


@pytest.mark.parametrize("between", [[END], [END, END]], ids=["one end", "two ends"])
def test_the_first_end_parts_query_and_text(between) -> None:
    """As BERT and as RoBERTa put pairs together; what fills a row counts nowhere."""
    ids = torch.tensor([[START, 7, *between, 8, 9, END, PAD]])
    tokens = torch.randn(*ids.shape, 4, generator=torch.Generator().manual_seed(0))
    features = {"input_ids": ids, "attention_mask": ids != PAD, "token_embeddings": tokens}
    features["attention_mask"] = features["attention_mask"].long()
    found = JointCosine(END)(features)["scores"]
    query, text = tokens[0, :3].mean(0), tokens[0, 3:-1].mean(0)
    assert found.shape == (1, 1)
    assert found.item() == pytest.approx(torch.cosine_similarity(query, text, dim=0).item())
