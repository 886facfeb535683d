"""Each step of the exact solver by itself. Oracles: the self-consistent equations by enumeration, loops, least squares, a grid over s."""

import math

import numpy as np
import pytest
from scipy import special

from ib_tutorial.information import bottleneck
from ib_tutorial.information.bottleneck import LOG_ZERO

BETAS = np.array([0.05, 0.3, 0.8])


def source(seed: int, n_x: int, n_y: int) -> bottleneck._Problem:
    rng = np.random.default_rng(seed)
    p_xy = rng.dirichlet(np.full(n_x, 2.0))[:, None] * rng.dirichlet(np.full(n_y, 0.5), size=n_x)
    return bottleneck._Problem.of(p_xy)


def random_codebooks(seed: int, rows: int, n_clusters: int, n_y: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    p_z, s = rng.dirichlet(np.ones(n_clusters), size=rows), rng.dirichlet(np.ones(n_y), size=(rows, n_clusters))
    return np.log(np.concatenate([p_z[..., None], s], 2))


def kl_to(problem, s):
    """KL( p(y|x) || s ), [..., x]."""
    return special.rel_entr(problem.p_y, np.asarray(s)[..., None, :]).sum(-1)


def partition(problem, beta, codebook):
    """Z(x) of one codebook, by the definition."""
    alive = codebook[:, 0] > LOG_ZERO
    p_z, s = np.exp(codebook[alive, 0]), np.exp(codebook[alive, 1:])
    return p_z @ np.exp(-kl_to(problem, s) / beta)


def phi(problem, beta, codebook):
    return -beta * problem.p @ np.log(partition(problem, beta, codebook))


def plain_step(problem, beta, codebook):
    """One round of the self-consistent equations on one codebook, by enumeration."""
    p_z, s = np.exp(codebook[:, 0]), np.exp(codebook[:, 1:])
    encoder = p_z[:, None] * np.exp(-kl_to(problem, s) / beta)
    joint = problem.p * encoder / encoder.sum(0)
    return np.log(np.column_stack([joint.sum(1), joint @ problem.p_y / joint.sum(1, keepdims=True)]))


def log_g(problem, beta, codebook, s):
    """log G(s), whose maximum over s bounds how far Phi can fall."""
    shares = np.log(problem.p / partition(problem, beta, codebook))
    return special.logsumexp(shares - kl_to(problem, s) / beta, axis=-1)


def test_the_encoder_of_a_codebook_its_partition_and_phi():
    problem, codebooks = source(0, 5, 3), random_codebooks(1, 3, 4, 3)
    codebooks[1, 2, 0] = LOG_ZERO
    encoder, factor, log_z, phis = bottleneck._encode(problem, BETAS, codebooks)
    for row, beta in enumerate(BETAS):
        weight = np.exp(codebooks[row, :, 0])[:, None] * np.exp(-kl_to(problem, np.exp(codebooks[row, :, 1:])) / beta)
        np.testing.assert_allclose(encoder[row] / factor[row], weight / weight.sum(0), atol=1e-14)
        np.testing.assert_allclose(log_z[row], np.log(weight.sum(0)), rtol=1e-12)
        assert phis[row] == pytest.approx(phi(problem, beta, codebooks[row]), rel=1e-12)
    assert (encoder[1, 2] == 0).all()


def test_a_step_is_one_round_of_the_self_consistent_equations():
    problem, codebooks = source(2, 6, 3), random_codebooks(3, 3, 4, 3)
    after, phis = bottleneck._step(problem, BETAS, codebooks)
    for row, beta in enumerate(BETAS):
        np.testing.assert_allclose(np.exp(after[row]), np.exp(plain_step(problem, beta, codebooks[row])), atol=1e-13)
        assert phis[row] == pytest.approx(phi(problem, beta, codebooks[row]), rel=1e-12)


def test_exponentials_neither_overflow_nor_lose_what_is_small():
    logits = np.random.default_rng(0).normal(scale=500, size=(3, 4, 5)) + 2000
    logits[1, 2] = -np.inf
    scaled, total, log_total = bottleneck._exp(logits.copy())
    np.testing.assert_allclose(log_total, special.logsumexp(logits, axis=1), rtol=1e-14)
    np.testing.assert_allclose(scaled / total[:, None], special.softmax(logits, axis=1), rtol=1e-10, atol=1e-300)
    assert total.min() >= 1 - 1e-12  # the largest term is 1


def test_a_codebook_is_normalised_in_both_its_parts_and_nothing_falls_below_the_floor():
    given = np.random.default_rng(0).normal(scale=3, size=(2, 4, 6))
    given[0, 1, 0] = given[1, 2, 3] = -5000
    found = bottleneck._normalise(given)
    np.testing.assert_allclose(found[..., 0], np.maximum(special.log_softmax(given[..., 0], -1), LOG_ZERO), atol=1e-12)
    np.testing.assert_allclose(
        found[..., 1:], np.maximum(special.log_softmax(given[..., 1:], -1), LOG_ZERO), atol=1e-12
    )
    assert found[0, 1, 0] == found[1, 2, 3] == LOG_ZERO


def test_trimming_puts_the_heaviest_first_and_keeps_as_many_as_any_row_has_alive():
    codebooks = random_codebooks(4, 2, 5, 3)
    codebooks[0, [0, 3], 0] = codebooks[1, [1, 2, 4], 0] = LOG_ZERO
    found = bottleneck._trim(codebooks)
    assert found.shape == (2, 3, 4)
    for row, alive in enumerate((3, 2)):
        expected = sorted(codebooks[row].tolist(), reverse=True)[:alive]
        np.testing.assert_array_equal(found[row, :alive], expected)
        assert (found[row, alive:, 0] == LOG_ZERO).all()
    np.testing.assert_array_equal(bottleneck._n_alive(codebooks), [3, 2])


# Acceleration


def test_the_mixture_would_have_moved_least_in_the_weighted_norm():
    rng = np.random.default_rng(0)
    end, move, weight = rng.normal(size=(3, 12)), rng.normal(size=(3, 12)), rng.uniform(0.1, 3, size=(3, 12))
    ends, moves = rng.normal(size=(2, 3, 4, 12))
    found = bottleneck._mixture(end, move, ends, moves, weight)
    for row in range(3):
        root = np.sqrt(weight[row])
        mix = np.linalg.lstsq((moves[row] * root).T, move[row] * root, rcond=None)[0]
        np.testing.assert_allclose(found[row], end[row] - mix @ ends[row], atol=1e-10)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_steps_that_were_alike_or_none_do_not_break_the_mixture(scale):
    rng = np.random.default_rng(1)
    end, move, weight = rng.normal(size=(1, 6)), scale * rng.normal(size=(1, 6)), np.ones((1, 6))
    moves, ends = np.zeros((2, 1, 4, 6))
    np.testing.assert_array_equal(bottleneck._mixture(end, move, ends, moves, weight), end)
    moves[:, :2], ends[:, :2] = scale * rng.normal(size=6), rng.normal(size=6)
    mix = (moves[0, 0] @ move[0]) / (moves[0, 0] @ moves[0, 0])
    np.testing.assert_allclose(
        bottleneck._mixture(end, move, ends, moves, weight)[0], end[0] - mix * ends[0, 0], rtol=1e-2
    )


def plainly(problem, beta, codebook, precision):
    """Blahut-Arimoto without acceleration: the codebook that a step moves by no more than `precision`, and the steps."""
    for n in range(1, 100_000):
        after = plain_step(problem, beta, codebook)
        if np.abs(np.exp(after) - np.exp(codebook)).max() <= precision:
            return after, n
        codebook = after
    raise AssertionError("the plain iteration did not settle")


@pytest.mark.parametrize("seed", [1, 3, 4])
@pytest.mark.parametrize("precision", [1e-4, 1e-11])
def test_the_accelerated_iteration_ends_where_the_plain_one_does(seed, precision):
    problem, betas = source(seed, 5, 3), np.array([0.15, 0.25, 0.35])
    starts = random_codebooks(seed + 10, 3, 3, 3)
    found, taken, enough = bottleneck._iterate(problem, betas, starts, np.full(3, 500), np.full(3, precision))
    assert enough.all() and (taken < 500).all()
    for row, beta in enumerate(betas):
        codebook, n = plainly(problem, beta, starts[row], precision)
        assert phi(problem, beta, found[row]) <= phi(problem, beta, codebook) + 1e-10
        alive = found[row, :, 0] > -32
        after = plain_step(problem, beta, found[row])
        moved = np.abs(np.exp(after) - np.exp(found[row]))[alive]
        assert (
            moved[:, 1:].max() <= 1.1 * precision and (beta * (after - found[row])[alive, 0]).max() <= 1.1 * precision
        )
        assert taken[row] <= max(n, 60)


def test_near_a_critical_beta_the_iteration_needs_a_twentieth_of_the_steps():
    """The noisy bit opens at beta = (1 - 2 eps)^2 = 0.64, and the plain iteration slows down there without limit."""
    problem = bottleneck._Problem.of(np.array([[0.9, 0.1], [0.1, 0.9]]) / 2)
    beta, start = 0.64 * (1 - 1e-2), np.log([[0.5, 0.6, 0.4], [0.5, 0.4, 0.6]])
    found, taken, enough = bottleneck._iterate(
        problem, np.array([beta]), start[None], np.array([500]), np.array([1e-10])
    )
    codebook, n = plainly(problem, beta, start, 1e-9)
    assert enough.all() and taken[0] < 0.05 * n
    np.testing.assert_allclose(np.exp(found[0]), np.exp(codebook), atol=1e-6)


def test_a_cluster_that_has_died_does_not_hold_up_the_rest():
    problem = bottleneck._Problem.of(np.array([[0.9, 0.1], [0.1, 0.9]]) / 2)
    two, _ = plainly(problem, 0.3, np.log([[0.5, 0.7, 0.3], [0.5, 0.3, 0.7]]), 1e-14)
    start = np.concatenate([two, [[-60, *np.log([0.6, 0.4])]]])
    _, taken, enough = bottleneck._iterate(problem, np.array([0.3]), start[None], np.array([50]), np.array([1e-10]))
    assert enough[0] and taken[0] == 1


@pytest.mark.parametrize("seed", [2, 3, 7, 9])
def test_an_iteration_that_is_cut_short_returns_no_worse_than_any_of_its_steps_began_at(seed, monkeypatch):
    """Some mixtures raise Phi, so the last step is not always the best."""
    problem, step, begun = source(seed, 6, 4), bottleneck._step, []

    def counted(*arguments):
        begun.append(step(*arguments))
        return begun[-1]

    monkeypatch.setattr(bottleneck, "_step", counted)
    for limit in range(1, 41):
        begun.clear()
        start = random_codebooks(seed + 1, 1, 4, 4)
        found, _, _ = bottleneck._iterate(problem, np.array([0.1]), start, np.array([limit]), np.array([1e-15]))
        assert phi(problem, 0.1, found[0]) <= min(values[0] for _, values in begun) + 1e-14


def test_a_light_cluster_whose_weight_still_grows_has_not_settled():
    """Its p(y|z) stands at the maximum of G from the start, and its p(z) of 1e-9 grows by a constant factor a step."""
    problem = bottleneck._Problem.of(np.array([[0.9, 0.1], [0.1, 0.9]]) / 2)
    beta, constant = np.array([0.3]), np.log([[1, 0.5, 0.5]])
    tops = bottleneck._climb(problem, beta, constant[None], bottleneck._log(problem.p_y), 1e-12)[0, :2, 1:]
    start = np.column_stack([np.log([1 - 2e-9, 1e-9, 1e-9]), np.concatenate([constant[:, 1:], tops])])
    found, taken, enough = bottleneck._iterate(problem, beta, start[None], np.array([500]), np.array([1e-3]))
    best = phi(problem, 0.3, np.log([[0.5, *np.exp(tops[0])], [0.5, *np.exp(tops[1])]]))
    assert enough[0] and taken[0] < 500
    assert phi(problem, 0.3, found[0]) < best + 1e-3 < phi(problem, 0.3, constant) - 0.05


@pytest.mark.parametrize("limit", [1, 3, 12])
def test_an_iteration_that_is_cut_short_says_so_and_is_no_worse_than_its_start(limit):
    problem, starts = source(5, 6, 4), random_codebooks(6, 3, 4, 4)
    found, taken, enough = bottleneck._iterate(
        problem, BETAS, starts, np.array([limit, 1, limit + 2]), np.full(3, 1e-15)
    )
    np.testing.assert_array_equal(taken, [limit, 1, limit + 2])
    assert not enough.any()
    np.testing.assert_allclose(np.exp(found[1]), np.exp(plain_step(problem, BETAS[1], starts[1])), atol=1e-13)
    for row in range(3):
        assert phi(problem, BETAS[row], found[row]) < phi(problem, BETAS[row], starts[row])


def test_a_row_of_a_batch_does_not_see_the_others():
    problem, starts = source(7, 6, 4), random_codebooks(8, 3, 4, 4)
    limits, precision = np.array([400, 30, 400]), np.array([1e-10, 1e-13, 1e-6])
    together = bottleneck._iterate(problem, BETAS, starts, limits, precision)
    for row in range(3):
        one = slice(row, row + 1)
        alone = bottleneck._iterate(problem, BETAS[one], starts[one], limits[one], precision[one])
        assert (together[1][row], together[2][row]) == (alone[1][0], alone[2][0])
        np.testing.assert_allclose(np.exp(together[0][row]), np.exp(alone[0][0]), atol=1e-9)


# Where another cluster is worth it


@pytest.mark.parametrize("seed", range(3))
def test_the_climb_finds_the_maximum_of_g(seed):
    problem, codebooks = source(seed, 6, 2), random_codebooks(seed + 20, 3, 2, 2)
    first = np.linspace(1e-6, 1 - 1e-6, 20_001)
    grid = np.stack([first, 1 - first], 1)
    tops = bottleneck._climb(problem, BETAS, codebooks, bottleneck._log(problem.p_y), 1e-12)
    assert tops.shape == (3, len(problem.p) + 2, 3)
    for row, beta in enumerate(BETAS):
        values = log_g(problem, beta, codebooks[row], grid)
        assert values.max() - 1e-12 <= tops[row, :, 0].max() <= values.max() + 1e-6
        places = np.concatenate([problem.p_y, np.exp(codebooks[row, :, 1:])])
        reached = log_g(problem, beta, codebooks[row], np.exp(tops[row, :, 1:]))
        before = log_g(problem, beta, codebooks[row], places)
        np.testing.assert_allclose(np.exp(tops[row, :, 1:]).sum(1), 1, atol=1e-12)
        assert (reached >= before - 1e-12).all()  # a climb never goes down
        np.testing.assert_allclose(tops[row, :, 0], reached, atol=1e-8)
        assert (np.diff(np.sign(np.diff(values))) < 0).sum() == len(np.unique(reached.round(7)))  # each local maximum


def test_near_a_critical_beta_the_climb_needs_no_more_cycles():
    """There the plain ascent gains too little in a cycle, and would stop, or need a thousand steps."""
    problem = bottleneck._Problem.of(np.array([[0.9, 0.1], [0.1, 0.9]]) / 2)
    beta, constant = 0.64 * (1 - 1e-3), np.log([[1, 0.5, 0.5]])
    tops = bottleneck._climb(problem, np.array([beta]), constant[None], bottleneck._log(problem.p_y), 1e-13)
    first = np.linspace(0.4, 0.6, 20_001)
    values = log_g(problem, beta, constant, np.stack([first, 1 - first], 1))
    assert values.max() > 1e-7
    np.testing.assert_allclose(tops[0, :2, 0], values.max(), rtol=1e-4)
    best = first[values.argmax()]
    np.testing.assert_allclose(np.sort(np.exp(tops[0, :2, 1])), np.sort([best, 1 - best]), atol=3e-4)


def test_the_climb_ends_within_its_tolerance_of_the_maximum():
    problem = bottleneck._Problem.of(np.array([[0.9, 0.1], [0.1, 0.9]]) / 2)
    beta, constant, first = 0.64 * (1 - 1e-2), np.log([[1, 0.5, 0.5]]), np.linspace(0.3, 0.7, 20_001)
    best = log_g(problem, beta, constant, np.stack([first, 1 - first], 1)).max()
    for tolerance in (1e-5, 1e-6, 1e-8):
        tops = bottleneck._climb(problem, np.array([beta]), constant[None], np.log([[0.52, 0.48]]), tolerance)
        assert beta * (best - tops[0, 0, 0]) <= tolerance < beta * best


def test_new_clusters_get_the_share_that_lowers_phi_most():
    problem = source(9, 6, 3)
    constant = np.log(np.append(1, problem.p @ problem.p_y))[None]
    codebooks = np.repeat(constant[None], 3, 0)
    betas = np.array([0.02, 0.1, 0.2])
    tops = bottleneck._climb(problem, betas, codebooks, bottleneck._log(problem.p_y), 1e-9)
    opened = bottleneck._open(problem, betas, codebooks.copy(), tops, 1e-9)
    for row, beta in enumerate(betas):
        alive = opened[row][opened[row, :, 0] > LOG_ZERO]
        assert np.exp(alive[:, 0]).sum() == pytest.approx(1, abs=1e-12)
        is_old = np.isclose(alive[:, 1:], constant[0, 1:], atol=1e-12).all(1)
        old, new = alive[is_old], alive[~is_old]
        assert len(old) == 1 and len(new) >= 2
        places = np.exp(new[:, 0] - new[:, 0].min())  # those that were joined in each
        np.testing.assert_allclose(places, places.round(), atol=1e-9)
        z_new = places / places.sum() @ np.exp(-kl_to(problem, np.exp(new[:, 1:])) / beta)
        z_old = partition(problem, beta, constant)
        reached = phi(problem, beta, alive)
        for share in (*np.geomspace(1e-8, 0.5, 27), 1 - 1e-9):
            assert reached <= -beta * problem.p @ np.log((1 - share) * z_old + share * z_new) + 1e-13


@pytest.mark.parametrize("beta", [0.02, 0.05, 0.1])
def test_old_clusters_that_are_good_keep_the_share_that_they_earn(beta):
    problem = source(9, 6, 3)
    old, _ = plainly(problem, beta, random_codebooks(2, 1, 2, 3)[0], 1e-9)
    tops = bottleneck._climb(problem, np.array([beta]), old[None], bottleneck._log(problem.p_y), 1e-9)
    opened = bottleneck._open(problem, np.array([beta]), old[None].copy(), tops, 1e-9)[0]
    is_old = (np.abs(opened[:, None, 1:] - old[:, 1:]).max(-1) < 1e-12).any(1)
    new, alive = opened[~is_old & (opened[:, 0] > LOG_ZERO)], opened[opened[:, 0] > LOG_ZERO]
    weights = np.exp(new[:, 0])
    assert 1e-3 < weights.sum() <= 0.5
    z_new = weights / weights.sum() @ np.exp(-kl_to(problem, np.exp(new[:, 1:])) / beta)
    for share in (*np.geomspace(1e-8, 0.5, 27), 1 - 1e-9):
        mixed = -beta * problem.p @ np.log((1 - share) * partition(problem, beta, old) + share * z_new)
        assert phi(problem, beta, alive) <= mixed + 1e-13


def n_opened(beta, gains, s, tolerance):
    """How many clusters _open adds to the constant encoder, and the codebook's weights by p(y|z)."""
    problem = source(9, 6, 3)
    constant = np.log(np.append(1, problem.p @ problem.p_y))[None, None]
    tops = np.column_stack([np.array(gains) / beta, np.log(s)])[None]
    opened = bottleneck._open(problem, np.array([beta]), constant, tops, tolerance)[0]
    alive = opened[opened[:, 0] > LOG_ZERO]
    return len(alive) - 1, {tuple(np.exp(row[1:]).round(2)): math.exp(row[0]) for row in alive}


def test_a_place_is_opened_only_where_it_gains_enough_and_alike_places_once():
    s = [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8], [0.8, 0.1001, 0.0999], [0.3, 0.3, 0.4], [0.05, 0.05, 0.9]]
    gains = [0.5, 0.25, 0.0049, 0.45, -0.1, 0.0059]  # the third is below a hundredth of the best, the last is not
    n, weights = n_opened(0.1, gains, s, 1e-9)
    assert n == 3 and {(0.8, 0.1, 0.1), (0.1, 0.8, 0.1), (0.05, 0.05, 0.9)} < set(weights)
    assert weights[0.8, 0.1, 0.1] == pytest.approx(2 * weights[0.1, 0.8, 0.1], rel=1e-9)  # two places in one
    assert n_opened(0.1, gains, s, 0.3)[0] == 1  # a tolerance of 0.3 nats leaves the two that became one


@pytest.mark.parametrize("beta, distance, n", [(0.1, 0.0095, 1), (0.1, 0.011, 2), (1e-4, 0.0009, 1), (1e-4, 0.0011, 2)])
def test_places_are_one_where_they_are_nearer_than_a_hundredth_or_a_tenth_of_the_root_of_beta(beta, distance, n):
    step = distance / math.sqrt(2)
    assert n_opened(beta, [0.5, 0.5], [[0.6, 0.2, 0.2], [0.6 + step, 0.2 - step, 0.2]], 1e-9)[0] == n


# Clusters that grew alike


def joined(codebook, radius):
    """One codebook's clusters, joined as the docstring of _join says, by loops: {giver: taker} and the weights."""
    p_z, s = np.exp(codebook[:, 0]), np.exp(codebook[:, 1:])
    p_z = np.where(p_z < 1e-4 * radius, 0, p_z)
    heaviest = []
    for a in range(len(s)):
        near = [b for b in range(len(s)) if np.linalg.norm(s[a] - s[b]) < radius]
        heaviest.append(max(near, key=lambda b: p_z[b]))
    taker = [heaviest[a] if heaviest[heaviest[a]] == heaviest[a] else a for a in range(len(s))]
    p_zy = np.zeros_like(s)
    for a, b in enumerate(taker):
        p_zy[b] += p_z[a] * s[a]
    return p_zy / p_zy.sum()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("radius", [0.05, 0.2, 0.5])
def test_clusters_are_joined_to_the_heaviest_within_the_radius(seed, radius):
    codebooks = random_codebooks(seed, 2, 8, 3)
    codebooks[:, 7, 0] = np.log(0.5e-4 * radius)  # almost none
    codebooks[:, 6, 0] = np.log(2e-4 * radius)
    found = bottleneck._join(codebooks, np.array([radius, 0.6 * radius]))
    for row, r in enumerate((radius, 0.6 * radius)):
        expected = joined(codebooks[row], r)
        alive = found[row, :, 0] > LOG_ZERO
        np.testing.assert_array_equal(alive, expected.sum(1) > 0)
        np.testing.assert_allclose(np.exp(found[row, :, :1] + found[row, :, 1:])[alive], expected[alive], atol=1e-12)


@pytest.mark.parametrize("distance", [0.0, 1e-9, 1e-7])
def test_clusters_that_are_the_same_to_phi_become_one(distance):
    problem, codebooks = source(3, 5, 3), random_codebooks(4, 3, 3, 3)
    doubled = np.concatenate([codebooks, codebooks[:, :1]], 1)
    doubled[:, [0, 3], 0] -= math.log(2)
    doubled[:, 3, 1:] = np.log(np.exp(doubled[:, 3, 1:]) + distance * np.array([1, -1, 0]))
    merged = bottleneck._merge(problem, BETAS, doubled)
    np.testing.assert_array_equal(bottleneck._n_alive(merged), 3)
    for row, beta in enumerate(BETAS):
        assert phi(problem, beta, merged[row]) <= phi(problem, beta, doubled[row]) + 1e-13


@pytest.mark.parametrize("seed", range(8))
def test_merging_never_raises_phi(seed):
    problem = source(seed, 6, 2)
    codebooks = random_codebooks(seed, 3, 40, 2)  # on a line of length sqrt 2 many are near each other
    merged = bottleneck._merge(problem, BETAS, codebooks)
    for row, beta in enumerate(BETAS):
        assert phi(problem, beta, merged[row]) <= phi(problem, beta, codebooks[row]) + 2e-14


def test_settling_joins_what_grew_alike():
    """Eight clusters of which the optimum of the noisy bit needs two: they become two, and the rest of the rows is dead."""
    problem = bottleneck._Problem.of(np.array([[0.9, 0.1], [0.1, 0.9]]) / 2)
    betas, starts = np.array([0.2, 0.4, 0.7]), random_codebooks(0, 3, 8, 2)
    found, taken = bottleneck._settle(problem, betas, starts, np.full(3, 2000), np.full(3, 1e-12))
    np.testing.assert_array_equal(bottleneck._n_alive(found), [2, 2, 1])
    assert found.shape[1] == 2 and (taken < 2000).all()


@pytest.mark.parametrize("seed", range(3))
def test_what_has_settled_is_a_fixed_point_and_keeps_all_its_weight(seed):
    problem, betas, starts = source(seed, 6, 4), np.array([0.1, 0.2, 0.3]), random_codebooks(seed, 3, 12, 4)
    found, taken = bottleneck._settle(problem, betas, starts, np.full(3, 2000), np.full(3, 1e-12))
    assert (taken < 2000).all() and (taken > 25).any()
    np.testing.assert_allclose(np.exp(found[..., 0]).sum(1), 1, atol=1e-9)
    for row, beta in enumerate(betas):
        alive = found[row][found[row, :, 0] > LOG_ZERO]
        np.testing.assert_allclose(np.exp(plain_step(problem, beta, alive))[:, 1:], np.exp(alive)[:, 1:], atol=1e-11)
        assert phi(problem, beta, alive) < phi(problem, beta, starts[row])


def test_settling_keeps_to_its_limit():
    problem, betas, starts = source(1, 6, 4), np.array([0.1, 0.2, 0.3]), random_codebooks(1, 3, 12, 4)
    _, taken = bottleneck._settle(problem, betas, starts, np.array([3, 40, 26]), np.full(3, 1e-16))
    np.testing.assert_array_equal(taken, [3, 40, 26])


def measured_by_loops(problem, beta, encoder):
    """I(x;z), I(z;y) and the Lagrangian of an encoder [x, z], from its joint tables."""
    joint_xz = problem.p[:, None] * encoder
    joint_zy = joint_xz.T @ problem.p_y
    i_xz, i_zy = (
        special.rel_entr(joint, np.outer(joint.sum(1), joint.sum(0))).sum() for joint in (joint_xz, joint_zy)
    )
    p_y = joint_zy.sum(0)
    return i_xz, i_zy, special.entr(p_y).sum() - i_zy + beta * i_xz


def test_an_encoder_is_measured_by_its_joint_tables():
    problem, encoders = source(4, 5, 3), np.random.default_rng(5).dirichlet(np.full(4, 0.3), size=(3, 2, 5))
    encoders[1, 0, :, 2], encoders[2, 1] = 0, np.eye(5)[:, :4]
    encoders[2, 1, 4, 1] = 1
    encoders[1, 0] /= encoders[1, 0].sum(1, keepdims=True)
    found = bottleneck._measure(problem, BETAS[:, None], encoders)
    for row, beta in enumerate(BETAS):
        for rival in range(2):
            want = measured_by_loops(problem, beta, encoders[row, rival])
            assert [each[row, rival] for each in found] == pytest.approx(want, abs=1e-14)


def test_rounding_does_not_give_a_constant_encoder_any_nats():
    """p(z) is computed from the rows, so it differs from them by rounding; a beta of 1e6 would show an error of the first order."""
    problem, row = source(6, 7, 3), np.random.default_rng(7).dirichlet(np.ones(5))
    i_xz, i_zy, _ = bottleneck._measure(problem, np.array([1e6]), np.tile(row, (1, 7, 1)))
    assert 0 <= i_xz[0] < 1e-18 and 0 <= i_zy[0] < 1e-14


def with_an_x_that_never_occurs_and_two_alike() -> tuple[np.ndarray, bottleneck._Problem]:
    p_y_given_x = np.array([[0.1, 0.9], [0.9, 0.1], [0.5, 0.5], [0.75, 0.25], [0.1, 0.9]])
    table = np.array([0.15, 0.25, 0, 0.3, 0.3])[:, None] * p_y_given_x
    return table, bottleneck._Problem.of(table)


TWO = np.log([[0.6, 0.8, 0.2], [0.4, 0.15, 0.85]])  # the cluster of the later x first
THREE = np.log([[0.3, 0.74, 0.26], [0.3, 0.7, 0.3], [0.4, 0.15, 0.85]])  # no cluster for the second group alone
FOUR = np.vstack([THREE, np.log([[1e-6, 0.5, 0.5]])])
ONE = np.log([[1.0, 0.4, 0.6]])


@pytest.mark.parametrize(
    ("beta", "codebook", "wins"),
    [(0.35, TWO, "own"), (0.2, FOUR, "rounded"), (0.9, TWO, "constant"), (0.001, THREE, "identity"), (0.2, ONE, "own")],
)
def test_a_codebook_gives_the_best_of_its_encoder_the_rounded_the_constant_and_the_identity(beta, codebook, wins):
    table, problem = with_an_x_that_never_occurs_and_two_alike()
    np.testing.assert_array_equal(problem.group_of_x, [0, 1, -1, 2, 0])
    n = len(codebook)
    own = np.exp(codebook[:, 0])[:, None] * np.exp(-kl_to(problem, np.exp(codebook[:, 1:])) / beta)
    own = (own / own.sum(0)).T
    rivals = {"own": own, "rounded": np.eye(n)[own.argmax(1)], "constant": np.tile(np.eye(n)[0], (3, 1)), "identity": np.eye(3)}
    if n != 3:
        del rivals["identity"]
    if n == 1:
        del rivals["rounded"], rivals["constant"]  # they are its own
    lagrangians = {name: measured_by_loops(problem, beta, each)[2] for name, each in rivals.items()}
    best = lagrangians.pop(wins)
    assert all(best < other - 1e-3 for other in lagrangians.values())
    q = rivals[wins]
    q = q[:, np.argsort((q / np.maximum(problem.p @ q, 1e-12)).argmax(0) + 9 * (problem.p @ q == 0), kind="stable")]

    (found,) = bottleneck._bottlenecks(problem, np.array([beta]), codebook[None], np.array([7]), np.array([True]), n + 1, table)
    p_z, p_y = problem.p @ q, table.sum(0)
    rows = np.array([q[0], q[1], p_z, q[2], q[0]])
    np.testing.assert_allclose(found.p_z_given_x, np.pad(rows, ((0, 0), (0, 1))), atol=1e-12)
    np.testing.assert_allclose(found.p_z, [*p_z, 0], atol=1e-12)
    answers = [(problem.p * q[:, z]) @ problem.p_y / p_z[z] if p_z[z] > 0 else p_y for z in range(n)]
    np.testing.assert_allclose(found.p_y_given_z, [*answers, p_y], atol=1e-12)
    assert (found.i_xz, found.i_zy, found.lagrangian) == pytest.approx(measured_by_loops(problem, beta, q), abs=1e-12)
    assert found.n_iterations == 7 and found.converged


def test_rounding_is_no_reason_to_leave_an_encoder():
    """At this beta the rounded encoder is as good to 1e-13, and the codebook's own is kept with its tiny probabilities."""
    table, problem = with_an_x_that_never_occurs_and_two_alike()
    (found,) = bottleneck._bottlenecks(problem, np.array([0.02]), TWO[None], np.array([7]), np.array([True]), 2, table)
    tiny = found.p_z_given_x[found.p_z_given_x < 0.2]
    assert len(tiny) == 4 and (tiny > 0).all() and tiny.max() < 1e-15


@pytest.mark.parametrize(
    ("seed", "n_restarts", "limit", "best"),
    [(9, 5, 400, 3), (9, 0, 400, 0), (9, 5, 6, 3)],
)
def test_too_few_clusters_are_the_best_of_the_heaviest_and_of_random_starts(seed, n_restarts, limit, best):
    """The oracle runs each start by itself. Their fixed points differ; with six steps some have not come to theirs."""
    problem, beta, n = source(seed, 10, 6), 0.02, 3
    codebook, rng = random_codebooks(2, 1, 6, 6)[0], np.random.default_rng(3)
    starts = [codebook[np.argsort(codebook[:, 0])[::-1][:n], 1:]]
    starts += [np.log(problem.p_y[rng.choice(10, n, replace=False, p=problem.p)]) for _ in range(n_restarts)]
    starts = [np.insert(start, 0, math.log(1 / n), axis=1) for start in starts]
    ends = [bottleneck._iterate(problem, *(np.array([each]) for each in (beta, start, limit, 1e-10))) for start in starts]
    phis = [phi(problem, beta, codebooks[0]) for codebooks, _, _ in ends]
    assert np.argmin(phis) == best and (n_restarts == 0 or max(phis) > min(phis) + 0.02)
    search = bottleneck._Search(n_restarts, 0, 20_000, 1e-3)
    found, taken, settled = bottleneck._restrict(problem, beta, codebook, n, search, np.random.default_rng(3), limit)
    np.testing.assert_allclose(found, ends[best][0][0], atol=1e-9)
    assert (taken, settled) == (ends[best][1][0], ends[best][2][0])
    assert settled == (limit == 400)


def test_each_round_asks_for_ten_times_the_precision_and_the_rounds_keep_to_the_limit(monkeypatch):
    rounds = []

    def takes_all_its_steps(problem, beta, codebooks, limit, precision):
        rounds.append((*limit, *precision))
        return codebooks, limit

    monkeypatch.setattr(bottleneck, "_settle", takes_all_its_steps)
    monkeypatch.setattr(bottleneck, "_restrict", lambda *arguments: (arguments[2][:5], 0, False))
    search = bottleneck._Search(n_restarts=4, seed=0, max_iterations=1020, tolerance=1e-9)
    _, used, converged = bottleneck._minimise(source(3, 5, 3), np.array([0.3]), 5, search)
    assert used == 1020 and not converged
    np.testing.assert_allclose(rounds, [(500, 1e-9), (500, 1e-10), (20, 1e-11)])


def test_the_search_is_restricted_only_where_the_optimum_has_too_many_clusters(monkeypatch):
    problem, betas = source(1, 5, 4), np.array([0.02, 0.2, 0.35, 0.5])
    search = bottleneck._Search(n_restarts=4, seed=0, max_iterations=3000, tolerance=1e-9)
    codebooks, used, _ = bottleneck._minimise(problem, betas, 5, search)
    n_alive = bottleneck._n_alive(codebooks)
    np.testing.assert_array_equal(n_alive, [5, 4, 3, 1])
    limits = {}

    def first_ones(problem, beta, codebook, n_clusters, search, rng, limit):
        limits[beta] = limit
        return codebook[:n_clusters], 7, True

    monkeypatch.setattr(bottleneck, "_restrict", first_ones)
    _, then_used, _ = bottleneck._minimise(problem, betas, 3, search)
    restricted = n_alive > 3
    assert limits == dict(zip(betas[restricted], 3000 - used[restricted], strict=True))
    np.testing.assert_array_equal(then_used, used + 7 * restricted)


def test_a_cluster_without_one_of_the_answers_keeps_its_weight():
    problem = bottleneck._Problem.of(np.array([[0.3, 0], [0.3, 0], [0, 0.4]]))
    search = bottleneck._Search(n_restarts=4, seed=0, max_iterations=3000, tolerance=1e-9)
    codebooks, _, _ = bottleneck._minimise(problem, np.array([0.1, 0.5]), 2, search)
    for codebook in codebooks:
        np.testing.assert_allclose(sorted(np.exp(codebook[:, 0])), [0.4, 0.6], atol=1e-9)


def test_no_step_is_taken_where_the_constant_is_the_best():
    problem = source(1, 5, 4)
    codebooks, used, converged = bottleneck._minimise(problem, np.array([1.0, 1.5]), 5, bottleneck._Search(4, 0, 3000, 1e-9))
    assert (used == 0).all() and converged.all()
    np.testing.assert_allclose(codebooks[:, 0], np.tile(np.append(0, np.log(problem.p @ problem.p_y)), (2, 1)), atol=1e-14)
    assert (codebooks[:, 1:] == LOG_ZERO).all()
