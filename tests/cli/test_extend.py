"""`rag-embed extend`."""

from __future__ import annotations

import sys

import pytest
from longcontext.tiny_models import build, text

from rag_embed.encoders import SentenceEncoder
from rag_embed.longcontext import extension_of, load


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bert")
    build(folder, "bert").save_pretrained(str(folder / "model"))
    return folder / "model"


def test_a_named_method_is_saved(run, folder, tmp_path) -> None:
    options = ("--max-tokens", 128, "--method", "grouped", "--scaling", "log-n")
    done = run("extend", folder, "--to", tmp_path / "long", *options)
    assert done.code == 0 and "grouped" in done.out
    long = load(tmp_path / "long")
    found = extension_of(long)
    assert (found.method, found.max_tokens, found.scaling) == ("grouped", 128, "log-n")
    assert long.encode(text(128)).shape == (32,)


def test_auto_shows_what_it_measured(run, folder, tmp_path) -> None:
    options = ("--max-tokens", 100, "--documents", 2, "--plot", tmp_path / "probe.png")
    done = run("extend", folder, "--to", tmp_path / "long", *options)
    assert done.code == 0 and "<- best" in done.out and "cut off" in done.out
    assert (tmp_path / "probe.png").read_bytes().startswith(b"\x89PNG")
    report = run("extend", folder, "--to", tmp_path / "two", *options[:4], "--json").json
    assert {row["method"] for row in report["probe"]} == {
        "cut off",
        "recurrent",
        "grouped",
        "interpolated",
    }
    assert {row["tokens"] for row in report["probe"]} == {64, 100}
    assert extension_of(load(tmp_path / "two")).method == report["method"]


def test_without_matplotlib_the_model_is_made_all_the_same(
    run, folder, tmp_path, monkeypatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    options = ("--max-tokens", 100, "--documents", 2, "--plot", tmp_path / "probe.png")
    done = run("extend", folder, "--to", tmp_path / "long", *options)
    assert done.code == 0 and "<- best" in done.out and "[plots]" in done.err
    assert extension_of(load(tmp_path / "long")).max_tokens == 100
    assert not (tmp_path / "probe.png").exists()


def test_baked(run, folder, tmp_path) -> None:
    options = ("--max-tokens", 128, "--method", "recurrent", "--bake")
    assert run("extend", folder, "--to", tmp_path / "long", *options).code == 0
    assert extension_of(load(tmp_path / "long")).baked


def test_tuned_on_texts(run, folder, tmp_path) -> None:
    texts = tmp_path / "texts"
    texts.mkdir()
    for i in range(8):
        words = text(130, i).split()
        sentences = [" ".join(words[at : at + 8]) for at in range(0, 128, 8)]
        (texts / f"{i}.txt").write_text("".join(f"{one.capitalize()}. " for one in sentences))
    options = ("--max-tokens", 64, "--method", "recurrent", "--tune", texts)
    done = run("extend", folder, "--to", tmp_path / "long", *options, "--json")
    assert done.code == 0, done.err
    report = done.json
    assert report["baked"] and report["tuned_on"] == str(texts)
    long = load(tmp_path / "long")
    assert long.max_seq_length == 64 and extension_of(long).baked
    short = text(20)
    assert (long.encode(short) == load_plain(folder).encode(short)).all()


def load_plain(folder):
    return SentenceEncoder(str(folder), device="cpu").model


def test_what_does_not_fit(run, folder, tmp_path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    for options, says in (
        (("--to", tmp_path / "full"), "not empty"),
        (("--to", tmp_path / "x", "--method", "magic"), "method must be one of"),
        (("--to", tmp_path / "x", "--method", "ntk"), "rotary"),
        (("--to", tmp_path / "x", "--method", "grouped", "--plot", "p.png"), "--plot shows"),
        (("--to", tmp_path / "x", "--method", "grouped", "--scaling", "much"), "scaling must"),
        (("--to", tmp_path / "x", "--tune", tmp_path, "--scaling", "log-n"), "plain model"),
        (("--to", tmp_path / "x", "--method", "ntk", "--tune", tmp_path), "rotary"),
    ):
        done = run("extend", folder, *options)
        assert done.code == 1 and says in done.err.replace("\n", " "), options
    assert not (tmp_path / "x").exists()
