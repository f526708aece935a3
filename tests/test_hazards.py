"""What goes wrong over LanceDB and in its integrations, one by one: each has a test, here or where it is named.

The list comes from reproducing open issues of LanceDB and of its integrations with LangChain and LlamaIndex.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import numpy as np
import pytest

from rag_embed import Document, Index, Query
from rag_embed.encoders import HashEncoder
from rag_embed.errors import RagEmbedError
from rag_embed.events import UserEvent
from rag_embed.filters import field

ROOT = Path(__file__).parents[1]

ELSEWHERE = {
    "writers of one new id leave two rows": "test_concurrent_writers_of_the_same_documents_leave_one_copy",
    "so they do without a lock": "test_writers_without_a_lock_leave_one_copy",
    "a handle of an old version": "test_a_handle_opened_before_others_wrote_still_writes_and_deletes",
    "a reader sees what was": "test_what_another_process_wrote_is_seen_at_once",
    "an id twice in one batch": "test_repeated_ids_in_one_call_are_reported",
    "a table cannot be pickled or copied": "test_another_process_opens_it_from_another_folder",
    "a fork hangs": "test_a_fork_is_refused_though_a_thread_was_reading",
    "a bucket needs conditional writes": "test_two_processes_make_and_fill_one_index",
    "dropping versions breaks readers": "test_a_reader_beside_forgetting_and_upkeep_never_fails",
    "files and versions pile up": "test_files_and_versions_stay_few_whatever_comes_one_by_one",
    "new rows are in no search index": "test_rows_after_the_index_was_built_are_found",
    "a selective filter on an index loses most results": "test_a_filter_on_an_approximate_index_loses_nothing",
    "scores change their meaning with an index": "test_scores_from_the_index_are_true_cosines",
    "one huge batch scans slowly": "test_large_writes_are_cut_into_batches",
    "quotes in a value are SQL": "test_hostile_strings_are_only_strings",
    "unknown options are swallowed": "test_a_misspelled_option_is_refused",
    "a batch is many single calls": "test_a_batch_answers_like_single_queries",
    "metadata comes back as something else": "test_what_comes_back_is_what_was_stored",
    "options are dropped": "test_options_of_a_call_are_those_of_the_index_however_it_is_called",
    "asynchronous searches differ or are lacking": "test_every_search_has_its_async_twin",
    "relevance below 0 or above 1": "test_scores_fall_and_relevance_is_between_0_and_1",
    "delete without ids": "test_delete_needs_ids",
    "a filter is ignored or means something else": "test_a_filter_finds_what_python_finds",
    "an asynchronous retriever blocks the loop": "test_async_calls_overlap_and_the_loop_runs_on",
    "one embedding a query": "test_many_are_encoded_once",
    "a store cannot be opened again from what is kept of it": "test_it_reconnects_by_uri",
    "modes of a query are ignored": "test_bad_queries_are_refused",
    "dependencies without an upper bound": "test_every_dependency_has_a_lower_and_an_upper_bound",
}
"""What goes wrong -> the test that it does not here."""


@pytest.fixture(scope="module")
def named() -> set[str]:
    """All tests there are."""
    files = [*ROOT.glob("tests/**/test_*.py"), *ROOT.glob("integrations/*/tests/**/test_*.py")]
    return {
        name
        for path in files
        for name in re.findall(r"^ *(?:async )?def (test_\w+)", path.read_text(), re.MULTILINE)
    }


@pytest.mark.parametrize("hazard", ELSEWHERE)
def test_each_has_its_test(hazard, named) -> None:
    assert ELSEWHERE[hazard] in named


@pytest.fixture(params=["memory", "folder"])
def index(request, tmp_path) -> Index:
    making = {"encoder": HashEncoder(16), "fields": {"name": str}}
    if request.param == "memory":
        return Index.in_memory(**making)
    return Index.create(tmp_path / "kb", **making)


def test_documents_that_are_found_while_they_are_added(index) -> None:
    """A generator that asks the database which it feeds waits for ever."""

    def documents():
        for number in range(5):
            index.search("fox", k=3)
            yield Document(f"d{number}", f"the fox number {number}")

    assert index.add(documents()).added == 5


def test_a_running_event_loop_and_another_one_after_it(index) -> None:
    async def asked() -> int:
        index.add(Document("a", "the fox"))
        return len(index.search("fox"))

    assert [asyncio.run(asked()), asyncio.run(asked())] == [1, 1]


def test_metadata_that_begins_with_nothing_takes_any_keys_later(index) -> None:
    """A schema that is taken from the first rows has no place for what comes."""
    several = [{}, {"a": None}, {"a": 1, "b": {"c": [1, "x"]}}, {"a": "text", "d": True}]
    for number, metadata in enumerate(several):
        index.add(Document(f"d{number}", "the fox", metadata=metadata))
    found = {hit.chunk.doc_id: hit.chunk.metadata for hit in index.search("fox", k=9)}
    assert found["d2"]["b"] == {"c": [1, "x"]} and found["d3"]["a"] == "text"
    true = index.search("fox", where=field("metadata.d").is_in([True]))
    assert {hit.chunk.doc_id for hit in true} == {"d3"}


def test_patterns_in_a_value_are_letters(index) -> None:
    index.add(
        [
            Document(name, "the fox", metadata={"name": name})
            for name in ("a_b", "axb", "50%", "500")
        ]
    )
    for text in ("a_b", "50%"):
        found = index.search("fox", where=field("name").contains(text))
        assert [hit.chunk.doc_id for hit in found] == [text]


@pytest.mark.parametrize("text", ["", " ", "?!", "...", "“”"])
def test_a_question_without_a_word(index, text) -> None:
    index.add(Document("a", "the fox"))
    assert len(index.search(Query(text, k=3))) <= 1


def test_vectors_that_are_no_numbers_are_refused(index) -> None:
    class Broken(HashEncoder):
        def encode_document(self, texts, /):
            return np.full((len(texts), 16), np.nan, np.float32)

    broken = Index.in_memory(encoder=Broken(16))
    with pytest.raises(RagEmbedError):
        broken.add(Document("a", "the fox"))


def test_more_tables_than_a_page_of_names(tmp_path) -> None:
    """Names of tables come ten at a time; users lie in more tables than that."""
    index = Index.create(tmp_path / "kb", encoder=HashEncoder(8))
    users = [f"user {number}" for number in range(40)]
    for user in users:
        index.users.remember(user, [UserEvent("1", user, "fox", 1.0)])
    assert len([*Path(index.store.uri).glob("events_*.lance")]) > 20
    again = Index.open(tmp_path / "kb", encoder=HashEncoder(8))
    assert {again.users.profile(user).count for user in users} == {1}
