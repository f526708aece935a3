"""An index in a bucket does all that one in a folder does, and gives the same hits."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import pytest
from s3_server import SECRET, Bucket

from rag_embed import Document, Index, UserEvent, cli, encoders, field
from rag_embed.cli.train_reranker import train_reranker
from rag_embed.encoders import HashEncoder, OpenVINOEncoder
from rag_embed.errors import BadInput, IndexExists, NoIndex
from rag_embed.indexing.installed import install, installed
from rag_embed.stores.lance import LanceStore

ROUTED = Path(__file__).parents[1] / "fixtures" / "index_before_settings.zip"
ENCODER = HashEncoder(dim=64)

DOCUMENTS = [
    Document(
        "fox", "The red fox hunts mice in the meadow.", metadata={"year": 2001, "kind": "animal"}
    ),
    Document("sea", "The blue sea is deep and full of whales.", metadata={"year": 2002}),
    Document("tea", "Green tea is made with water.\n\nBlack tea is not green.", title="Tea"),
    Document("own", "Ann keeps a red fox of her own.", user="ann"),
]
QUERIES = ["red fox", "deep water", "tea of ann"]


@pytest.fixture(scope="module")
def encoder() -> OpenVINOEncoder:
    return OpenVINOEncoder()


def grown(index: Index) -> list[object]:
    """What an index says on its way through everything that can be done with it."""
    said: list[object] = [index.add(DOCUMENTS).added]
    found = lambda **how: [  # noqa: E731
        [(hit.chunk.id, hit.relevance, hit.parts) for hit in hits]
        for hits in index.search_many(QUERIES, **how)
    ]
    said += [found(), found(user="ann"), found(where=field("year") > 2001)]
    said.append(index.contents.declare({"kind": str}).partly)
    said.append(index.contents.matching(field("kind").is_missing()))
    said.append(index.experts.keep_tokens())
    said += [found(), found(user="ann")]
    said.append(index.experts.add_space("second", HashEncoder(32)))
    index.experts.weigh({"dense": 0.4, "lexical": 0.4, "tokens": 0.1, "second": 0.1})
    said.append(found())
    said.append(
        index.add([Document("fox", "The grey fox sleeps.", metadata={"year": 2003})]).replaced
    )
    said.append(index.add(DOCUMENTS[1:]).unchanged)
    said.append(found())
    tickets = [Document(f"ticket-{i}", f"Ticket {i} is about foxes.") for i in range(3)]
    said.append(index.sync(tickets, scope="tickets").added)
    said.append(index.sync(tickets[:1], scope="tickets").deleted)
    events = [UserEvent(str(i), "ann", f"whales {i}", float(i)) for i in range(3)]
    said += [index.users.remember("ann", events)]
    said += [index.delete(["sea"]), index.forget("ann", ["1"])]
    said += [found(), found(user="ann"), sorted(index.store.document_ids())]
    index.store.optimize()
    said += [found(), index.contents.document("tea").text]
    return said


def test_a_bucket_does_as_a_folder_does(bucket: Bucket, tmp_path, encoder) -> None:
    fields = {"year": "int"}
    local = Index.create(tmp_path / "kb", encoder=encoder, fields=fields, tokens=False)
    far = Index.create(
        bucket.uri(),
        encoder=encoder,
        fields=fields,
        tokens=False,
        storage_options=bucket.options,
    )
    assert grown(far) == grown(local)

    again = Index.open(bucket.uri(), encoder=encoder, storage_options=bucket.options)
    assert dict(again.experts.weights) == dict(local.experts.weights)
    assert [hit.chunk.id for hit in again.search("red fox", user="ann")] == [
        hit.chunk.id for hit in local.search("red fox", user="ann")
    ]
    assert again.forget("ann") == local.forget("ann") > 0
    for trace in (b"Ann keeps", b"whales 2", b"Ticket 2"):
        assert bucket.holds(trace) == []
    assert bucket.holds(b"grey fox") != []


def test_a_router_lies_in_the_bucket(bucket: Bucket, tmp_path) -> None:
    zipfile.ZipFile(ROUTED).extractall(tmp_path / "kb")
    encoder = HashEncoder(32)
    local = Index.open(tmp_path / "kb", encoder=encoder)
    far = Index.create(bucket.uri(), encoder=encoder, storage_options=bucket.options)
    far.add(local.store.view().documents(sorted(local.store.document_ids())))
    router = installed(LanceStore.open(tmp_path / "kb"))
    assert router is not None
    install(far.store, router)
    again = Index.open(bucket.uri(), encoder=encoder, storage_options=bucket.options)
    assert again.experts.router is not None
    assert again.experts.router.pilots.texts == router.pilots.texts
    asked = router.pilots.texts[0]
    assert again.search(asked)[0].route is not None and far.search(asked)[0].route is None


def test_the_shell_finds_credentials_in_the_environment(
    bucket: Bucket, tmp_path, monkeypatch, capsys
) -> None:
    (tmp_path / "fox.md").write_text("# Foxes\n\nThe red fox hunts mice.")
    monkeypatch.setattr(encoders, "load", lambda *_args, **_options: ENCODER)
    for name, value in bucket.options.items():
        where = name if name.startswith("aws") else f"aws_{name}"
        monkeypatch.setenv(where.upper(), value)

    def run(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["rag-embed", *arguments])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        said = capsys.readouterr()
        assert not stop.value.code, said.err
        assert SECRET not in said.out + said.err
        return said.out

    run("index", str(tmp_path / "fox.md"), "--to", bucket.uri())
    assert "hunts mice" in run("search", bucket.uri(), "red fox")
    labels = tmp_path / "queries.jsonl", tmp_path / "qrels.tsv"
    labels[0].write_text('{"_id": "q", "text": "red fox"}\n')
    [id] = Index.open(bucket.uri(), encoder=ENCODER).store.document_ids()
    labels[1].write_text(f"query-id\tcorpus-id\tscore\nq\t{id}\t1\n")
    assert "nDCG@10" in run("eval", bucket.uri(), *map(str, labels))
    with pytest.raises(BadInput, match="on every side"):  # the index was found, for training too
        train_reranker(bucket.uri(), tmp_path / "mine", *labels)
    (tmp_path / "said.jsonl").write_text('{"text": "a red fox of ann\'s"}\n')
    run("remember", bucket.uri(), str(tmp_path / "said.jsonl"), "--user", "ann")
    run("forget", bucket.uri(), "ann", "--certificate", str(tmp_path / "ann.json"))
    assert "chunks" in (tmp_path / "ann.json").read_text()


def test_there_is_one_or_none(bucket: Bucket) -> None:
    options = bucket.options
    with pytest.raises(NoIndex, match="create"):
        Index.open(bucket.uri(), encoder=ENCODER, storage_options=options)
    Index.create(bucket.uri(), encoder=ENCODER, storage_options=options)
    with pytest.raises(IndexExists):
        Index.create(bucket.uri(), encoder=ENCODER, storage_options=options)
