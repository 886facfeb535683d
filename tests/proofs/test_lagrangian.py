"""Chapter `lagrangian`: the price, the information curve, and why a best message exists. The oracles enumerate encoders."""

import math

import numpy as np
import pytest
from proof import Claim, proves
from scipy import optimize, special

from ib_tutorial.examples import P_X, P_Y, SOURCE
from ib_tutorial.information import (
    blahut_arimoto,
    conditional_entropy,
    information_curve,
    information_plane,
    partitions,
)
from ib_tutorial.information.representation import encoder_of, minimal_sufficient

CLAIMS = {
    "def-lagrangian": Claim(
        r"$H(y\mid z) + \beta I(x;z)$ is $\beta$ times the functional $I(x;z) - \frac1\beta I(z;y)$ of Tishby et al. plus $H(y)$.",
        "eq. (2)",
    ),
    "prop-constrained": Claim(
        "Of all $z$ that are as good at the task, a minimiser of the Lagrangian keeps least of $x$; of all that keep no more of $x$, it is "
        "best at the task.",
        "section 4, before eq. (2)",
    ),
    "prop-curve": Claim(
        r"The information curve is non-decreasing and concave, at most $\min(R, I(x;y))$, and equal to $I(x;y)$ from $R = H(T)$ on."
    ),
    "prop-exists": Claim(
        "The least Lagrangian over all representations, continuous ones included, is the lower convex envelope of $F$ at $p(x)$; an "
        "encoder attains it with no more messages than $x$ has values."
    ),
    "prop-slope": Claim(
        r"The line of slope $\beta$ through a minimiser's point supports the curve, and what a minimiser keeps falls with the price."
    ),
    "ex-lag-value": Claim(r"The least Lagrangian is concave in $\beta$, and its slope is $I(x;z)$ of the minimiser."),
}

CODES = [encoder_of(np.array(labels)) for labels in partitions(6)]


def table(seed: int, n_x: int = 5, n_y: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.full(n_x * n_y, 0.7)).reshape(n_x, n_y)


def encoders(seed: int, n: int, n_x: int, n_z: int) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.full(n_z, 0.3), (n, n_x))


def lagrangian(p_xy: np.ndarray, encoder: np.ndarray, beta: float) -> float:
    """H(y|z) + beta I(x;z), by loops over the joint table of x, y and z."""
    joint, total = np.einsum("xy,xz->xyz", p_xy, encoder), 0.0
    p_z, p_yz = joint.sum((0, 1)), joint.sum(0)
    for x, y, z in np.argwhere(joint > 0):
        surprise = -math.log(p_yz[y, z] / p_z[z])
        total += joint[x, y, z] * (surprise + beta * math.log(encoder[x, z] / p_z[z]))
    return total


def rivals(p_xy: np.ndarray, seed: int) -> list[np.ndarray]:
    """Random encoders of several sizes, and every deterministic one."""
    n_x = len(p_xy)
    random = [q for n_z in (2, 3, n_x) for q in encoders(seed + n_z, 20, n_x, n_z)]
    return random + [encoder_of(np.array(labels)) for labels in partitions(n_x)]


@proves("def-lagrangian", kind="enumeration", scope="special case")
@pytest.mark.parametrize("beta", [0.1, 0.3])
def test_the_solver_minimises_the_functional_of_tishby_et_al(beta):
    """Value by value, so that a change of either coefficient shows, and by its minimum."""
    p_xy = table(1)
    found, h_y = blahut_arimoto(p_xy, beta), special.entr(p_xy.sum(0)).sum()
    theirs = {"found": found.i_xz - found.i_zy / beta}
    for number, rival in enumerate(rivals(p_xy, 2)):
        i_xz, i_zy = information_plane(p_xy, rival)
        theirs[number] = i_xz - i_zy / beta
        assert lagrangian(p_xy, rival, beta) == pytest.approx(beta * theirs[number] + h_y, abs=1e-12)
    assert found.lagrangian == pytest.approx(beta * theirs["found"] + h_y, abs=1e-12)
    assert min(theirs.values()) >= theirs["found"] - 1e-9


@proves("prop-constrained", kind="enumeration", scope="special case")
@pytest.mark.parametrize("beta", [0.1, 0.3])
def test_a_minimiser_keeps_least_of_those_as_good_and_is_best_of_those_that_keep_as_little(beta):
    best, rng = blahut_arimoto(SOURCE, beta), np.random.default_rng(0)
    near = [best.p_z_given_x ** rng.uniform(0.8, 1.25, (6, 1)) for _ in range(60)]
    others = [q / q.sum(1, keepdims=True) for q in near] + rivals(SOURCE, 3)
    kept = np.array([information_plane(SOURCE, q)[0] for q in others])
    unknown = np.array([conditional_entropy(q.T @ SOURCE) for q in others])
    as_good = unknown <= conditional_entropy(best.p_z_given_x.T @ SOURCE)
    as_little = kept <= best.i_xz
    assert as_good.sum() > 10 and as_little.sum() > 10
    assert kept[as_good].min() >= best.i_xz - 1e-9
    assert unknown[as_little].min() >= best.lagrangian - beta * best.i_xz - 1e-9


@proves("prop-curve", kind="enumeration", scope="special case")
@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_a_flag_that_is_shown_mixes_both_informations(share):
    p_xy = table(4)
    first, second = encoders(5, 2, 5, 3)
    points = [np.array(information_plane(p_xy, q)) for q in (first, second)]
    flagged = information_plane(p_xy, np.concatenate([share * first, (1 - share) * second], 1))
    assert flagged == pytest.approx(share * points[0] + (1 - share) * points[1], abs=1e-12)


@proves("prop-curve", kind="numerical", scope="special case")
def test_the_curve_rises_concavely_under_both_bounds_to_its_flat_end():
    doubled = np.concatenate([0.3 * SOURCE[:1], 0.7 * SOURCE[:1], SOURCE[1:]])  # two kinds with the same posterior
    everything = information_plane(doubled, np.eye(7))[1]
    curve = [(0.0, 0.0), *((b.i_xz, b.i_zy) for b in information_curve(doubled, np.linspace(0.01, 0.7, 24)))]
    rate, useful = np.array(sorted(curve)).T
    far = np.concatenate([[True], np.diff(rate) > 1e-3])
    slopes = np.diff(useful[far]) / np.diff(rate[far])
    assert (slopes >= 0).all() and (np.diff(slopes) <= 1e-5).all()
    assert (useful <= np.minimum(rate, everything) + 1e-12).all()
    classes = information_plane(doubled, encoder_of(minimal_sufficient(doubled)))
    assert classes == pytest.approx((special.entr(P_X).sum(), everything), abs=1e-12)
    assert rate[-1] < classes[0] + 1e-9 < special.entr(doubled.sum(1)).sum()


def graph(p_xy: np.ndarray, r: np.ndarray, beta: float) -> np.ndarray:
    """F(r) = H(r_y) + beta KL(r || p) of beliefs r [n, x]."""
    p_x = p_xy.sum(1)
    return special.entr(r @ (p_xy / p_x[:, None])).sum(1) + beta * special.rel_entr(r, p_x).sum(1)


@proves("prop-exists", kind="enumeration", scope="general")
@pytest.mark.parametrize("seed", range(5))
def test_the_lagrangian_is_the_mean_height_of_the_messages_on_the_graph(seed):
    p_xy, encoder = table(seed), encoders(seed, 1, 5, 7)[0]
    p_z = p_xy.sum(1) @ encoder
    beliefs = (p_xy.sum(1)[:, None] * encoder / p_z).T
    assert lagrangian(p_xy, encoder, 0.3) == pytest.approx(p_z @ graph(p_xy, beliefs, 0.3), abs=1e-12)


@proves("prop-exists", kind="numerical", scope="special case")
@pytest.mark.parametrize("beta", [0.05, 0.2, 0.35, 0.5])
def test_the_least_lagrangian_is_the_lower_convex_envelope(beta):
    """For two kinds the beliefs are a line, on which the envelope is the least chord above p(x): a grid finds it."""
    p_xy = np.array([SOURCE[:4].sum(0), SOURCE[4:].sum(0)])
    share = np.linspace(0, 1, 1501)
    height = graph(p_xy, np.stack([1 - share, share], 1), beta)
    left, right = share < p_xy[1].sum(), share > p_xy[1].sum()
    width = share[right] - share[left, None]
    weight = (p_xy[1].sum() - share[left, None]) / width
    chords = (1 - weight) * height[left, None] + weight * height[right]
    silence = special.entr(p_xy.sum(0)).sum()
    assert blahut_arimoto(p_xy, beta).lagrangian == pytest.approx(min(chords.min(), silence), abs=1e-5)


@proves("prop-exists", kind="numerical", scope="special case")
def test_linear_programming_leaves_no_more_messages_than_inputs_and_no_larger_lagrangian():
    for seed in range(5):
        encoder = encoders(seed, 1, 6, 12)[0]
        p_z = P_X @ encoder
        beliefs = (P_X[:, None] * encoder / p_z).T
        found = optimize.linprog(graph(SOURCE, beliefs, 0.3), A_eq=beliefs.T, b_eq=P_X, method="highs-ds")
        assert (found.x > 1e-12).sum() <= 6
        assert blahut_arimoto(SOURCE, 0.3).lagrangian <= found.fun + 1e-9 <= lagrangian(SOURCE, encoder, 0.3) + 2e-9


@proves("prop-exists", kind="quadrature", scope="special case")
@pytest.mark.parametrize("noise", [0.2, 0.5, 1.0])
def test_a_continuous_message_does_not_beat_the_best_table(noise):
    """z = f(x) + noise, with f near the order of the best messages; its Lagrangian by integration over z."""
    z = np.linspace(-5 * noise, 4 + 5 * noise, 2001)
    density = np.exp(-((z - np.array([0, 0.2, 1.7, 2.0, 3.6, 4])[:, None]) ** 2) / (2 * noise**2))
    joint = P_X[:, None] * density / (noise * math.sqrt(2 * math.pi)) * (z[1] - z[0])  # [x, z]
    p_z = joint.sum(0)
    assert p_z.sum() == pytest.approx(1, abs=1e-6)
    continuous = p_z @ graph(SOURCE, (joint / p_z).T, 0.2)
    best = blahut_arimoto(SOURCE, 0.2).lagrangian
    assert best + 1e-4 < continuous < best + 0.2


@proves("prop-slope", kind="enumeration", scope="special case")
@pytest.mark.parametrize("beta", [0.1, 0.45])
def test_every_encoder_lies_under_the_line(beta):
    best = blahut_arimoto(SOURCE, beta)
    points = np.array([information_plane(SOURCE, q) for q in [*encoders(8, 60, 6, 4), *CODES]])
    assert (points[:, 1] <= best.i_zy + beta * (points[:, 0] - best.i_xz) + 1e-9).all()


@proves("prop-slope", kind="numerical", scope="special case")
def test_the_slope_between_two_prices_lies_between_them_and_less_is_kept_at_the_higher():
    prices = np.array([0.1, 0.15, 0.19, 0.21, 0.3, 0.45, 0.54])
    rate, useful = np.array([(b.i_xz, b.i_zy) for b in information_curve(SOURCE, prices)]).T
    slope = np.diff(useful) / np.diff(rate)
    assert (np.diff(rate) < 0).all()
    assert (prices[:-1] <= slope + 1e-5).all() and (slope <= prices[1:] + 1e-5).all()


@proves("ex-lag-value", kind="numerical", scope="special case")
def test_the_slope_of_the_least_lagrangian_is_what_is_kept():
    for beta in (0.1, 0.25, 0.5):
        low, middle, high = (blahut_arimoto(SOURCE, beta + step) for step in (-1e-3, 0, 1e-3))
        assert high.i_xz - 1e-5 <= (high.lagrangian - middle.lagrangian) / 1e-3 <= middle.i_xz + 1e-5
        assert middle.i_xz - 1e-5 <= (middle.lagrangian - low.lagrangian) / 1e-3 <= low.i_xz + 1e-5
    assert blahut_arimoto(SOURCE, 0.6).lagrangian == pytest.approx(special.entr(P_Y).sum(), abs=1e-12)
