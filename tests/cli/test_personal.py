"""`rag-embed remember`, `forget`, `profile`, and `tune KB personal`."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder
from rag_embed.indexing.personalisation import keep, setting_of
from rag_embed.personal.setting import Setting


@pytest.fixture
def events(tmp_path) -> Path:
    path = tmp_path / "events.jsonl"
    lines = [
        {"id": "1", "text": "red fox", "time": 10, "kind": "search"},
        {"id": "2", "text": "blue whale [bold]x[/bold]", "time": 20, "kind": "fact"},
        {"text": "no id", "time": 30},
    ]
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def test_remember_show_export_and_forget(run, kb, events, tmp_path) -> None:
    done = run("remember", kb, events, "--user", "ann")
    assert done.code == 0 and "remembered 3 events" in done.err
    assert run("remember", kb, events, "--user", "ann").code == 0, "again changes nothing"
    shown = run("profile", kb, "ann")
    assert shown.code == 0 and "blue whale [bold]x[/bold]" in shown.out and "33.3%" in shown.out
    known = run("profile", kb, "ann", "--json", "--instruction", "fox", "--export", "a.jsonl").json
    assert known["events"] == 3 and known["kinds"] == {"event": 1, "fact": 1, "search": 1}
    assert known["foremost"][0]["id"] == "1" and known["first"] == "1970-01-01T00:00:10+00:00"
    assert len((tmp_path / "a.jsonl").read_text().splitlines()) == 3
    assert "forgot 1 event\n" in run("forget", kb, "ann", "--event", "2").err
    assert run("profile", kb, "ann", "--json").json["events"] == 2
    assert run("forget", kb, "ann").code == 0
    assert run("forget", kb, "ann").code == 3 and run("profile", kb, "ann").code == 3
    files = [path for path in Path(kb).rglob("*") if path.is_file()]
    assert not any(b"blue whale" in path.read_bytes() for path in files)
    assert run("remember", kb, "a.jsonl", "--user", "ben").code == 0
    assert run("profile", kb, "ben", "--json").json["events"] == 3


def test_to_forget_a_user_takes_their_documents(run, kb, events) -> None:
    assert run("remember", kb, events, "--user", "ann").code == 0
    assert (
        run("search", kb, "fox of Ann", "--user", "ann", "--json").json["hits"][0]["doc_id"]
        == "own"
    )
    done = run("forget", kb, "ann")
    assert done.code == 0 and "forgot 4 in all: documents, events and weights" in done.err
    hits = run("search", kb, "fox of Ann", "--user", "ann", "--json").json["hits"]
    assert "own" not in {hit["doc_id"] for hit in hits}
    files = [path for path in Path(kb).rglob("*") if path.is_file()]
    assert not any(b"fox of Ann" in path.read_bytes() for path in files)


def test_a_certificate_says_what_was_read_and_that_nothing_is_left(run, kb, events) -> None:
    run("remember", kb, events, "--user", "ann")
    done = run("forget", kb, "ann", "--certificate", "ann.json")
    assert done.code == 0 and "found nothing" in done.err
    text = Path("ann.json").read_text()
    shown = json.loads(text)
    assert (shown["user"], shown["erased"], shown["found"]) == ("ann", 4, [])
    assert "blue whale" not in text and "fox of Ann" not in text
    looked_for = set(shown["looked_for"]["sha256"])
    for trace in (b"red fox\n", b"blue whale [bold]x[/bold]"):
        assert (hashlib.sha256(trace).hexdigest() in looked_for) == (trace[:4] == b"blue")
    files = {path.relative_to(kb).as_posix() for path in Path(kb).rglob("*") if path.is_file()}
    assert {one["path"] for one in shown["files"]} == files
    for one in shown["files"]:
        assert one["sha256"] == hashlib.sha256((Path(kb) / one["path"]).read_bytes()).hexdigest()
    tables = {one["name"]: one for one in shown["tables"]}
    assert tables["documents"]["rows"] == 4
    for one in tables.values():
        after, before = one["versions_after"], one["versions_before"]
        assert after and before and min(after) >= max(before)
    assert run("forget", kb, "ann", "--certificate", "again.json").code == 3


def test_nothing_is_erased_where_no_certificate_can_be_written(run, kb, events, tmp_path) -> None:
    run("remember", kb, events, "--user", "ann")
    for path in ("nowhere/ann.json", tmp_path):
        done = run("forget", kb, "ann", "--certificate", path)
        assert done.code == 1 and "Nothing was erased" in done.err
        assert run("profile", kb, "ann", "--json").json["events"] == 3
    assert run("forget", "none", "ann", "--certificate", "ann.json").code == 1
    assert not Path("ann.json").exists()


def test_a_certificate_tells_what_is_left(run, kb, events, monkeypatch) -> None:
    run("remember", kb, events, "--user", "ann")
    (Path(kb) / "notes.txt").write_text("kept by hand: blue whale [bold]x[/bold]")
    done = run("forget", kb, "ann", "--certificate", "ann.json")
    assert done.code == 1 and "Something of user 'ann' is left" in done.err
    assert json.loads(Path("ann.json").read_text())["found"] == ["notes.txt"]
    both = run("forget", kb, "ann", "--certificate", "b.json", "--event", "1")
    assert both.code == 1 and "--event" in both.err


def test_a_certificate_of_a_forget_that_forgot_nothing(run, kb, events, monkeypatch) -> None:
    run("remember", kb, events, "--user", "ann")
    monkeypatch.setattr(Index, "forget", lambda *_: 4)
    assert run("forget", kb, "ann", "--certificate", "ann.json").code == 1
    left = json.loads(Path("ann.json").read_text())["found"]
    assert "rows of the user" in left and any("events" in one for one in left)


def test_what_others_say_too_is_not_taken_for_a_trace(run, kb, events) -> None:
    run("remember", kb, events, "--user", "ann")
    run("remember", kb, events, "--user", "ben")
    done = run("forget", kb, "ann", "--certificate", "ann.json")
    shown = json.loads(Path("ann.json").read_text())
    assert done.code == 0 and shown["looked_for"]["said_by_others_too"] >= 2
    assert run("profile", kb, "ben", "--json").json["events"] == 3


def test_events_fade(run, kb, events) -> None:
    assert run("remember", kb, events, "--user", "ann", "--half-life", 5).code == 0
    foremost = run("profile", kb, "ann", "--json").json["foremost"]
    assert [one["share"] for one in foremost] == [0.7619, 0.1905, 0.0476], "ten seconds apart"
    assert run("remember", kb, events, "--user", "ben").code == 0
    done = run("remember", kb, events, "--user", "ben", "--half-life", 9)
    assert done.code == 1 and "half_life=5.0" in done.err.replace("\n", " ")
    assert run("remember", kb, events, "--user", "ben", "--half-life", 0).code == 1


def test_ask_why_names_the_events_that_moved_a_hit(run, kb, events) -> None:
    assert run("remember", kb, events, "--user", "ann").code == 0
    why = ("ask-why", kb, "animals of the red fox", "--user", "ann")
    assert "personal" not in run(*why, "--json").json["hits"][0]
    index = Index.open(kb, encoder=HashEncoder(64))
    keep(index.store, Setting(2.0, prior=0.0))
    personal = run(*why, "--json").json["hits"][0]["personal"]
    assert personal["strength"] == 2.0
    assert {one["id"] for one in personal["events"]} <= {"1", "2"} | {
        one.id for one in index.users.profiles.history("ann").events
    }
    assert "'red fox' +" in run(*why).out
    unknown = run("ask-why", kb, "red fox", "--user", "ben")
    assert "nothing is known of the user" in unknown.out
    keep(index.store, Setting(2.0, pooling="session", prior=0.0))
    talk = ("search", kb, "and at night?", "-k", 1, "--json")
    assert run(*talk, "--previous", "Whales sing in the sea").json["hits"][0]["doc_id"] == "long"


def test_bad_input(run, kb, events) -> None:
    for arguments, complaint in (
        (("remember", kb, events), "give the line a 'user', or all of them one (--user)"),
        (("remember", kb, events, "--user", ""), "user id"),
        (("remember", kb, "none.jsonl", "--user", "ann"), "Cannot read"),
        (("forget", kb, ""), "user id"),
        (("profile", kb, ""), "user id"),
        (("forget", "nowhere", "ann"), "no index"),
        (("tune", kb, "personal", events, events), "events.jsonl"),
        (("tune", kb, "router", events, events, "--pooling", "mean"), "personal"),
        (("tune", kb, "personal"), "queries.jsonl qrels.tsv"),
    ):
        done = run(*arguments)
        assert done.code == 1 and complaint in done.err.replace("\n", " "), arguments


@pytest.fixture
def labelled(tmp_path) -> tuple[Path, Path, Path]:
    """Twelve users who each want what they liked before."""
    index = Index.create(tmp_path / "world", encoder=HashEncoder(64), chunk_tokens=None)
    index.add(
        Document(f"t{t}d{i}", f"news item{i} topic{t}a topic{t}b")
        for t in range(12)
        for i in range(3)
    )
    queries, qrels, liked = tmp_path / "q.jsonl", tmp_path / "r.tsv", tmp_path / "liked.jsonl"
    rows = [{"_id": f"q{t}", "text": "news item0", "user_id": f"u{t}"} for t in range(12)]
    queries.write_text("\n".join(map(json.dumps, [*rows, {"_id": "x", "text": "nobody's"}])))
    pairs = [f"q{t}\tt{t}d{i}\t1" for t in range(12) for i in range(3)]
    qrels.write_text("\n".join(["query-id\tcorpus-id\tscore", *pairs]))
    seen = [
        {"user": f"u{t}", "id": str(n), "time": n, "text": f"topic{t}a topic{t}b", "weight": 1 + n}
        for t in range(12)
        for n in range(3)
    ]
    liked.write_text("\n".join(map(json.dumps, seen)))
    return queries, qrels, liked


def test_tuning_decides_and_is_kept(run, labelled) -> None:
    queries, qrels, liked = labelled
    tune = ("tune", "world", "personal", queries, qrels, "--pooling", "mean")
    before = run(*tune)
    assert before.code == 5 and "Off: no significant gain" in before.out
    assert "left out 1 query without" in before.err
    assert run("remember", "world", liked).code == 0
    tried = run(*tune, "--dry-run", "--json").json
    assert tried["kept"] and not tried["used"] and "12 users" in tried["reason"]
    index = Index.open("world", encoder=HashEncoder(64))
    assert setting_of(index.store).strength == 0.0
    done = run(*tune)
    assert done.code == 0 and "On: own history" in done.out
    assert setting_of(index.store).strength != 0.0
    assert setting_of(index.store).label == tried["tried"][0]["name"]
    assert run("tune", "world", "personal", "--reset").code == 0
    assert setting_of(index.store).strength == 0.0
