"""What noise gains on a noisy bit, the loss of eq. (3) from tables, the price at which the constant is unstable."""

import math

import numpy as np

from ib_tutorial.exercises.exercise import Exercise
from ib_tutorial.information import (
    blahut_arimoto,
    contraction_coefficient,
    entropy,
    kl_divergence,
    maximal_correlation,
    variational_bound,
)


def noisy_bits(rng):
    """Pairs (eps, beta), in one of which noise gains nothing."""
    for eps in rng.uniform(0.05, 0.3, size=4):
        yield eps, (1 - 2 * eps) ** 2 * rng.uniform(0.3, 0.95)
    yield 0.2, 0.5


def optimum(eps, beta):
    return blahut_arimoto(np.array([[1 - eps, eps], [eps, 1 - eps]]) / 2, beta).lagrangian


def copying(eps, beta):
    return entropy(np.array([eps, 1 - eps])) + beta * math.log(2)


def gain(eps, beta):
    return min(copying(eps, beta), math.log(2)) - optimum(eps, beta)


NOISE_GAIN = Exercise(
    name="lag-code",
    asks="a function of eps and beta that returns how much noise gains over both deterministic encoders, in nats",
    oracle=gain,
    inputs=noisy_bits,
    mistakes={
        "You compared with $z = x$ only. The constant is a deterministic encoder too, and sometimes the better one.":
            lambda eps, beta: copying(eps, beta) - optimum(eps, beta),
        "You compared with the constant only. To copy $x$ is deterministic too, and at a low price better.":
            lambda eps, beta: math.log(2) - optimum(eps, beta),
        "You compared with the worse of the two deterministic encoders.":
            lambda eps, beta: max(copying(eps, beta), math.log(2)) - optimum(eps, beta),
        "The sign is turned round: a gain lowers the Lagrangian.":
            lambda eps, beta: -gain(eps, beta),
        "Your gain is zero everywhere. Is beta inverted? Above a price of 1 the constant is always optimal, "
        "and Tishby's beta is one over ours.":
            lambda eps, beta: min(copying(eps, 1 / beta), math.log(2)) - optimum(eps, 1 / beta),
    },
    hints=(
        "Three numbers are needed: the Lagrangian of $z = x$, that of a constant $z$, and the least of all.",
        "$p(x,y)$ of the noisy bit is a two by two table; `blahut_arimoto(table, beta).lagrangian` is the least.",
        "The Lagrangian of $z = x$ is $h(\\varepsilon) + \\beta\\log 2$, that of the constant $\\log 2$; take the better one.",
    ),
)


def encoders_with_models(rng):
    """p_xy [x, y], p_z_given_x [x, z], q_y_given_z [z, y], q_z [z], beta."""
    for n_x, n_y, n_z in ((4, 3, 2), (5, 2, 3), (3, 3, 4)):
        yield (
            rng.dirichlet(np.ones(n_x * n_y)).reshape(n_x, n_y),
            rng.dirichlet(np.ones(n_z), n_x),
            rng.dirichlet(np.ones(n_y), n_z),
            rng.dirichlet(np.ones(n_z)),
            rng.uniform(0.1, 0.6),
        )


def combined(combine):
    """`combine(bound, beta)` of the variational bound: the loss, or a mistake made of the right parts."""
    return lambda p_xy, p_z_given_x, q_y_given_z, q_z, beta: combine(
        variational_bound(p_xy, p_z_given_x, q_y_given_z, q_z, beta), beta
    )


def with_divergence(average):
    """A mistake in the second term: `average` of p(x), and of the divergences of each x both ways round."""

    def computes(p_xy, p_z_given_x, q_y_given_z, q_z, beta):
        right = [kl_divergence(row, q_z) for row in p_z_given_x]
        swapped = [kl_divergence(q_z, row) for row in p_z_given_x]
        rate = average(p_xy.sum(1), np.array(right), np.array(swapped), len(q_z))
        return variational_bound(p_xy, p_z_given_x, q_y_given_z, q_z, beta).cross_entropy + beta * rate

    return computes


EXPECTED_LOSS = Exercise(
    name="lag-loss",
    asks=(
        "a function of p_xy [x, y], p_z_given_x [x, z], q_y_given_z [z, y], q_z [z] and beta "
        "that returns the expectation of eq. (3), a number, in nats"
    ),
    oracle=combined(lambda bound, beta: bound.loss),
    inputs=encoders_with_models,
    mistakes={
        "Beta is inverted: it multiplies the divergence, as a price per nat of input.":
            combined(lambda bound, beta: bound.cross_entropy + bound.rate / beta),
        "Beta stands in front of the wrong term: it is the price of the divergence, not of the cross-entropy.":
            combined(lambda bound, beta: beta * bound.cross_entropy + bound.rate),
        "KL's arguments are swapped: the encoder makes $z$, so $p(z|x)$ stands first and the prior second.":
            with_divergence(lambda p_x, right, swapped, n_z: p_x @ swapped),
        "You averaged the divergence over the inputs as if they were equally likely: weigh each with $p(x)$.":
            with_divergence(lambda p_x, right, swapped, n_z: right.mean()),
        "You summed the divergence over the inputs: it is a mean, weighed with $p(x)$.":
            with_divergence(lambda p_x, right, swapped, n_z: right.sum()),
        "You took the mean over the values of $z$ where a divergence has their sum.":
            with_divergence(lambda p_x, right, swapped, n_z: p_x @ right / n_z),
        "Your first term is $H(y|z)$, with the encoder's own $p(y|z)$. The decoder $q(y|z)$ is another distribution.":
            combined(lambda bound, beta: bound.h_y_given_z + beta * bound.rate),
        "Your second term is $I(x;z)$, with the encoder's own $p(z)$. The prior $q(z)$ is another distribution.":
            combined(lambda bound, beta: bound.cross_entropy + beta * bound.i_xz),
    },
    hints=(
        "Two expectations: one over $x$, $y$ and $z$, the other over $x$ and $z$.",
        "`p_z_given_x.T @ p_xy` is the joint table of $z$ and $y$: its weighted sum of $-\\log q(y|z)$ is the first.",
        "The other is a sum of $p(x)\\,p(z|x)\\log[p(z|x)/q(z)]$ over a table [x, z]; then put beta in its place.",
    ),
)


def joint_tables(rng):
    """Tables [x, y]: two random ones, and one whose label is rarely shown, where the two prices differ."""
    yield (rng.dirichlet(np.ones(12)).reshape(4, 3),)
    yield (rng.dirichlet(np.full(15, 0.5)).reshape(5, 3) * 0.9 + 0.1 / 15,)
    yield (np.array([[0.07, 0.01], [0.01, 0.07], [0.42, 0.42]]),)


def singular(matrix, number=1):
    return np.linalg.svd(matrix, compute_uv=False)[number]


def normalised(p_xy):
    return p_xy / np.sqrt(np.outer(p_xy.sum(1), p_xy.sum(0)))


STABILITY_PRICE = Exercise(
    name="lag-price",
    asks="a function of p_xy [x, y] that returns the price below which the constant encoder is unstable, a number",
    oracle=lambda p_xy: maximal_correlation(p_xy) ** 2,
    inputs=joint_tables,
    in_nats=False,
    mistakes={
        "That is $\\rho_m$; the price is its square.":
            maximal_correlation,
        "Your answer is 1 for every table: the largest singular value always is. The next one tells.":
            lambda p_xy: singular(normalised(p_xy), 0) ** 2,
        "You divided by $p(x)\\,p(y)$ without the square root.":
            lambda p_xy: singular(p_xy / np.outer(p_xy.sum(1), p_xy.sum(0))) ** 2,
        "You took the singular values of the table itself; it has to be divided by $\\sqrt{p(x)\\,p(y)}$ first.":
            lambda p_xy: singular(p_xy) ** 2,
        "You took the singular values of $p(y|x)$, which do not treat $x$ and $y$ alike.":
            lambda p_xy: singular(p_xy / p_xy.sum(1, keepdims=True)) ** 2,
        "That is $\\eta$, above which the constant is optimal. Unstable it becomes at another price.":
            contraction_coefficient,
    },
    hints=(
        "Instability is about small departures: the proposition on the stability of the constant encoder names the price.",
        "The definition of maximal correlation says of which matrix it is a singular value, and which one.",
        "`np.linalg.svd(matrix, compute_uv=False)` returns singular values, the largest first.",
    ),
)
