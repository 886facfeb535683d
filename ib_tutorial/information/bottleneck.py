r"""Exact solvers for the information bottleneck of section 3: minimise H(y|z) + beta I(x;z) over the encoders p(z|x), in nats.

`beta` is the paper's: it multiplies I(x;z), and is 1/beta of Tishby, Pereira & Bialek (1999). At 0 nothing is forgotten; at beta >= 1
everything is, since I(z;y) <= I(x;z). The self-consistent equations, which Blahut-Arimoto iterates in turn, are

    p(z|x) = p(z) exp( -KL( p(y|x) || p(y|z) ) / beta ) / Z(x)
    p(z)   = sum_x p(x) p(z|x)
    p(y|z) = sum_x p(x) p(z|x) p(y|x) / p(z)

Each step lowers Phi = -beta sum_x p(x) log Z(x), which equals H(y|z) + beta I(x;z) - H(y|x) where the three agree.

**How we know that the answer is the best.** The bottleneck is a rate-distortion problem whose codebook is every distribution s over y, with
KL(p(y|x) || s) for distortion, and that problem is convex in the weights of the codewords. Its optimality condition is that

    G(s) = sum_x p(x) exp( -KL( p(y|x) || s ) / beta ) / Z(x)

is at most 1 for every s. No encoder has a smaller Phi than the present one minus beta log max_s G(s) (Blahut 1972; Csiszar 1974). So we
start with one cluster per x, iterate to a fixed point, and climb G from every p(y|x). Where G > 1 we open clusters, and iterate again.

**All betas at once.** On a small table the arithmetic of a step takes less time than the calls that ask for it. So the functions below
solve a batch: each of its rows is the same table with a beta of its own. A row leaves the batch as soon as it is solved.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.random import Generator, default_rng
from torch import Tensor

from ib_tutorial.information import _checks
from ib_tutorial.information._arrays import like

JointTable = Float[Tensor, "x y"] | Float[np.ndarray, "x y"]
Nats = float | Float[Tensor, ""]


@dataclass(frozen=True)
class Bottleneck:
    r"""An encoder p(z|x) and what it achieves in eq. (2), in nats. Arrays and 0-d tensors for torch input, arrays and floats for numpy.

    Clusters are ordered by the x they are most typical of; those that died stand last, with p(z) = 0 and p(y) for their p(y|z).
    An x of zero probability has p(z) for its row.
    """

    p_z_given_x: Float[Tensor, "x z"] | Float[np.ndarray, "x z"]  #: one row per x
    p_z: Float[Tensor, "z"] | Float[np.ndarray, "z"]
    p_y_given_z: Float[Tensor, "z y"] | Float[np.ndarray, "z y"]  #: one row per cluster
    i_xz: Nats  #: I(x;z), what the encoder keeps of x
    i_zy: Nats  #: I(z;y), what that says of y
    lagrangian: Nats  #: H(y|z) + beta I(x;z)
    n_iterations: int  #: Blahut-Arimoto steps
    converged: bool  #: see blahut_arimoto


def blahut_arimoto(
    p_xy: JointTable,
    beta: float,
    n_clusters: int | None = None,
    n_restarts: int = 16,
    seed: int = 0,
    max_iterations: int = 20_000,
    tolerance: float = 1e-9,
) -> Bottleneck:
    r"""The encoder that minimises H(y|z) + beta I(x;z), eq. (2), by Blahut-Arimoto; `beta` is the paper's, in nats per nat.

    The Lagrangian never exceeds that of the constant, of the identity (where n_clusters allows it) or of the encoder rounded to a
    deterministic one. Where n_clusters is smaller than the optimum needs, the problem is not convex, and the best of the restarts is returned.

    Args:
        p_xy: [x, y], a joint distribution. We compute in float64 and return its own type. The result carries no gradient.
        beta: positive. At 1 and above the constant encoder is returned, which no other beats.
        n_clusters: how many values z may take. The default is as many as x, which is always enough.
        n_restarts: how many random places we search for clusters besides the p(y|x), and how many random starts where n_clusters is too few.
        seed: of both.
        max_iterations: `converged` is False where these steps were too few.
        tolerance: `converged` means that the Lagrangian is within this many nats of the minimum over all encoders, by the certificate in
            this module's docstring (local ascents search for its maximum over s). Where n_clusters is too few, it means that a step no
            longer moves the encoder.

    Raises:
        ValueError: unless p_xy is two-dimensional, non-negative, finite and sums to 1 within 1e-6, beta and tolerance are positive and
            finite, n_clusters and max_iterations are at least 1 and n_restarts at least 0.
    """
    return _solve(p_xy, [beta], n_clusters, _Search(n_restarts, seed, max_iterations, tolerance))[0]


def information_curve(
    p_xy: JointTable,
    betas: Sequence[float | int] | Float[np.ndarray, "n_betas"] | Float[Tensor, "n_betas"],
    seed: int = 0,
) -> list[Bottleneck]:
    r"""The optimal encoder at each beta, in the order of `betas`: (i_xz, i_zy) of them trace the information curve, eq. (2).

    One batch finds them all, each as `blahut_arimoto` would with as many clusters as x has values, a tolerance of 1e-7 nats and at most
    2,000 steps. The curve is concave, and its slope d I(z;y) / d I(x;z) at a point is that point's beta.

    Args:
        p_xy: as in blahut_arimoto.
        betas: positive, in any order.
        seed: as in blahut_arimoto.

    Raises:
        ValueError: as blahut_arimoto does.
    """
    return _solve(p_xy, betas, None, _Search(n_restarts=16, seed=seed, max_iterations=2_000, tolerance=1e-7))


LOG_ZERO = -690.0  # log 1e-300: 0 times it is 0, where 0 times -inf is NaN
BATCH = 2**18  # how many p(z|x) are worked on at once: two megabytes, which a cache holds

_Codebook = Float[np.ndarray, "_ _"]
"""A list of clusters, as [z, 1 + y]: log p(z), then log p(y|z). A cluster with p(z) at LOG_ZERO is dead."""
_Codebooks = Float[np.ndarray, "rows _ _"]
_OfX = Float[np.ndarray, "rows x"]
_Each = Float[np.ndarray, "rows"]
_Counts = Int[np.ndarray, "rows"]
_Flags = Bool[np.ndarray, "rows"]
_Vectors = Float[np.ndarray, "rows n"]
_Memory = Float[np.ndarray, "rows memory n"]


class _Search(NamedTuple):
    """The arguments of blahut_arimoto that say how to search."""

    n_restarts: int
    seed: int
    max_iterations: int
    tolerance: float


@dataclass(frozen=True)
class _Problem:
    """The table with every x of the same p(y|x) merged, which costs nothing: telling them apart raises I(x;z) and leaves I(z;y)."""

    p: Float[np.ndarray, "groups"]
    p_y: Float[np.ndarray, "groups y"]  #: p(y | group)
    entropies: Float[np.ndarray, "groups"]  #: H(y | group)
    group_of_x: Int[np.ndarray, "x"]  #: the group of each x, numbered in the order of x; -1 where p(x) = 0

    @staticmethod
    def of(p_xy: JointTable) -> "_Problem":
        table = _checks.distribution(p_xy, "p_xy", "[x, y]").detach().cpu().double().numpy()
        table = table / table.sum()
        p_x = table.sum(1)
        seen = np.flatnonzero(p_x)
        conditionals = (table[seen] / p_x[seen, None]).round(13)
        _, first, group = np.unique(conditionals, axis=0, return_index=True, return_inverse=True)
        group_of_x = np.full(len(table), -1)
        group_of_x[seen] = np.argsort(np.argsort(first))[group.ravel()]
        merged = np.zeros((len(first), table.shape[1]))
        np.add.at(merged, group_of_x[seen], table[seen])
        p = merged.sum(1)
        p_y = merged / p[:, None]
        return _Problem(p, p_y, -_x_log(p_y, p_y).sum(1), group_of_x)


def _solve(
    p_xy: JointTable,
    betas: Sequence[float | int] | Float[np.ndarray, "n_betas"] | Float[Tensor, "n_betas"],
    n_clusters: int | None,
    search: _Search,
) -> list[Bottleneck]:
    """The optimal encoder at each beta, for as many betas at once as BATCH allows."""
    problem = _Problem.of(p_xy)
    n_groups, n_x = len(problem.p), len(problem.group_of_x)
    n_clusters = n_x if n_clusters is None else n_clusters
    _checks.at_least(1, n_clusters=n_clusters, max_iterations=search.max_iterations)
    _checks.at_least(0, n_restarts=search.n_restarts)
    _checks.positive(tolerance=search.tolerance)
    distinct, order = np.unique([_checks.weight(beta) for beta in betas], return_inverse=True)
    found: list[Bottleneck] = []
    at_once = max(1, BATCH // n_groups**2)
    for start in range(0, len(distinct), at_once):
        beta = distinct[start : start + at_once]
        found += _bottlenecks(problem, beta, *_minimise(problem, beta, min(n_clusters, n_groups), search), n_clusters, p_xy)
    return [found[row] for row in order]


def _minimise(problem: _Problem, beta: _Each, n_clusters: int, search: _Search) -> tuple[_Codebooks, _Counts, _Flags]:
    """For each beta the best codebook of n_clusters, the steps taken, and whether it converged (see blahut_arimoto)."""
    n_restarts, seed, max_iterations, tolerance = search
    rng = default_rng(seed)
    random = (1 - rng.random((n_restarts, len(problem.p)))) ** -2.0  # the mixtures below are heavy-tailed
    places = np.concatenate([problem.p_y, random / random.sum(1, keepdims=True) @ problem.p_y])
    identity = _log(np.column_stack([problem.p, problem.p_y]))
    found = np.full((len(beta), n_clusters, identity.shape[1]), LOG_ZERO)
    found[:, 0] = np.append(0, _log(problem.p @ problem.p_y))  # the constant encoder, which is the best where beta >= 1
    used, converged = np.zeros(len(beta), int), np.ones(len(beta), bool)
    lowest, precision = np.full(len(beta), -np.inf), np.full(len(beta), min(tolerance, 1e-5))
    rows = np.flatnonzero((beta < 1) & (n_clusters > 1))
    codebooks = np.tile(identity, (len(rows), 1, 1))
    while len(rows):
        limit = np.minimum(500, max_iterations - used[rows])
        codebooks, taken = _settle(problem, beta[rows], codebooks, limit, precision[rows])
        used[rows] += taken
        tops = _climb(problem, beta[rows], codebooks, _log(places), tolerance)
        phi = _encode(problem, beta[rows], codebooks)[3]
        lowest[rows] = np.maximum(lowest[rows], phi - beta[rows] * tops[..., 0].max(1))
        converged[rows] = phi - lowest[rows] <= tolerance
        done = converged[rows] | (used[rows] >= max_iterations)
        for row, codebook in zip(rows[done], codebooks[done]):
            codebook = codebook[codebook[:, 0] > LOG_ZERO]
            if len(codebook) > n_clusters:
                left = max(1, max_iterations - int(used[row]))
                codebook, steps, converged[row] = _restrict(problem, beta[row], codebook, n_clusters, search, rng, left)
                used[row] += steps
            found[row, : len(codebook)] = codebook
        precision[rows] = np.maximum(precision[rows] / 10, 1e-14)
        rows, codebooks, tops = rows[~done], codebooks[~done], tops[~done]
        codebooks = _open(problem, beta[rows], codebooks, tops, tolerance)
    return found, used, converged


def _restrict(
    problem: _Problem, beta: float, codebook: _Codebook, n_clusters: int, search: _Search, rng: Generator, limit: int
) -> tuple[_Codebook, int, bool]:
    """The best fixed point with n_clusters, from the heaviest of the codebook and from random p(y|x); its steps, and whether it settled."""
    picks = [rng.choice(len(problem.p), n_clusters, replace=False, p=problem.p) for _ in range(search.n_restarts)]
    heaviest = codebook[np.argsort(-codebook[:, 0])[:n_clusters], 1:]
    starts = np.insert([heaviest, *_log(problem.p_y[picks])] if picks else [heaviest], 0, -math.log(n_clusters), axis=2)
    betas, limits, precision = (np.full(len(starts), value) for value in (beta, limit, min(search.tolerance, 1e-10)))
    codebooks, taken, settled = _iterate(problem, betas, starts, limits, precision)
    best = _encode(problem, betas, codebooks)[3].argmin()
    return codebooks[best], int(taken[best]), bool(settled[best])


def _settle(
    problem: _Problem, beta: _Each, codebooks: _Codebooks, limit: _Counts, precision: _Each
) -> tuple[_Codebooks, _Counts]:
    """Blahut-Arimoto, and clusters that grew alike joined, until neither changes a codebook, or for `limit` steps; and the steps taken."""
    found, taken = np.full_like(codebooks, LOG_ZERO), np.zeros_like(limit)
    rows, at_once = np.arange(len(beta)), 25
    while len(rows):
        steps = np.minimum(at_once, limit[rows] - taken[rows])
        codebooks, steps, settled = _iterate(problem, beta[rows], codebooks, steps, precision[rows])
        taken[rows] += steps
        merged = _trim(_merge(problem, beta[rows], codebooks))
        found[rows, : merged.shape[1]], found[rows, merged.shape[1] :] = merged, LOG_ZERO
        again = (~settled | (_n_alive(merged) < _n_alive(codebooks))) & (taken[rows] < limit[rows])
        rows, codebooks = rows[again], _trim(merged[again])
        at_once *= 2
    return _trim(found), taken


def _n_alive(codebooks: _Codebooks) -> _Counts:
    return (codebooks[..., 0] > LOG_ZERO).sum(1)


def _trim(codebooks: _Codebooks) -> _Codebooks:
    """The heaviest clusters first, without those that are dead in every row."""
    order = np.argsort(-codebooks[..., :1], axis=1, kind="stable")
    return np.take_along_axis(codebooks, order, 1)[:, : _n_alive(codebooks).max(initial=1)]


def _iterate(
    problem: _Problem, beta: _Each, codebooks: _Codebooks, limit: _Counts, precision: _Each, memory: int = 10
) -> tuple[_Codebooks, _Counts, _Flags]:
    """Blahut-Arimoto until a step moves no p(y|z), nor the bound from the clusters at hand, by more than `precision`.

    Near a critical beta the plain iteration needs many thousands of steps, so each step starts from a mixture of the last few (see
    _mixture), unless Phi rises there: then from the end of the last step that lowered it. Also the steps taken, and whether they were enough.
    """
    found, taken, enough = codebooks.copy(), limit.copy(), np.zeros(len(beta), bool)
    rows, shape, n_numbers = np.arange(len(beta)), codebooks.shape[1:], math.prod(codebooks.shape[1:])
    start = low_end = last_move = last_end = codebooks.reshape(len(beta), n_numbers)
    lowest, (moves, ends) = np.full(len(beta), np.inf), np.zeros((2, len(beta), memory, n_numbers))
    for n in range(1, limit.max(initial=0) + 1):
        before = start.reshape(-1, *shape)
        after, phi = _step(problem, beta, before)
        p = np.exp(after)
        moved = np.maximum(np.abs(p - np.exp(before))[..., 1:].max(-1), beta[:, None] * (after - before)[..., 0])
        settled = np.where(after[..., 0] > -32, moved, 0).max(1) <= precision  # whether others should rise, _climb asks
        end, rises = after.reshape(start.shape), (phi > lowest + 1e-15)[:, None]
        move = end - start
        if n > 1:  # how they differ from those of the step before
            moves[:, n % memory], ends[:, n % memory] = move - last_move, end - last_end
        p[..., 1:] *= p[..., :1]
        mixture = _mixture(end, move, ends, moves, p.reshape(start.shape))
        low_end, start = np.where(rises, low_end, end), np.where(rises, low_end, mixture)
        lowest, last_move, last_end = np.minimum(lowest, phi), move, end
        if (done := settled | (n >= limit)).any():
            taken[rows[done]], enough[rows[done]] = n, settled[done]
            found[rows[done]] = np.where(settled[:, None], end, low_end)[done].reshape(-1, *shape)
            if done.all():
                break
            state = rows, beta, limit, precision, start, lowest, low_end, last_move, last_end, moves, ends
            rest = (each[~done] for each in state)
            rows, beta, limit, precision, start, lowest, low_end, last_move, last_end, moves, ends = rest
        start = _normalise(start.reshape(-1, *shape)).reshape(start.shape)
    return found, taken, enough


def _mixture(end: _Vectors, move: _Vectors, ends: _Memory, moves: _Memory, weight: _Vectors) -> _Vectors:
    """The mixture of the last steps' ends that would have moved least in the weighted norm (Anderson acceleration; Walker & Ni 2011)."""
    weighted = moves * weight[:, None]
    gram = weighted @ moves.transpose(0, 2, 1)
    gram += (1e-14 * np.trace(gram, axis1=1, axis2=2) + 1e-300)[:, None, None] * np.eye(moves.shape[1])
    mix = np.linalg.solve(gram, weighted @ move[..., None])
    return end - (mix.transpose(0, 2, 1) @ ends)[:, 0]


def _step(problem: _Problem, beta: _Each, codebooks: _Codebooks) -> tuple[_Codebooks, _Each]:
    """One Blahut-Arimoto step, and Phi before it."""
    p_z_given_x, z, _, phi = _encode(problem, beta, codebooks)
    return _conditional(p_z_given_x @ (problem.p[:, None] * problem.p_y / z[..., None])), phi


def _conditional(p_zy: Float[np.ndarray, "rows z y"]) -> _Codebooks:
    p_z = p_zy.sum(-1, keepdims=True)
    return _log(np.concatenate([p_z, p_zy / np.maximum(p_z, 1e-300)], -1))


def _encode(
    problem: _Problem, beta: _Each, codebooks: _Codebooks
) -> tuple[Float[np.ndarray, "rows _ x"], _OfX, _OfX, _Each]:
    """p(z|x) times a factor, that factor, log Z(x) and Phi."""
    logits = (codebooks[..., 1:] / beta[:, None, None]) @ problem.p_y.T
    logits += np.where(codebooks[..., :1] > LOG_ZERO, codebooks[..., :1], -np.inf)
    p_z_given_x, factor, log_z = _exp(logits)
    log_z += problem.entropies / beta[:, None]
    return p_z_given_x, factor, log_z, -beta * (log_z @ problem.p)


def _climb(
    problem: _Problem,
    beta: _Each,
    codebooks: _Codebooks,
    places: Float[np.ndarray, "places y"],
    tolerance: float,
    n_cycles: int = 30,
) -> _Codebooks:
    """Ascend G from each place and each cluster, until that gains almost nothing: log G there, then log s.

    Its fixed-point iteration never lowers G. We accelerate it by SQUAREM (Varadhan & Roland 2008).
    """
    log_s = np.concatenate([np.tile(places, (len(beta), 1, 1)), codebooks[..., 1:]], 1)
    row, shape = np.repeat(np.arange(len(beta)), log_s.shape[1]), log_s.shape[:2]
    log_s, log_g, climbing = log_s.reshape(len(row), -1), np.zeros((len(row), 1)), np.arange(len(row))
    log_share = np.log(problem.p) + problem.entropies / beta[:, None] - _encode(problem, beta, codebooks)[2]

    def ascend(log_s: _Vectors) -> tuple[_Vectors, _Each]:
        logits = (log_s / beta[row[climbing], None]) @ problem.p_y.T
        logits += log_share[row[climbing]]
        p_x, factor, log_g = _exp(logits)
        return _log(p_x @ problem.p_y / factor[:, None]), log_g

    for _ in range(n_cycles):
        start = log_s[climbing]
        first, log_g_start = ascend(start)
        second, log_g_first = ascend(first)
        velocity, change, weight = first - start, second - 2 * first + start, np.exp(first)
        stride2 = (weight * velocity**2).sum(1) / np.maximum((weight * change**2).sum(1), 1e-300)
        stride = np.sqrt(stride2).clip(1, 1e4)[:, None]
        third, log_g_jump = ascend(_log_normalise(start + 2 * stride * velocity + stride**2 * change))
        log_s[climbing] = np.where((log_g_jump >= log_g_first)[:, None], third, second)
        high = np.maximum(log_g_jump, log_g_first)
        log_g[climbing, 0] = high
        climbing = climbing[beta[row[climbing]] * (high - log_g_start) > tolerance / 100]
        if not len(climbing):
            break
    return np.concatenate([log_g, log_s], 1).reshape(*shape, -1)


def _open(problem: _Problem, beta: _Each, codebooks: _Codebooks, tops: _Codebooks, tolerance: float) -> _Codebooks:
    """The codebooks with a cluster at each distinct top that is worth it. Together these get the share of the weight that lowers Phi most."""
    gains = beta[:, None] * tops[..., 0]
    worth = np.maximum(tolerance, 0.01 * gains.max(1, keepdims=True))
    new = np.concatenate([np.where(gains > worth, 0, LOG_ZERO)[..., None], tops[..., 1:]], -1)
    new = _trim(_join(new, np.minimum(1e-2, 0.1 * np.sqrt(beta))))
    log_ratio = _encode(problem, beta, new)[2] - _encode(problem, beta, codebooks)[2]
    shares = np.append(np.geomspace(1e-8, 0.5, 27), 1 - 1e-9)[:, None]  # with the last, the old clusters die at once
    phi = -np.logaddexp(np.log1p(-shares), np.log(shares) + log_ratio[:, None]) @ problem.p
    share = shares[phi.argmin(1)]
    codebooks[..., 0] += np.log1p(-share)
    new[..., 0] += np.log(share)
    return _trim(np.maximum(np.concatenate([codebooks, new], 1), LOG_ZERO))


def _merge(problem: _Problem, beta: _Each, codebooks: _Codebooks) -> _Codebooks:
    """Join clusters that grew alike and drop those that died, as far as it does not raise Phi."""
    best, limit = codebooks, _encode(problem, beta, codebooks)[3] + 1e-14
    for radius in (1e-6, 1e-4, 1e-3, 1e-2):
        merged = _join(codebooks, np.full(len(beta), radius))
        best = np.where((_encode(problem, beta, merged)[3] <= limit)[:, None, None], merged, best)
    return best


def _join(codebooks: _Codebooks, radius: _Each) -> _Codebooks:
    """Each cluster gives its weight to the heaviest within the radius, unless that one gives its own away. Those of almost none are dropped."""
    p_z, s = np.exp(codebooks[..., 0]), np.exp(codebooks[..., 1:])
    p_z[p_z < 1e-4 * radius[:, None]] = 0
    square = (s**2).sum(-1)
    distance2 = square[:, :, None] + square[:, None] - 2 * s @ s.transpose(0, 2, 1)
    heaviest = np.where(distance2 < radius[:, None, None] ** 2, p_z[:, None], -1).argmax(-1)
    itself = np.arange(s.shape[1])
    taker = np.where(np.take_along_axis(heaviest == itself, heaviest, 1), heaviest, itself)
    takes = taker[:, None] == itself[:, None]  # [rows, taker, giver]
    return _normalise(_conditional(takes @ (p_z[..., None] * s)))


def _bottlenecks(
    problem: _Problem,
    beta: _Each,
    codebooks: _Codebooks,
    n_steps: _Counts,
    converged: _Flags,
    n_clusters: int,
    given: JointTable,
) -> list[Bottleneck]:
    """Each codebook's encoder, or a simple one where that is better, for every x of the table, measured."""
    p_z_given_x, factor, _, _ = _encode(problem, beta, codebooks)
    q = p_z_given_x.transpose(0, 2, 1) / factor[..., None]
    n_groups, z = len(problem.p), np.arange(q.shape[2])
    each = [q, z == q.argmax(2)[..., None], np.broadcast_to(z == 0, q.shape)]  # itself, rounded, the constant
    if len(z) == n_groups:
        each.append(np.broadcast_to(np.eye(n_groups), q.shape))
    rivals = np.stack(each, 1, dtype=float)
    lagrangians = _measure(problem, beta[:, None], rivals)[2]
    lagrangians[:, 0] -= 1e-13  # what rounding explains is no reason to leave q
    q = rivals[np.arange(len(q)), lagrangians.argmin(1)]
    p_z = problem.p @ q
    typical = (q / np.maximum(p_z, 1e-300)[:, None]).round(9).argmax(1)  # rounded, so that ties fall to the first x
    order = np.argsort(np.where(p_z > 0, typical, n_groups), kind="stable")
    q = np.pad(np.take_along_axis(q, order[:, None], 2), ((0, 0), (0, 0), (0, n_clusters - len(z))))
    p_z = (problem.p @ q)[:, None]
    p_yz = problem.p_y.T @ (problem.p[:, None] * q)
    p_y_given_z = np.where(p_z > 0, p_yz / np.maximum(p_z, 1e-300), (problem.p @ problem.p_y)[:, None])
    p_z_given_x = np.concatenate([q, p_z], 1)[:, problem.group_of_x]  # the last row is for the x that never occur
    fields = zip(p_z_given_x, p_z[:, 0], p_y_given_z.transpose(0, 2, 1), *_measure(problem, beta, q))
    return [
        Bottleneck(*[*(like(torch.from_numpy(np.asarray(value)), given) for value in values), steps, enough])
        for values, steps, enough in zip(fields, n_steps.tolist(), converged.tolist())
    ]


def _measure(
    problem: _Problem, beta: Float[np.ndarray, "*rows"], q: Float[np.ndarray, "*rivals x z"]
) -> tuple[Float[np.ndarray, "*rivals"], Float[np.ndarray, "*rivals"], Float[np.ndarray, "*rivals"]]:
    """I(x;z), I(z;y) and H(y|z) + beta I(x;z) of encoders."""
    p_z = (problem.p @ q)[..., None, :]
    p_yz = problem.p_y.T @ (problem.p[:, None] * q)
    p_y = p_yz.sum(-1, keepdims=True)
    # p_z - q sums to 0: with it, rounding enters in second order only, which a beta of 1e6 would otherwise show
    i_xz = ((_x_log(q, q) - _x_log(q, p_z) - q + p_z).sum(-1) @ problem.p).clip(0)
    h_y_given_z = (_x_log(p_yz, p_z) - _x_log(p_yz, p_yz)).sum((-1, -2)).clip(0)
    i_zy = (_x_log(p_yz, p_yz) - _x_log(p_yz, p_z) - _x_log(p_yz, p_y)).sum((-1, -2)).clip(0)
    return i_xz, i_zy, h_y_given_z + beta * i_xz


def _exp(logits: Float[np.ndarray, "rows n m"] | Float[np.ndarray, "rows n"]) -> tuple[Any, Any, Any]:
    """exp(logits) times a factor, the sum of that along axis 1, and the logarithm of the sum of exp(logits). It overwrites logits."""
    top = logits.max(1, keepdims=True)
    logits -= top
    scaled = np.exp(logits, out=logits)
    total = scaled.sum(1)
    return scaled, total, np.log(total) + top.squeeze(1)


def _normalise(codebooks: _Codebooks) -> _Codebooks:
    return np.concatenate([_log_normalise(codebooks[..., 0])[..., None], _log_normalise(codebooks[..., 1:])], -1)


def _log_normalise(log_p: Float[np.ndarray, "*batch n"]) -> Float[np.ndarray, "*batch n"]:
    top = log_p.max(-1, keepdims=True)
    return np.maximum(log_p - top - np.log(np.exp(log_p - top).sum(-1, keepdims=True)), LOG_ZERO)


def _log(p: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    return np.log(np.maximum(p, 1e-300))


def _x_log(p: Float[np.ndarray, "*shape"], q: Float[np.ndarray, "*#shape"]) -> Float[np.ndarray, "*shape"]:
    return p * _log(q)
