"""Losses over scores. Scores are cosines; a loss divides them by its temperature.

Every loss returns one number per row, so that a batch can be computed in parts.
"""

from __future__ import annotations

import torch

_NEVER = torch.finfo(torch.float32).min / 2


def softmax_loss(
    scores: torch.Tensor,
    right: torch.Tensor,
    ignored: torch.Tensor | None = None,
    *,
    temperature: float = 0.05,
) -> torch.Tensor:
    """How surprised a softmax over all candidates is that any right one is right.

    ``logsumexp(all) - logsumexp(right)``: the marginal likelihood of the right ones, so that one
    of several is enough. With one right candidate per row this is InfoNCE (van den Oord et al.
    2018); over a whole corpus nothing is sampled.

    Args:
        scores: ``(b, n)``.
        right: ``(b, n)`` bool, at least one per row.
        ignored: ``(b, n)`` bool: neither right nor wrong.
        temperature: Small makes the hardest wrong candidates count.

    Returns:
        ``(b,)``, >= 0.

    Examples:
        >>> equal = torch.zeros(1, 4)
        >>> loss = softmax_loss(equal, torch.tensor([[True, False, False, False]]))
        >>> round(loss.exp().item(), 3)
        4.0
    """
    logits = scores / temperature
    if ignored is not None:
        logits = logits.masked_fill(ignored & ~right, _NEVER)
    found = torch.logsumexp(logits.masked_fill(~right, _NEVER), dim=1)
    return torch.logsumexp(logits, dim=1) - found


def false_negatives(
    guide: torch.Tensor, right: torch.Tensor, *, margin: float = 0.0
) -> torch.Tensor:
    """Candidates that a guide holds for at least as relevant as the right one.

    Solatorio, GISTEmbed (2024): a candidate whose guided score exceeds that of the pair itself is
    taken out of the negatives.

    Args:
        guide: ``(b, n)`` scores of the guide.
        right: ``(b, n)`` bool.
        margin: Keep only candidates that are more than this below the right one.

    Returns:
        ``(b, n)`` bool, False for the right ones themselves.

    Examples:
        >>> guide = torch.tensor([[0.5, 0.9, 0.2]])
        >>> false_negatives(guide, torch.tensor([[True, False, False]])).tolist()
        [[False, True, False]]
    """
    best = guide.masked_fill(~right, _NEVER).max(dim=1, keepdim=True).values
    return (guide > best - margin) & ~right


def insent_loss(
    scores: torch.Tensor,
    right: torch.Tensor,
    same: torch.Tensor,
    *,
    weight: float = 0.5,
    temperature: float = 0.05,
) -> torch.Tensor:
    """``weight`` x the loss within the document + ``1 - weight`` x the loss against other documents.

    InSeNT (Conti et al., Context is Gold to find the Gold Passage, 2025): negatives of the same
    sequence teach a contextual vector to keep its content, those of others to carry its document.

    Args:
        scores: ``(b, n)``.
        right: ``(b, n)`` bool, at least one per row.
        same: ``(b, n)`` bool: candidates of the right one's document.
        weight: Of the loss within the document, in [0, 1].
        temperature: As in `softmax_loss`.

    Returns:
        ``(b,)``.
    """
    within = softmax_loss(scores, right, ~same, temperature=temperature)
    across = softmax_loss(scores, right, same, temperature=temperature)
    return weight * within + (1.0 - weight) * across


def margin_loss(
    scores: torch.Tensor, right: torch.Tensor, *, margin: float = 0.1, ignored: torch.Tensor
) -> torch.Tensor:
    """Mean over the wrong candidates of ``max(0, margin + score - score of the right one)``.

    The objective of SitEmb-v1 (2025), where the score is that of a chunk's own vector plus what its
    document adds; the best right one counts.

    Args:
        scores: ``(b, n)``.
        right: ``(b, n)`` bool, at least one per row.
        margin: By how much the right one should lead.
        ignored: ``(b, n)`` bool: neither right nor wrong.

    Returns:
        ``(b,)``, >= 0.

    Examples:
        >>> scores, right = torch.tensor([[0.5, 0.45, 0.1]]), torch.tensor([[True, False, False]])
        >>> loss = margin_loss(scores, right, ignored=torch.zeros_like(right))
        >>> round(loss.item(), 3)
        0.025
    """
    wrong = ~right & ~ignored
    best = scores.masked_fill(~right, _NEVER).max(dim=1, keepdim=True).values
    excess = torch.relu(margin + scores - best) * wrong
    return excess.sum(dim=1) / wrong.sum(dim=1).clamp(min=1)


def pull(rows: torch.Tensor, towards: torch.Tensor) -> torch.Tensor:
    """``1 - cosine`` of unit rows ``(b, dim)`` to where they came from; ``(b,)``."""
    return 1.0 - (rows * towards).sum(dim=1)
