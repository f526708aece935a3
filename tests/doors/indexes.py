"""One small index for everything that an index can be made of; each is made when it is first asked for."""

from __future__ import annotations

import os
import runpy
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

from tiny_adapters import TESTS, write_models

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder
from rag_embed.encoders.sitemb import SitEmb
from rag_embed.evaluation import Collection
from rag_embed.events import UserEvent
from rag_embed.indexing.installed import install
from rag_embed.indexing.personalisation import keep
from rag_embed.longcontext import extend, save, windows
from rag_embed.personal.setting import Setting
from rag_embed.ranking.relevance import Calibration
from rag_embed.routing.router import PilotRouter
from rag_embed.situated import described
from rag_embed.situated.expressions import STANDARD
from rag_embed.situated.trained import trained
from rag_embed.stores.lance import LanceStore
from rag_embed.tuning.pilots import learned

QUERY = "What does the fox do in winter?"

TEXTS = {
    "hunt": "The fox hunts mice under the snow all winter. It hears them from afar.",
    "den": "In winter a fox sleeps in its den. The vixen digs it in autumn.",
    "ski": "Fox Valley is a ski resort. The lifts run all winter.",
    "fund": "The Fox winter fund pays a dividend. Shares are traded in New York.",
    "mice": "Mice live under the snow in winter. Foxes hunt them.",
}
YEARS = {"hunt": 2018, "den": 2020, "ski": 2022, "fund": 2024, "mice": 2020}
DOCUMENTS = [
    Document(id, text, metadata={"year": YEARS[id], "day": f"{YEARS[id]}-03-01"})
    for id, text in TEXTS.items()
]
TITLED = [Document(id, text, title=f"About the {id}") for id, text in TEXTS.items()]
ASKED = {id: " ".join(text.split()[:4]) for id, text in TEXTS.items()}
LABELS = Collection("doors", tuple(DOCUMENTS), ASKED, {id: {id: 1} for id in ASKED})
SITEMB = str(TESTS / "encoders" / "test_sitemb.py")
CONFTEST = str(TESTS / "encoders" / "conftest.py")
CROSS = str(TESTS / "encoders" / "test_cross.py")


class Indexes:
    """Paths of indexes by name.

    Args:
        folder: Holds the models, and the indexes in ``kb``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = write_models(folder)

    def __getitem__(self, name: str) -> Path:
        path = self.folder / "kb" / name
        if not path.exists():
            before = Path.cwd()
            os.chdir(self.folder)  # what is named relative to it must be found from elsewhere
            try:
                MAKE[name](self, f"kb/{name}")
            finally:
                os.chdir(before)
        return path

    def copy(self, name: str, to: str | Path) -> Path:
        return Path(shutil.copytree(self[name], self.folder / to))

    @property
    def cross_encoder(self) -> Path:
        path = self.folder / "a-cross-encoder"
        if not path.exists():
            runpy.run_path(CROSS)["write_cross"](path, self.folder / "tiny")
        return path


Make = Callable[[Indexes, str], object]
"""Makes an index at a path, in the folder of the models."""


def _plain(**making) -> Make:
    making = {"chunk_tokens": 14, "fields": {"year": int, "day": date}, **making}

    def make(_: Indexes, path: str) -> None:
        index = Index.create(path, **making)
        own = Document("own", "Ann's fox sleeps on the sofa.", metadata={"year": 2023}, user="ann")
        pay = Document("pay", "The fox of hr, in winter.", metadata={"year": 2021}, readers=["hr"])
        index.add([*DOCUMENTS, own, pay])
        told = [UserEvent.of("ann", f"dividends of fund {n}") for n in range(3)]
        index.users.remember("ann", told)

    return make


def _tiny(situate: object = "isolated", **making) -> Make:
    making = {"encoder": "tiny", "chunk_tokens": 20, "tokens": False, **making}
    return lambda _, path: Index.create(path, situate=situate, **making).add(TITLED)


def _changed(base: str, *changes: Callable[[Index], object]) -> Make:
    def make(made: Indexes, path: str) -> None:
        index = Index.open(made.copy(base, path))
        for change in changes:
            change(index)

    return make


def _bent(setting: Setting) -> Callable[[Index], object]:
    return lambda index: keep(LanceStore.open(index.store.uri), setting)


def _routed(index: Index) -> None:
    pilots = learned(index.experts.hybrid(), index.spaces.own.signature, LABELS)
    install(LanceStore.open(index.store.uri), PilotRouter(pilots))


def _expert(index: Index) -> None:
    index.experts.add("law")


def _space(index: Index) -> None:
    index.experts.add_space("second", HashEncoder(48))


def _sparse(index: Index) -> None:
    if not Path("splade").exists():
        runpy.run_path(CONFTEST)["write_splade"](Path("splade"), Path("tiny"))
    index.experts.add_space("splade", "splade/sparse")


def _weigh(**weights: float) -> Callable[[Index], object]:
    return lambda index: index.experts.weigh(weights)


def _calibrated(index: Index) -> None:
    index.experts.calibrate(Calibration(2.0, 1.0, -1.0))


def _sitemb(made: Indexes, path: str) -> None:
    runpy.run_path(SITEMB)["write_checkpoint"](made.folder / "qwen3")
    _tiny(lambda _: SitEmb("qwen3", factor=0.25, group=2), tokens=None)(made, path)


def _extended(made: Indexes, path: str) -> None:
    save(extend("tiny", 128, "recurrent"), made.folder / "reads-on")
    _tiny(encoder="reads-on", chunk_tokens=120)(made, path)


def _windows(made: Indexes, path: str) -> None:
    _tiny(encoder=windows("tiny", 20, overlap=3), chunk_tokens=None)(made, path)


def _written(document: Document, chunk: object) -> str:
    return f"Of the {document.id}."


MAKE: dict[str, Make] = {
    "plain": _plain(),
    "no tokens": _plain(tokens=False),
    "long": _plain(chunk_tokens=6),
    "whole": _plain(chunk_tokens=None),
    "history": _changed("plain", _bent(Setting(2.0, prior=0.0))),
    "talk": _changed("plain", _bent(Setting(2.0, pooling="session", prior=0.0))),
    "routed": _changed("plain", _routed),
    "weighed": _changed("plain", _weigh(lexical=1.0)),
    "tiny": _tiny(),
    "calibrated": _changed("tiny", _calibrated),
    "expert": _changed("tiny", _expert, _weigh(dense=0.5, law=0.5)),
    "second space": _changed("tiny", _space, _weigh(dense=0.5, second=0.5)),
    "sparse space": _changed("tiny", _sparse, _weigh(lexical=0.2, splade=0.8)),
    "routed experts": _changed("tiny", _expert, _space, _routed),
    "standard": _tiny(STANDARD),
    "late": _tiny("titled+0.5*late(titled)"),
    "headed": _tiny("headed(isolated,1)"),
    "summary": _tiny("summary"),
    "trained": lambda made, path: _tiny(trained("late"), tokens=None)(made, path),
    "sitemb": _sitemb,
    "described": _tiny(described(_written, name="by hand")),
    "extended": _extended,
    "windows": _windows,
}
