"""What a function tells, what a critic can show, and how well few messages can be counted."""

import itertools
import math

import numpy as np
import pytest
import torch
from proof import Claim, proves
from scipy import stats
from scipy.integrate import quad

from ib_tutorial.information import (
    conditional_entropy,
    conditional_mutual_information,
    entropy,
    info_nce,
    mutual_information,
    nwj,
    represent,
)

CLAIMS = {
    "prop-mi-deterministic": Claim(
        r"A function of $N$ equally likely inputs that is one-to-one on them tells $\log N$ nats; one with a continuous unit tells infinitely many."
    ),
    "prop-mi-critic": Claim(r"InfoNCE and NWJ are lower bounds on $I(x;y)$ for every critic; InfoNCE is at most $\log n$."),
    "prop-mi-finite-sample": Claim(
        r"With a fixed encoder, the counted $I(z;y)$ is near the true one, by a bound that does not contain the number of inputs."
    ),
    "eq-mi-ceb": Claim(r"The conditional entropy bottleneck is the Lagrangian at $\beta = \gamma/(1 + \gamma)$, up to a factor and a constant."),
}


@proves("prop-mi-deterministic", kind="enumeration", scope="general")
def test_a_one_to_one_function_tells_log_n_and_one_that_merges_inputs_tells_less():
    rng = np.random.default_rng(0)
    for n in (2, 5, 9):
        table = np.eye(n)[rng.permutation(n)] / n
        assert mutual_information(table) == pytest.approx(math.log(n))
        merged = table.copy()
        merged[:, 0] += merged[:, 1]
        assert mutual_information(np.delete(merged, 1, axis=1)) == pytest.approx(math.log(n) - 2 / n * math.log(2))


@proves("prop-mi-deterministic", kind="quadrature", scope="special case")
@pytest.mark.parametrize("m", [2, 7, 30])
def test_the_cell_of_a_continuous_unit_tells_log_m(m):
    """z = tanh(x) for normal x: the m cells between its quantiles are equally likely, so their number has the entropy log m."""
    edges = np.tanh(stats.norm.ppf(np.arange(m + 1) / m))
    density = lambda z: stats.norm.pdf(np.arctanh(z)) / (1 - z**2)
    p = [quad(density, max(a, -1 + 1e-12), min(b, 1 - 1e-12), limit=200)[0] for a, b in itertools.pairwise(edges)]
    assert entropy(np.array(p) / sum(p)) == pytest.approx(math.log(m), abs=1e-5) and sum(p) == pytest.approx(1, abs=1e-6)


@proves("prop-mi-critic", kind="enumeration", scope="general")
@pytest.mark.parametrize("seed", range(5))
def test_the_exact_means_of_both_bounds_are_at_most_the_information(seed):
    """All samples of n = 3 pairs of a 2 x 3 table, with a random critic, and with the best one."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(6)).reshape(2, 3)
    truth = mutual_information(p)
    best = 1 + np.log(p / (p.sum(1, keepdims=True) * p.sum(0)))
    pairs = list(itertools.product(range(2), range(3)))
    for critic in (rng.normal(size=(2, 3)), 3 * rng.normal(size=(2, 3)), best):
        means = {info_nce: 0.0, nwj: 0.0}
        for sample in itertools.product(pairs, repeat=3):
            x, y = (list(each) for each in zip(*sample, strict=True))
            scores = torch.from_numpy(critic[np.ix_(x, y)])
            probability = math.prod(p[pair] for pair in sample)
            for bound in means:
                value = bound(scores).item()
                assert bound is nwj or value <= math.log(3) + 1e-12
                means[bound] += probability * value
        assert max(means.values()) <= truth + 1e-12
        if critic is best:
            assert means[nwj] == pytest.approx(truth, abs=1e-12)
        else:
            assert means[nwj] < truth - 1e-6


def counted(counts, encoder):
    """I(z;y) of the observed frequencies [x, y] under p(z|x)."""
    joint = encoder.T @ counts / counts.sum()
    return mutual_information(joint)


@proves("prop-mi-finite-sample", kind="numerical", scope="general")
@pytest.mark.parametrize("seed", range(20))
def test_no_single_pair_changes_the_count_by_more_than_the_proof_says(seed):
    rng = np.random.default_rng(seed)
    n_x, n_y, n_z, m = rng.integers(2, 6), rng.integers(2, 5), rng.integers(2, 5), int(rng.integers(2, 40))
    encoder = rng.dirichlet(np.full(n_z, rng.choice([0.1, 1.0])), n_x)
    counts = rng.multinomial(m, rng.dirichlet(np.full(n_x * n_y, 0.3))).reshape(n_x, n_y).astype(float)
    allowed = (6 * math.log(m) + 4 * math.log(n_z)) / m
    for old, new in itertools.product(zip(*np.nonzero(counts), strict=True), np.ndindex(n_x, n_y)):
        changed = counts.copy()
        changed[old] -= 1
        changed[new] += 1
        assert abs(counted(changed, encoder) - counted(counts, encoder)) <= allowed


@proves("prop-mi-finite-sample", kind="enumeration", scope="general")
@pytest.mark.parametrize("seed", range(4))
def test_the_mean_of_the_count_is_as_near_as_the_proof_says(seed):
    """All samples of m = 4 pairs of a 2 x 2 table, with a random encoder of three messages."""
    rng = np.random.default_rng(seed)
    p, encoder, m = rng.dirichlet(np.ones(4)), rng.dirichlet(np.ones(3), 2), 4
    entropies = {"z": lambda q: q.sum(1), "y": lambda q: q.sum(0), "zy": lambda q: q.flatten()}
    gaps = dict.fromkeys(entropies, 0.0)
    mean, truth = 0.0, encoder.T @ p.reshape(2, 2)
    for counts in itertools.product(range(m + 1), repeat=4):
        if sum(counts) != m:
            continue
        probability = stats.multinomial.pmf(counts, m, p)
        joint = encoder.T @ np.array(counts).reshape(2, 2) / m
        mean += probability * mutual_information(joint)
        for name, marginal in entropies.items():
            gaps[name] += probability * (entropy(marginal(truth)) - entropy(marginal(joint)))
    for name, cells in (("z", 3), ("y", 2), ("zy", 6)):
        assert -1e-12 <= gaps[name] <= (cells - 1) / m
    assert -(3 + 2 - 2) / m <= mean - mutual_information(truth) <= (6 - 1) / m


@proves("eq-mi-ceb", kind="numerical", scope="general")
def test_the_conditional_entropy_bottleneck_is_a_lagrangian():
    rng = np.random.default_rng(0)
    for _ in range(20):
        p_xy, encoder, gamma = rng.dirichlet(np.ones(12)).reshape(4, 3), rng.dirichlet(np.ones(3), 4), rng.uniform(0.1, 5)
        chain = represent(p_xy, encoder)  # [x, y, z]
        h_y_given_z, i_xz = conditional_entropy(chain.sum(0).T), mutual_information(chain.sum(1))
        i_xz_given_y = conditional_mutual_information(chain.transpose(0, 2, 1))
        beta, h_y = gamma / (1 + gamma), entropy(p_xy.sum(0))
        assert h_y_given_z + gamma * i_xz_given_y == pytest.approx((1 + gamma) * (h_y_given_z + beta * i_xz) - gamma * h_y, abs=1e-10)
