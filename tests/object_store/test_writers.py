"""Several processes write to one bucket, where no lock guards them: nothing is lost, nothing is twice."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from threading import Thread

import pytest
from bucket_writer import fill
from children import Child
from s3_server import Bucket

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder
from rag_embed.errors import IndexExists
from rag_embed.stores import making
from rag_embed.stores.lance import LanceStore
from rag_embed.stores.tables import connect

ENCODER = HashEncoder(dim=64)
MANY = 3


def test_two_processes_make_and_fill_one_index(bucket: Bucket) -> None:
    names = ("fox", "sea")
    writers = [Child(fill, name, bucket.uri(), bucket.options, MANY) for name in names]
    for writer in writers:
        writer.tell()
    for writer in writers:
        said = writer.end()
        assert (writer.process.exitcode, said.strip()) == (0, "3"), said
    index = Index.open(bucket.uri(), encoder=ENCODER, storage_options=bucket.options)
    store = index.store
    wanted = [f"{name}-{i}" for name in names for i in range(MANY)]
    assert sorted(store.document_ids()) == sorted([*wanted, "shared"])
    view = store.view()
    chunks = [chunk for id in wanted for chunk in view.document_chunks(id)]
    assert len(view) == len(chunks) + len(view.document_chunks("shared"))
    assert max(Counter(chunk.id for chunk in chunks).values()) == 1
    assert all(digest for digest, _ in store.known(wanted).values()), "half a document"
    writer = {chunk.text.split(",")[0] for chunk in view.document_chunks("shared")}
    assert len(writer) == 1, "chunks of two versions"
    assert len(store.settings()["roots"]) == 2 * MANY, "a revision of the settings was lost"
    assert len(store.files.names()) == 2 * MANY
    assert index.forget("ann") == 2 * MANY


def test_whoever_comes_second_waits_for_the_first(bucket: Bucket, monkeypatch) -> None:
    make, second = making.LanceFiles.write, []

    def join(files, content):
        """While the first one makes it, all tables are there, and no settings."""
        second.append(Thread(target=lambda: found.append(_created(bucket))))
        monkeypatch.setattr(making.LanceFiles, "write", make)
        second[0].start()
        second[0].join(1.0)
        make(files, content)

    found: list[object] = []
    monkeypatch.setattr(making.LanceFiles, "write", join)
    assert _created(bucket) == "made"
    second[0].join()
    assert found == ["was there"]


def _created(bucket: Bucket) -> str:
    try:
        LanceStore.create(
            bucket.uri(), {"dense": 4}, files={"a": b"b"}, storage_options=bucket.options
        )
    except IndexExists:
        return "was there"
    return "made"


def test_what_a_dead_process_left_is_made_anew(bucket: Bucket, monkeypatch) -> None:
    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as context, pytest.raises(KeyboardInterrupt):
        context.setattr(making.LanceFiles, "write", dies)
        _created(bucket)
    assert connect(bucket.uri(), bucket.options).open_table("chunks").count_rows() == 0
    monkeypatch.setattr(making, "ABANDONED", timedelta(0))
    assert _created(bucket) == "made"


def test_documents_are_written_to_a_table_that_others_compact(bucket: Bucket) -> None:
    one = Index.create(bucket.uri(), encoder=ENCODER, storage_options=bucket.options)
    other = Index.open(bucket.uri(), encoder=ENCODER, storage_options=bucket.options)
    compacting = Thread(target=lambda: [other.store.optimize() for _ in range(5)])
    compacting.start()
    for i in range(10):
        one.add([Document(f"d{i}", f"Text {i}")])
    compacting.join()
    assert len(other) == 10 == len(list(other.store.document_ids()))
