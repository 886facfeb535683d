"""Sufficient, minimal and invariant representations of a discrete x (paper, section 4)."""

import functools
import itertools
import math
from collections import defaultdict

import numpy as np
import sympy as sp
import torch

from ib_tutorial.claims.check import Check, Claim, Outcome, close, require, symbolic
from ib_tutorial.information import conditional_entropy, kl_divergence, mutual_information, partitions
from ib_tutorial.information.representation import (
    conditional_mutual_information,
    encoder_of,
    minimal_sufficient,
    represent,
)

CHAPTER = "book/representations"

a, b, c, r, s, t = sp.symbols("a b c r s t", positive=True)


def at_most(violation: float, tolerance: float, detail: str) -> Outcome:
    """An inequality: by how much its worst case breaks it (0 if none does)."""
    return Outcome(max(0.0, float(violation)), tolerance, detail)


def H(table: np.ndarray, *axes: int) -> float:
    """Entropy of some axes of a joint table, by a plain loop: the oracle for the library's functions."""
    marginal = table.sum(tuple(axis for axis in range(table.ndim) if axis not in axes))
    return -sum(p * math.log(p) for p in marginal.flat if p > 0)


def information(table: np.ndarray, left: tuple, right: tuple, given: tuple = ()) -> float:
    """I(left; right | given) between axes of a joint table, from four entropies."""
    return H(table, *left, *given) + H(table, *right, *given) - H(table, *left, *right, *given) - H(table, *given)


def symbolic_information(table: dict, left: tuple, right: tuple, given: tuple = ()) -> sp.Expr:
    """The same from its definition, sum p log( p(l,r,g) p(g) / (p(l,g) p(r,g)) ); table: {outcome: probability}."""

    @functools.cache
    def log_marginal(axes: tuple, values: tuple) -> sp.Expr:
        total = sum(p for outcome, p in table.items() if tuple(outcome[i] for i in axes) == values)
        return sp.expand_log(sp.log(sp.factor(total)), force=True, factor=True)

    def log(outcome: tuple, axes: tuple) -> sp.Expr:
        return log_marginal(axes, tuple(outcome[i] for i in axes))

    return sum(
        p * (log(o, left + right + given) + log(o, given) - log(o, left + given) - log(o, right + given))
        for o, p in table.items()
    )


def identity(left: sp.Expr, right: sp.Expr) -> Outcome:
    """left = right, both sums of logarithms times quotients: the coefficient of each logarithm must vanish."""
    coefficients = defaultdict(list)
    for term in sp.Add.make_args(sp.expand(sp.expand_log(left - right, force=True, factor=True))):
        coefficient, log = term.as_independent(sp.log, as_Add=False)
        coefficients[log].append(coefficient)
    remaining = [x for x in (sp.factor(sum(terms)) for terms in coefficients.values()) if x != 0]
    return symbolic(sp.Add(*map(abs, remaining)), sp.Integer(0))


def binary(name: str) -> tuple[sp.Expr, sp.Expr]:
    """Any distribution of one bit, by its odds, so that every marginal is a quotient of sums of positive terms."""
    odds = sp.Symbol(name, positive=True)
    return odds / (1 + odds), 1 / (1 + odds)


def random_table(rng: np.random.Generator, *shape: int, zeros: float = 0.2) -> np.ndarray:
    table = rng.gamma(0.7, size=shape) * (rng.random(shape) >= zeros)
    table.flat[0] += 0.1
    return table / table.sum()


def random_encoder(rng: np.random.Generator, n_x: int, n_z: int) -> np.ndarray:
    return rng.dirichlet(np.full(n_z, 0.5), size=n_x)


def chains(n: int, seed: int):
    """Joint tables [x, y, z] of random chains y -> x -> z, cells of zero included."""
    rng = np.random.default_rng(seed)
    for _ in range(n):
        yield represent(random_table(rng, 4, 3), random_encoder(rng, 4, 3))


def weather_station(fresh=0.1, weak=0.4) -> dict:
    """{(reading, y, battery, case): probability}; reading = (needle, battery, case). Numbers, or symbols."""
    table = {}
    for needle, y, battery, case in itertools.product((0, 1), repeat=4):
        wrong = weak if battery else fresh
        table[((needle, battery, case), y, battery, case)] = (wrong if needle != y else 1 - wrong) / sp.Integer(8)
    return table


def station_table() -> np.ndarray:
    """The same as an array [x, y, battery, case], x = 4 needle + 2 battery + case."""
    table = np.zeros((8, 2, 2, 2))
    for ((needle, battery, case), *rest), p in weather_station().items():
        table[(4 * needle + 2 * battery + case, *rest)] = p
    return table


# Tools: Gibbs' inequality and the chain rule


def gibbs_symbolic() -> Outcome:
    """log t <= t - 1: the difference is convex and has its one stationary point at t = 1, where it is 0."""
    difference = t - 1 - sp.log(t)
    (stationary,) = sp.solve(sp.diff(difference, t), t)
    require(sp.diff(difference, t, 2).is_positive, "the difference should be convex")
    return symbolic(
        stationary - 1 + difference.subs(t, stationary), sp.Integer(0), f"stationary at t = {stationary}, value 0"
    )


def gibbs_numerical() -> Outcome:
    rng = np.random.default_rng(0)
    lowest = math.inf
    for _ in range(2000):
        p, q = random_table(rng, 5), random_table(rng, 5, zeros=0.0)
        lowest = min(lowest, sum(x * math.log(x / y) for x, y in zip(p, q, strict=True) if x > 0))
    return at_most(-lowest, 0.0, f"least KL of 2,000 random pairs: {lowest:.4f}")


def chain_rule_symbolic() -> Outcome:
    cells = sp.symbols("p0:8", positive=True)
    table = dict(zip(itertools.product((0, 1), repeat=3), cells, strict=True))
    both = symbolic_information(table, (0, 1), (2,))
    return identity(both, symbolic_information(table, (1,), (2,)) + symbolic_information(table, (0,), (2,), (1,)))


def chain_rule_enumeration() -> Outcome:
    rng, worst = np.random.default_rng(1), 0.0
    for _ in range(200):
        p = random_table(rng, 3, 2, 4)  # [x, y, z]
        both = mutual_information(p.reshape(6, 4))
        in_turn = mutual_information(p.sum(0)) + conditional_mutual_information(p.transpose(0, 2, 1))
        worst = max(worst, abs(both - in_turn))
    return close(worst, 0.0, 1e-12, f"largest difference in 200 tables: {worst:.1e}")


# The chain y -> x -> z


def gap_symbolic() -> Outcome:
    """x, y, z bits: I(x;y) - I(z;y) = I(x;y|z), the chain put in as p(x,y) p(z|x)."""
    p_xy = dict(zip(itertools.product((0, 1), repeat=2), sp.symbols("p0:4", positive=True), strict=True))
    encoder = (binary("r"), binary("s"))
    table = {(x, y, z): p_xy[x, y] * encoder[x][z] for x, y, z in itertools.product((0, 1), repeat=3)}
    lost = symbolic_information(table, (0,), (1,)) - symbolic_information(table, (2,), (1,))
    return identity(lost, symbolic_information(table, (0,), (1,), (2,)))


def gap_enumeration() -> Outcome:
    """All four forms: two differences, the conditional information, and the mean divergence of posteriors."""
    worst = 0.0
    for p in chains(200, seed=2):
        p_xy, p_zy, p_xz = p.sum(2), p.sum(0).T, p.sum(1)
        posteriors = sum(
            p_xz[x, z] * kl_divergence(p_xy[x] / p_xy[x].sum(), p_zy[z] / p_zy[z].sum())
            for x, z in np.argwhere(p_xz > 0)
        )
        forms = [
            mutual_information(p_xy) - mutual_information(p_zy),
            conditional_entropy(p_zy) - conditional_entropy(p_xy),
            conditional_mutual_information(p),
            posteriors,
        ]
        worst = max(worst, max(forms) - min(forms))
    return close(worst, 0.0, 1e-12, f"largest difference of four forms in 200 chains: {worst:.1e}")


def data_processing_symbolic() -> Outcome:
    """The other end: I(x;z) - I(z;y) = I(x;z|y), which is never negative."""
    p_xy = dict(zip(itertools.product((0, 1), repeat=2), sp.symbols("p0:4", positive=True), strict=True))
    encoder = (binary("r"), binary("s"))
    table = {(x, y, z): p_xy[x, y] * encoder[x][z] for x, y, z in itertools.product((0, 1), repeat=3)}
    surplus = symbolic_information(table, (0,), (2,)) - symbolic_information(table, (2,), (1,))
    return identity(surplus, symbolic_information(table, (0,), (2,), (1,)))


def data_processing_enumeration() -> Outcome:
    excess = -math.inf
    for p in chains(1000, seed=3):
        kept = information(p, (2,), (1,))
        excess = max(excess, kept - information(p, (0,), (1,)), kept - information(p, (0,), (2,)))
    return at_most(excess, 1e-12, f"largest of I(z;y) - I(x;y) and I(z;y) - I(x;z) in 1,000 chains: {excess:.2e}")


# Sufficiency and minimality


def sufficiency_symbolic() -> Outcome:
    """z merges two readings, equally likely, with posteriors s and t: what is lost is 0 at s = t and convex in s."""
    table = {(0, 0, 0): 1 - s, (0, 1, 0): s, (1, 0, 0): 1 - t, (1, 1, 0): t}
    lost = symbolic_information(table, (0,), (1,), (2,))
    value, slope = (sp.simplify(sp.expand_log(f.subs(s, t), force=True)) for f in (lost, sp.diff(lost, s)))
    convexity = t / (s * (s + t)) + (1 - t) / ((1 - s) * (2 - s - t))  # positive for s, t in (0, 1)
    difference = sp.simplify(sp.diff(lost, s, 2) - convexity)
    found = f"at s = t: value {value}, slope {slope}; second derivative minus a positive one: {difference}"
    return symbolic(abs(value) + abs(slope) + abs(difference), sp.Integer(0), found)


def random_source(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Six readings in three pairs of equal posterior: the table [x, y], and the pair of each x."""
    pair = np.repeat(np.arange(3), 2)
    p_x = rng.dirichlet(np.full(6, 2.0))
    return p_x[:, None] * rng.dirichlet(np.ones(2), size=3)[pair], pair


def sufficiency_enumeration() -> Outcome:
    """Random z, half of them sufficient: the gauges of the six forms vanish together, or are all well above zero."""
    rng, sufficient, other = np.random.default_rng(4), 0.0, math.inf
    for trial in range(100):
        p_xy, pair = random_source(rng)
        may_say = (
            np.kron(np.eye(3), np.ones((1, 2)))[pair] if trial % 2 else np.ones((6, 6))
        )  # two words for each posterior
        encoder = (random_encoder(rng, 6, 6) + 1e-3) * may_say
        p = represent(p_xy, encoder / encoder.sum(1, keepdims=True))
        p_tz = encoder_of(pair).T @ p.sum(1)
        p_y_x, p_y_z = p.sum(2) / p.sum((1, 2))[:, None], (p.sum(0) / p.sum((0, 1))).T
        gauges = [
            information(p, (0,), (1,)) - information(p, (2,), (1,)),
            H(p, 1, 2) - H(p, 2) - H(p, 0, 1) + H(p, 0),
            information(p, (0,), (1,), (2,)),
            max(np.abs(p_y_x[x] - p_y_z[z]).max() for x, z in np.argwhere(p.sum(1) > 0)),
            H(p_tz, 0, 1) - H(p_tz, 1),
        ]
        sufficient, other = (max(sufficient, *gauges), other) if trial % 2 else (sufficient, min(other, *gauges))
    require(other > 1e-6, "an insufficient z passed one of the tests")
    return close(sufficient, 0.0, 1e-12, f"sufficient: at most {sufficient:.1e}; insufficient: at least {other:.1e}")


def minimal_symbolic() -> Outcome:
    """x = 0, 1 share a posterior and get words 0, 1 at random; x = 2 has word 2: I(x;z) = I(x;T) + I(x;z|T)."""
    p, encoder = (a, b, c), ((*binary("r"), 0), (*binary("s"), 0), (0, 0, 1))
    table = {(x, min(x, 1) if x != 1 else 0, z): p[x] * encoder[x][z] for x in range(3) for z in range(3)}
    table = {outcome: mass for outcome, mass in table.items() if mass != 0}  # [x, T, z]
    split = symbolic_information(table, (0,), (1,)) + symbolic_information(table, (0,), (2,), (1,))
    return identity(symbolic_information(table, (0,), (2,)), split)


def minimal_enumeration() -> Outcome:
    """All 4,140 functions of the station's eight readings: the least I(x;z) among the sufficient ones, and T's."""
    p_xy = station_table().sum((2, 3))
    available, rates, groupings = mutual_information(p_xy), [], 0
    for labels in partitions(8):
        groupings += 1
        p_zy = np.zeros((8, 2))
        np.add.at(p_zy, labels, p_xy)
        if available - information(p_zy, (0,), (1,)) < 1e-12:
            rates.append(H(p_zy, 0))
    posterior_map = H(encoder_of(minimal_sufficient(p_xy)).T @ p_xy, 0)
    found = f"{len(rates)} of {groupings} are sufficient; least {min(rates):.6f}, T {posterior_map:.6f}"
    return close(min(rates), posterior_map, 1e-12, found)


def minimal_search() -> Outcome:
    """Stochastic z, found by gradient descent on I(x;z) with a high price on each nat lost of I(x;y): T again."""
    p_xy = torch.from_numpy(station_table().sum((2, 3)))
    logits = torch.randn(8, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    optimiser, price = torch.optim.LBFGS([logits], max_iter=300, line_search_fn="strong_wolfe"), 300.0

    def objective() -> torch.Tensor:
        optimiser.zero_grad()
        joint = p_xy[..., None] * logits.softmax(1)[:, None]
        value = mutual_information(joint.sum(1)) + price * (mutual_information(p_xy) - mutual_information(joint.sum(0)))
        value.backward()
        return value

    optimiser.step(objective)
    found, least = objective().item(), math.log(4)
    return close(found, least, 1e-3, f"found {found:.6f}, T has ln 4 = {least:.6f}")


# Nuisances


def nuisance_symbolic() -> Outcome:
    """All bits, (y, n) -> x -> z with y and n independent: I(x;z) - I(z;y) - I(z;n) = I(n;y|z) + I(x;z|y,n)."""
    third, quarter = (sp.Rational(1, 3), sp.Rational(2, 3)), (sp.Rational(1, 4), sp.Rational(3, 4))
    p_y, p_n, encoder = binary("u"), third, (binary("r"), quarter)
    p_x = {(0, 0): binary("a"), (0, 1): quarter, (1, 0): third, (1, 1): (0, 1)}
    bits = itertools.product((0, 1), repeat=4)
    table = {(x, y, n, z): p_y[y] * p_n[n] * p_x[y, n][x] * encoder[x][z] for x, y, n, z in bits if p_x[y, n][x] != 0}
    x, y, n, z = (0,), (1,), (2,), (3,)
    bound = symbolic_information(table, x, z) - symbolic_information(table, z, y)
    slack = symbolic_information(table, n, y, z) + symbolic_information(table, x, z, (1, 2))
    return identity(bound - symbolic_information(table, z, n), slack)


def nuisance_enumeration() -> Outcome:
    rng, worst, excess = np.random.default_rng(5), 0.0, -math.inf
    for _ in range(300):
        p_yn = np.outer(random_table(rng, 2), random_table(rng, 3))
        p = represent(
            np.moveaxis(p_yn[..., None] * random_encoder(rng, 6, 4).reshape(2, 3, 4), 2, 0), random_encoder(rng, 4, 3)
        )
        bound = information(p, (0,), (3,)) - information(p, (3,), (1,))
        slack = information(p, (2,), (1,), (3,)) + information(p, (0,), (3,), (1, 2))
        excess = max(excess, information(p, (3,), (2,)) - bound)
        worst = max(worst, abs(bound - information(p, (3,), (2,)) - slack))
    require(worst < 1e-12, "the bound and what it leaves open do not add up")
    return at_most(
        excess, 1e-12, f"largest of I(z;n) - bound in 300 chains: {excess:.1e}; slack explained to {worst:.1e}"
    )


def vanishing_symbolic() -> Outcome:
    """The station with any two errors: the bound at T, H(T) - I(T;y), is ln 2 + the mean of their binary entropies."""
    errors = binary("s"), binary("t")
    station = weather_station(errors[0][0], errors[1][0])
    table = {(x[:2], y): 2 * p for (x, y, _, case), p in station.items() if case == 0}
    bound = symbolic_information(table, (0,), (0,)) - symbolic_information(table, (0,), (1,))  # I(T;T) = H(T)
    h = [-sum(p * sp.log(p) for p in error) for error in errors]
    return identity(bound, sp.log(2) + sum(h) / 2)


def vanishing_enumeration() -> Outcome:
    """Where y is a function of x, T is invariant to an independent n: random x from y and n that never mixes labels."""
    rng, worst, noisy = np.random.default_rng(6), 0.0, math.inf
    for trial in range(100):
        p_x_yn = random_encoder(rng, 6, 4).reshape(2, 3, 4) + 0.01
        p_x_yn *= np.array([[1, 1, 0, 0], [0, 0, 1, 1]])[:, None] if trial % 2 else 1  # labels can be read off, or not
        p_x_yn /= p_x_yn.sum(2, keepdims=True)
        p_xyn = np.moveaxis(np.outer(random_encoder(rng, 1, 2), random_encoder(rng, 1, 3))[..., None] * p_x_yn, 2, 0)
        p = represent(p_xyn, encoder_of(minimal_sufficient(p_xyn.sum(2))))
        bound, known = H(p, 3) - information(p, (3,), (1,)), information(p, (3,), (2,))
        worst, noisy = (max(worst, bound, known), noisy) if trial % 2 else (worst, min(noisy, bound))
    require(noisy > 1e-3, "the bound vanished for labels that x does not determine")
    return close(
        worst,
        0.0,
        1e-12,
        f"labels certain: bound and I(T;n) at most {worst:.1e}; else the bound is at least {noisy:.2f}",
    )


def reveals_symbolic() -> Outcome:
    """T from the posteriors of the station, as exact fractions: p(T, battery) and its mutual information."""
    station = weather_station(sp.Rational(1, 10), sp.Rational(2, 5))
    p_x, rain, p_tn = {}, {}, {}
    for (x, y, _, _), p in station.items():
        p_x[x], rain[x] = p_x.get(x, 0) + p, rain.get(x, 0) + y * p
    for (x, _, battery, _), p in station.items():
        p_tn[rain[x] / p_x[x], battery] = p_tn.get((rain[x] / p_x[x], battery), 0) + p
    return symbolic(symbolic_information(p_tn, (0,), (1,)), sp.log(2), f"T takes {len({t for t, _ in p_tn})} values")


def reveals_enumeration() -> Outcome:
    """Every sufficient function of the reading, not only T, reveals the battery: the least I(z;n) among them."""
    p, least = station_table(), math.inf
    available = mutual_information(p.sum((2, 3)))
    for labels in partitions(8):
        p_zyn = np.zeros((8, 2, 2))
        np.add.at(p_zyn, labels, p.sum(3))
        if available - information(p_zyn, (0,), (1,)) < 1e-12:
            least = min(least, information(p_zyn, (0,), (2,)))
    return close(least, math.log(2), 1e-12)


def ignorable_enumeration() -> Outcome:
    """x = (r, n), n independent of (r, y): T does not depend on n. Random r, and the station's case."""
    rng, worst = np.random.default_rng(7), 0.0
    for _ in range(100):
        p = np.einsum("ry,n->rny", random_table(rng, 3, 2), rng.dirichlet(np.ones(4)))  # [r, n, y]
        n_of_x = np.eye(4)[np.tile(np.arange(4), 3)]
        p_xn = p.sum(2).reshape(12, 1) * n_of_x
        worst = max(worst, information(encoder_of(minimal_sufficient(p.reshape(12, 2))).T @ p_xn, (0,), (1,)))
    station = encoder_of(minimal_sufficient(station_table().sum((2, 3)))).T @ station_table().sum((1, 2))
    return close(max(worst, information(station, (0,), (1,))), 0.0, 1e-12, f"largest I(T;n): {worst:.1e}")


def ignorable_symbolic() -> Outcome:
    """The posterior p(y | r, n) when n is independent of (r, y), minus p(y | r): all bits."""
    cells, p_n = sp.symbols("p0:4", positive=True), binary("v")
    joint = {(x, y, n): cells[2 * x + y] * p_n[n] for x, y, n in itertools.product((0, 1), repeat=3)}
    gaps = [
        sp.factor(
            joint[x, 1, n] / (joint[x, 0, n] + joint[x, 1, n]) - cells[2 * x + 1] / (cells[2 * x] + cells[2 * x + 1])
        )
        for x, n in itertools.product((0, 1), repeat=2)
    ]
    return symbolic(sum(map(abs, gaps)), sp.Integer(0), f"differences of the posteriors: {gaps}")


# Lamps: nuisances that form a group, and one that does not

RAIN, DRY = (1, 1, 0, 0), (1, 0, 1, 0)
"""Four lamps in a ring: two neighbours lit for rain, two opposite ones for dry weather."""


def turned(lamps: tuple, by: int) -> tuple:
    return lamps[-by:] + lamps[:-by] if by else lamps


def covered(lamps: tuple, first: int) -> tuple:
    """A leaf lies over the lamp `first` and the next one: they look dark."""
    return tuple(0 if i in (first, (first + 1) % 4) else lamp for i, lamp in enumerate(lamps))


def lamp_table(act) -> dict:
    """{(image, y, n): probability}: y fair (1 is rain), n uniform on four places, image = act(lamps of y, n)."""
    return {(act(lamps, n), y, n): sp.Rational(1, 8) for y, lamps in enumerate((DRY, RAIN)) for n in range(4)}


def orbit(image: tuple) -> tuple:
    return max(turned(image, by) for by in range(4))


def orbit_symbolic() -> Outcome:
    """The orbit of the image, as exact fractions: I(z;y) - ln 2 and I(z;n)."""
    table = {}
    for (image, y, n), p in lamp_table(turned).items():
        table[orbit(image), y, n] = table.get((orbit(image), y, n), 0) + p
    lost = sp.log(2) - symbolic_information(table, (0,), (1,))
    return symbolic(abs(lost) + abs(symbolic_information(table, (0,), (2,))), sp.Integer(0), f"lost: {lost} nats")


def orbit_enumeration() -> Outcome:
    """Random scenes of four lamps of which y is a noisy function of the orbit, turned by a random, biased n."""
    rng, worst = np.random.default_rng(8), 0.0
    scenes = list(itertools.product((0, 1), repeat=4))
    orbits = {name: i for i, name in enumerate(sorted({orbit(scene) for scene in scenes}))}
    for _ in range(30):
        p_scene, p_n, p_y = rng.dirichlet(np.ones(16)), rng.dirichlet(np.ones(4)), random_encoder(rng, len(orbits), 2)
        p_sy, p_zyn = p_scene[:, None] * p_y[[orbits[orbit(scene)] for scene in scenes]], np.zeros((len(orbits), 2, 4))
        for (i, scene), n in itertools.product(enumerate(scenes), range(4)):
            p_zyn[orbits[orbit(turned(scene, n))]][:, n] += p_sy[i] * p_n[n]
        worst = max(worst, mutual_information(p_sy) - mutual_information(p_zyn.sum(2)), information(p_zyn, (0,), (2,)))
    return close(worst, 0.0, 1e-12, f"largest loss or I(z;n) in 30 sources: {worst:.1e}")


def occlusion_symbolic() -> Outcome:
    """What the covered lamps tell, as exact fractions: ln 2 - (3/8) h(1/3)."""
    h = -sp.log(sp.Rational(1, 3)) / 3 - 2 * sp.log(sp.Rational(2, 3)) / 3
    return identity(symbolic_information(lamp_table(covered), (0,), (1,)), sp.log(2) - sp.Rational(3, 8) * h)


def lamp_array(act) -> tuple[np.ndarray, list]:
    """The table as an array [image, y, n], and the images that occur."""
    images = sorted({image for image, _, _ in lamp_table(act)})
    table = np.zeros((len(images), 2, 4))
    for (image, y, n), p in lamp_table(act).items():
        table[images.index(image), y, n] = p
    return table, images


def occlusion_enumeration() -> Outcome:
    """All 52 functions of the five images that occur: the most one tells of y while it tells nothing of the place."""
    p, images = lamp_array(covered)
    best = 0.0
    for labels in partitions(len(images)):
        p_zyn = np.zeros((len(images), 2, 4))
        np.add.at(p_zyn, labels, p)
        if information(p_zyn, (0,), (2,)) < 1e-12:
            best = max(best, information(p_zyn, (0,), (1,)))
    return close(best, 0.0, 1e-12, f"most that an invariant function of {len(images)} images tells: {best:.1e} nats")


COIN = {(1, 1, 0, 0): 0.5, (1, 0, 0, 0): 0.5, (0, 0, 1, 0): 0.0, (0, 0, 0, 0): 1.0, (0, 1, 0, 0): 1.0}
"""Probability of saying "rain" for each covered image: what is certain, or a fair coin."""


def coin_enumeration() -> Outcome:
    p, images = lamp_array(covered)
    z = represent(p, np.array([[1 - COIN[image], COIN[image]] for image in images]))
    told, known = information(z, (3,), (1,)), information(z, (3,), (2,))
    require(abs(known) < 1e-12, "z should tell nothing of the nuisance")
    h = -0.25 * math.log(0.25) - 0.75 * math.log(0.75)
    return close(
        told, math.log(2) - h, 1e-12, f"I(z;n) {known:.1e}; I(z;y) {told:.6f}, ln 2 - h(1/4) {math.log(2) - h:.6f}"
    )


def coin_symbolic() -> Outcome:
    """p(z = rain | n) for the four places of the leaf, as exact fractions: the same for all."""
    says = [sum(sp.Rational(COIN[covered(lamps, n)]) / 2 for lamps in (DRY, RAIN)) for n in range(4)]
    return symbolic(sum(abs(each - sp.Rational(1, 2)) for each in says), sp.Integer(0), f"p(rain given n): {says}")


# Approximate sufficiency


def markov_symbolic() -> Outcome:
    """Bits, q = q(z) q(x|z) q(y|z) and any p: KL(p||q) = I(x;y|z) + the three divergences of its factors."""
    p = dict(zip(itertools.product((0, 1), repeat=3), sp.symbols("p0:8", positive=True), strict=True))  # [x, y, z]
    q_z, q_x, q_y = binary("u"), (binary("a"), binary("b")), (binary("r"), binary("s"))

    def total(*fixed: tuple) -> sp.Expr:
        return sum(mass for outcome, mass in p.items() if all(outcome[i] == v for i, v in fixed))

    kl = sum(m * (sp.log(m) - sp.log(q_z[z] * q_x[z][x] * q_y[z][y])) for (x, y, z), m in p.items())
    kl_z = sum(total((2, z)) * (sp.log(total((2, z))) - sp.log(q_z[z])) for z in (0, 1))
    kl_xy = sum(
        total((i, v), (2, z)) * (sp.log(total((i, v), (2, z))) - sp.log(total((2, z))) - sp.log(q[z][v]))
        for i, q in ((0, q_x), (1, q_y))
        for v, z in itertools.product((0, 1), repeat=2)
    )
    return identity(kl, symbolic_information(p, (0,), (1,), (2,)) + kl_z + kl_xy)


def nearest_markov(p_xyz: np.ndarray, seed: int = 0) -> float:
    """The least KL(p || q) over q(z) q(x|z) q(y|z), by descent from a random start; the closed form is not used."""
    p, generator = torch.from_numpy(p_xyz), torch.Generator().manual_seed(seed)
    n_x, n_y, n_z = p.shape
    logits = [
        torch.randn(shape, dtype=torch.float64, generator=generator) for shape in ((n_z,), (n_x, n_z), (n_y, n_z))
    ]
    logits = [each.requires_grad_() for each in logits]
    optimiser = torch.optim.LBFGS(
        logits, max_iter=500, tolerance_grad=1e-9, tolerance_change=1e-14, line_search_fn="strong_wolfe"
    )

    def divergence() -> torch.Tensor:
        optimiser.zero_grad()
        q_z, q_x, q_y = (each.log_softmax(0) for each in logits)
        value = (torch.special.xlogy(p, p) - p * (q_z + q_x[:, None] + q_y[None])).sum()
        value.backward()
        return value

    optimiser.step(divergence)
    return divergence().item()


def markov_search() -> Outcome:
    worst = 0.0
    for p in chains(10, seed=9):
        worst = max(worst, abs(nearest_markov(p) - information(p, (0,), (1,), (2,))))
    return close(worst, 0.0, 1e-6, f"largest difference in 10 chains: {worst:.1e}")


CLAIMS = (
    Claim(
        "gibbs",
        r"$\mathrm{KL}(p\,\Vert\,q) \ge 0$, with equality only for $p = q$.",
        "",
        "prop-gibbs",
        CHAPTER,
        (
            Check("symbolic", "log t and t - 1: where they touch, and convexity", gibbs_symbolic),
            Check("enumeration", "the least KL of random pairs, by a loop, and 0", gibbs_numerical),
        ),
    ),
    Claim(
        "chain-rule",
        r"$I(z;x,y) = I(z;y) + I(x;z \mid y)$.",
        "",
        "prop-chain-rule",
        CHAPTER,
        (
            Check("symbolic", "both sides for every table of three bits", chain_rule_symbolic),
            Check("enumeration", "both sides for random tables with zeros", chain_rule_enumeration),
        ),
    ),
    Claim(
        "information-gap",
        r"If $y \to x \to z$: $I(x;y) - I(z;y) = H(y \mid z) - H(y \mid x) = I(x;y \mid z)$, which is also "
        r"$\mathbb{E}\,\mathrm{KL}(p(y \mid x)\,\Vert\,p(y \mid z))$.",
        "section 4, before the constrained problem, and second remark",
        "prop-gap",
        CHAPTER,
        (
            Check("symbolic", "the first and the third form, for every chain of bits", gap_symbolic),
            Check("enumeration", "all four forms, for random chains with zeros", gap_enumeration),
        ),
    ),
    Claim(
        "data-processing",
        r"If $y \to x \to z$: $I(z;y) \le I(x;y)$ and $I(z;y) \le I(x;z)$; what "
        r"is missing is $I(x;y \mid z)$ and $I(x;z \mid y)$.",
        "",
        "prop-dpi",
        CHAPTER,
        (
            Check("symbolic", r"I(x;z) - I(z;y) and I(x;z\|y), for every chain of bits", data_processing_symbolic),
            Check("enumeration", "both inequalities for random chains", data_processing_enumeration),
        ),
    ),
    Claim(
        "sufficiency",
        "Six ways to say that a representation is sufficient are one.",
        "section 4, (ii)",
        "prop-sufficiency",
        CHAPTER,
        (
            Check(
                "symbolic",
                "merging two posteriors: what is lost is 0 where they agree and convex",
                sufficiency_symbolic,
            ),
            Check("enumeration", "the gauges of the forms, for random sufficient and other z", sufficiency_enumeration),
        ),
    ),
    Claim(
        "minimal-sufficient",
        r"The posterior map $T(x) = p(\cdot \mid x)$ is sufficient, and "
        r"$I(x;T) = H(T) \le I(x;z)$ for every sufficient $z$.",
        "section 4, (iii)",
        "prop-minimal",
        CHAPTER,
        (
            Check("symbolic", r"I(x;z) and I(x;T) + I(x;z\|T), for a stochastic sufficient z", minimal_symbolic),
            Check("enumeration", "the least I(x;z) of all sufficient functions, and H(T)", minimal_enumeration),
            Check("numerical", "the least I(x;z) that descent over stochastic z finds, and H(T)", minimal_search),
        ),
    ),
    Claim(
        "ignorable-nuisance",
        r"If $x = (r, n)$ with $n$ independent of the pair $(r, y)$, then $T$ is a function of $r$ and $I(T;n) = 0$.",
        "",
        "prop-ignorable",
        CHAPTER,
        (
            Check("symbolic", r"p(y\|r,n) and p(y\|r), for every such table of bits", ignorable_symbolic),
            Check("enumeration", "I(T;n) of random sources and of the station's case, and 0", ignorable_enumeration),
        ),
    ),
    Claim(
        "nuisance-bound",
        r"If $(y, n) \to x \to z$ with $n$ independent of $y$: $I(z;n) \le I(x;z) - I(z;y)$, with "
        r"slack $I(n;y \mid z) + I(x;z \mid y,n)$.",
        "sections 1 and 4 say it in words",
        "prop-nuisance",
        CHAPTER,
        (
            Check("symbolic", "bound minus I(z;n), and the slack, for a family of bits", nuisance_symbolic),
            Check("enumeration", "the inequality and the slack, for random chains", nuisance_enumeration),
        ),
    ),
    Claim(
        "vanishing-bound",
        r"At $z = T$ the bound is $H(T \mid y)$; it vanishes exactly when $T$ is a function of "
        r"$y$, as when $y$ is a function of $x$.",
        "",
        "prop-vanishing",
        CHAPTER,
        (
            Check("symbolic", r"the station's bound for any two errors, and H(T\|y)", vanishing_symbolic),
            Check("enumeration", "bound and I(T;n) for random sources, labels certain or not", vanishing_enumeration),
        ),
    ),
    Claim(
        "minimal-reveals",
        r"A minimal sufficient $z$ can reveal a nuisance independent of $y$: for the "
        r"station's battery $I(T;n) = \ln 2$.",
        "section 4 reads minimality as invariance",
        "prop-reveals",
        CHAPTER,
        (
            Check("symbolic", "I(T;n) in exact fractions, and ln 2", reveals_symbolic),
            Check("enumeration", "the least I(z;n) of all sufficient functions, and ln 2", reveals_enumeration),
        ),
    ),
    Claim(
        "orbit-map",
        r"If a group acts and $y$ depends on the scene through its orbit alone, the "
        r"orbit of $x$ loses nothing and hides the nuisance.",
        "section 3, last part",
        "prop-orbit",
        CHAPTER,
        (
            Check("symbolic", "what the orbit of the turned lamps loses, in exact fractions, and 0", orbit_symbolic),
            Check("enumeration", "loss and I(z;n) for random scenes and turns, and 0", orbit_enumeration),
        ),
    ),
    Claim(
        "occlusion",
        r"Four lamps under a leaf: $I(x;y) = \ln 2 - \tfrac38 h(\tfrac13)$, and an invariant "
        r"function of the image tells nothing.",
        'section 3, "there is a loss"',
        "prop-occlusion",
        CHAPTER,
        (
            Check("symbolic", "I(x;y) in exact fractions, and the formula", occlusion_symbolic),
            Check(
                "enumeration",
                "the most that any of the 52 functions tells if it hides the leaf, and 0",
                occlusion_enumeration,
            ),
        ),
    ),
    Claim(
        "invariant-coin",
        r"A stochastic $z$ of the covered lamps has $I(z;n) = 0$ and tells $\ln 2 - h(\tfrac14)$ of $y$.",
        "",
        "rem-coin",
        CHAPTER,
        (
            Check("symbolic", r"p(z\|n) for the four places of the leaf, in exact fractions", coin_symbolic),
            Check("enumeration", "I(z;y), and the formula", coin_enumeration),
        ),
    ),
    Claim(
        "distance-to-markov",
        r"The least $\mathrm{KL}(p\,\Vert\,q)$ over $q$ with $x \to z \to y$ is $I(x;y \mid z)$, "
        r"at $q = p(z)\,p(x \mid z)\,p(y \mid z)$.",
        "section 4, second remark",
        "prop-markov",
        CHAPTER,
        (
            Check(
                "symbolic",
                r"KL(p \|\| q), and I(x;y\|z) plus three divergences, for all p and q of bits",
                markov_symbolic,
            ),
            Check("numerical", r"the least KL that descent over q finds, and I(x;y\|z)", markov_search),
        ),
    ),
)
