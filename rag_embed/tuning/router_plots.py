"""The two pictures of a router: where its pilots lie, and how far its confidence can be believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rag_embed.errors import BadInput
from rag_embed.evaluation.plots import _COLOURS, _INK, _SOFT, _figure, _plain, _short
from rag_embed.routing.pilots import Pilots
from rag_embed.tuning.router_report import DEFAULT, SOFT, Routed
from rag_embed.types import Route, Vectors

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NOBODY = "several"


def pilot_map(pilots: Pilots, routed: Sequence[Routed]) -> Figure:
    """Pilots (dots, by the expert that served them best) and queries (crosses, by their route).

    The plane is that of the pilots' two principal components. A query's colour is the leg whose
    weight its route raised most over the default mixture.

    Raises:
        MissingExtra: matplotlib is not installed.
        BadInput: There are fewer than two pilots.
    """
    if len(pilots) < 2:
        raise BadInput(f"A map needs two pilots at least, got {len(pilots)}.")
    mean = pilots.vectors.mean(axis=0)
    axes_of_most = _components(pilots.vectors - mean)
    figure = _figure(8.0, 6.0)
    axes = figure.add_subplot()
    names = list(dict.fromkeys([*pilots.mixtures, *pilots.legs, NOBODY]))
    colour = {name: _COLOURS[i % len(_COLOURS)] for i, name in enumerate(names)}
    best = np.array(_winners(pilots))
    at = (pilots.vectors - mean) @ axes_of_most
    for name in dict.fromkeys(best.tolist()):
        some = at[best == name]
        axes.scatter(
            some[:, 0],
            some[:, 1],
            s=14,
            color=colour[name],
            alpha=0.55,
            linewidths=0,
            label=f"pilot: {name}",
        )
    for name, some in _by_route(pilots, routed, mean, axes_of_most).items():
        axes.scatter(
            some[:, 0],
            some[:, 1],
            s=12,
            marker="x",
            color=colour[name],
            linewidths=0.8,
            label=f"to: {name}",
        )
    axes.set_xlabel("first principal component of the pilots")
    axes.set_ylabel("second")
    _plain(axes, "both")
    figure.legend(loc="outside right upper", frameon=False, fontsize=8)
    return figure


def reliability_plot(routed: Sequence[Routed], metric: str = "ndcg@10", bins: int = 6) -> Figure:
    """Is a confident soft route a better one? Gain over the default mixture by confidence.

    Beside it the share of queries that are at least as good. Bands hold equally many queries.

    Raises:
        MissingExtra: matplotlib is not installed.
        BadInput: Fewer queries than bands, or no band.
    """
    confidence, gain, safe = reliability(routed, metric, bins)
    figure = _figure(8.0, 3.6)
    left, right = figure.subplots(1, 2)
    left.plot(confidence, gain, marker="o", color=_COLOURS[0])
    left.axhline(0, color=_INK, linewidth=0.8)
    left.set_ylabel(f"mean gain in {_short(metric, 20)} over the default", fontsize=9)
    right.plot(confidence, safe, marker="o", color=_COLOURS[2])
    right.set_ylim(0, 1.02)
    right.set_ylabel("share of queries at least as good", fontsize=9)
    for axes in (left, right):
        axes.set_xlabel("confidence", fontsize=9)
        _plain(axes, "y")
    figure.suptitle(f"{sum(len(one.routes) for one in routed)} queries", fontsize=9, color=_SOFT)
    return figure


def reliability(
    routed: Sequence[Routed], metric: str = "ndcg@10", bins: int = 6
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The numbers of `reliability_plot`: each ``(bins,)`` float64, by rising confidence.

    Returns:
        Mean confidence, mean gain, share of queries that are at least as good as the default.

    Raises:
        BadInput: Fewer queries than bands, or no band.
    """
    confidence = np.array([route.confidence for one in routed for route in one.routes])
    if not 1 <= bins <= confidence.size:
        raise BadInput(f"{confidence.size} queries cannot fill {bins} bands.")
    gain = np.concatenate(
        [
            one.evaluation.scores(SOFT, metric) - one.evaluation.scores(DEFAULT, metric)
            for one in routed
        ]
    )
    bands = np.array_split(np.argsort(confidence, kind="stable"), bins)
    return (
        np.array([confidence[band].mean() for band in bands]),
        np.array([gain[band].mean() for band in bands]),
        np.array([(gain[band] > -1e-6).mean() for band in bands]),
    )


def raised(route: Route, pilots: Pilots) -> str:
    """The leg whose share of the weights a route raised most; ``"several"`` for the default."""
    own, default = _shares(route.weights, pilots), _shares(pilots.default, pilots)
    change = own - default
    return NOBODY if change.max() < 1e-3 else pilots.legs[int(change.argmax())]


def _shares(weights: Mapping[str, float], pilots: Pilots) -> npt.NDArray[np.float64]:
    values = np.array([max(weights.get(leg, 0.0), 0.0) for leg in pilots.legs])
    total = float(values.sum())
    shares: npt.NDArray[np.float64] = values / total if total else values
    return shares


def _winners(pilots: Pilots) -> list[str]:
    names = list(pilots.mixtures)
    found = []
    for values in np.round(pilots.utilities, 6):
        best = np.flatnonzero(values == values.max())
        found.append(names[best[0]] if best.size == 1 else NOBODY)
    return found


def _by_route(
    pilots: Pilots, routed: Sequence[Routed], mean: Vectors, components: Vectors
) -> dict[str, Vectors]:
    places: dict[str, list[Vectors]] = {}
    for one in routed:
        for vector, route in zip((one.vectors - mean) @ components, one.routes, strict=True):
            places.setdefault(raised(route, pilots), []).append(vector)
    return {name: np.array(some) for name, some in places.items()}


def _components(centred: Vectors) -> Vectors:
    """``(dim, 2)`` principal directions, their signs fixed by the largest entry."""
    _, _, rows = np.linalg.svd(centred.astype(np.float64), full_matrices=False)
    two = np.zeros((2, centred.shape[1]))
    two[: min(2, len(rows))] = rows[:2]
    signs = np.sign(two[np.arange(2), np.abs(two).argmax(axis=1)])
    components: Vectors = (two * np.where(signs == 0, 1, signs)[:, None]).T.astype(np.float32)
    return components
