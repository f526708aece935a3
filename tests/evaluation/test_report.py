import io
import json
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from rich.console import Console

from rag_embed.errors import BadInput
from rag_embed.evaluation import (
    Evaluation,
    Outcome,
    average,
    compare,
    gains,
    make_report,
    read_report,
    to_html,
    to_json,
    to_markdown,
    to_rich,
)
from rag_embed.maths.resampling import bootstrap, paired_bootstrap, stratified_paired_bootstrap

SYSTEMS = ("plain", "better", "odd [b]|<i>")


def evaluation(name: str, n: int, seed: int, systems: tuple[str, ...] = SYSTEMS) -> Evaluation:
    rng = np.random.default_rng(seed)
    base = rng.beta(2, 2, n)
    outcomes = {
        system: Outcome(
            {
                "ndcg@10": np.clip(base + rng.normal(0.1 * place, 0.05, n), 0, 1),
                "mrr@10": np.full(n, 0.25),
            },
            np.full(n, 1.5 + place),
        )
        for place, system in enumerate(systems)
    }
    ids = tuple(str(i) for i in range(n))
    return Evaluation(name, 1000, ids, 3, 100, 32, outcomes)


BOTH = [evaluation("alpha", 60, 1), evaluation("beta_1", 200, 2)]


def test_rows_hold_the_bootstrap_of_their_scores() -> None:
    found = compare(BOTH, "plain", "nDCG@10", resamples=500, seed=4)
    row = found.row("better", "alpha")
    mine, base = (BOTH[0].scores(name, "ndcg@10") for name in ("better", "plain"))
    assert row.difference == paired_bootstrap(mine, base, resamples=500, seed=4)
    assert row.mean == bootstrap([mine], resamples=500, seed=4)
    assert row.queries == 60
    macro = found.row("better")
    pairs = [(e.scores("better", "ndcg@10"), e.scores("plain", "ndcg@10")) for e in BOTH]
    assert macro.difference == stratified_paired_bootstrap(pairs, resamples=500, seed=4)
    assert macro.mean.value == pytest.approx(np.mean([a.mean() for a, _ in pairs]))
    assert macro.queries == 260
    assert found.row("plain").difference is None
    assert [row.collection for row in found.rows] == ["alpha"] * 3 + ["beta_1"] * 3 + [None] * 3
    assert average(BOTH, "plain", resamples=500, seed=4) == list(found.rows[-3:])


def test_one_collection_has_no_average_and_the_first_system_is_the_baseline() -> None:
    found = compare(BOTH[:1], resamples=100)
    assert found.baseline == "plain"
    assert len(found.rows) == 3
    with pytest.raises(BadInput, match="no row for 'plain' on None"):
        found.row("plain")


def test_order_of_systems_may_differ_between_collections() -> None:
    turned = replace(BOTH[1], systems=dict(reversed(BOTH[1].systems.items())))
    one, other = (compare([BOTH[0], e], "plain", resamples=100) for e in (BOTH[1], turned))
    assert one.row("better") == other.row("better")


def test_what_cannot_be_compared() -> None:
    with pytest.raises(BadInput, match="at least one evaluation"):
        compare([])
    with pytest.raises(BadInput, match="'alpha' occurs twice"):
        compare([BOTH[0], BOTH[0]])
    with pytest.raises(BadInput, match=r"same systems: .* but plain on 'b'"):
        compare([BOTH[0], evaluation("b", 10, 1, ("plain",))])
    with pytest.raises(BadInput, match="baseline 'none' was not measured"):
        compare(BOTH, "none")
    with pytest.raises(BadInput, match="'map@7' was not measured"):
        compare(BOTH, metric="map@7")


@pytest.fixture(scope="module")
def report():
    settings = {"model": "all-<MiniLM>", "weights": [0.65, 0.35]}
    return make_report(BOTH, title="Runs & <more>", settings=settings, resamples=500)


def test_tables_show_what_was_measured(report) -> None:
    overview, differences, alpha, beta = report.tables()
    assert overview.columns == ("collection", "queries", *SYSTEMS)
    assert [row[:2] for row in overview.rows] == [
        ("alpha", "60"),
        ("beta_1", "200"),
        ("average", "260"),
    ]
    mean = BOTH[0].mean("better", "ndcg@10")
    assert overview.rows[0][3] == f"▲ {mean:.3f}"
    assert len(differences.rows) == 6
    found = report.comparison.row("better", "alpha").difference
    assert differences.rows[0][3:] == (
        f"{mean:.3f}",
        f"{found.value:+.3f}",
        f"{found.low:+.3f} to {found.high:+.3f}",
        f"{found.p:.3f}",
    )
    assert "6 comparison(s)" in differences.note
    gains = np.concatenate(
        [one.scores("better", "ndcg@10") - one.scores(SYSTEMS[0], "ndcg@10") for one in BOTH]
    )
    counted = f"{(gains > 0).sum()} queries won, {(gains < 0).sum()} lost"
    assert f"better is better than {SYSTEMS[0]}: {counted}" in differences.note
    assert alpha.columns == ("system", "nDCG@10", "MRR@10", "ms/query")
    assert alpha.rows[1] == ("better", f"{mean:.3f}", "0.250", "2.5")
    assert "60 queries, 3 without relevant documents; 1000 documents" in alpha.note
    assert beta.title == "beta_1"
    for table in report.tables():
        assert all(len(row) == len(table.columns) for row in table.rows)


def test_console_shows_names_as_they_are(report) -> None:
    console = Console(width=140, file=io.StringIO())
    console.print(to_rich(report))
    text = console.file.getvalue()
    for expected in ("odd [b]|<i>", "beta_1", "average", "0.250", "95 % interval"):
        assert expected in text


@pytest.mark.parametrize("width", [60, 80])
def test_a_narrow_console_still_shows_every_name_and_number(report, width) -> None:
    console = Console(width=width, file=io.StringIO())
    console.print(to_rich(report))
    text = console.file.getvalue()
    assert "…" not in text and max(map(len, text.splitlines())) <= width
    words = " ".join(text.split())
    for table in report.tables():
        for row in table.rows:
            assert all(cell in words for cell in row), row


def test_markdown_tables_are_whole(report) -> None:
    text = to_markdown(report)
    assert text.startswith("# Runs & \\<more\\>\n")
    blocks = [block.split("\n") for block in text.split("\n\n") if block.startswith("|")]
    assert len(blocks) == 4
    for block in blocks:
        bars = {line.replace("\\|", "").count("|") for line in block}
        assert len(bars) == 1
    assert "odd \\[b\\]\\|\\<i\\>" in text
    assert "- weights: \\[0.65, 0.35\\]" in text


@pytest.mark.parametrize("evaluations", [BOTH, BOTH[:1]])
def test_gains_are_the_bootstrap_of_one_system_against_each_other(evaluations) -> None:
    """Whether the whole search is better than one leg alone was answered for the baseline only."""
    found = gains(evaluations, "better", "nDCG@10", resamples=500, seed=4)
    names = [None, "alpha", "beta_1"] if len(evaluations) > 1 else ["alpha"]
    assert {(row.collection, row.system) for row in found} == {
        (name, other) for name in names for other in (SYSTEMS[0], SYSTEMS[2])
    }
    mine, other = (evaluations[0].scores(name, "ndcg@10") for name in ("better", SYSTEMS[2]))
    row = next(one for one in found if (one.collection, one.system) == ("alpha", SYSTEMS[2]))
    assert row.difference == paired_bootstrap(mine, other, resamples=500, seed=4)
    assert row.mean == bootstrap([other], resamples=500, seed=4) and row.difference.value < 0
    with pytest.raises(BadInput, match="'nothing' was not measured"):
        gains(evaluations, "nothing")


def test_a_report_says_whether_a_system_is_better_than_the_best_of_the_others() -> None:
    report = make_report(BOTH[:1], baseline="plain", system="better", resamples=500)
    assert [row.system for row in report.gains] == ["plain", SYSTEMS[2]]
    [table] = [one for one in report.tables() if "what better gains" in one.title]
    assert [row[1] for row in table.rows] == ["plain", SYSTEMS[2]]
    assert table.note.startswith(f"{SYSTEMS[2]} is the best of the others. better is worse than ")
    assert [f"{report.gains[0].difference.value:+.3f}", "plain"] == [
        table.rows[0][4],
        table.rows[0][1],
    ]
    data = json.loads(to_json(report))
    assert data["system"] == "better" and data["gains"][1]["system"] == SYSTEMS[2]
    assert read_report(to_json(report)).gains == report.gains
    alone = make_report(BOTH[:1], system="better", resamples=500)
    assert len(alone.tables()) == 3
    two = [evaluation("alpha", 60, 1, SYSTEMS[:2])]  # the differences say it already
    assert len(make_report(two, system="better", resamples=500).tables()) == 2


def test_json_round_trip_and_schema(report) -> None:
    text = to_json(report)
    data = json.loads(text)
    assert (data["format"], data["version"]) == ("rag-embed-evaluation", 1)
    assert data["settings"]["weights"] == [0.65, 0.35]
    assert (data["comparison"]["seed"], data["comparison"]["resamples"]) == (0, 500)
    assert set(data["comparison"]["rows"][1]["difference"]) == {"value", "low", "high", "p"}
    assert data["evaluations"][0]["queries"] == 60
    back = read_report(text)
    assert to_json(back) == text
    assert back.comparison == report.comparison
    assert to_markdown(back) == to_markdown(report)


def test_foreign_json_is_refused(report) -> None:
    with pytest.raises(BadInput, match="report in JSON"):
        read_report("{")
    for foreign in ("[]", '{"format": "other", "version": 1}'):
        with pytest.raises(BadInput, match="'rag-embed-evaluation', version 1"):
            read_report(foreign)
    data = json.loads(to_json(report))
    del data["comparison"]["rows"][0]["mean"]["low"]
    with pytest.raises(BadInput, match="incomplete"):
        read_report(json.dumps(data))
    with pytest.raises(BadInput, match="JSON-serialisable"):
        make_report(BOTH, settings={"path": object()}, resamples=100)


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.cells: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag, attrs) -> None:
        if tag not in {"meta", "img"}:
            self.open.append(tag)
        assert tag not in {"script", "link", "iframe"}
        self.loads += [value for name, value in attrs if name in {"src", "href"}]

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data) -> None:
        if self.open and self.open[-1] in {"td", "th", "dd", "h1"}:
            self.cells.append(data)


@pytest.mark.parametrize("plots", [False, True])
def test_page_is_whole_and_loads_nothing(report, plots) -> None:
    if plots:
        pytest.importorskip("matplotlib")
    page = to_html(report, plots=plots)
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    assert len(reader.loads) == (3 if plots else 0)
    assert all(value.startswith("data:image/png;base64,") for value in reader.loads)
    for expected in ("Runs & <more>", "odd [b]|<i>", "all-<MiniLM>", "[0.65, 0.35]", "average"):
        assert expected in reader.cells
    assert "://" not in page
    assert "url(" not in page


def test_a_single_system_makes_a_report_too() -> None:
    alone = make_report([evaluation("alone", 5, 1, ("one",))], resamples=100)
    assert [table.title for table in alone.tables()] == ["alone"]
    assert "one" in to_markdown(alone)
    assert "<td>one</td>" in to_html(alone, plots=False)
