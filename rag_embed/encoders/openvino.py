"""The same weights through OpenVINO on a CPU: several times faster, and started without torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from tokenizers import Encoding

from rag_embed.encoders.batching import Seen, encoded_once
from rag_embed.encoders.conversion import faithful_runner
from rag_embed.encoders.layout import Layout
from rag_embed.encoders.minilm import DEFAULT
from rag_embed.encoders.models import prompt_of, recipe, resolve
from rag_embed.encoders.precision import Precision, check_precision
from rag_embed.encoders.prompted import Prompted
from rag_embed.encoders.recipe import Recipe
from rag_embed.encoders.remade import Remade
from rag_embed.encoders.token_outputs import with_tokens
from rag_embed.encoders.tokens import Tokens
from rag_embed.maths.vectors import unit
from rag_embed.types import Signature, TokenRows, Vectors

T = TypeVar("T")

_BUDGET = 2048


class OpenVINOEncoder(Prompted, Remade):
    """A sentence-transformers model on the CPU, its vectors those of torch.

    The model is converted once, compared with torch on texts of many kinds (`conversion`), and kept
    in the cache folder under the hash of its weights; from then on torch is not imported. Vectors
    live in the space of a `SentenceEncoder` of the same model. Safe to use from several threads.

    Args:
        model: Name or path; see `models.resolve`.
        query_prompt: Put before queries; the model's own ``query`` prompt by default.
        document_prompt: Put before documents; the model's own ``document`` prompt by default.
        token_budget: Padded tokens per batch.
        precision: ``"auto"``: bf16 on CPUs that compute in it and f32 on others; or ``"f32"``, ``"bf16"``, or
            ``"int8"``: weights in eight bits, quicker than f32 and near it.

    Raises:
        ModelUnavailable: The model cannot be found.
        UnsupportedModel: It is more than a transformer with mean or first-token pooling.
        UnfaithfulEncoder: Its vectors are not those of torch.
    """

    def __init__(
        self,
        model: str = DEFAULT,
        *,
        query_prompt: str | None = None,
        document_prompt: str | None = None,
        token_budget: int = _BUDGET,
        precision: Precision = "auto",
    ) -> None:
        check_precision(precision)
        files = resolve(model)
        layout = Layout.of(files)
        self.tokens = Tokens.of(layout)
        prompts = {"query_prompt": query_prompt, "document_prompt": document_prompt}
        asked = None if precision == "auto" else precision
        self._recipe = partial(recipe, files, **prompts, precision=asked)
        self._runner, self.precision = faithful_runner(files, layout, precision, token_budget)
        self.signature = Signature(
            model=files.name,
            weights=files.weights,
            dim=min(layout.kept or layout.dim, layout.dim),
            max_tokens=layout.max_tokens,
            pooling=layout.pooling,
            query_prompt=prompt_of(layout.prompts, "query", query_prompt),
            document_prompt=prompt_of(layout.prompts, "document", document_prompt),
        )

    @property
    def recipe(self) -> Recipe:
        """How it is made again; see `encoders.recipe`."""
        return self._recipe()

    def _encode_tokens(
        self, texts: Sequence[str], prompt: str, keep: Callable[[TokenRows], T]
    ) -> tuple[Vectors, list[T]]:
        dim = self.signature.dim

        def forward(_: list[str], encodings: list[Encoding], seen: Seen) -> Vectors:
            ids = [encoding.ids for encoding in encodings]
            return self._kept(self._runner.rows(ids, lambda i, states: seen(i, states[:, :dim])))

        return with_tokens(texts, prompt, self.tokens, forward, keep)

    def _encode(self, texts: Sequence[str], prompt: str) -> Vectors:
        def encode(distinct: list[str]) -> Vectors:
            ids = self.tokens.ids([prompt + text for text in distinct])
            return self._kept(self._runner.rows(ids))

        return encoded_once(texts, self.signature.dim, encode)

    def _kept(self, rows: Vectors) -> Vectors:
        """The first numbers of each row, where a model is cut short; of length 1 again."""
        return rows if rows.shape[1] == self.signature.dim else unit(rows[:, : self.signature.dim])
