"""An index moves to another model: whose its documents are, their fields and their folders come along."""

from __future__ import annotations

import json

import pytest

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder


@pytest.fixture
def old(run, folder, tmp_path) -> str:
    """What a folder holds, and what users and groups own."""
    run("index", "handbook", "--to", "old", "--field", "year:int", "--field", "tags:list[str]")
    index = Index.open(tmp_path / "old")
    index.add(
        [
            Document("shared", "Foxes rise.", metadata={"year": 2024, "tags": ["hr"]}),
            Document("ann", "Ann asks for a rise.", "Rise", user="ann"),
            Document("pay", "Pay rises.", readers=["hr"]),
            Document("both", "Ann and the board.", user="ann", readers=["board"]),
        ]
    )
    return "old"


def rows(text: str) -> dict[str, dict[str, object]]:
    return {row["id"]: row for row in map(json.loads, text.splitlines())}


def test_everything_comes_along(run, old, tmp_path) -> None:
    assert run("export", old, "--everyone", "--to", "all.jsonl").err == "wrote 6 documents\n"
    assert run("index", "all.jsonl", "--to", "new", "--fields-of", old).code == 0
    before, after = Index.open("old"), Index.open("new")
    assert dict(after.store.fields.types) == {"year": "int", "tags": "list[str]"}
    for asking in ({}, {"user": "ann"}, {"user": "ben"}, {"groups": ["hr"]}, {"groups": ["board"]}):
        ids = before.contents.matching(**asking)
        assert after.contents.matching(**asking) == ids
        for one, other in zip(
            before.contents.documents(ids, **asking),
            after.contents.documents(ids, **asking),
            strict=True,
        ):
            assert (one.text, one.title, one.audience) == (other.text, other.title, other.audience)
            assert one.metadata.items() <= other.metadata.items()
    assert run("list", "new", "--where", "tags~hr", "--where", "year=2024").out == "shared\n"
    again = run("index", "handbook", "--to", "new", "--json").json
    assert (again["unchanged"], again["added"], again["replaced"]) == (2, 0, 0)
    (tmp_path / "handbook" / "kitchen.txt").unlink()
    assert run("index", "handbook", "--to", "new", "--prune", "--json").json["deleted"] == 1


def test_what_stays_behind_is_counted_and_not_named(run, old) -> None:
    done = run("export", old)
    assert set(rows(done.out)) == {"handbook/leave.md", "handbook/kitchen.txt", "shared"}
    assert (
        "wrote 3 documents\n3 documents belong to others, and stayed behind: --everyone" in done.err
    )
    assert "ann" not in done.err
    assert "2 documents belong to others" not in run("export", old, "--user", "ann").err
    assert "1 document belongs to others" in run("export", old, "--user", "ann").err
    assert "others" not in run("export", old, "--where", "year=2024").err
    assert run("export", old, "--everyone", "--user", "ann").code == 1


@pytest.mark.parametrize("wrong", [["--where", "nosuch=1"], ["--where", "year=x"], ["--user", ""]])
def test_what_is_refused_leaves_an_earlier_export_as_it_is(run, old, tmp_path, wrong) -> None:
    run("export", old, "--to", "all.jsonl")
    before = (tmp_path / "all.jsonl").read_bytes()
    assert run("export", old, "--to", "all.jsonl", *wrong).code == 1
    assert (tmp_path / "all.jsonl").read_bytes() == before != b""


def test_what_is_shared_is_not_made_private(run, old) -> None:
    run("export", old, "--everyone", "--to", "all.jsonl")
    for option in (["--user", "ann"], ["--reader", "hr"]):
        done = run("index", "all.jsonl", "--to", "".join(option).strip("-"), *option)
        assert f"leave out {'user' if 'ann' in option else 'readers'} ({option[0]})" in done.err
        index = Index.open("".join(option).strip("-"))
        assert index.contents.matching() == []
        assert {one.user for one in index.contents.documents(["ann", "both"], user="ann")} == {
            "ann"
        }


def test_a_line_that_says_nothing_becomes_its_users(tmp_path) -> None:
    (tmp_path / "a.jsonl").write_text(
        '{"id": "a", "text": "x"}\n{"id": "b", "text": "y", "user": "ben"}'
    )
    index = Index.in_memory(encoder=HashEncoder())
    assert index.add_files(tmp_path / "a.jsonl", user="ann").added == 2
    assert index.contents.matching(user="ann") == ["a"] and index.contents.matching(user="ben") == [
        "b"
    ]


def test_a_line_is_of_no_folder_that_the_index_knows(run, folder, tmp_path) -> None:
    run("index", "handbook", "--to", "kb")
    forged = {"id": "x", "text": "fox", "metadata": {"indexed_from": "handbook/gone.md"}}
    (tmp_path / "forged.jsonl").write_text(json.dumps(forged))
    assert run("index", "forged.jsonl", "--to", "kb").code == 0
    assert run("index", "handbook", "--to", "kb", "--prune", "--json").json["deleted"] == 0


def test_documents_of_another_owner_say_how_to_name_ones_own(run, old, tmp_path) -> None:
    rows = [{"id": "handbook/leave.md", "text": "Mine.", "user": "ann"}]
    (tmp_path / "all.jsonl").write_text("\n".join(map(json.dumps, rows)))
    run("index", "all.jsonl", "--to", "kb")
    taken = run("index", "handbook", "--to", "kb", "--user", "ben").err
    assert "belongs to another owner" in taken and "--name" in taken and "--reader" in taken
    assert run("index", "handbook", "--to", "fresh", "--user", "ben", "--name", "ben").code == 0


def test_another_model_is_told_how(run, old) -> None:
    told = " ".join(run("index", "handbook", "--to", old, "--model", "other").err.split())
    assert "rag-embed export KB --everyone" in told and "--fields-of KB --model other" in told


def test_a_type_of_others_is_told_what_it_is_here(run, kb) -> None:
    for given, meant in (("integer", "int"), ("Boolean", "bool"), ("list", "list[str]")):
        told = " ".join(run("declare", kb, f"more:{given}").err.split())
        assert f"'{given}' is no type; did you mean '{meant}'?" in told
    assert "'colour' is no type. Types are str, int" in run("declare", kb, "more:colour").err


def test_brackets_are_shown(run, tmp_path) -> None:
    Index.create(tmp_path / "odd", encoder=HashEncoder(8)).add(Document("[red]a", "fox", "[b]x"))
    assert (
        run("list", "odd").out == "[red]a  [b]x\n" and "[red]a" in run("search", "odd", "fox").out
    )


def test_a_new_space_says_how_it_comes_to_count(run, kb) -> None:
    told = " ".join(run("experts", "add-space", kb, "second", "some-model").err.split())
    assert "rag-embed tune KB weights" in told and "router again" not in told
    run("experts", "weigh", kb, "dense=0.5", "second=0.5")
    told = " ".join(run("experts", "drop-space", kb, "second").err.split())
    assert "rag-embed tune KB weights --reset" in told
