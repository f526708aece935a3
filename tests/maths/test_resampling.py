import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from rag_embed.errors import BadInput
from rag_embed.maths import resampling
from rag_embed.maths.resampling import bootstrap, paired_bootstrap, stratified_paired_bootstrap

scores = st.lists(st.floats(0, 1), min_size=2, max_size=20)


def _systems(n: int, gain: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    base = rng.beta(1, 1, n)
    return base + gain + rng.normal(0, 0.2, n), base


def test_agrees_with_scipy() -> None:
    first, second = _systems(80, 0.04)
    mine = paired_bootstrap(first, second, resamples=20_000, seed=1)
    theirs = stats.bootstrap(
        (first, second),
        lambda a, b, axis: np.mean(a - b, axis=axis),
        paired=True,
        vectorized=True,
        method="percentile",
        n_resamples=20_000,
        rng=np.random.default_rng(2),
    )
    # Monte Carlo error of a 2.5 % quantile: about 0.02 standard errors; five of them.
    tolerance = 0.1 * theirs.standard_error
    assert mine.value == pytest.approx(np.mean(first - second))
    assert mine.low == pytest.approx(theirs.confidence_interval.low, abs=tolerance)
    assert mine.high == pytest.approx(theirs.confidence_interval.high, abs=tolerance)
    beyond = 2 * np.mean(theirs.bootstrap_distribution <= 0)
    assert mine.p == pytest.approx(beyond, abs=5 * np.sqrt(beyond / 20_000) + 1e-3)


def test_mean_interval_agrees_with_scipy() -> None:
    values = np.random.default_rng(3).beta(2, 5, 60)
    mine = bootstrap([values], resamples=20_000, level=0.9)
    theirs = stats.bootstrap(
        (values,),
        np.mean,
        method="percentile",
        n_resamples=20_000,
        confidence_level=0.9,
        rng=np.random.default_rng(4),
    )
    tolerance = 0.1 * theirs.standard_error
    assert mine.value == pytest.approx(values.mean())
    assert mine.low == pytest.approx(theirs.confidence_interval.low, abs=tolerance)
    assert mine.high == pytest.approx(theirs.confidence_interval.high, abs=tolerance)


def test_pairing_counts() -> None:
    first, second = _systems(100, 0.05)
    shuffled = np.random.default_rng(5).permutation(second)
    paired, broken = paired_bootstrap(first, second), paired_bootstrap(first, shuffled)
    assert paired.value == pytest.approx(broken.value)
    assert broken.high - broken.low > 1.5 * (paired.high - paired.low)


def test_without_an_effect_p_is_small_as_often_as_it_says() -> None:
    rng = np.random.default_rng(6)
    ps = [
        paired_bootstrap(rng.normal(size=60), rng.normal(size=60), resamples=500, seed=i).p
        for i in range(400)
    ]
    assert 0.02 <= np.mean(np.array(ps) < 0.05) <= 0.09
    assert 0.4 <= np.mean(ps) <= 0.6


@pytest.mark.parametrize("n", [1, 2, 5, 6])
def test_a_few_queries_that_all_say_the_same_may_be_chance(n) -> None:
    """Of two equal systems one wins all of five in one case of sixteen; one query was held for certain."""
    for gain in (0.2, -0.2):
        found = paired_bootstrap(np.full(n, 0.5 + gain), np.full(n, 0.5))
        assert found.value == pytest.approx(gain)
        assert (found.low > 0 or found.high < 0) == (found.p < 0.05) == (n > 5)
    halves = [(np.ones(3), np.zeros(3))] * 2
    assert stratified_paired_bootstrap(halves).low > 0
    assert stratified_paired_bootstrap(halves[:1]).low == 0
    assert paired_bootstrap(np.ones(6), np.zeros(6), level=0.99).low == 0


def test_every_set_weighs_the_same() -> None:
    large = (np.zeros(1000), np.zeros(1000))
    small = (np.ones(10), np.zeros(10))
    found = stratified_paired_bootstrap([large, small])
    assert (found.value, found.low, found.high) == (0.5, 0.5, 0.5)
    assert bootstrap([np.zeros(1000), np.ones(10)]).value == 0.5


def test_strata_spread_as_independent_means() -> None:
    pairs = [_systems(50, 0.03, seed=8), _systems(400, 0.03, seed=9)]
    found = stratified_paired_bootstrap(pairs, resamples=20_000)
    variances = [np.var(a - b) / a.size for a, b in pairs]
    half = 1.96 * np.sqrt(sum(variances)) / 2
    assert found.value == pytest.approx(np.mean([np.mean(a - b) for a, b in pairs]))
    assert found.high - found.low == pytest.approx(2 * half, rel=0.05)


@given(first=scores, data=st.data())
@settings(max_examples=50)
def test_swapping_the_systems_mirrors_everything(first, data) -> None:
    second = data.draw(st.lists(st.floats(0, 1), min_size=len(first), max_size=len(first)))
    one = paired_bootstrap(first, second, resamples=300)
    other = paired_bootstrap(second, first, resamples=300)
    assert one.value == -other.value
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-9)
    assert one.p == other.p
    assert one.low <= one.high
    assert 0 < one.p <= 1


@pytest.mark.parametrize(
    "wrong", [{"seed": -1}, {"seed": "x"}, {"seed": None}, {"resamples": "x"}, {"level": None}]
)
def test_what_is_no_setting_is_refused_by_name(wrong) -> None:
    with pytest.raises(BadInput, match=f"^{next(iter(wrong))}"):
        bootstrap([[0.5, 1.0]], **wrong)


def test_one_stratum_is_the_plain_bootstrap_and_seeds_repeat() -> None:
    first, second = _systems(40, 0.02)
    plain = paired_bootstrap(first, second, seed=11)
    assert stratified_paired_bootstrap([(first, second)], seed=11) == plain
    assert paired_bootstrap(first, second, seed=12) != plain


def test_block_size_does_not_change_the_draws(monkeypatch) -> None:
    first, second = _systems(37, 0.02)
    whole = paired_bootstrap(first, second, resamples=1000)
    monkeypatch.setattr(resampling, "_BLOCK", 100)
    assert paired_bootstrap(first, second, resamples=1000) == whole


def test_p_and_interval_tell_the_same() -> None:
    for seed in range(40):
        found = paired_bootstrap(*_systems(50, 0.055, seed), resamples=4000)
        if abs(found.p - 0.05) > 0.005:
            assert (found.p < 0.05) == (found.low > 0 or found.high < 0)


def test_identical_systems_differ_by_exactly_nothing() -> None:
    values = np.random.default_rng(1).random(31)
    found = paired_bootstrap(values, values)
    assert (found.value, found.low, found.high, found.p) == (0.0, 0.0, 0.0, 1.0)


def test_bad_input() -> None:
    with pytest.raises(BadInput, match="got 2 and 3"):
        paired_bootstrap([1, 2], [1, 2, 3])
    with pytest.raises(BadInput, match="not finite"):
        bootstrap([[0.5, float("nan")]])
    with pytest.raises(BadInput, match="at least one, got shape"):
        bootstrap([[]])
    with pytest.raises(BadInput, match="at least one set"):
        bootstrap([])
    with pytest.raises(BadInput, match="resamples"):
        bootstrap([[0.5]], resamples=10)
    with pytest.raises(BadInput, match="level"):
        bootstrap([[0.5]], level=95)
