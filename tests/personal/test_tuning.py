"""`tune_personal` says yes to what is personal, and no to noise and to what anybody's history would do."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import numpy as np
import pytest

from rag_embed import Document, Index, Query
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput
from rag_embed.evaluation import Collection, Labelled, read_labels
from rag_embed.events import UserEvent
from rag_embed.indexing.personalisation import bend_of, keep, personal, profiles_of, setting_of
from rag_embed.personal.setting import Setting, grid
from rag_embed.tuning.personal import MIN_USERS, _chosen, tune_personal

ENCODER = HashEncoder(128)
USERS, TOPICS, EACH = 24, 12, 6


@pytest.fixture(scope="module")
def world():
    """Documents of twelve topics; every user cares for one of them."""
    index = Index.in_memory(encoder=ENCODER, chunk_tokens=None)
    index.add(
        Document(f"t{t}d{i}", f"news report item{i % 3} topic{t}a topic{t}b topic{t}c")
        for t in range(TOPICS)
        for i in range(EACH)
    )
    index.add(Document(f"noise{i}", f"news report item{i % 3} other{i}") for i in range(40))
    return index, profiles_of(index.store, index.spaces.own)


def decided(world, events, relevant, settings=None, users=USERS, **options):
    index, profiles = world
    for user in profiles.users():
        profiles.forget(user)
    profiles.remember(events(u) for u in range(users) for _ in range(1))
    labelled = [
        Labelled(Query(f"news report item{n}", user=f"u{u}"), {id: 1 for id in relevant(u)})
        for u in range(users)
        for n in range(2)
    ]
    return tune_personal(
        index.experts.hybrid(),
        settings or [Setting(s, pooling="mean", prior=0.0) for s in (0.3, 1.0)],
        lambda setting: bend_of(index.store, index.spaces.own, profiles, setting),
        labelled,
        **options,
    )


def own_topic(u: int) -> UserEvent:
    t = u % TOPICS
    return UserEvent("1", f"u{u}", f"topic{t}a topic{t}b topic{t}c", 0.0)


def test_a_personal_gain_is_kept(world) -> None:
    tuned = decided(world, own_topic, lambda u: [f"t{u % TOPICS}d{i}" for i in range(EACH)])
    assert tuned.kept and tuned.value.strength in (0.3, 1.0), tuned.reason
    assert tuned.gain.low > 0.1 and tuned.reason.startswith("On") and "24 users" in tuned.reason
    assert {one.name for one in tuned.tried} > {"no history", tuned.value.label}
    again = decided(world, own_topic, lambda u: [f"t{u % TOPICS}d{i}" for i in range(EACH)])
    assert again == tuned


def test_a_gain_that_anybodys_history_brings_is_not(world) -> None:
    """All like the same: the history helps, but that of anybody does."""
    tuned = decided(world, lambda u: UserEvent("1", f"u{u}", "topic0a topic0b topic0c", 0.0),
                    lambda u: [f"t0d{i}" for i in range(EACH)])  # fmt: skip
    assert not tuned.kept
    assert tuned.gain.low > 0.1 and "not personal" in tuned.reason


def test_noise_is_not_kept(world) -> None:
    """Worlds without any signal: a 95 % test, twice, lets hardly one of them through."""
    passed = 0
    for seed in range(6):
        chance = random.Random(seed)
        likes = {u: chance.randrange(TOPICS) for u in range(USERS)}
        seeks = {u: chance.randrange(TOPICS) for u in range(USERS)}

        def events(u: int, likes=likes) -> UserEvent:
            return UserEvent("1", f"u{u}", f"topic{likes[u]}a topic{likes[u]}b", 0.0)

        def relevant(u: int, seeks=seeks) -> list[str]:
            return [f"t{seeks[u]}d{i}" for i in range(EACH)]

        passed += decided(world, events, relevant, others=1).kept
    assert passed <= 1


def test_too_few_users_stay_off(world) -> None:
    tuned = decided(world, own_topic, lambda u: [f"t{u % TOPICS}d0"], users=MIN_USERS - 1)
    assert not tuned.kept and tuned.gain is None and "9 users" in tuned.reason


def test_no_setting_is_judged_on_the_users_that_chose_it() -> None:
    """Setting 1 is best for the users of fold 0 only: it must not be chosen for them."""
    none = np.zeros(10)
    own = np.array([[0.1] * 10, [9.0 if u % 5 == 0 else -1.0 for u in range(10)], [-1.0] * 10])
    chosen = _chosen(none, own, 5)
    assert [chosen[u] for u in (0, 5)] == [0, 0] and chosen[1] == 1
    assert _chosen(none, own[2:], 5) == [None] * 10


def test_wrong_arguments(world) -> None:
    good = {"events": own_topic, "relevant": lambda u: ["t0d0"]}
    for wrong in (
        {"settings": [Setting(0.0)]},
        {"folds": 1},
        {"others": 0},
        {"metric": "beauty@10"},
        {"relevant": lambda u: []},
        {"users": 0},
    ):
        with pytest.raises(BadInput):
            decided(world, **{**good, **wrong})
    for setting in (
        {"pooling": "x"},
        {"gate": "x"},
        {"pooling": "mean", "gate": "focused"},
        {"pooling": "session", "instruction": "x"},
        {"pooling": "mean", "half_life": 1.0},
    ):
        with pytest.raises(BadInput):
            Setting(**setting)
    with pytest.raises(BadInput):
        grid("x")
    assert all(s.strength for kind in ("attention", "mean", "session") for s in grid(kind))


def test_the_decision_is_kept_with_the_index(tmp_path) -> None:
    index = Index.create(tmp_path / "kb", encoder=ENCODER)
    profiles = profiles_of(index.store, index.spaces.own)
    assert setting_of(index.store) == Setting()
    plain = index.experts.hybrid()
    assert (
        personal(plain, index.store, index.spaces.own, profiles, setting_of(index.store)) is plain
    )
    chosen = Setting(0.4, temperature=0.1, kinds={"buy": 2.0}, gate="similar")
    keep(index.store, chosen)
    again = Index.open(tmp_path / "kb", encoder=ENCODER)
    assert setting_of(again.store) == chosen
    asked = personal(plain, again.store, again.spaces.own, profiles, setting_of(again.store))
    assert asked.transform.strength == 0.4 and asked.transform.pooling.kinds == {"buy": 2.0}


def test_labels_with_users(tmp_path) -> None:
    queries, qrels = tmp_path / "q.jsonl", tmp_path / "r.tsv"
    lines = [
        {"_id": "1", "text": "a", "user_id": "ann", "previous": ["b"]},
        {"_id": "2", "text": "no user"},
        {"_id": "3", "text": "no answer", "user_id": "ann"},
    ]
    queries.write_text("\n".join(map(json.dumps, lines)))
    qrels.write_text("query-id\tcorpus-id\tscore\n1\td\t1\n2\td\t1\n3\td\t0\n")
    documents = [Document("d", "text")]
    first, second = read_labels(documents, queries, qrels, name="own").labelled
    assert first == Labelled(Query("a", user="ann", previous=("b",)), {"d": 1})
    assert second.query.user is None
    for wrong in ({"previous": "b"}, {"user_id": 5}, {"user_id": ""}):
        queries.write_text(json.dumps({**lines[0], **wrong}))
        qrels.write_text("query-id\tcorpus-id\tscore\n1\td\t1\n")
        with pytest.raises(BadInput, match=r"q\.jsonl:1"):
            read_labels(documents, queries, qrels, name="own")


def test_index_tune_and_apply(tmp_path) -> None:
    """What is decided takes effect at once, and after opening the index again."""
    index = Index.create(tmp_path / "kb", encoder=ENCODER, chunk_tokens=None)
    index.add(
        Document(f"t{t}d{i}", f"news report item{i} topic{t}a topic{t}b topic{t}c")
        for t in range(TOPICS)
        for i in range(EACH)
    )
    for u in range(TOPICS):
        index.users.remember(f"u{u}", [own_topic(u)])
    labels = Collection(
        "own",
        (),
        {f"q{u}": "news report item0" for u in range(TOPICS)},
        {f"q{u}": {f"t{u}d{i}": 1 for i in range(EACH)} for u in range(TOPICS)},
        {f"q{u}": f"u{u}" for u in range(TOPICS)},
    )
    query = Query("news report item0", k=1, user="u3")
    with pytest.raises(BadInput, match="one of"):
        index.tune("beauty", labels)
    with pytest.raises(BadInput, match="candidates"):
        index.tune("relevance", labels, candidates=["x"])
    some = [Setting(1.0, pooling="mean", prior=0.0)]
    verdict = index.tune("personal", labels, candidates=some)
    assert verdict.kept and index.users.setting == Setting()
    index.apply(verdict)
    assert index.search(query)[0].chunk.doc_id.startswith("t3")
    assert Index.open(tmp_path / "kb", encoder=ENCODER).search(query) == index.search(query)
    index.apply(replace(verdict, kept=False))
    assert Index.open(tmp_path / "kb", encoder=ENCODER).users.setting == Setting()
