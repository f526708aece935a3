"""Observers: each search and write is told once, from every way in, and nobody's words unless asked."""

from __future__ import annotations

import json
import logging

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from rag_embed import Document, Index
from rag_embed.encoders import HashEncoder
from rag_embed.errors import BadInput
from rag_embed.ranking import steps
from rag_embed.telemetry import Log, Observation, OpenTelemetry, observe

TEXTS = (Document("a", "The fox is red."), Document("b", "A private fox.", user="ann"))


@pytest.fixture
def index(tmp_path) -> Index:
    made = Index.create(tmp_path / "kb", encoder=HashEncoder(32))
    made.add(TEXTS)
    return made


@pytest.fixture
def seen():
    told: list[Observation] = []
    stop = observe(told.append)
    yield told
    stop()


def test_what_an_index_does_is_told_once(index, seen, tmp_path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "c.md").write_text("# Bears\n\nThe bear is brown.\n")
    index.search("red fox", k=3)
    index.search_many(["fox", "bear"])
    index.add_files(tmp_path / "docs", dry_run=True)
    index.add_files(tmp_path / "docs")
    index.sync([Document("t", "A ticket.")], scope="tickets")
    index.delete(["a", "nobody"])
    index.forget("ann")
    told = [(one.what, one.index, dict(one.counts)) for one in seen]
    one_added = {"added": 1, "replaced": 0, "unchanged": 0, "deleted": 0, "chunks": 1, "skipped": 0}
    assert told == [
        ("search", "kb", {"queries": 1, "hits": 1}),
        ("search", "kb", {"queries": 2, "hits": 2}),
        ("add", "kb", {"planned": 1}),
        ("add", "kb", one_added),
        ("add", "kb", one_added),
        ("delete", "kb", {"gone": 1}),
        ("forget", "kb", {"gone": 1}),
    ]
    assert all(one.seconds > 0 and one.began > 10**18 and one.error is None for one in seen)
    assert [query.text for query in seen[1].queries] == ["fox", "bear"]
    assert [[hit.chunk.doc_id for hit in hits] for hits in seen[0].hits] == [["a"]]


def test_explaining_searches_too(index, seen) -> None:
    index.explain("fox")
    assert [one.what for one in seen] == ["search"]


def test_what_fails_is_told_and_raised(index, seen) -> None:
    index.search("fox")
    with pytest.raises(BadInput, match="write Document"):
        index.add([Document("x", "An " * 4), "a text"])
    assert [(one.what, one.error) for one in seen] == [("search", None), ("add", "BadInput")]


def test_an_observer_that_fails_disturbs_nobody(index, seen, caplog) -> None:
    def failing(_: Observation) -> None:
        raise RuntimeError("full")

    stop = observe(failing)
    assert index.search("fox")
    stop()
    assert len(seen) == 1
    assert "failing" in caplog.text and "full" in caplog.text


def test_who_stopped_is_not_told(index) -> None:
    told: list[Observation] = []
    stop = observe(told.append)
    stop()
    stop()
    index.search("fox")
    assert not told


def test_an_observer_given_twice_is_told_twice_until_each_is_stopped(index) -> None:
    told: list[Observation] = []
    stops = [observe(told.append), observe(told.append)]
    counts = []
    for stop in (*stops, None):
        told.clear()
        index.search("fox")
        counts.append(len(told))
        if stop is not None:
            stop()
    assert counts == [2, 1, 0]


def test_what_cannot_be_called_is_no_observer() -> None:
    with pytest.raises(BadInput, match="a function of one Observation, got 'log'"):
        observe("log")


def test_nothing_of_a_place_but_its_last_part_is_told(seen) -> None:
    from rag_embed.telemetry.observing import _name

    class Store:
        uri = ""

    for Store.uri, told in {
        "s3://key:secret@bucket/team/kb/?token=secret": "kb",
        "s3://key:secret@bucket/": "bucket",
        "s3://bucket/kb@home": "kb@home",
        "folder/kb@home": "kb@home",
    }.items():
        assert _name(Store()) == told
    index = Index.in_memory(encoder=HashEncoder(32))
    index.add(TEXTS)
    assert [one.index for one in seen] == [""]


def test_a_log_holds_lines_of_json_without_words(index, caplog) -> None:
    stop = observe(Log())
    with caplog.at_level(logging.INFO, "rag_embed.telemetry"):
        index.search("red fox")
        with pytest.raises(BadInput):
            index.delete("a")
    stop()
    first, second = (json.loads(record.getMessage()) for record in caplog.records)
    assert first["what"] == "search" and first["hits"] == 1 and first["seconds"] > 0
    assert {"dense", "lexical"} <= first["legs"].keys() and "legs" not in second
    assert sum(first["legs"].values()) <= first["seconds"]
    assert second["error"] == "BadInput"
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING"]
    assert "fox" not in caplog.text


def test_nobody_who_watches_costs_no_clock(index, monkeypatch) -> None:
    monkeypatch.setattr(steps, "time", None)
    assert index.search("red fox")
    seen = []
    stop = observe(seen.append)
    with pytest.raises(AttributeError):
        index.search("red fox")
    stop()
    assert seen[0].error == "AttributeError"


@pytest.fixture
def exported():
    """Spans and metrics of one test, and the providers that keep them."""
    spans, metrics = InMemorySpanExporter(), InMemoryMetricReader()
    tracers, meters = TracerProvider(), MeterProvider([metrics])
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    yield spans, metrics, tracers, meters
    tracers.shutdown()
    meters.shutdown()


def test_a_search_is_a_retrieval_span_below_that_of_its_caller(index, exported) -> None:
    spans, metrics, tracers, meters = exported
    stop = observe(OpenTelemetry(tracers=tracers, meters=meters))
    with tracers.get_tracer("host").start_as_current_span("request") as request:
        index.search("red fox", k=7)
    stop()
    *steps, found, _ = spans.get_finished_spans()
    assert {one.parent.span_id for one in steps} == {found.get_span_context().span_id}
    assert all(one.start_time >= found.start_time for one in steps)
    told = {(one.name, one.attributes["rag_embed.leg"]): one.attributes for one in steps}
    assert {
        ("rag_embed.ask", "dense"),
        ("rag_embed.find", "dense"),
        ("rag_embed.find", "lexical"),
    } <= set(told)
    assert told["rag_embed.find", "lexical"]["rag_embed.candidates"] >= 1
    assert found.name == "retrieval" and found.kind is trace.SpanKind.INTERNAL
    assert found.parent.span_id == request.get_span_context().span_id
    assert dict(found.attributes) == {
        "gen_ai.operation.name": "retrieval",
        "gen_ai.data_source.id": "kb",
        "gen_ai.retrieval.top_k": 7,
        "rag_embed.queries": 1,
        "rag_embed.hits": 1,
    }
    assert found.end_time > found.start_time
    [scope] = metrics.get_metrics_data().resource_metrics[0].scope_metrics
    [duration] = [one for one in scope.metrics if one.name == "gen_ai.retrieval.duration"]
    [point] = duration.data.data_points
    assert duration.unit == "s" and point.count == 1
    assert dict(point.attributes) == {
        "gen_ai.operation.name": "retrieval",
        "gen_ai.data_source.id": "kb",
    }


def test_words_go_with_it_only_when_asked(index, exported) -> None:
    spans, _, tracers, meters = exported
    stop = observe(OpenTelemetry(texts=True, tracers=tracers, meters=meters))
    [hit] = index.search("red fox")
    stop()
    *_, found = spans.get_finished_spans()
    assert found.attributes["gen_ai.retrieval.query.text"] == "red fox"
    assert json.loads(found.attributes["gen_ai.retrieval.documents"]) == [
        {"id": hit.id, "score": pytest.approx(hit.score)}
    ]


def test_writes_and_failures_have_spans_of_their_own(index, exported) -> None:
    spans, metrics, tracers, meters = exported
    stop = observe(OpenTelemetry(tracers=tracers, meters=meters))
    index.add(Document("c", "The bear is brown."))
    with pytest.raises(BadInput):
        index.delete("a")
    stop()
    added, failed = spans.get_finished_spans()
    assert added.name == "rag_embed.add" and added.attributes["rag_embed.added"] == 1
    assert failed.attributes["error.type"] == "BadInput"
    assert failed.status.status_code is trace.StatusCode.ERROR
    [scope] = metrics.get_metrics_data().resource_metrics[0].scope_metrics
    assert {one.name for one in scope.metrics} == {"rag_embed.write.duration"}
