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

is at most 1 for every s; whatever the encoder, no other is better by more than beta log max_s G(s) (Blahut 1972; Csiszar 1974). So from one
cluster, or one per x if that is better, we iterate to a fixed point, climb G from every p(y|x), and where G > 1 open a cluster there, until
there is no such place.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ib_tutorial.information import _checks
from ib_tutorial.information._arrays import like, to_tensor
from ib_tutorial.information.gaussian import check_covariance

JointTable = Float[Tensor, "x y"] | Float[np.ndarray, "x y"]
Nats = float | Float[Tensor, ""]

LOG_ZERO = -690.0  # log 1e-300: 0 times it is 0, where 0 times -inf is NaN, and a cluster at 0 can still come back


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


@dataclass(frozen=True)
class GaussianBottleneck:
    r"""The optimal z = projection x + N(0, identity) of a Gaussian bottleneck, and what it achieves, in nats."""

    # rows by decreasing correlation; unused ones are zero
    projection: Float[Tensor, "d_x d_x"] | Float[np.ndarray, "d_x d_x"]
    i_xz: Nats  #: I(x;z)
    i_zy: Nats  #: I(z;y)
    lagrangian: Nats  #: h(y|z) + beta I(x;z); h is differential, may be negative and depends on the unit of y


def blahut_arimoto(
    p_xy: JointTable,
    beta: float | int,
    n_clusters: int | None = None,
    n_restarts: int = 16,
    seed: int = 0,
    max_iterations: int = 20_000,
    tolerance: float = 1e-9,
) -> Bottleneck:
    r"""The encoder that minimises H(y|z) + beta I(x;z), eq. (2), by Blahut-Arimoto; `beta` is the paper's, in nats per nat.

    p_xy: [x, y], a joint distribution; computed in float64, returned in its own type. The result carries no gradient.
    beta: positive; at 1 and above the constant encoder is returned, which no other beats.
    n_clusters: how many values z may take, by default as many as x, which is always enough.
    n_restarts, seed: random places where clusters are looked for besides the p(y|x); random starts where n_clusters is too few.

    `converged` means that the Lagrangian is within `tolerance` nats of the minimum over all encoders, by the certificate in this module's
    docstring (its maximum over s is searched for by local ascents). Only where n_clusters is smaller than that optimum needs is the
    problem not convex: then the best of the restarts is returned, and `converged` means that a step no longer moves it. It is False where
    max_iterations ran out first. The Lagrangian never exceeds that of the constant, the identity (where n_clusters allows it) or the
    encoder rounded to a deterministic one.
    Raises ValueError unless p_xy is two-dimensional, non-negative, finite and sums to 1 within 1e-6, beta and tolerance are positive and
    finite, n_clusters and max_iterations are at least 1 and n_restarts at least 0.
    """
    problem = _Problem.of(p_xy)
    n_clusters = len(problem.group_of_x) if n_clusters is None else n_clusters
    _checks.at_least(1, n_clusters=n_clusters, max_iterations=max_iterations)
    _checks.at_least(0, n_restarts=n_restarts)
    _checks.positive(tolerance=tolerance)
    beta = _checks.weight(beta)
    generator = torch.Generator().manual_seed(seed)
    codebook, n_iterations, converged = _minimise(
        problem, beta, n_clusters, n_restarts, generator, max_iterations, tolerance, problem.constant()
    )
    return _bottleneck(problem, beta, n_clusters, codebook, n_iterations, converged, p_xy)


def information_curve(
    p_xy: JointTable,
    betas: Sequence[float | int] | Float[np.ndarray, "n_betas"] | Float[Tensor, "n_betas"],
    seed: int = 0,
) -> list[Bottleneck]:
    r"""The optimal encoder at each beta, in the order of `betas`: (i_xz, i_zy) of them trace the information curve, eq. (2).

    Each is found as by `blahut_arimoto` with as many clusters as x has values, but started from the next smaller beta, whose clusters merge
    as beta grows (reverse annealing), and with `converged` at 1e-7 nats and 2,000 steps at most for each. The curve is concave, and its
    slope d I(z;y) / d I(x;z) at a point is that point's beta.
    Raises ValueError as blahut_arimoto does.
    """
    problem = _Problem.of(p_xy)
    betas = [_checks.weight(beta) for beta in betas]
    generator = torch.Generator().manual_seed(seed)
    found: dict[float, Bottleneck] = {}
    codebook, n_clusters = problem.constant(), len(problem.group_of_x)
    for beta in sorted(set(betas)):
        codebook, n_iterations, converged = _minimise(problem, beta, n_clusters, 16, generator, 2_000, 1e-7, codebook)
        found[beta] = _bottleneck(problem, beta, n_clusters, codebook, n_iterations, converged, p_xy)
    return [found[beta] for beta in betas]


def gaussian_bottleneck(
    cov_x: Float[Tensor, "d_x d_x"] | Float[np.ndarray, "d_x d_x"],
    cov_y: Float[Tensor, "d_y d_y"] | Float[np.ndarray, "d_y d_y"],
    cov_xy: Float[Tensor, "d_x d_y"] | Float[np.ndarray, "d_x d_y"],
    beta: float | int,
) -> GaussianBottleneck:
    r"""The optimum of h(y|z) + beta I(x;z) for jointly Gaussian x, y, in closed form (Chechik, Globerson, Tishby & Weiss 2005).

    With rho_i and u_i the canonical correlations and left directions of L_x^-1 cov_xy L_y^-T (cov_x = L_x L_x^T), the encoder is
    z_i = a_i u_i^T L_x^-1 x + N(0, 1), with a_i^2 = max(0, (rho_i^2 / beta - 1) / (1 - rho_i^2)): component i opens at beta = rho_i^2
    (their lambda_i is 1 - rho_i^2, their beta is 1/beta), and with the sums over the open ones

        I(x;z) = 1/2 sum log( (1 - beta) rho_i^2 / (beta (1 - rho_i^2)) )        I(z;y) = 1/2 sum log( (1 - beta) / (1 - rho_i^2) )

    Computed in float64, returned in the type of cov_x, without gradient. Raises ValueError unless shapes agree, beta > 0 and the joint
    covariance is finite, symmetric and positive definite.
    """
    beta = _checks.weight(beta)
    x, y, xy = (to_tensor(cov).detach() for cov in (cov_x, cov_y, cov_xy))
    if xy.ndim != 2 or x.shape != (len(xy), len(xy)) or y.shape != (xy.shape[1], xy.shape[1]):
        raise ValueError(
            "cov_x [d_x, d_x], cov_y [d_y, d_y] and cov_xy [d_x, d_y] must agree, but have shapes "
            f"{tuple(x.shape)}, {tuple(y.shape)} and {tuple(xy.shape)}"
        )
    joint = _checks.square(
        torch.cat([torch.cat([x, xy], 1), torch.cat([xy.T, y], 1)]), "the joint covariance of x and y"
    )
    check_covariance(joint, "the joint covariance of x and y", max(map(_checks.rounding, (cov_x, cov_y, cov_xy))))
    factor_x, factor_y = torch.linalg.cholesky(x.double()), torch.linalg.cholesky(y.double())
    half = torch.linalg.solve_triangular(factor_x, xy.double(), upper=False)
    directions, rho, _ = torch.linalg.svd(torch.linalg.solve_triangular(factor_y, half.T, upper=False).T)
    rho2 = torch.cat([rho.square(), rho.new_zeros(len(x) - len(rho))])
    is_open = rho2 > beta
    gain2 = torch.where(is_open, (rho2 / beta - 1) / (1 - rho2), 0)
    projection = gain2.sqrt()[:, None] * torch.linalg.solve_triangular(factor_x.T, directions, upper=True).T
    i_xz = torch.log1p(gain2).sum() / 2
    i_zy = torch.where(is_open, torch.log((1 - beta) / (1 - rho2)), 0).sum() / 2
    h_y = len(y) / 2 * math.log(2 * math.pi * math.e) + torch.log(factor_y.diagonal()).sum()
    return GaussianBottleneck(*(like(value, cov_x) for value in (projection, i_xz, i_zy, h_y - i_zy + beta * i_xz)))


@dataclass(frozen=True)
class _Problem:
    """The table with every x of the same p(y|x) merged, which costs nothing: telling them apart raises I(x;z) and leaves I(z;y)."""

    p: Float[Tensor, "groups"]
    p_y: Float[Tensor, "groups y"]  #: p(y | group)
    entropies: Float[Tensor, "groups"]
    group_of_x: Tensor  #: the group of each x; -1 where p(x) = 0

    @staticmethod
    def of(p_xy: JointTable) -> "_Problem":
        table = _checks.distribution(p_xy, "p_xy", "[x, y]").detach().cpu().double()
        table = table / table.sum()
        p_x = table.sum(1)
        seen = (p_x > 0).nonzero().flatten()
        conditionals = table[seen] / p_x[seen, None]
        _, group = torch.unique(torch.round(conditionals, decimals=13), dim=0, return_inverse=True)
        merged = table.new_zeros(int(group.max()) + 1, table.shape[1]).index_add_(0, group, table[seen])
        p = merged.sum(1)
        p_y = merged / p[:, None]
        group_of_x = group.new_full((len(table),), -1).index_put_((seen,), group)
        return _Problem(p, p_y, torch.special.entr(p_y).sum(1), group_of_x)

    def constant(self) -> "_Codebook":
        """The trivial encoder: one cluster, with p(y) in it."""
        return self.p.new_zeros(1), _log(self.p @ self.p_y)[None]


# log p(z) [*restarts, z] and log p(y|z) [*restarts, z, y]
_Codebook = tuple[Tensor, Tensor]


def _minimise(
    problem: _Problem,
    beta: float,
    n_clusters: int,
    n_restarts: int,
    generator: torch.Generator,
    max_iterations: int,
    tolerance: float,
    start: _Codebook,
) -> tuple[_Codebook, int, bool]:
    """The best codebook of at most n_clusters, the steps taken, and whether it converged (see blahut_arimoto)."""
    if beta >= 1 or n_clusters == 1:
        return problem.constant(), 0, True
    tried = 0
    if (
        len(start[0]) == 1
    ):  # cold: where p(y|x) has blocks, or nearly, the identity falls into them, the constant only crawls
        identity, tried, _ = _iterate(
            problem, beta, (torch.log(problem.p), _log(problem.p_y)), min(50, max_iterations), 1e-5
        )
        if _step(problem, beta, identity)[1] < _step(problem, beta, start)[1]:
            start = identity
    codebook, used, converged = _open_clusters(
        problem, beta, n_restarts, generator, max(1, max_iterations - tried), tolerance, start
    )
    used += tried
    if len(codebook[0]) <= n_clusters:
        return codebook, used, converged
    starts = _restricted_starts(problem, n_clusters, n_restarts, generator, codebook)
    codebooks, n_iterations, settled = _iterate(
        problem, beta, starts, max(1, max_iterations - used), min(tolerance, 1e-10)
    )
    best = int(_step(problem, beta, codebooks)[1].argmin())
    return (codebooks[0][best], codebooks[1][best]), used + n_iterations, bool(settled[best])


def _open_clusters(
    problem: _Problem,
    beta: float,
    n_random: int,
    generator: torch.Generator,
    max_iterations: int,
    tolerance: float,
    codebook: _Codebook,
) -> tuple[_Codebook, int, bool]:
    """Iterate, look for the s of largest G(s), open clusters where it exceeds 1, until the certificate holds."""
    # heavy-tailed mixtures of p(y|x)
    random = torch.rand(n_random, len(problem.p), dtype=torch.float64, device="cpu", generator=generator).pow(-2)
    places = torch.cat([_log(problem.p_y), _log(random / random.sum(1, keepdim=True) @ problem.p_y)])
    used, precision, certified = 0, 1e-5, None
    while True:
        codebook, n_iterations, settled = _iterate(problem, beta, codebook, min(500, max_iterations - used), precision)
        used += n_iterations
        log_z = _encoder(problem, beta, codebook)[1]
        log_s, log_g = _climb(problem, beta, log_z, torch.cat([codebook[1], places]), tolerance)
        gap = beta * log_g.max().item()
        if gap <= tolerance:
            certified = codebook
        elif certified is not None:  # the last merge was one too many
            return certified, used, True
        if used >= max_iterations:
            return codebook, used, certified is not None
        merged = _merge(problem, beta, codebook)
        if len(merged[0]) < len(codebook[0]):
            codebook = merged
        elif certified is not None:
            return certified, used, True
        else:
            worth = max(tolerance, 0.01 * gap)
            codebook = _insert(problem, beta, codebook, log_s, beta * log_g, worth, bool(settled))
        precision = max(precision / 10, 1e-15)


def _iterate(
    problem: _Problem, beta: float, codebook: _Codebook, max_iterations: int, precision: float, memory: int = 10
) -> tuple[_Codebook, int, Tensor]:
    """Blahut-Arimoto until a step moves no p(y|z), nor the bound from the clusters at hand, by more than `precision`.

    Near a critical beta the plain iteration needs many thousands of steps, so each step starts from the mixture of the last few that
    would have moved least (Anderson acceleration; Walker & Ni 2011), unless Phi rises there: then from the end of the step before.
    """
    starts, ends, lowest, last_end = [], [], problem.p.new_tensor(math.inf), _pack(codebook)
    for n_iterations in range(1, max_iterations + 1):
        step, phi, _, gain = _step(problem, beta, codebook)
        moved = torch.maximum((torch.exp(step[1]) - torch.exp(codebook[1])).abs().amax(-1), beta * gain)
        alive = step[0] > -32  # whether one of the dead should rise is _climb's question
        settled = (moved * alive).amax(-1) <= precision
        if settled.all():
            break
        start, end = _pack(codebook), _pack(step)
        risen = (phi > lowest + 1e-15)[..., None]
        if risen.any():  # what was learnt before led astray
            starts, ends = [], []
        last_end = mixture = torch.where(risen, last_end, end)
        lowest = torch.minimum(lowest, phi)
        starts, ends = [*starts, start][-memory:], [*ends, end][-memory:]
        if len(starts) > 1 and not risen.any():
            weight = _pack((0.5 * step[0], 0.5 * (step[0][..., None] + step[1]))).exp()
            moves = [weight * (b - a) for a, b in zip(starts, ends)]
            differences = torch.stack([moves[-1] - move for move in moves[:-1]], -1)
            mix = torch.linalg.lstsq(differences, moves[-1][..., None]).solution[..., 0]
            mixture = end - sum((end - other) * mix[..., i, None] for i, other in enumerate(ends[:-1]))
        codebook = _unpack(mixture, step)
    else:
        step = _unpack(last_end, step)  # cut off: not from an extrapolation that may have failed
    return step, n_iterations, settled


def _pack(codebook: _Codebook) -> Float[Tensor, "*restarts n"]:
    return torch.cat([codebook[0], codebook[1].flatten(-2)], -1)


def _unpack(packed: Float[Tensor, "*restarts n"], like_codebook: _Codebook) -> _Codebook:
    n_clusters = like_codebook[0].shape[-1]
    return _normalise(packed[..., :n_clusters]), _normalise(packed[..., n_clusters:].view(like_codebook[1].shape))


def _step(problem: _Problem, beta: float, codebook: _Codebook) -> tuple[_Codebook, Tensor, Tensor, Tensor]:
    """One Blahut-Arimoto step. Also Phi and log Z(x) before it, and log G at each cluster, by which its weight grows."""
    log_q, log_z = _encoder(problem, beta, codebook)
    joint = torch.exp(log_q) * problem.p[:, None]
    p_z = joint.sum(-2)
    p_y_given_z = joint.mT @ problem.p_y / p_z.clamp(min=1e-300)[..., None]
    log_p_z = _log(p_z)
    return (log_p_z, _log(p_y_given_z)), -beta * (log_z * problem.p).sum(-1), log_z, log_p_z - codebook[0]


def _encoder(problem: _Problem, beta: float, codebook: _Codebook) -> tuple[Tensor, Tensor]:
    """log p(z|x) and log Z(x)."""
    logits = codebook[0][..., None, :] - _kl(problem, codebook[1]) / beta
    log_z = torch.logsumexp(logits, -1)
    return logits - log_z[..., None], log_z


def _kl(problem: _Problem, log_s: Float[Tensor, "*restarts z y"]) -> Float[Tensor, "*restarts groups z"]:
    """KL( p(y|x) || s_z )."""
    return -problem.p_y @ log_s.mT - problem.entropies[:, None]


def _climb(
    problem: _Problem,
    beta: float,
    log_z: Tensor,
    log_s: Float[Tensor, "places y"],
    tolerance: float,
    n_cycles: int = 30,
) -> tuple[Float[Tensor, "places y"], Float[Tensor, "places"]]:
    """Ascend G from each place (its fixed-point iteration never lowers it), and log G there."""
    log_share = (torch.log(problem.p) - log_z)[:, None]

    def ascend(log_s: Tensor) -> tuple[Tensor, Tensor]:
        logits = log_share - _kl(problem, log_s) / beta
        log_g = torch.logsumexp(logits, 0)
        return _log(torch.exp(logits - log_g).mT @ problem.p_y), log_g

    for _ in range(n_cycles):
        first, log_g = ascend(log_s)
        second, log_g_first = ascend(first)
        stride = _stride((log_s, first, second, torch.exp(first)))
        jump = _normalise(_extrapolate(log_s, first, second, stride))
        third, log_g_jump = ascend(jump)
        log_s = torch.where((log_g_jump >= log_g_first)[:, None], third, second)
        if beta * (torch.maximum(log_g_jump, log_g_first) - log_g).max() <= tolerance / 100:
            break
    return log_s, ascend(log_s)[1]


def _stride(*sequences: tuple[Tensor, Tensor, Tensor, Tensor]) -> Float[Tensor, "*batch 1"]:
    """SQUAREM's step length |velocity| / |change of velocity| from three iterates, each difference weighted by its probability."""
    velocity2 = sum((weight * (b - a) ** 2).sum(-1, keepdim=True) for a, b, _, weight in sequences)
    change2 = sum((weight * (c - 2 * b + a) ** 2).sum(-1, keepdim=True) for a, b, c, weight in sequences)
    return torch.sqrt(velocity2 / change2.clamp(min=1e-300)).clamp(1, 1e4)


def _extrapolate(a: Tensor, b: Tensor, c: Tensor, stride: Tensor) -> Tensor:
    return a + 2 * stride * (b - a) + stride**2 * (c - 2 * b + a)


def _insert(
    problem: _Problem, beta: float, codebook: _Codebook, log_s: Tensor, gains: Tensor, worth: float, settled: bool
) -> _Codebook:
    """The codebook with new clusters at the distinct places whose gain is worth it, at the weight that lowers Phi most.

    Beside an existing cluster one is opened only if the iteration has settled: before that, the cluster itself may go there.
    """
    s, radius = torch.exp(log_s), min(1e-2, 0.1 * math.sqrt(beta))
    available, chosen = gains > worth, []
    if not settled:
        available &= torch.cdist(s, torch.exp(codebook[1]), p=1).amin(1) > radius
    for place in torch.argsort(gains, descending=True).tolist():
        if available[place]:
            chosen.append(place)
            available &= (s - s[place]).abs().sum(1) > radius
    if not chosen:
        return codebook
    trials = []
    for share in (1.0, 0.5, 0.1, 1e-2, 1e-3, 1e-4, 1e-6, 1e-8):
        trial = s.new_full((len(chosen),), math.log(share / len(chosen))), log_s[chosen]
        if share < 1:  # at 1 the new clusters stand alone, where the old ones would die slowly
            trial = torch.cat([codebook[0] + math.log1p(-share), trial[0]]), torch.cat([codebook[1], trial[1]])
        step = _step(problem, beta, trial)[0]
        trials.append((_step(problem, beta, step)[1].item(), step))
    return min(trials, key=lambda trial: trial[0])[1]


def _merge(problem: _Problem, beta: float, codebook: _Codebook) -> _Codebook:
    """Join clusters that grew alike and drop those that died, as far as it does not raise Phi."""
    p_z, s = torch.exp(codebook[0]), torch.exp(codebook[1])
    distance, limit = torch.cdist(s, s, p=1), _step(problem, beta, codebook)[1] + 1e-14
    for radius in (1e-2, 1e-3, 1e-4, 1e-6):
        rows, free = [], p_z > 1e-4 * radius
        for leader in torch.argsort(p_z, descending=True).tolist():
            if free[leader]:
                rows.append((distance[leader] < radius) & free)
                free = free & ~rows[-1]
        if len(rows) == len(p_z):
            break
        members = torch.stack(rows) * p_z
        merged = _normalise(_log(members.sum(1))), _normalise(_log(members @ s))
        if _step(problem, beta, merged)[1] <= limit:
            return merged
    return codebook


def _restricted_starts(
    problem: _Problem, n_clusters: int, n_restarts: int, generator: torch.Generator, codebook: _Codebook
) -> _Codebook:
    """Starts with n_clusters: the heaviest of the unrestricted optimum, and at random p(y|x)."""
    heaviest = torch.argsort(codebook[0], descending=True)[:n_clusters]
    starts = [codebook[1][heaviest]]
    for _ in range(n_restarts):
        pick = torch.multinomial(problem.p, n_clusters, replacement=n_clusters > len(problem.p), generator=generator)
        starts.append(_log(problem.p_y[pick]))
    return problem.p.new_full((len(starts), n_clusters), -math.log(n_clusters)), torch.stack(starts)


def _bottleneck(
    problem: _Problem,
    beta: float,
    n_clusters: int,
    codebook: _Codebook,
    n_iterations: int,
    converged: bool,
    given: JointTable,
) -> Bottleneck:
    """The codebook's encoder, or a simple one where that is better, for every x of the table, measured."""
    n_groups = len(problem.p)
    q = torch.exp(_encoder(problem, beta, codebook)[0])
    identity = torch.eye(max(q.shape), dtype=q.dtype, device=q.device)
    rivals = [identity[: q.shape[1], : q.shape[1]][q.argmax(1)], q.new_ones(n_groups, 1)]
    if n_groups <= n_clusters:
        rivals.append(identity[:n_groups, :n_groups])
    best = _measure(problem, beta, q)[-1]
    for rival in rivals:
        if (
            value := _measure(problem, beta, rival)[-1]
        ) < best - 1e-13:  # what rounding explains is no reason to leave q
            q, best = rival, value
    p_z = problem.p @ q
    q, p_z = q[:, p_z > 0], p_z[p_z > 0]
    typical = (q / p_z).round(decimals=9).argmax(0)  # rounded, so that ties fall to the first x
    first_x = torch.stack([(problem.group_of_x == group).nonzero()[0, 0] for group in typical])
    order = torch.argsort(first_x, stable=True)
    q, p_z = q[:, order], p_z[order]
    p_y_given_z = (problem.p[:, None] * q).T @ problem.p_y / p_z[:, None]
    n_dead = n_clusters - len(p_z)
    rows = torch.cat([q, p_z[None]])[problem.group_of_x]  # group -1, of the x that never occur, is the last row
    return Bottleneck(
        *(
            like(value, given)
            for value in (
                torch.nn.functional.pad(rows, (0, n_dead)),
                torch.nn.functional.pad(p_z, (0, n_dead)),
                torch.cat([p_y_given_z, (problem.p @ problem.p_y).expand(n_dead, -1)]),
                *_measure(problem, beta, q),
            )
        ),
        n_iterations=n_iterations,
        converged=converged,
    )


def _measure(problem: _Problem, beta: float, q: Float[Tensor, "groups z"]) -> tuple[Tensor, Tensor, Tensor]:
    """I(x;z), I(z;y) and H(y|z) + beta I(x;z) of an encoder."""
    p_z = problem.p @ q
    # p_z - q sums to 0: with it, rounding enters in second order only, which a beta of 1e6 would otherwise show
    i_xz = (problem.p[:, None] * (torch.xlogy(q, q) - torch.xlogy(q, p_z) - q + p_z)).sum().clamp(min=0)
    joint = (problem.p[:, None] * q).T @ problem.p_y
    p_y = joint.sum(0)
    h_y_given_z = (torch.xlogy(joint, p_z[:, None]) - torch.xlogy(joint, joint)).sum().clamp(min=0)
    i_zy = (torch.xlogy(joint, joint) - torch.xlogy(joint, p_z[:, None]) - torch.xlogy(joint, p_y)).sum().clamp(min=0)
    return i_xz, i_zy, h_y_given_z + beta * i_xz


def _normalise(log_p: Tensor) -> Tensor:
    return (log_p - torch.logsumexp(log_p, -1, keepdim=True)).clamp(min=LOG_ZERO)


def _log(p: Tensor) -> Tensor:
    return torch.log(p).clamp(min=LOG_ZERO)
