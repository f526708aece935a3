import subprocess
import sys
from itertools import combinations

import numpy as np
import pytest

from rag_embed.errors import BadInput, MissingExtra
from rag_embed.evaluation import Evaluation, Outcome, compare
from rag_embed.evaluation.plots import difference_plot, metric_bars, png

pytest.importorskip("matplotlib", reason="needs the extra 'plots'")


def evaluation(name: str, gains: list[float], systems: int = 2) -> Evaluation:
    base = np.full(len(gains), 0.4)
    outcomes = {
        f"system {i} with a rather long name": Outcome(
            {"ndcg@10": base + i * np.array(gains)}, np.ones(len(gains))
        )
        for i in range(systems)
    }
    return Evaluation(name, 9, tuple(map(str, range(len(gains)))), 0, 100, 32, outcomes)


ONE = evaluation("one", [0.1, -0.2, 0.0, 0.3, 0.1])
PLAIN, CHANGED = ONE.systems


def size(data: bytes) -> tuple[int, int]:
    assert data.startswith(b"\x89PNG\r\n")
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def drawn(axes) -> list:
    return [bars for bars in axes.containers if type(bars).__name__ == "BarContainer"]


def test_bars_stand_for_means_and_intervals() -> None:
    comparison = compare([ONE, evaluation("two", [0.2, 0.1, 0.0])], resamples=200)
    axes = metric_bars(comparison).axes[0]
    bars = [bar for bars in drawn(axes) for bar in bars]
    expected = [
        comparison.row(system, name).mean.value
        for system in (PLAIN, CHANGED)
        for name in ("one", "two", None)
    ]
    assert [bar.get_width() for bar in bars] == pytest.approx(expected)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["one", "two", "average"]
    centres = [bar.get_y() + bar.get_height() / 2 for bar in bars]
    assert all(abs(a - b) >= bars[0].get_height() for a, b in combinations(centres, 2))


def test_differences_are_sorted_and_counted() -> None:
    axes = difference_plot([ONE], CHANGED, PLAIN).axes[0]
    gains, losses = (patch.get_data().values for patch in axes.patches)
    assert gains == pytest.approx([0.3, 0.1, 0.1, 0.0, 0.0])
    assert losses == pytest.approx([0.0, 0.0, 0.0, 0.0, -0.2])
    assert axes.texts[0].get_text() == "mean +0.060 (dashed)\n3 better, 1 equal, 1 worse"


def test_one_panel_per_collection() -> None:
    several = [evaluation(f"set {i}", [0.1, -0.1, 0.2]) for i in range(4)]
    figure = difference_plot(several, CHANGED, PLAIN)
    titles = [axes.get_title(loc="left").strip() for axes in figure.axes if axes.axison]
    assert titles == ["set 0", "set 1", "set 2", "set 3"]


@pytest.mark.parametrize(("sets", "systems"), [(1, 1), (1, 9), (10, 2)])
def test_no_label_overlaps_another_or_leaves_the_picture(sets, systems) -> None:
    several = [evaluation(f"collection $ {i}", [0.01, -0.02, 0.05], systems) for i in range(sets)]
    figure = metric_bars(compare(several, resamples=100))
    png(figure, dpi=100)
    axes = figure.axes[0]
    texts = [*axes.texts, *axes.get_yticklabels(), *figure.legends[0].get_texts()]
    boxes = [text.get_window_extent() for text in texts]
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 for box in boxes)
    assert all(box.y0 >= 0 and box.y1 <= figure.bbox.y1 for box in boxes)


def test_panel_labels_do_not_overlap() -> None:
    several = [evaluation(f"set {i}", [0.1, -0.1] * 400) for i in range(7)]
    figure = difference_plot(several, CHANGED, PLAIN)
    png(figure, dpi=100)
    texts = [
        text
        for axes in figure.axes
        if axes.axison
        for text in (*axes.texts, axes.xaxis.label, *axes.get_xticklabels())
        # matplotlib also keeps labels for ticks beyond the axis, which it does not draw.
        if text.get_text() and (text in axes.texts or text.get_position()[0] <= 800)
    ]
    boxes = [text.get_window_extent() for text in texts]
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 for box in boxes)


def test_same_figures_same_bytes() -> None:
    first, again = (png(difference_plot([ONE], CHANGED, PLAIN), dpi=50) for _ in range(2))
    assert first == again
    assert size(first)[0] == 450


def test_names_of_systems_are_distinguishable() -> None:
    comparison = compare([evaluation("one", [0.01, 0.02], systems=20)], resamples=100)
    axes = metric_bars(comparison).axes[0]
    bars = [bars[0] for bars in drawn(axes)]
    assert len({(bar.get_facecolor(), bar.get_hatch()) for bar in bars}) == 20


def test_wrong_names() -> None:
    with pytest.raises(BadInput, match="'nobody' was not measured"):
        difference_plot([ONE], "nobody", PLAIN)
    with pytest.raises(BadInput, match="at least one evaluation"):
        difference_plot([], CHANGED, PLAIN)


def test_without_matplotlib_the_install_line_is_given(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtra, match=r"pip install .*\[plots\]"):
        difference_plot([ONE], CHANGED, PLAIN)


def test_importing_the_package_loads_no_matplotlib_and_drawing_no_pyplot() -> None:
    program = (
        "import sys, rag_embed.evaluation as e; assert 'matplotlib' not in sys.modules\n"
        "import numpy as np\n"
        "from rag_embed.evaluation.plots import metric_bars, png\n"
        "o = e.Outcome({'ndcg@10': np.ones(3)}, np.ones(3))\n"
        "png(metric_bars(e.compare([e.Evaluation('c', 1, ('1', '2', '3'), 0, 10, 1, {'s': o})])))\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
