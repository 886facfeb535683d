"""Chapter `representations`: information, sufficiency, minimality, invariance. The oracles are plain loops over a table."""

import math

import numpy as np
import pytest
import torch
from proof import Claim, proves
from scipy import integrate, optimize, stats

from ib_tutorial.information import kl_divergence, kl_standard_normal, mutual_information, represent

CLAIMS = {
    "prop-identity": Claim(
        r"For every encoder and every prior $q$: $\mathbb{E}\,\mathrm{KL}(p(z \mid x)\,\Vert\,q) = I(x;z) + "
        r"\mathrm{KL}(p(z)\,\Vert\,q)$, so that $I(x;z)$ is the least mean price of a message over all priors.",
        "section 3, after eq. (3), for one prior",
    ),
}


def H(table: np.ndarray, *axes: int) -> float:
    """Entropy of some axes of a joint table, by a plain loop: the oracle for the library's functions."""
    marginal = table.sum(tuple(axis for axis in range(table.ndim) if axis not in axes))
    return -sum(p * math.log(p) for p in marginal.flat if p > 0)


def information(table: np.ndarray, left: tuple, right: tuple, given: tuple = ()) -> float:
    """I(left; right | given) between axes of a joint table, from four entropies."""
    return H(table, *left, *given) + H(table, *right, *given) - H(table, *left, *right, *given) - H(table, *given)


def random_table(rng: np.random.Generator, *shape: int, zeros: float = 0.2) -> np.ndarray:
    table = rng.gamma(0.7, size=shape) * (rng.random(shape) >= zeros)
    table.flat[0] += 0.1
    return table / table.sum()


# The price of a message


def price(p_xz: np.ndarray, q: np.ndarray) -> float:
    """E KL(p(z|x) || q), cell by cell."""
    cells = np.argwhere(p_xz > 0)
    return sum(p_xz[x, z] * (math.log(p_xz[x, z] / p_xz[x].sum()) - (math.log(q[z]) if q[z] else -math.inf)) for x, z in cells)


@proves("prop-identity", kind="enumeration", scope="special case")
@pytest.mark.parametrize("seed", range(20))
def test_the_price_of_a_message_splits(seed):
    rng = np.random.default_rng(seed)
    p_xz, q = random_table(rng, 4, 5), random_table(rng, 5, zeros=0.2 * (seed % 2))
    assert price(p_xz, q) == pytest.approx(mutual_information(p_xz) + kl_divergence(p_xz.sum(0), q), abs=1e-12)


@proves("prop-identity", kind="numerical", scope="special case")
def test_no_prior_is_cheaper_than_the_marginal():
    p_xz = random_table(np.random.default_rng(0), 4, 5, zeros=0.0)

    def at(logits: np.ndarray) -> float:
        return price(p_xz, np.exp(logits - np.logaddexp.reduce(logits)))

    best = optimize.minimize(at, np.zeros(5), tol=1e-12)
    assert best.fun == pytest.approx(mutual_information(p_xz), abs=1e-8)
    assert np.exp(best.x - np.logaddexp.reduce(best.x)) == pytest.approx(p_xz.sum(0), abs=1e-4)


@proves("prop-identity", kind="quadrature", scope="special case")
@pytest.mark.parametrize("stays_off", [0.0, 0.3])
def test_the_price_of_a_continuous_message_splits(stays_off):
    """x is one of three inputs; z is exactly 0 with the probability `stays_off`, else Gaussian. The prior is N(0, 1), with that atom."""
    p_x, mean, log_var = np.array([0.5, 0.3, 0.2]), np.array([-1.0, 0.4, 2.0]), np.array([-1.0, 0.2, -2.0])
    off = np.array([stays_off, 0.0, stays_off / 2])  # the probability of the atom, given x
    q_off = 0.1 if stays_off else 0.0
    terms = [stats.norm(m, math.exp(v / 2)) for m, v in zip(mean, log_var, strict=True)]

    def over_the_line(p: float, q: float) -> float:
        return p * math.log(p / q) if p > 0 else 0.0

    def divergence(log_p, p_atom, log_q, q_atom) -> float:
        """Between two laws with an atom at 0, from the logarithms of their densities elsewhere."""
        smooth = integrate.quad(lambda z: math.exp(log_p(z)) * (log_p(z) - log_q(z)), -12, 12, points=[-1, 0, 2], limit=200)[0]
        return smooth + over_the_line(p_atom, q_atom)

    def given(x):
        return lambda z: terms[x].logpdf(z) + math.log1p(-off[x])

    def marginal(z):
        return np.logaddexp.reduce([math.log(p_x[x]) + given(x)(z) for x in range(3)])

    def prior(z):
        return stats.norm.logpdf(z) + math.log1p(-q_off)

    kept = sum(p_x[x] * divergence(given(x), off[x], marginal, p_x @ off) for x in range(3))
    gap = divergence(marginal, p_x @ off, prior, q_off)
    closed = kl_standard_normal(torch.tensor(mean), torch.tensor(log_var)).numpy() - math.log1p(-q_off)
    paid = p_x @ [(1 - s) * (c + math.log1p(-s)) + over_the_line(s, q_off) for s, c in zip(off, closed, strict=True)]
    assert paid == pytest.approx(kept + gap, abs=1e-9)
