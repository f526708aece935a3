"""Credentials stay in the process that was given them."""

from __future__ import annotations

import copy
import pickle
import traceback

import pytest
from s3_server import SECRET, Bucket

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput, StoreError
from rag_embed.stores import StorageOptions
from rag_embed.stores.lance import LanceStore
from rag_embed.stores.store_errors import explained

ENCODER = HashEncoder(dim=64)
NAMES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


@pytest.fixture
def index(bucket: Bucket) -> Index:
    index = Index.create(bucket.uri(), encoder=ENCODER, storage_options=bucket.options)
    index.add([Document("a", "A red fox.")])
    index.users.remember("ann", ["foxes"])
    return index


def test_no_object_holds_them(index: Index, bucket: Bucket) -> None:
    assert bucket.holds(SECRET.encode()) == [] and bucket.holds(b"fox") != []
    assert SECRET not in str(index.store.settings()) + repr(index) + repr(vars(index.store))


def test_a_pickle_holds_none_and_says_what_to_do(index: Index, bucket: Bucket, monkeypatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    dumped = pickle.dumps(index)
    assert SECRET.encode() not in dumped
    with pytest.raises(StoreError, match=f"Set {', '.join(NAMES)} in the environment"):
        pickle.loads(dumped)
    for name in NAMES:
        monkeypatch.setenv(name, bucket.options[name.lower()])
    assert pickle.loads(dumped).search("fox") == index.search("fox") != []


def test_a_copy_in_the_same_process_keeps_them(index: Index) -> None:
    assert copy.deepcopy(index).search("fox") == index.search("fox") != []
    assert copy.copy(StorageOptions(secret_key="x"))["secret_key"] == "x"


def test_no_error_tells_them(bucket: Bucket) -> None:
    missing = f"s3://no-bucket-{bucket.name}/kb"
    with pytest.raises(StoreError) as stop:
        LanceStore.create(missing, {"dense": 4}, storage_options=bucket.options)
    with pytest.raises(StoreError, match=r"signed with \*\*\*") as told, explained("read", missing):
        raise OSError(f"403 Forbidden: signed with {SECRET}")
    for error in (stop.value, told.value):
        assert SECRET not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize("wrong", [[SECRET], SECRET, {"key": SECRET.encode()}, {"region": 3}])
def test_options_of_another_type_are_told_by_their_type(tmp_path, wrong) -> None:
    given = {"encoder": ENCODER, "storage_options": wrong}
    Index.create(tmp_path / "there", encoder=ENCODER)
    for way, name in ((Index.create, "kb"), (Index.open, "there"), (Index.at, "there")):
        with pytest.raises(BadInput, match="storage_options") as told:
            way(tmp_path / name, **given)
        assert SECRET not in "".join(traceback.format_exception(told.value))
