"""The information bottleneck Lagrangian (paper, section 4 and eq. 1; parts of sections 3 and 9)."""

import math
from functools import cache

import numpy as np
import sympy as sp
import torch
from scipy import optimize

from ib_tutorial.claims.check import Check, Claim, Outcome, close, symbolic
from ib_tutorial.examples import P_X, P_Y, P_Y_GIVEN_X, SOURCE
from ib_tutorial.information import (
    alternating_step,
    blahut_arimoto,
    conditional_entropy,
    contraction_coefficient,
    discretised_gaussian,
    entropy,
    gaussian_bottleneck,
    information_curve,
    information_plane,
    kl_divergence,
    maximal_correlation,
    mutual_information,
    partitions,
    variational_bound,
)
from ib_tutorial.information.representation import encoder_of

CHAPTER = "book/lagrangian"

beta, tau, omega = sp.symbols("beta tau omega", positive=True)
eps, delta = sp.symbols("epsilon delta", positive=True)


def lagrangian(p_xy: np.ndarray, q: np.ndarray, weight: float) -> float:
    """H(y|z) + weight I(x;z) of the encoder q[x, z]."""
    return conditional_entropy(q.T @ p_xy) + weight * mutual_information(p_xy.sum(1)[:, None] * q)


def at_least(left: float, right: float, detail: str = "", tolerance: float = 1e-12) -> Outcome:
    """left >= right, up to rounding."""
    return Outcome(
        max(0.0, float(right) - float(left)), tolerance, detail or f"{float(left):.6g} is at least {float(right):.6g}"
    )


def all_of(*outcomes: Outcome, detail: str) -> Outcome:
    """The outcome that comes nearest to failing, with one detail for all."""
    worst = max(outcomes, key=lambda outcome: (not outcome.holds, abs(outcome.difference)))
    return Outcome(worst.difference, worst.tolerance, detail)


def random_encoders(n: int, n_z: int, seed: int = 0, n_x: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.full(n_z, 0.3), (n, n_x))


@cache
def optimum(weight: float):
    return blahut_arimoto(SOURCE, weight)


def h(p: float) -> float:
    return entropy(np.array([p, 1 - p]))


def star(a, b):
    """The probability that one of two independent flips happens and not the other."""
    return a * (1 - b) + b * (1 - a)


def sh(p):
    return -p * sp.log(p) - (1 - p) * sp.log(1 - p)


# A symbolic 2 x 2 x 2 chain y -> x -> z: numbers for p(x, y), symbols for everything that may be chosen

JOINT = sp.Matrix([[sp.Rational(3, 10), sp.Rational(1, 10)], [sp.Rational(1, 5), sp.Rational(2, 5)]])
Q = sp.Matrix(2, 2, sp.symbols("q_00 q_01 q_10 q_11", positive=True))  # encoder [x, z]
S = sp.Matrix(2, 2, sp.symbols("s_00 s_01 s_10 s_11", positive=True))  # decoder [z, y]
R = sp.Matrix(sp.symbols("r_0 r_1", positive=True))  # prior [z]
PX = [sum(JOINT.row(x)) for x in range(2)]
PZ = [PX[0] * Q[0, z] + PX[1] * Q[1, z] for z in range(2)]
PZY = [[JOINT[0, y] * Q[0, z] + JOINT[1, y] * Q[1, z] for y in range(2)] for z in range(2)]
H_Y_GIVEN_Z = -sum(PZY[z][y] * (sp.log(PZY[z][y]) - sp.log(PZ[z])) for z in range(2) for y in range(2))
I_XZ = sum(PX[x] * Q[x, z] * (sp.log(Q[x, z]) - sp.log(PZ[z])) for x in range(2) for z in range(2))


# From the constrained problem to eq. (2)


def constrained_symbolic() -> Outcome:
    """With Tishby's multiplier 1/beta on I(z;y), the two Lagrangians differ by a factor and a constant."""
    h_y, i_xz, i_zy = sp.symbols("H_y I_xz I_zy", positive=True)
    ours, tishby = (h_y - i_zy) + beta * i_xz, i_xz - i_zy / beta
    return symbolic(sp.diff(ours - beta * tishby, i_xz) + sp.diff(ours - beta * tishby, i_zy), sp.Integer(0))


def constrained_enumeration() -> Outcome:
    """No encoder near the minimiser, nor any partition, that is as good at the task keeps less of x."""
    best = optimum(0.2)
    level, rng = conditional_entropy(best.p_z_given_x.T @ SOURCE), np.random.default_rng(0)
    sharper = [best.p_z_given_x ** rng.uniform(0.9, 1.2, (6, 1)) for _ in range(300)]
    rivals = [q / q.sum(1, keepdims=True) for q in sharper] + [np.eye(6)[labels] for labels in partitions(6)]
    kept = [information_plane(SOURCE, q)[0] for q in rivals if conditional_entropy(q.T @ SOURCE) <= level]
    return at_least(
        min(kept), best.i_xz, f"{len(kept)} rivals keep at least {min(kept):.5f}, the minimiser {best.i_xz:.5f}", 1e-9
    )


# The self-consistent equations and Blahut-Arimoto


def gradient_symbolic() -> Outcome:
    found = sp.diff(H_Y_GIVEN_Z + beta * I_XZ, Q[0, 0])
    formula = PX[0] * beta * (sp.log(Q[0, 0]) - sp.log(PZ[0])) - sum(
        JOINT[0, y] * (sp.log(PZY[0][y]) - sp.log(PZ[0])) for y in range(2)
    )
    return symbolic(sp.expand(sp.simplify(found - formula)), sp.Integer(0))


def gradient_numerical() -> Outcome:
    """Automatic differentiation of eq. (2) in every entry of an encoder, against the formula."""
    q = torch.tensor(random_encoders(1, 4, seed=1)[0] + 0.1)
    q = (q / q.sum(1, keepdim=True)).requires_grad_()
    p, p_x = torch.tensor(SOURCE), torch.tensor(P_X)
    p_zy, p_z = q.T @ p, p_x @ q
    value = (torch.xlogy(p_zy, p_z[:, None]) - torch.xlogy(p_zy, p_zy)).sum() + 0.3 * (
        p_x[:, None] * q * torch.log(q / p_z)
    ).sum()
    formula = p_x[:, None] * 0.3 * torch.log(q / p_z) - p @ torch.log(p_zy / p_z[:, None]).T
    gap = (torch.autograd.grad(value, q)[0] - formula).abs().max().item()
    return close(gap, 0.0, 1e-10, f"largest deviation {gap:.1e}")


def self_consistent_symbolic() -> Outcome:
    """Put into the stationarity condition, the solution leaves something that depends on x alone."""
    r, d, z_x = sp.symbols("r d Z", positive=True)
    q = r * sp.exp(-d / beta) / z_x
    return symbolic(sp.expand_log(beta * sp.log(q / r), force=True) + d, -beta * sp.log(z_x))


def self_consistent_numerical() -> Outcome:
    """The solver's encoder, put into the right-hand side of the equation."""
    q = optimum(0.15).p_z_given_x
    gap = np.abs(alternating_step(SOURCE, q, 0.15) - q).max()
    return close(gap, 0.0, 1e-5, f"largest change of the encoder: {gap:.1e}")


def descent_symbolic() -> Outcome:
    """The encoder's part of the loss is its least value plus beta times a divergence."""
    q, r, d = (sp.symbols(f"{name}_0:3", positive=True) for name in "qrd")
    z_x = sum(r[z] * sp.exp(-d[z] / beta) for z in range(3))
    left = sum(q[z] * (d[z] + beta * (sp.log(q[z]) - sp.log(r[z]))) for z in range(3))
    kl = sum(q[z] * (sp.log(q[z]) - sp.log(r[z]) + d[z] / beta + sp.log(z_x)) for z in range(3))
    right = -beta * sp.log(z_x) + beta * kl
    return symbolic(sp.expand((left - right).subs(q[2], 1 - q[0] - q[1])), sp.Integer(0))


def descent_numerical() -> Outcome:
    """What one step gains is the sum of its three divergences."""
    weight, q = 0.2, random_encoders(1, 4, seed=2)[0]
    new = alternating_step(SOURCE, q, weight)
    (old_z, old_zy), (new_z, new_zy) = ((P_X @ e, e.T @ SOURCE) for e in (q, new))
    gain = weight * sum(P_X[x] * kl_divergence(q[x], new[x]) for x in range(6)) + weight * kl_divergence(new_z, old_z)
    gain += sum(new_z[z] * kl_divergence(new_zy[z] / new_z[z], old_zy[z] / old_z[z]) for z in range(4))
    return close(lagrangian(SOURCE, q, weight) - lagrangian(SOURCE, new, weight), gain, 1e-12)


def score(p_z: np.ndarray, p_y_given_z: np.ndarray, weight: float, steps: int = 120) -> float:
    """max G(s) over a triangular grid of distributions s on three outcomes, for the codebook given."""
    i, j = np.triu_indices(steps - 1)
    s = np.stack([i + 1, j - i + 1, steps - 1 - j], 1) / (steps + 1)
    s = np.concatenate([s / s.sum(1, keepdims=True), p_y_given_z])

    def distance(t: np.ndarray) -> np.ndarray:
        return (P_Y_GIVEN_X * np.log(P_Y_GIVEN_X)).sum(1)[:, None] - P_Y_GIVEN_X @ np.log(t).T

    partition = np.exp(-distance(p_y_given_z) / weight) @ p_z
    return float((P_X / partition @ np.exp(-distance(s) / weight)).max())


def certificate_symbolic() -> Outcome:
    """sum_x p(x) Z'(x) / Z(x) is the mean of G under the rival's weights."""
    p, z_x, rival = (sp.symbols(f"{name}_0:2", positive=True) for name in ("p", "Z", "w"))
    d = sp.Matrix(2, 2, sp.symbols("d_00 d_01 d_10 d_11", positive=True))
    left = sum(p[x] * sum(rival[z] * sp.exp(-d[x, z] / beta) for z in range(2)) / z_x[x] for x in range(2))
    g = [sum(p[x] * sp.exp(-d[x, z] / beta) / z_x[x] for x in range(2)) for z in range(2)]
    return symbolic(left, rival[0] * g[0] + rival[1] * g[1])


def certificate_numerical() -> Outcome:
    """At the solver's optimum no s has G(s) > 1; at the constant encoder, a fixed point too, some s has."""
    best = optimum(0.2)
    alive = best.p_z > 0
    found, trivial = score(best.p_z[alive], best.p_y_given_z[alive], 0.2), score(np.ones(1), P_Y[None], 0.2)
    return all_of(
        at_least(1.0, found, tolerance=1e-6),
        at_least(trivial, 2.0),
        detail=f"max G: {found:.7f} at the optimum, {trivial:.1f} at the constant",
    )


# The variational bound


def bound_symbolic() -> Outcome:
    loss = sum(
        JOINT[x, y] * Q[x, z] * (-sp.log(S[z, y]) + beta * (sp.log(Q[x, z]) - sp.log(R[z])))
        for x in range(2) for y in range(2) for z in range(2)
    )  # fmt: skip
    decoder = sum(PZY[z][y] * (sp.log(PZY[z][y]) - sp.log(PZ[z]) - sp.log(S[z, y])) for z in range(2) for y in range(2))
    prior = sum(PZ[z] * (sp.log(PZ[z]) - sp.log(R[z])) for z in range(2))
    return symbolic(sp.expand(loss - (H_Y_GIVEN_Z + beta * I_XZ) - decoder - beta * prior), sp.Integer(0))


def bound_numerical() -> Outcome:
    rng = np.random.default_rng(3)
    bound = variational_bound(
        SOURCE, random_encoders(1, 4)[0], rng.dirichlet(np.ones(3), 4), rng.dirichlet(np.ones(4)), 0.3
    )
    return close(bound.loss, bound.lagrangian + bound.decoder_gap + 0.3 * bound.prior_gap, 1e-12)


# The information curve


def time_sharing_symbolic() -> Outcome:
    """A flag of probability omega that chooses the encoder and is shown: I(x; flag, z)."""
    q0, q1 = Q, S  # two encoders; S plays the second

    def information(q):
        marginal = [PX[0] * q[0, z] + PX[1] * q[1, z] for z in range(2)]
        return sum(PX[x] * q[x, z] * (sp.log(q[x, z]) - sp.log(marginal[z])) for x in range(2) for z in range(2))

    flagged = sum(
        PX[x] * w * q[x, z] * (sp.log(w * q[x, z]) - sp.log(w * (PX[0] * q[0, z] + PX[1] * q[1, z])))
        for w, q in ((omega, q1), (1 - omega, q0)) for x in range(2) for z in range(2)
    )  # fmt: skip
    return symbolic(sp.expand_log(flagged, force=True), omega * information(q1) + (1 - omega) * information(q0))


def time_sharing_enumeration() -> Outcome:
    q0, q1 = random_encoders(2, 3, seed=7)
    shared = np.concatenate([0.3 * q1, 0.7 * q0], 1)
    points = np.array([information_plane(SOURCE, q) for q in (q0, q1, shared)])
    gap = np.abs(points[2] - 0.3 * points[1] - 0.7 * points[0]).max()
    return close(gap, 0.0, 1e-12, f"both coordinates, largest deviation {gap:.1e}")


def messages_symbolic() -> Outcome:
    """H(y|z) - beta H(x|z) of the table, and the sum of weights times what each column p(x|z) contributes."""
    column = [[PX[x] * Q[x, z] / PZ[z] for x in range(2)] for z in range(2)]
    plain = lambda ps: -sum(p * sp.expand_log(sp.log(sp.factor(p)), force=True) for p in ps)
    by_message = sum(PZ[z] * (plain([p / PZ[z] for p in PZY[z]]) - beta * plain(column[z])) for z in range(2))
    h_x_given_z = sum(PX[x] * Q[x, z] * sp.log(PZ[z] / (PX[x] * Q[x, z])) for x in range(2) for z in range(2))
    numbers = {
        Q[0, 0]: 2,
        Q[1, 0]: 3,
        Q[0, 1]: 5,
        Q[1, 1]: 7,
    }  # any positive ones: nothing here needs rows that sum to 1
    gap = (by_message - H_Y_GIVEN_Z + beta * h_x_given_z).subs(numbers)
    return symbolic(sp.expand(sp.expand_log(sp.expand(gap), force=True)), sp.Integer(0))


def messages_enumeration() -> Outcome:
    """Twelve messages thinned out by linear programming over their weights: at most six are left, and eq. (2) has not risen."""
    q = random_encoders(1, 12, seed=12)[0]
    p_z = P_X @ q
    column = P_X[:, None] * q / p_z
    worth = [entropy(c @ P_Y_GIVEN_X) + 0.3 * (entropy(P_X) - entropy(c)) for c in column.T]
    found = optimize.linprog(worth, A_eq=column, b_eq=P_X, method="highs-ds")
    left, before, after = int((found.x > 1e-12).sum()), lagrangian(SOURCE, q, 0.3), found.fun
    return all_of(
        at_least(6, left),
        at_least(before, after),
        detail=f"{left} of 12 messages left; from {before:.4f} to {after:.4f}",
    )


@cache
def some_curve() -> np.ndarray:
    return np.array([(b.i_xz, b.i_zy) for b in information_curve(SOURCE, [0.5, 0.35, 0.21, 0.2, 0.19, 0.1])])


def supporting_line() -> Outcome:
    """Every encoder lies under the line of slope beta through the optimum of that beta."""
    best = optimum(0.2)
    points = [
        information_plane(SOURCE, q)
        for q in [*random_encoders(500, 4, seed=8), *map(encoder_of, map(np.array, partitions(6)))]
    ]
    over = max(i_zy - best.i_zy - 0.2 * (i_xz - best.i_xz) for i_xz, i_zy in points)
    return at_least(0.0, over, f"703 encoders stay at least {-over:.5f} nats below it")


def slope_numerical() -> Outcome:
    (_, _, left, _, right, _) = some_curve()
    slope = (right[1] - left[1]) / (right[0] - left[0])
    return close(slope, 0.2, 1e-3, f"slope {slope:.5f} between beta 0.21 and 0.19, against 0.2")


def slope_symbolic() -> Outcome:
    """A channel that flips a fair bit with probability (1 - t)/2: dI/dt = artanh t, so that the noisy bit's slope is c artanh(ct) / artanh(t)."""
    t = sp.Symbol("t", positive=True)
    derivative = sp.diff(sp.log(2) - sh((1 - t) / 2), t)
    return symbolic(sp.expand(sp.expand_log(sp.factor(derivative), force=True)), (sp.log(1 + t) - sp.log(1 - t)) / 2)


# The first transition


def transition_symbolic() -> Outcome:
    """The noisy bit: the KL ratio of the tilted input (1/2 + tau, 1/2 - tau) as tau -> 0, by second derivatives."""

    def kl(a):
        return sum((sp.Rational(1, 2) + sign * a) * sp.log(1 + 2 * sign * a) for sign in (1, -1))

    second = [sp.diff(kl(a), tau, 2).subs(tau, 0) for a in ((1 - 2 * eps) * tau, tau)]
    return symbolic(second[0] / second[1], (1 - 2 * eps) ** 2)


def transition_numerical() -> Outcome:
    """Just below eta the solver keeps something, at a price near eta; just above it keeps nothing."""
    eta = contraction_coefficient(SOURCE)
    below, above = blahut_arimoto(SOURCE, eta - 2e-3), blahut_arimoto(SOURCE, eta + 2e-3)
    price = below.i_zy / below.i_xz
    return all_of(
        close(price, eta, 2e-3),
        close(above.i_xz, 0.0, 1e-9),
        detail=f"eta {eta:.4f}; I(z;y)/I(x;z) just below {price:.4f}; I(x;z) above {above.i_xz:.0e}",
    )


def transition_enumeration() -> Outcome:
    """The certificate for the constant encoder: max G is 1 at eta and above 1 below it."""
    eta = contraction_coefficient(SOURCE)
    at, below = score(np.ones(1), P_Y[None], eta), score(np.ones(1), P_Y[None], eta - 0.02)
    return all_of(
        close(at, 1.0, 1e-9), at_least(below, 1.001), detail=f"max G = {at:.9f} at eta, {below:.4f} at eta - 0.02"
    )


def stability_symbolic() -> Outcome:
    """KL(p (1 + tau g) || p) to second order, for three outcomes: tau^2 / 2 times the variance of g."""
    p, g = sp.symbols("p_0:3", positive=True), sp.symbols("g_0:3", real=True)
    kl = sum(p[i] * (1 + tau * g[i]) * sp.log(1 + tau * g[i]) - p[i] * tau * g[i] for i in range(3))  # E g = 0
    second = sp.diff(kl, tau, 2).subs(tau, 0)
    return symbolic(second, sum(p[i] * g[i] ** 2 for i in range(3)))


def stability_numerical() -> Outcome:
    """One Blahut-Arimoto step multiplies a small departure from the constant encoder by rho_m^2 / beta."""
    u, _, _ = np.linalg.svd(SOURCE / np.sqrt(np.outer(P_X, P_Y)))
    g = u[:, 1] / np.sqrt(P_X)
    start = np.stack([0.5 * (1 + 1e-6 * g), 0.5 * (1 - 1e-6 * g)], 1)
    growth = (alternating_step(SOURCE, start, 0.4)[:, 0] - 0.5) @ (P_X * g) / 0.5e-6
    return close(growth, maximal_correlation(SOURCE) ** 2 / 0.4, 1e-5)


def order_symbolic() -> Outcome:
    """A fair bit x and y = 0 with probability a or b: the KL ratio of a small tilt, and the squared correlation of x and y."""
    a, b = sp.symbols("a b", positive=True)
    half, p_y = sp.Rational(1, 2), (a + b) / 2
    kl = lambda p, r: r * sp.log(r / p) + (1 - r) * sp.log((1 - r) / (1 - p))
    second = [
        sp.diff(kl(p, r), tau, 2).subs(tau, 0) for p, r in ((p_y, p_y + tau * (a - b) / 2), (half, half * (1 + tau)))
    ]
    covariance = a / 2 - p_y / 2
    return symbolic(second[0] / second[1], covariance**2 / (half * (1 - half) * p_y * (1 - p_y)))


def order_enumeration() -> Outcome:
    """rho_m^2 is reached along a small tilt; knowing that x is the rarest kind already has a better ratio."""
    u, s, _ = np.linalg.svd(SOURCE / np.sqrt(np.outer(P_X, P_Y)))
    tilt = P_X * (1 + 1e-3 * u[:, 1] / np.sqrt(P_X))
    small = kl_divergence(tilt @ P_Y_GIVEN_X, P_Y) / kl_divergence(tilt, P_X)
    alarm = kl_divergence(P_Y_GIVEN_X[5], P_Y) / -math.log(P_X[5])
    return all_of(
        close(small, s[1] ** 2, 1e-3),
        at_least(alarm, s[1] ** 2 + 0.03),
        detail=f"small tilt {small:.4f}, rho_m^2 {s[1] ** 2:.4f}, alarm {alarm:.4f}",
    )


# The noisy bit


def noisy_bit(flip: float) -> np.ndarray:
    return np.array([[1 - flip, flip], [flip, 1 - flip]]) / 2


def best_flip(flip: float, weight: float) -> tuple[float, float]:
    """(delta, least L) of the symmetric channel, by bounded search."""
    found = optimize.minimize_scalar(
        lambda d: h(star(flip, d)) + weight * (math.log(2) - h(d)),
        bounds=(0, 0.5),
        method="bounded",
        options={"xatol": 1e-12},
    )
    return found.x, found.fun


def noisy_bit_symbolic() -> Outcome:
    """The Lagrangian summed over the table of x, y, z, and the formula."""
    flip = lambda p, a, b: p if a != b else 1 - p
    p_zy = {(z, y): sum(flip(delta, x, z) * flip(eps, x, y) for x in (0, 1)) / 2 for z in (0, 1) for y in (0, 1)}
    value = -sum(p * sp.log(2 * p) for p in p_zy.values())
    value += beta * sum(flip(delta, x, z) / 2 * sp.log(2 * flip(delta, x, z)) for x in (0, 1) for z in (0, 1))
    formula = sh(star(eps, delta)) + beta * (sp.log(2) - sh(delta))
    return symbolic(sp.expand(sp.expand_log(value - formula, force=True)), sp.Integer(0))


def noisy_bit_optimal() -> Outcome:
    """The solver, which may use any encoder, does not beat the best symmetric channel."""
    gaps = [
        blahut_arimoto(noisy_bit(flip), weight).lagrangian - best_flip(flip, weight)[1]
        for flip, weight in ((0.1, 0.3), (0.1, 0.6), (0.2, 0.2))
    ]
    return close(max(map(abs, gaps)), 0.0, 1e-8, f"largest deviation {max(map(abs, gaps)):.1e}")


def gerber_symbolic() -> Outcome:
    """The sign of the derivative of artanh(ct) / artanh(t) is that of k(t) - k(ct), k(u) = (1 - u^2) artanh(u) / u."""
    c, t = sp.symbols("c t", positive=True)
    derivative = sp.diff(sp.atanh(c * t) / sp.atanh(t), t) * sp.atanh(t) ** 2 * (1 - t**2) * (1 - c**2 * t**2)
    k = lambda u: (1 - u**2) * sp.atanh(u) / u
    return symbolic(derivative, c * t * (k(t) - k(c * t)))


def gerber_numerical() -> Outcome:
    """Second differences of h(eps * h^{-1}(v)) over v, for three eps."""
    v = np.linspace(0, math.log(2), 101)[1:-1]
    inverse = np.array([optimize.brentq(lambda d, at=level: h(d) - at, 1e-12, 0.5) for level in v])
    second = min(np.diff([h(star(flip, d)) for d in inverse], 2).min() for flip in (0.02, 0.1, 0.3))
    return at_least(second, 0.0, f"smallest {second:.1e}")


def threshold_symbolic() -> Outcome:
    """The marginal price c artanh(ct) / artanh(t) at t -> 0, where z forgets x: c^2."""
    c, t = sp.symbols("c t", positive=True)
    return symbolic(sp.limit(c * sp.atanh(c * t) / sp.atanh(t), t, 0), c**2)


def threshold_numerical() -> Outcome:
    """The gain over both deterministic encoders, just below and just above (1 - 2 eps)^2, and near 0."""
    gain = lambda e, b: min(h(e) + b * math.log(2), math.log(2)) - best_flip(e, b)[1]
    inside = min(gain(e, b) for e in (0.02, 0.1, 0.3) for b in [share * (1 - 2 * e) ** 2 for share in (0.97, 0.7, 0.4)])
    outside = max(gain(e, 1.01 * (1 - 2 * e) ** 2) for e in (0.02, 0.1, 0.3))
    return all_of(
        at_least(inside, 1e-9),
        at_least(1e-12, outside),
        detail=f"least gain inside {inside:.1e}, largest outside {outside:.1e}",
    )


def gain_symbolic() -> Outcome:
    """Where the two deterministic encoders tie."""
    tie = sp.solve(sp.Eq(sh(eps) + beta * sp.log(2), sp.log(2)), beta)[0]
    return symbolic(tie, 1 - sh(eps) / sp.log(2))


def gain_numerical() -> Outcome:
    """The largest gain over a fine grid of beta at eps = 0.1, and where."""
    grid = np.concatenate([np.linspace(0.005, 0.995, 100), np.linspace(0.5, 0.56, 61)])
    gains = [min(h(0.1) + b * math.log(2), math.log(2)) - best_flip(0.1, b)[1] for b in grid]
    at = grid[int(np.argmax(gains))]
    return all_of(
        close(at, 0.531, 1e-3),
        close(max(gains), 0.0269, 5e-5),
        detail=f"{max(gains):.5f} nats at beta = {at:.3f}; tie at {1 - h(0.1) / math.log(2):.4f}",
    )


def stochastic_symbolic() -> Outcome:
    """The odds of two clusters at a fixed point, r/r' exp((d' - d)/beta), are never 0 or infinite for finite distances."""
    r0, r1, d0, d1 = sp.symbols("r_0 r_1 d_0 d_1", positive=True)
    q0, q1 = r0 * sp.exp(-d0 / beta), r1 * sp.exp(-d1 / beta)
    return symbolic(sp.expand_log(sp.log(q0 / q1), force=True), sp.log(r0) - sp.log(r1) + (d1 - d0) / beta)


def stochastic_enumeration() -> Outcome:
    """The best of all 203 deterministic encoders of the source, against the solver, at beta = 0.25."""
    partition = min(lagrangian(SOURCE, np.eye(6)[labels], 0.25) for labels in partitions(6))
    best = optimum(0.25)
    softest = best.p_z_given_x[:, best.p_z > 0].min()
    return all_of(
        at_least(partition, best.lagrangian + 1e-3),
        at_least(softest, 1e-12),
        detail=f"{partition:.5f} against {best.lagrangian:.5f}; smallest entry of the encoder {softest:.1e}",
    )


# Deterministic labels


def deterministic_symbolic() -> Outcome:
    """z shows the label y, a fair bit, with probability a and is blank otherwise: both informations are a log 2."""
    a = sp.Symbol("a", positive=True)
    joint = {(0, 0): a / 2, (1, 1): a / 2, (0, 2): (1 - a) / 2, (1, 2): (1 - a) / 2}
    p_z = {0: a / 2, 1: a / 2, 2: 1 - a}
    i_zy = sum(p * sp.log(p / (p_z[z] / 2)) for (_, z), p in joint.items())
    return symbolic(sp.simplify(i_zy), a * sp.log(2))


def deterministic_enumeration() -> Outcome:
    p = np.zeros((5, 3))
    p[range(5), [0, 0, 1, 2, 2]] = [0.3, 0.1, 0.25, 0.2, 0.15]
    h_y = entropy(p.sum(0))
    solved = [blahut_arimoto(p, b).lagrangian - b * h_y for b in (0.05, 0.5, 0.95)] + [
        blahut_arimoto(p, 1.2).lagrangian - h_y
    ]
    rivals = min(lagrangian(p, q, 0.9) for q in random_encoders(500, 3, n_x=5))
    return all_of(
        close(max(map(abs, solved)), 0.0, 1e-9),
        at_least(rivals, 0.9 * h_y),
        detail=f"solver off by {max(map(abs, solved)):.0e}; 500 encoders above by {rivals - 0.9 * h_y:.3f}",
    )


# The Gaussian bottleneck


def gaussian_symbolic() -> Outcome:
    """The stationary point of 1/2 log(1 - rho^2 + rho^2 e^{-2R}) + beta R."""
    rho, rate = sp.symbols("rho R", positive=True)
    value = sp.log(1 - rho**2 + rho**2 * sp.exp(-2 * rate)) / 2 + beta * rate
    at = sp.log((1 - beta) * rho**2 / (beta * (1 - rho**2))) / 2
    return symbolic(sp.simplify(sp.diff(value, rate).subs(rate, at)), sp.Integer(0))


def gaussian_curve(rho: float, rate: float) -> float:
    return -0.5 * math.log(1 - rho**2 * (1 - math.exp(-2 * rate)))


def gaussian_discretised() -> Outcome:
    """Blahut-Arimoto on 20 x 16 cells: never above the Gaussian curve, and little below."""
    found = [blahut_arimoto(discretised_gaussian(0.8, 20, 16, 3.0), b, tolerance=1e-4) for b in (0.3, 0.5)]
    below = [gaussian_curve(0.8, b.i_xz) - b.i_zy for b in found]
    return all_of(
        at_least(min(below), 0.0),
        close(max(below), 0.0, 0.015),
        detail=f"below the curve by {min(below):.4f} and {max(below):.4f}",
    )


def gaussian_vector_numerical() -> Outcome:
    """A general linear encoder z = A x + noise, minimised from random starts, against the closed form by eigenvectors."""
    rng = np.random.default_rng(0)
    root = rng.normal(size=(5, 5))
    cov = root @ root.T + 0.5 * np.eye(5)
    x, y, xy = cov[:3, :3], cov[3:, 3:], cov[:3, 3:]

    def objective(flat: np.ndarray, weight: float = 0.2) -> float:
        a = flat.reshape(3, 3)
        of_z, cross = a @ x @ a.T + np.eye(3), a @ xy
        y_given_z = y - cross.T @ np.linalg.solve(of_z, cross)
        return 0.5 * np.linalg.slogdet(2 * math.pi * math.e * y_given_z)[1] + weight * 0.5 * np.linalg.slogdet(of_z)[1]

    found = min(optimize.minimize(objective, rng.normal(size=9), tol=1e-12).fun for _ in range(4))
    return close(found, gaussian_bottleneck(x, y, xy, 0.2).lagrangian, 1e-6)


def product_symbolic() -> Outcome:
    """For Gaussians: the Lagrangian of two independent channels on independent pairs is the sum, from determinants of the joint."""
    r1, r2, a, b = sp.symbols("r_1 r_2 a b", positive=True)
    rho, gain = sp.diag(r1, r2), sp.diag(a, b)
    of_z, cross = gain**2 + sp.eye(2), gain * rho
    joint = sp.log((sp.eye(2) - cross.T * of_z.inv() * cross).det()) / 2 + beta * sp.log(of_z.det()) / 2
    single = [sp.log(1 - g**2 * r**2 / (1 + g**2)) / 2 + beta * sp.log(1 + g**2) / 2 for g, r in ((a, r1), (b, r2))]
    return symbolic(sp.simplify(sp.exp(2 * (joint - sum(single))).rewrite(sp.exp)), sp.Integer(1))


def product_numerical() -> Outcome:
    """Two independent noisy bits solved as one table of 4 x 4, and each by itself."""
    one, two = noisy_bit(0.1), noisy_bit(0.2)
    together = blahut_arimoto(np.kron(one, two), 0.3).lagrangian
    return close(together, blahut_arimoto(one, 0.3).lagrangian + blahut_arimoto(two, 0.3).lagrangian, 1e-8)


# The limit beta -> 0


def limit_numerical() -> Outcome:
    """A table in which two x have the same posterior: H(y|z) - H(y|x) <= beta H(T), and I(x;z) -> H(T)."""
    conditional = np.vstack([P_Y_GIVEN_X, P_Y_GIVEN_X[0]])
    p = np.array([0.2, 0.25, 0.15, 0.10, 0.10, 0.05, 0.15])[:, None] * conditional
    target, excess = entropy(P_X), []  # merging the first and the last x gives the source back
    for b in (0.05, 0.01, 0.001):
        best = blahut_arimoto(p, b)
        excess.append(mutual_information(p) - best.i_zy - b * (target - best.i_xz))
    return all_of(
        at_least(0.0, max(excess), tolerance=1e-10),
        close(best.i_xz, target, 1e-4),
        detail=f"I(x;z) = {best.i_xz:.6f} at 0.001, H(T) = {target:.6f}, H(x) = {entropy(p.sum(1)):.4f}",
    )


def limit_symbolic() -> Outcome:
    """The noisy bit: the price at which delta = (1 - t)/2 is optimal tends to 0 as delta does."""
    c, t = sp.Rational(4, 5), sp.Symbol("t", positive=True)
    return symbolic(sp.limit(c * sp.atanh(c * t) / sp.atanh(t), t, 1, "-"), sp.Integer(0))


def _claim(name: str, statement: str, paper: str, proof: str, *checks: tuple) -> Claim:
    return Claim(name, statement, paper, proof, CHAPTER, tuple(Check(*check) for check in checks))


CLAIMS = (
    _claim(
        "constrained-to-lagrangian",
        r"A minimiser of $H(y\mid z) + \beta I(x;z)$ has the least $I(x;z)$ of all $z$ that are as good at the task; the Lagrangian is "
        r"$\beta$ times that of Tishby et al. with multiplier $1/\beta$, up to a constant.",
        "eq. (2)",
        "prop-constrained",
        ("symbolic", "our Lagrangian minus beta times Tishby's depends on neither information", constrained_symbolic),
        ("enumeration", "I(x;z) of the minimiser, and of rivals as good at the task", constrained_enumeration),
    ),
    _claim(
        "self-consistent",
        r"At a minimum $p(z\mid x) = p(z)\, e^{-\mathrm{KL}(p(y\mid x)\,\Vert\,p(y\mid z))/\beta} / Z(x)$ for every used $z$.",
        "section 4, cites [2]",
        "prop-self-consistent",
        ("symbolic", "a derivative of eq. (2), and its formula", gradient_symbolic),
        ("symbolic", "the stationarity condition at the solution, and -beta log Z(x)", self_consistent_symbolic),
        ("numerical", "the gradient by automatic differentiation, and its formula", gradient_numerical),
        ("numerical", "the solver's encoder, and the equation's right-hand side", self_consistent_numerical),
    ),
    _claim(
        "variational-identity",
        r"The expected per-sample loss is $H(y\mid z) + \beta I(x;z)$ plus the decoder's gap plus $\beta$ times the prior's gap.",
        "section 4, before eq. (3), has it with an approximate sign",
        "prop-variational",
        ("symbolic", "loss minus Lagrangian minus both gaps, for tables of symbols", bound_symbolic),
        ("enumeration", "the same for random tables", bound_numerical),
    ),
    _claim(
        "blahut-arimoto-descent",
        r"A Blahut-Arimoto step lowers the Lagrangian by exactly three divergences.",
        "",
        "prop-descent",
        ("symbolic", "the encoder's part of the loss, and its minimum plus a divergence", descent_symbolic),
        ("enumeration", "the fall of the Lagrangian in one step, and the three divergences", descent_numerical),
    ),
    _claim(
        "global-certificate",
        r"If $G(s) \le 1 + g$ for all $s$, no encoder is better by more than $\beta\log(1+g)$.",
        "",
        "prop-certificate",
        ("symbolic", "the mean of Z'/Z, and the mean of G", certificate_symbolic),
        ("enumeration", "max G on a grid: at most 1 at the optimum, above 2 at the constant", certificate_numerical),
    ),
    _claim(
        "curve-concave",
        r"The information curve is non-decreasing and concave: flagged time-sharing reaches every chord.",
        "",
        "prop-curve",
        ("symbolic", "I(x; flag, z), and the mixture of both informations", time_sharing_symbolic),
        ("enumeration", "both coordinates of a flagged encoder, and the mixture", time_sharing_enumeration),
    ),
    _claim(
        "as-many-messages",
        r"The least Lagrangian is attained, by an encoder with no more messages than $x$ has values.",
        "",
        "prop-exists",
        ("symbolic", "eq. (2), and its sum over messages, linear in the weights", messages_symbolic),
        ("enumeration", "twelve messages, and what linear programming leaves of them", messages_enumeration),
    ),
    _claim(
        "curve-slope",
        r"The line of slope $\beta$ through a minimiser's point supports the curve.",
        "",
        "prop-slope",
        ("symbolic", "the noisy bit: the derivative of I in t, and artanh t", slope_symbolic),
        ("enumeration", "encoders above the line of slope 0.2: none", supporting_line),
        ("numerical", "slope of the solved curve near beta = 0.2, and 0.2", slope_numerical),
    ),
    _claim(
        "first-transition",
        r"The constant encoder is optimal exactly for $\beta \ge \eta$, the strong data-processing constant, which is the curve's slope at 0.",
        "",
        "prop-transition",
        ("symbolic", "the noisy bit: the limit of the ratio, and its closed form", transition_symbolic),
        ("numerical", "the solver just below and just above eta", transition_numerical),
        ("enumeration", "the certificate of the constant encoder at eta and below", transition_enumeration),
    ),
    _claim(
        "linear-stability",
        r"Small departures from the constant encoder grow under Blahut-Arimoto, to first order, by "
        r"$\rho_m^2/\beta$ at most.",
        "",
        "prop-stability",
        ("symbolic", "second derivative of the KL of a tilt, and the variance", stability_symbolic),
        ("numerical", "growth in one step along the second singular vector, and rho_m^2 / beta", stability_numerical),
    ),
    _claim(
        "contraction-order",
        r"$\rho_m^2 \le \eta$, and the inequality can be strict.",
        "",
        "prop-stability",
        ("symbolic", "the KL ratio of a small tilt of a fair bit, and the squared correlation", order_symbolic),
        ("enumeration", "ratios of a small tilt and of the rarest x", order_enumeration),
    ),
    _claim(
        "noisy-bit",
        r"For the noisy bit $\min_z \mathcal{L} = \min_\delta h(\varepsilon * \delta) + \beta(\log 2 - h(\delta))$: a symmetric channel is optimal.",
        "remark in section 4",
        "prop-noisy-bit",
        ("symbolic", "eq. (2) summed over the table, and the formula", noisy_bit_symbolic),
        ("numerical", "the solver over all encoders, and the best symmetric channel", noisy_bit_optimal),
    ),
    _claim(
        "mrs-gerber",
        r"$v \mapsto h(\varepsilon * h^{-1}(v))$ is convex.",
        "",
        "lem-gerber",
        ("symbolic", "the derivative's sign, and k(t) - k(ct)", gerber_symbolic),
        ("numerical", "second differences are positive", gerber_numerical),
    ),
    _claim(
        "noisy-bit-threshold",
        r"A stochastic $z$ beats both deterministic ones exactly for $0 < \beta < (1-2\varepsilon)^2$.",
        'section 4: "for opportune values"',
        "prop-noise-wins",
        ("symbolic", "the marginal price where z forgets x, and (1 - 2 eps)^2", threshold_symbolic),
        ("numerical", "the gain inside is positive, outside zero", threshold_numerical),
    ),
    _claim(
        "noisy-bit-gain",
        r"At $\varepsilon = 0.1$ the gain is largest at $\beta = 1 - h(\varepsilon)/\log 2 = 0.531$, and is 0.0269 nats.",
        'section 4: "for opportune values"',
        "prop-noise-wins",
        ("symbolic", "where the deterministic encoders tie", gain_symbolic),
        ("numerical", "the largest gain on a grid of beta, and where", gain_numerical),
    ),
    _claim(
        "stochastic-solution",
        r"The algorithm of Tishby et al. finds stochastic encoders: at a fixed point $p(z\mid x) > 0$ for each used $z$ at a finite divergence.",
        'section 4: "the algorithm proposed by [2]" for deterministic z',
        "rem-stochastic",
        ("symbolic", "the log-odds of two clusters at a fixed point", stochastic_symbolic),
        ("enumeration", "the best of all deterministic encoders, and the solver", stochastic_enumeration),
    ),
    _claim(
        "deterministic-labels",
        r"If $y = f(x)$, then $z = y$ is optimal for all $0 < \beta < 1$ and the constant for $\beta > 1$; the curve is $\min(R, H(y))$.",
        "",
        "prop-deterministic",
        ("symbolic", "I(z;y) of an erased label, and its share of log 2", deterministic_symbolic),
        ("enumeration", "the solver at four betas, random encoders, and beta H(y)", deterministic_enumeration),
    ),
    _claim(
        "gaussian-scalar",
        r"For a Gaussian pair the curve is $-\frac12\log(1 - \rho^2(1 - e^{-2R}))$, and $R = \frac12\log\frac{(1-\beta)\rho^2}{\beta(1-\rho^2)}$.",
        "section 4 mentions the Gaussian case",
        "prop-gaussian",
        ("symbolic", "the derivative of the Lagrangian at the formula, and 0", gaussian_symbolic),
        ("numerical", "Blahut-Arimoto on cells, and the curve", gaussian_discretised),
    ),
    _claim(
        "product-sources",
        r"The least Lagrangian of independent pairs $(x_i, y_i)$ is the sum of theirs.",
        "",
        "prop-product",
        ("symbolic", "two independent Gaussian channels: joint and separate Lagrangians", product_symbolic),
        ("numerical", "two noisy bits solved as one table, and each by itself", product_numerical),
    ),
    _claim(
        "gaussian-vector",
        r"The vector Gaussian bottleneck opens the canonical directions with $\rho_i^2 > \beta$, each as in the scalar case.",
        "section 4 mentions the Gaussian case",
        "prop-gaussian-vector",
        ("symbolic", "the derivative of one direction's Lagrangian at the formula, and 0", gaussian_symbolic),
        ("numerical", "linear encoders minimised from random starts, and the closed form", gaussian_vector_numerical),
    ),
    _claim(
        "beta-to-zero",
        r"For finite $x$, limits of minimisers as $\beta\to0^+$ are minimal sufficient, and $I(x;z_\beta)\to H(T)$.",
        'section 4: "easy to see"',
        "prop-beta-zero",
        ("symbolic", "the noisy bit: beta as delta goes to 0", limit_symbolic),
        ("numerical", "a table with a repeated posterior, beta down to 0.001", limit_numerical),
    ),
)
