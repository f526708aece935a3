"""Build the wheels of all distributions, install each alone with its lowest and newest dependencies.

    make wheels

Every environment is new. "Lowest" pins each direct dependency, of the distribution and of rag-embed,
to the lower bound it declares; torch stays with the build of constraints.txt. In each environment a
few lines do the distribution's main job on a real store.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

import tomllib
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]

CORE = """
import tempfile
from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder

index = Index.create(tempfile.mkdtemp() + "/kb", encoder=HashEncoder())
index.add([Document("a", "The fox is red."), Document("b", "The sea is blue.")])
assert index.search("red foxes", k=1)[0].chunk.doc_id == "a"
"""

LANGCHAIN = (
    CORE
    + """
from langchain_rag_embed import RagEmbedRetriever, RagEmbedVectorStore

assert RagEmbedRetriever(index=index, k=1).invoke("red foxes")[0].page_content == "The fox is red."
store = RagEmbedVectorStore(embedding=HashEncoder())
[id] = store.add_texts(["The sea is blue."], [{"n": 1}])
assert store.similarity_search("sea", filter={"n": 1})[0].id == id
"""
)

LLAMA_INDEX = (
    CORE
    + """
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores import VectorStoreQuery
from llama_index.retrievers.rag_embed import RagEmbedRetriever, RagEmbedVectorStore

assert RagEmbedRetriever(index, k=1).retrieve("red foxes")[0].text == "The fox is red."
store = RagEmbedVectorStore(uri=tempfile.mkdtemp() + "/kb")
store.add([TextNode(id_="n", text="The sea is blue.", embedding=[1.0, 0.0])])
assert store.query(VectorStoreQuery(query_embedding=[1.0, 0.1])).ids == ["n"]
"""
)

DISTRIBUTIONS = {
    "rag-embed": (ROOT, CORE),
    "langchain-rag-embed": (ROOT / "integrations/langchain-rag-embed", LANGCHAIN),
    "llama-index-retrievers-rag-embed": (
        ROOT / "integrations/llama-index-retrievers-rag-embed",
        LLAMA_INDEX,
    ),
}


def run(*command: str | Path, cwd: Path | None = None) -> None:
    """Run a command; its output is shown when it fails."""
    done = subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}")


def built(name: str, folder: Path, to: Path) -> Path:
    """Build one wheel and check what is in it."""
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", to, folder)
    [wheel] = to.glob(f"{name.replace('-', '_')}-*.whl")
    files = zipfile.ZipFile(wheel).namelist()
    package = {"rag-embed": "rag_embed", "langchain-rag-embed": "langchain_rag_embed"}
    home = package.get(name, "llama_index/retrievers/rag_embed")
    strangers = [f for f in files if not f.startswith(home) and ".dist-info/" not in f]
    if strangers or f"{home}/py.typed" not in files:
        sys.exit(f"{wheel.name}: expected {home} with py.typed and nothing else, got {strangers}")
    return wheel


def lowest(*folders: Path) -> dict[str, str]:
    """Name -> lower bound of the direct dependencies."""
    bounds = {}
    for folder in folders:
        project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
        for requirement in project["dependencies"]:
            marker = Requirement(requirement).marker
            if marker is not None and not marker.evaluate():
                continue  # not for this Python
            match = re.fullmatch(r"([\w.-]+)>=([\d.]+).*", requirement)
            if match is None:
                sys.exit(f"{folder.name}: no lower bound in {requirement!r}")
            bounds[match[1]] = match[2]
    return {name: bound for name, bound in bounds.items() if name not in ("torch", "rag-embed")}


def installed(name: str, folder: Path, code: str, wheels: Path, *, low: bool) -> str:
    """Install into a new environment, run the code, return the versions that count."""
    with tempfile.TemporaryDirectory() as place:
        venv.create(place, with_pip=True)
        python = Path(place, "bin", "python")
        pins = (ROOT / "constraints.txt").read_text()
        if low:
            pins += "".join(f"{n}=={v}\n" for n, v in lowest(ROOT, folder).items())
        constraints = Path(place, "constraints.txt")
        constraints.write_text(pins)
        pip = [python, "-m", "pip", "install", "--quiet", "-c", constraints]
        run(*pip, "torch")
        run(*pip, "--find-links", wheels, name)
        run(python, "-m", "pip", "check")
        run(python, "-I", "-c", code, cwd=Path(place))
        show = (
            "from importlib.metadata import version; import sys; print(*map(version, sys.argv[1:]))"
        )
        names = [n for n in lowest(ROOT, folder) if n not in ("rich", "typer", "safetensors")]
        done = subprocess.run(
            [python, "-c", show, *names], capture_output=True, text=True, check=True
        )
        return ", ".join(f"{n} {v}" for n, v in zip(names, done.stdout.split(), strict=True))


def main() -> None:
    """Build and check all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=DISTRIBUTIONS, help="check one distribution")
    only = parser.parse_args().only
    with tempfile.TemporaryDirectory() as folder:
        wheels = Path(folder)
        for name, (source, _) in DISTRIBUTIONS.items():
            print(f"built {built(name, source, wheels).name}", flush=True)
        for name, (source, code) in DISTRIBUTIONS.items():
            if only not in (None, name):
                continue
            for low in (True, False):
                versions = installed(name, source, code, wheels, low=low)
                print(f"{name}, {'lowest' if low else 'newest'}: works with {versions}", flush=True)


if __name__ == "__main__":
    main()
