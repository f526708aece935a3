"""``rag-embed extend``: a model that reads longer texts, in a folder."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from rag_embed.cli.show import counted, emit, err, facts, out, without_pictures
from rag_embed.errors import BadInput, MissingExtra
from rag_embed.reading import read
from rag_embed.types import Document

if TYPE_CHECKING:
    from rag_embed.longcontext.probing import Probe


def extend(
    model: Annotated[str, typer.Argument(help="Name or folder of a sentence-transformers model.")],
    to: Annotated[
        Path, typer.Option(help="Folder for the extended model; it must be empty or not exist.")
    ],
    max_tokens: Annotated[int, typer.Option(help="Tokens that the model is to read.")] = 4096,
    method: Annotated[
        str,
        typer.Option(
            help="Method of extension; auto measures those that fit the model and takes the best."
        ),
    ] = "auto",
    scaling: Annotated[
        str,
        typer.Option(
            help="Scaling of attention logits: none, log-n, or a temperature such as 0.9."
        ),
    ] = "none",
    trained_tokens: Annotated[
        int | None,
        typer.Option(
            help="Tokens that the model was trained on.", show_default="those it has positions for"
        ),
    ] = None,
    bake: Annotated[
        bool, typer.Option("--bake", help="Write a model that is loaded without rag-embed.")
    ] = False,
    tune: Annotated[
        Path | None,
        typer.Option(
            help="File or folder of long texts to train the new position rows on; implies --bake."
        ),
    ] = None,
    documents: Annotated[
        int,
        typer.Option(help="Documents of each length and kind in the measurement of auto, 2 to 8."),
    ] = 8,
    plot: Annotated[
        Path | None, typer.Option(help="File for a picture of the measurement, .png or .svg.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Make a model read texts longer than it was trained on; without training, unless --tune."""
    if tune is not None and scaling != "none":
        raise BadInput("--tune leaves a plain model, which cannot scale logits; drop --scaling.")
    if plot is not None and method != "auto":
        raise BadInput("--plot shows the measurement of --method auto; leave one of them out.")
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise BadInput(f"{str(to)!r} is there and not empty; choose another folder.")
    from rag_embed.encoders.sentence import SentenceEncoder
    from rag_embed.longcontext import extending, saving
    from rag_embed.longcontext.probing import probe
    from rag_embed.training.positions import tune_positions

    base = SentenceEncoder(model).model
    report: dict[str, Any] = {"model": model, "folder": str(to)}
    chosen: Any = method
    if method == "auto":
        err.print("measuring which method reads far with this model ...")
        found = probe(
            base,
            max_tokens,
            scaling=_scaling(scaling),
            trained_tokens=trained_tokens,
            documents=documents,
        )
        chosen = found.best
        report["probe"] = [asdict(row) for row in found.rows]
        if not as_json:
            out.print(Text(str(found)), soft_wrap=True)
        if plot is not None:
            _draw(found, plot)
    if tune is None:
        long = extending.extend(
            base, max_tokens, chosen, scaling=_scaling(scaling), trained_tokens=trained_tokens
        )
    else:
        texts = [one.text for one in read(tune) if isinstance(one, Document)]
        with counted("tuning", "steps") as progress:
            long = tune_positions(
                base,
                max_tokens,
                texts,
                start=chosen,
                trained_tokens=trained_tokens,
                progress=progress,
            )
        report["tuned_on"] = str(tune)
    bake = bake or tune is not None
    (saving.bake if bake else saving.save)(long, to)
    report |= {"method": chosen, "max_tokens": max_tokens, "scaling": scaling, "baked": bake}
    if as_json:
        emit(report)
    else:
        out.print(facts(str(to), {k: v for k, v in report.items() if k not in ("probe", "folder")}))


def _draw(found: Probe, to: Path) -> None:
    """The picture of a measurement; without matplotlib a note, as the model is still to be made."""
    try:
        found.figure().savefig(to)
    except MissingExtra as missing:
        without_pictures(missing)


def _scaling(text: str) -> Any:  # noqa: ANN401
    """A temperature where it is a number; `Extension` judges the rest."""
    try:
        return float(text)
    except ValueError:
        return text
