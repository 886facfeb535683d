"""The information curve of a small table: `information_curve` against the packages dit and embo, at equal accuracy.

Both are optional (pip install dit embo; dit is BSD, embo GPL), and we use their results only, which are in bits. Their beta multiplies
I(z;y), and ours multiplies I(x;z), so dit's beta is 1 / ours. embo puts a divergence in bits into an exponential
(embo.core.elementwise_l), which makes its beta log(2) / ours.
"""

import math
import warnings
from collections.abc import Callable
from functools import partial

import numpy as np

from ib_tutorial.information import information_curve, mutual_information

from .bounds import median_seconds
from .harness import Missing, Sides, comparison

SLOPES = (1.05, 20.0)
"""The peers' beta, in nats per nat, runs evenly from the first to the second: ours from 0.95 to 0.05."""

ACCURACY = 1e-5
"""Nats by which the Lagrangians of two solutions may differ where both are called solutions."""

Curve = np.ndarray  # [beta, 2]: I(x;z) and I(z;y), in nats


def table(n_x: int, n_y: int) -> np.ndarray:
    """A joint distribution with all x equally likely and skewed p(y|x), the same each time."""
    return np.random.default_rng(0).dirichlet(np.full(n_y, 0.5), size=n_x) / n_x


def slopes(n: int) -> np.ndarray:
    return np.linspace(*SLOPES, n)


def our_curve(p_xy: np.ndarray, n_betas: int) -> Curve:
    """Our curve. Raises ArithmeticError unless every point is certified, that is, within 1e-7 nats of the optimum (`information_curve`)."""
    points = information_curve(p_xy, 1 / slopes(n_betas))
    if not all(point.converged for point in points):
        raise ArithmeticError("a point of the curve is not certified")
    return np.array([(point.i_xz, point.i_zy) for point in points])


def dit_curve(p_xy: np.ndarray, n_betas: int) -> Curve:
    """dit's curve, by scipy's optimiser, which is its default. Its own Blahut-Arimoto (method "ba") ends far from the optimum."""
    import dit
    from dit.rate_distortion import IBCurve

    np.random.seed(0)  # it draws its starts from the global state
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = IBCurve(
            dit.Distribution.from_ndarray(p_xy), [[0], [1]], beta_min=SLOPES[0], beta_max=SLOPES[1], beta_num=n_betas
        )
    return np.stack([found.complexities, found.relevances], 1) * math.log(2)


DEFAULTS = dict(iterations=100, rtol=1e-3)
"""How long embo iterates if nobody says anything: it then stops up to some 1e-3 nats away from the optimum."""


def embo_curve(p_xy: np.ndarray, n_betas: int, iterations: int = 5_000, rtol: float = 1e-6) -> Curve:
    """embo's curve, with its three restarts, and with iterations and a tolerance that reach our accuracy."""
    from embo import InformationBottleneck

    np.random.seed(0)
    found = InformationBottleneck(
        pxy=p_xy.copy(),  # which it would normalise in place
        minbeta=SLOPES[0] * math.log(2),
        maxbeta=SLOPES[1] * math.log(2),
        numbeta=n_betas,
        iterations=iterations,
        rtol=rtol,
        ensure_monotonic_bound=False,
    )
    i_xz, i_zy, *_ = found.get_bottleneck()
    return np.stack([i_xz, i_zy], 1) * math.log(2)


def excess(theirs: Curve, ours: Curve) -> np.ndarray:
    """Nats by which their Lagrangian H(y|z) + beta I(x;z) exceeds ours, at each beta."""
    lagrangians = [curve[:, 0] / slopes(len(curve)) - curve[:, 1] for curve in (theirs, ours)]
    return lagrangians[0] - lagrangians[1]


def both_solved(ours: Curve, theirs: Curve, at: Callable[[int], Curve], p_xy: np.ndarray) -> bool:
    """Whether both solved the problem: our curve lies below I(x;y) and is nowhere worse than theirs, and theirs is nearly always as good.

    A peer may be stuck in a local optimum at one beta, or at one in ten; dit is at its first beta.

    Args:
        ours: our curve.
        theirs: the peer's.
        at: computes our curve at a given number of betas.
        p_xy: the source.
    """
    gap = excess(theirs, at(len(theirs)))
    possible = (ours[:, 1] <= ours[:, 0] + 1e-9).all() and (ours[:, 1] <= mutual_information(p_xy) + 1e-9).all()
    return bool(possible and gap.min() > -1e-6 and np.sum(gap >= ACCURACY) <= max(1, len(gap) // 10))


def against(
    package: str, curve: Callable[..., Curve], n_x: int, n_y: int, n_betas: int, n_peer: int, rows, also: int = 0
) -> Sides:
    """The two sides of a comparison with a package. Betas that it adds of its own (`also`) do not count against it."""
    try:
        __import__(package)
    except ImportError as error:
        raise Missing(f"the package {package} is not here ({error}): pip install {package}") from error
    p_xy = table(n_x, n_y)
    return Sides(
        ours=lambda: our_curve(p_xy, n_betas),
        peer=lambda: curve(p_xy, n_peer),
        same=lambda mine, theirs: both_solved(mine, theirs, partial(our_curve, p_xy), p_xy),
        ours_units=n_betas,
        peer_units=n_peer + also,
        rows=rows,
    )


@comparison(
    "information_curve_dit",
    target=20,
    note="the information curve of a 5x3 table at 100 betas: dit's IBCurve, by scipy's optimiser",
    smoke=dict(n_x=3, n_y=2, n_betas=6, n_peer=3),
)
def curve_dit(n_x: int = 5, n_y: int = 3, n_betas: int = 100, n_peer: int = 5) -> Sides:
    sizes = ((3, 2), (4, 3), (5, 3), (6, 4))

    def within_five_minutes() -> list[dict]:
        """Which table is the largest that dit finishes: seconds of 100 betas, and the one at 0 that it adds, from three and that one."""
        times = {f"{x}x{y}": median_seconds(partial(dit_curve, table(x, y), 3), repeats=1) for x, y in sizes}
        return [{"table": size, "dit, seconds of 100 betas": taken / 4 * 101} for size, taken in times.items()]

    return against("dit", dit_curve, n_x, n_y, n_betas, n_peer, within_five_minutes, also=1)


@comparison(
    "information_curve_embo",
    target=10,
    note="the same table and betas: embo, with a tolerance that reaches our accuracy",
    smoke=dict(n_x=3, n_y=2, n_betas=6, n_peer=6),
)
def curve_embo(n_x: int = 5, n_y: int = 3, n_betas: int = 100, n_peer: int = 100) -> Sides:
    return against("embo", embo_curve, n_x, n_y, n_betas, n_peer, larger_tables)


def larger_tables(sizes: tuple[tuple[int, int], ...] = ((5, 3), (20, 10), (64, 16)), n_betas: int = 30) -> list[dict]:
    """For each table: our seconds, those of embo at its defaults and at our accuracy, and how far its defaults stop from the optimum.

    The last row is a table of 256 x 16 at 100 betas, which is ours alone.
    """
    rows = []
    for n_x, n_y in sizes:
        p_xy = table(n_x, n_y)
        ours = partial(our_curve, p_xy, n_betas)
        gap = excess(embo_curve(p_xy, n_betas, **DEFAULTS), ours())
        rows.append(
            {
                "table": f"{n_x}x{n_y}",
                "betas": n_betas,
                "ours, s": median_seconds(ours, repeats=3),
                "embo at its defaults, s": median_seconds(partial(embo_curve, p_xy, n_betas, **DEFAULTS), repeats=3),
                "embo at our accuracy, s": median_seconds(partial(embo_curve, p_xy, n_betas), repeats=1),
                "defaults, nats above ours": float(np.median(gap)),
                "at most": float(gap.max()),
            }
        )
    rows.append({"table": "256x16", "betas": 100, "ours, s": median_seconds(partial(our_curve, table(256, 16), 100), repeats=1)})
    return rows
