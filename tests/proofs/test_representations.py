"""Chapter `representations`: information, sufficiency, minimality, invariance. The oracles are plain loops over the cells of a table."""

import itertools
import math

import numpy as np
import pytest
import torch
from proof import Claim, proves
from scipy import integrate, optimize, special, stats

from ib_tutorial.examples import COIN, covered, lamp_table, orbit, station_table, turned
from ib_tutorial.information import (
    conditional_entropy,
    conditional_mutual_information,
    encoder_of,
    entropy,
    kl_divergence,
    kl_standard_normal,
    minimal_sufficient,
    mutual_information,
    partitions,
    represent,
)

CLAIMS = {
    "prop-gibbs": Claim(r"$\mathrm{KL}(p\,\Vert\,q) \ge 0$, with equality only for $p = q$."),
    "prop-chain-rule": Claim(r"$I(z;x,y) = I(z;y) + I(x;z \mid y)$."),
    "prop-identity": Claim(
        r"For every encoder and every prior $q$: $\mathbb{E}\,\mathrm{KL}(p(z \mid x)\,\Vert\,q) = I(x;z) + \mathrm{KL}(p(z)\,\Vert\,q)$, "
        r"so that $I(x;z)$ is the least mean cost of a message over all priors.",
        "section 4, before eq. (3), for $q = p(z)$",
    ),
    "prop-gap": Claim(
        r"If $y \to x \to z$: $I(x;y) - I(z;y) = H(y \mid z) - H(y \mid x) = I(x;y \mid z)$, which is also "
        r"$\mathbb{E}\,\mathrm{KL}(p(y \mid x)\,\Vert\,p(y \mid z))$.",
        "section 4, before the constrained problem, and second remark",
    ),
    "prop-dpi": Claim(
        r"If $y \to x \to z$: $I(z;y) \le I(x;y)$ and $I(z;y) \le I(x;z)$; the differences are $I(x;y \mid z)$ and $I(x;z \mid y)$."
    ),
    "prop-sufficiency": Claim("Six ways to say that a representation is sufficient are one.", "section 4, (ii)"),
    "prop-minimal": Claim(
        r"The posterior map $T(x) = p(\cdot \mid x)$ is sufficient; every sufficient $z$ has $I(x;z) = H(T) + I(x;z \mid T) \ge H(T) = I(x;T)$.",
        "section 4, (iii)",
    ),
    "prop-ignorable": Claim(r"If $x = (r, n)$ with $n$ independent of the pair $(r, y)$, then $T$ is a function of $r$ and $I(T;n) = 0$."),
    "prop-reveals": Claim(
        r"A minimal sufficient $z$ can reveal a nuisance independent of $y$: for the station's battery $I(T;n) = \ln 2$.",
        "section 4 reads minimality as invariance",
    ),
    "prop-nuisance": Claim(
        r"If $(y, n) \to x \to z$ with $n$ independent of $y$: $I(z;n) \le I(x;z) - I(z;y)$, with slack $I(n;y \mid z) + I(x;z \mid y,n)$.",
        "sections 1 and 4 say it in words",
    ),
    "rem-hypotheses": Claim(r"For the nuisance bound the two chains $y \to x \to z$ and $n \to x \to z$ are enough."),
    "prop-vanishing": Claim(
        r"At $z = T$ the bound is $H(T \mid y)$; it vanishes exactly when $T$ is a function of $y$, as when $y$ is a function of $x$."
    ),
    "prop-orbit": Claim(
        r"If a group acts and $y$ depends on the scene through its orbit alone, the orbit of $x$ loses nothing and hides the nuisance.",
        "section 3, last part",
    ),
    "prop-occlusion": Claim(
        r"Four lamps under a leaf: $I(x;y) = \ln 2 - \tfrac38 h(\tfrac13)$, and an invariant function of the image tells nothing.",
        'section 3, "there is a loss"',
    ),
    "rem-coin": Claim(
        r"A stochastic $z$ of the covered lamps has $I(z;n) = 0$ and tells $\ln 2 - h(\tfrac14)$ of $y$; no invariant $z$ tells more."
    ),
    "prop-markov": Claim(
        r"The least $\mathrm{KL}(p\,\Vert\,q)$ over $q$ with $x \to z \to y$ is $I(x;y \mid z)$, at $q = p(z)\,p(x \mid z)\,p(y \mid z)$.",
        "section 4, second remark",
    ),
}


def H(table: np.ndarray, *axes: int) -> float:
    """Entropy of some axes of a joint table."""
    marginal = table.sum(tuple(axis for axis in range(table.ndim) if axis not in axes))
    return -sum(p * math.log(p) for p in marginal.flat if p > 0)


def information(table: np.ndarray, left: tuple, right: tuple, given: tuple = ()) -> float:
    """I(left; right | given) between axes of a joint table, from four entropies."""
    return H(table, *left, *given) + H(table, *right, *given) - H(table, *left, *right, *given) - H(table, *given)


def h(p: float) -> float:
    return H(np.array([p, 1 - p]), 0)


def random_table(rng: np.random.Generator, *shape: int, zeros: float = 0.2) -> np.ndarray:
    table = rng.gamma(0.7, size=shape) * (rng.random(shape) >= zeros)
    table.flat[0] += 0.1
    return table / table.sum()


def random_encoder(rng: np.random.Generator, n_x: int, n_z: int) -> np.ndarray:
    return rng.dirichlet(np.full(n_z, 0.5), size=n_x)


@pytest.fixture(params=range(20))
def rng(request):
    return np.random.default_rng(request.param)


@pytest.fixture
def chain(rng):
    """A random chain y -> x -> z, cells of zero included: [x, y, z]."""
    return represent(random_table(rng, 4, 3), random_encoder(rng, 4, 3))


# Tools


@proves("prop-gibbs", kind="enumeration", scope="general")
def test_a_divergence_is_positive_between_different_tables(rng):
    p, q = random_table(rng, 5), random_table(rng, 5, zeros=0.0)
    by_cells = sum(x * math.log(x / y) for x, y in zip(p, q, strict=True) if x > 0)
    assert by_cells > np.abs(p - q).sum() ** 2 / 2  # Pinsker's inequality
    assert kl_divergence(p, q) == pytest.approx(by_cells, abs=1e-12)
    assert kl_divergence(p, p) == 0


@proves("prop-chain-rule", kind="enumeration", scope="general")
def test_a_pair_tells_in_turn(rng):
    p = random_table(rng, 3, 2, 4)  # [x, y, z]
    in_turn = mutual_information(p.sum(0)) + conditional_mutual_information(p.transpose(0, 2, 1))
    assert mutual_information(p.reshape(6, 4)) == pytest.approx(in_turn, abs=1e-12)


# The cost of a message


def cost(p_xz: np.ndarray, q: np.ndarray) -> float:
    """E KL(p(z|x) || q)."""
    return special.rel_entr(p_xz, p_xz.sum(1, keepdims=True) * q).sum()


@proves("prop-identity", kind="enumeration", scope="special case")
@pytest.mark.parametrize("zeros", [0.0, 0.2])
def test_the_cost_of_a_message_splits(rng, zeros):
    p_xz, q = random_table(rng, 4, 5), random_table(rng, 5, zeros=zeros)
    assert cost(p_xz, q) == pytest.approx(mutual_information(p_xz) + kl_divergence(p_xz.sum(0), q), abs=1e-12)


@proves("prop-identity", kind="numerical", scope="special case")
def test_no_prior_is_cheaper_than_the_marginal():
    p_xz = random_table(np.random.default_rng(0), 4, 5, zeros=0.0)
    best = optimize.minimize(lambda logits: cost(p_xz, special.softmax(logits)), np.zeros(5), tol=1e-12)
    assert best.fun == pytest.approx(mutual_information(p_xz), abs=1e-8)
    assert special.softmax(best.x) == pytest.approx(p_xz.sum(0), abs=1e-4)


@proves("prop-identity", kind="quadrature", scope="special case")
@pytest.mark.parametrize("off", [0.0, 0.3])
def test_the_cost_of_a_continuous_message_splits(off):
    """One of three inputs sends a Gaussian z, or exactly 0 with a probability of its own. The prior is N(0, 1) with that atom."""
    p_x, mean, log_var = np.array([0.5, 0.3, 0.2]), np.array([-1.0, 0.4, 2.0]), np.array([-1.0, 0.2, -2.0])
    atom, q_atom = off * np.array([1.0, 0.0, 0.5]), off / 3
    p_atom = p_x @ atom
    z, step = np.linspace(-14, 14, 28_001, retstep=True)
    given = stats.norm.logpdf(z, mean[:, None], np.exp(log_var / 2)[:, None]) + np.log1p(-atom)[:, None]
    marginal, prior = special.logsumexp(given, 0, b=p_x[:, None]), stats.norm.logpdf(z) + np.log1p(-q_atom)

    def divergence(log_p, at_p, log_q, at_q):
        return integrate.simpson(np.exp(log_p) * (log_p - log_q), dx=step) + special.rel_entr(at_p, at_q)

    closed = kl_standard_normal(torch.tensor(mean), torch.tensor(log_var)).numpy()
    paid = p_x @ ((1 - atom) * closed + special.rel_entr(atom, q_atom) + special.rel_entr(1 - atom, 1 - q_atom))
    kept = sum(p_x[x] * divergence(given[x], atom[x], marginal, p_atom) for x in range(3))
    assert paid == pytest.approx(kept + divergence(marginal, p_atom, prior, q_atom), abs=1e-9)


# The chain y -> x -> z


@proves("prop-gap", kind="enumeration", scope="general")
def test_four_forms_of_what_is_lost(chain):
    p_xy, p_zy, p_xz = chain.sum(2), chain.sum(0).T, chain.sum(1)
    forms = [
        mutual_information(p_xy) - mutual_information(p_zy),
        conditional_entropy(p_zy) - conditional_entropy(p_xy),
        conditional_mutual_information(chain),
        sum(p_xz[x, z] * kl_divergence(p_xy[x] / p_xy[x].sum(), p_zy[z] / p_zy[z].sum()) for x, z in np.argwhere(p_xz > 0)),
    ]
    assert forms == pytest.approx([information(chain, (0,), (1,), (2,))] * 4, abs=1e-12)


@proves("prop-dpi", kind="enumeration", scope="general")
def test_neither_end_tells_more_than_the_middle(chain):
    told = information(chain, (2,), (1,))
    differences = [information(chain, (0,), (1,)) - told, information(chain, (0,), (2,)) - told]
    rests = [conditional_mutual_information(chain), conditional_mutual_information(chain.transpose(0, 2, 1))]
    assert min(differences) > -1e-12 and differences == pytest.approx(rests, abs=1e-12)


# Sufficient and minimal


def with_pairs(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Six inputs in three pairs of equal posterior: the table [x, y], and the pair of each x."""
    pair = np.repeat(np.arange(3), 2)
    return rng.dirichlet(np.full(6, 2.0))[:, None] * rng.dirichlet(np.ones(2), size=3)[pair], pair


def of_pairs(rng: np.random.Generator, pair: np.ndarray) -> np.ndarray:
    """A random sufficient encoder: two words for each pair."""
    words = (random_encoder(rng, 6, 6) + 1e-3) * np.kron(np.eye(3), np.ones((1, 2)))[pair]
    return words / words.sum(1, keepdims=True)


@proves("prop-sufficiency", kind="enumeration", scope="general")
@pytest.mark.parametrize("sufficient", [True, False])
def test_the_six_forms_hold_together_or_fail_together(rng, sufficient):
    p_xy, pair = with_pairs(rng)
    p = represent(p_xy, of_pairs(rng, pair) if sufficient else random_encoder(rng, 6, 6))
    p_y_x, p_y_z = p.sum(2) / p.sum((1, 2))[:, None], (p.sum(0) / p.sum((0, 1))).T
    gauges = [
        information(p, (0,), (1,)) - information(p, (2,), (1,)),
        conditional_entropy(p.sum(0).T) - conditional_entropy(p_xy),
        conditional_mutual_information(p),
        max(np.abs(p_y_x[x] - p_y_z[z]).max() for x, z in np.argwhere(p.sum(1) > 0)),
        conditional_entropy(p.sum(1).T @ encoder_of(minimal_sufficient(p_xy))),  # H(T|z)
    ]
    assert max(gauges) < 1e-12 if sufficient else min(gauges) > 1e-6


@proves("prop-minimal", kind="enumeration", scope="general")
def test_a_sufficient_message_costs_the_posterior_map_and_a_rest(rng):
    p_xy, pair = with_pairs(rng)
    assert minimal_sufficient(p_xy).tolist() == pair.tolist()
    encoder = of_pairs(rng, pair)
    p = np.einsum("x,xt,xz->xtz", p_xy.sum(1), encoder_of(pair), encoder)
    rest = conditional_mutual_information(p.transpose(0, 2, 1))
    assert information(p, (0,), (2,)) == pytest.approx(H(p, 1) + rest, abs=1e-12)
    assert H(p, 1) == pytest.approx(mutual_information(p.sum(2)), abs=1e-12) and rest > 1e-4


@pytest.fixture(scope="module")
def groupings():
    """For each of the 4,140 functions z of the station's reading: I(z;y), H(z) = I(x;z), I(z;n)."""
    p = station_table().sum(3)
    tables = [represent(p, encoder_of(np.array(labels))).sum(0) for labels in partitions(8)]  # [y, n, z]
    return np.array([(information(t, (2,), (0,)), H(t, 2), information(t, (2,), (1,))) for t in tables])


@proves("prop-minimal", kind="enumeration", scope="special case")
def test_no_sufficient_function_of_the_reading_keeps_less_than_the_posterior_map(groupings):
    p_xy = station_table().sum((2, 3))
    told, kept, _ = groupings.T
    sufficient = told > mutual_information(p_xy) - 1e-12
    T = encoder_of(minimal_sufficient(p_xy))
    assert len(groupings) == 4140 and sufficient.sum() == 16
    assert kept[sufficient].min() == pytest.approx(entropy(p_xy.sum(1) @ T), abs=1e-12)


def descend(objective, *shape: int, seed: int) -> float:
    """The value of a function of logits to which a descent with curvature leads from a random start."""
    start = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    logits = start.requires_grad_()
    optimiser = torch.optim.LBFGS([logits], max_iter=300, line_search_fn="strong_wolfe")

    def closure():
        optimiser.zero_grad()
        value = objective(logits)
        value.backward()
        return value

    optimiser.step(closure)
    return objective(logits).item()


@proves("prop-minimal", kind="numerical", scope="special case")
def test_no_stochastic_message_that_loses_nothing_keeps_less():
    """A high price stands on each nat that is lost."""
    p_xy = torch.from_numpy(station_table().sum((2, 3)))

    def objective(logits):
        joint = represent(p_xy, logits.softmax(1))
        return mutual_information(joint.sum(1)) + 300 * (mutual_information(p_xy) - mutual_information(joint.sum(0)))

    assert min(descend(objective, 8, 6, seed=seed) for seed in (0, 1)) == pytest.approx(math.log(4), abs=1e-3)


# Nuisances


def known_of(p_xyn: np.ndarray, p_z_given_x: np.ndarray) -> float:
    return information(represent(p_xyn, p_z_given_x), (3,), (2,))


@proves("prop-ignorable", kind="enumeration", scope="general")
def test_a_nuisance_that_has_no_say_in_the_posterior_is_dropped(rng):
    p = np.einsum("ry,n->rny", random_table(rng, 3, 2), rng.dirichlet(np.ones(4)))  # [r, n, y]
    p_xyn = np.einsum("rny,nm->rnym", p, np.eye(4)).reshape(12, 2, 4)
    T = encoder_of(minimal_sufficient(p_xyn.sum(2)))
    assert known_of(p_xyn, T) < 1e-12 and known_of(p_xyn, np.eye(12)) > 1e-3


@proves("prop-reveals", kind="enumeration", scope="general")
def test_every_sufficient_function_of_the_reading_reveals_the_battery(groupings):
    told, _, known = groupings.T
    p, p_xy = station_table(), station_table().sum((2, 3))
    assert p_xy[::2, 1] / p_xy[::2].sum(1) == pytest.approx([0.1, 0.4, 0.9, 0.6], abs=1e-12)
    assert information(p, (1,), (2,)) == pytest.approx(0, abs=1e-12)
    sufficient = told > mutual_information(p_xy) - 1e-12
    assert known[sufficient] == pytest.approx(math.log(2), abs=1e-12)


@proves("prop-nuisance", kind="enumeration", scope="general")
def test_the_bound_on_a_nuisance_and_its_slack(rng):
    p_xyn = np.moveaxis(random_encoder(rng, 6, 4).reshape(2, 3, 4), 2, 0) * np.outer(random_table(rng, 2), random_table(rng, 3))
    p = represent(p_xyn, random_encoder(rng, 4, 3))
    bound = mutual_information(p.sum((1, 2))) - mutual_information(p.sum((0, 2)))
    given_both = p.transpose(0, 3, 1, 2).reshape(4, 3, -1)
    slack = conditional_mutual_information(p.sum(0).transpose(1, 0, 2)) + conditional_mutual_information(given_both)
    known = information(p, (3,), (2,))
    assert bound == pytest.approx(known + slack, abs=1e-12) and known <= bound + 1e-12


@proves("rem-hypotheses", kind="enumeration", scope="general")
def test_two_chains_are_enough(rng):
    """z depends on y and n given x, in a way that neither shows by itself."""
    p_xyn = np.moveaxis(rng.dirichlet(np.ones(3), (2, 2)), 2, 0) * np.outer(rng.dirichlet([2, 2]), rng.dirichlet([2, 2]))
    p = represent(p_xyn, random_encoder(rng, 3, 2) * 0.9 + 0.05)
    twisted = p + np.einsum("y,n,z->ynz", [1, -1], [1, -1], [1, -1]) * p.min() / 2
    alone = [information(twisted, (axis,), (3,), (0,)) for axis in (1, 2)]
    assert max(alone) < 1e-12 and information(twisted, (1, 2), (3,), (0,)) > 1e-9
    assert information(twisted, (3,), (2,)) <= information(twisted, (0,), (3,)) - information(twisted, (3,), (1,))


@proves("prop-vanishing", kind="enumeration", scope="general")
@pytest.mark.parametrize("certain", [True, False])
def test_the_bound_vanishes_with_certain_labels_only(rng, certain):
    """x is drawn from y and n. Where labels are certain, no x occurs with both."""
    p_x = random_encoder(rng, 6, 4).reshape(2, 3, 4) + 0.01
    p_x *= np.array([[1, 1, 0, 0], [0, 0, 1, 1]])[:, None] if certain else 1
    p_yn = np.outer(rng.dirichlet(np.ones(2)), rng.dirichlet(np.ones(3)))
    p_xyn = np.moveaxis(p_yn[..., None] * p_x / p_x.sum(2, keepdims=True), 2, 0)
    p = represent(p_xyn, encoder_of(minimal_sufficient(p_xyn.sum(2))))
    bound = information(p, (0,), (3,)) - information(p, (3,), (1,))
    assert bound == pytest.approx(conditional_entropy(p.sum((0, 2))), abs=1e-12)
    assert max(bound, information(p, (3,), (2,))) < 1e-12 if certain else bound > 1e-3


# Lamps


@proves("prop-orbit", kind="enumeration", scope="special case")
def test_the_orbit_of_turned_lamps_loses_nothing_and_hides_the_turn(rng):
    """Random scenes of four lamps. y is a noisy function of the orbit, and n is biased."""
    scenes = list(itertools.product((0, 1), repeat=4))
    orbits = sorted({orbit(scene) for scene in scenes})
    number = [orbits.index(orbit(scene)) for scene in scenes]
    p_sy = rng.dirichlet(np.ones(16))[:, None] * random_encoder(rng, len(orbits), 2)[number]
    p_xyn = np.zeros((16, 2, 4))
    for (s, scene), (n, p_n) in itertools.product(enumerate(scenes), enumerate(rng.dirichlet(np.ones(4)))):
        p_xyn[scenes.index(turned(scene, n)), :, n] += p_sy[s] * p_n
    z = represent(p_xyn, encoder_of(np.array(number)))
    assert len(orbits) == 6 and information(z, (3,), (2,)) < 1e-12
    assert information(z, (3,), (1,)) == pytest.approx(mutual_information(p_sy), abs=1e-12)
    assert information(z, (0,), (2,)) > 1e-3  # the image itself tells the turn


@proves("prop-occlusion", kind="enumeration", scope="general")
def test_an_invariant_function_of_covered_lamps_is_constant():
    p, images = lamp_table(covered)
    assert mutual_information(p.sum(2)) == pytest.approx(math.log(2) - 3 / 8 * h(1 / 3), abs=1e-12)
    functions = [encoder_of(np.array(labels)) for labels in partitions(len(images))]
    invariant = [encoder.shape[1] for encoder in functions if known_of(p, encoder) < 1e-12]
    assert len(functions) == 52 and invariant == [1]


@proves("rem-coin", kind="enumeration", scope="general")
def test_the_coin_is_invariant_and_tells():
    p, images = lamp_table(covered)
    z = represent(p, np.array([[1 - COIN[image], COIN[image]] for image in images]))
    assert information(z, (3,), (2,)) == pytest.approx(0, abs=1e-12)
    assert information(z, (3,), (1,)) == pytest.approx(math.log(2) - h(1 / 4), abs=1e-12)


@proves("rem-coin", kind="numerical", scope="general")
def test_no_invariant_message_about_covered_lamps_tells_more_than_the_coin():
    """A high price stands on each nat that is known of the leaf, so what is told lies a little above what is invariant."""
    p = torch.from_numpy(lamp_table(covered)[0])

    def objective(logits):
        z = represent(p, logits.softmax(1))  # [image, y, n, z]
        return 1e3 * mutual_information(z.sum((0, 1))) - mutual_information(z.sum((0, 2)))

    assert -descend(objective, 5, 3, seed=1) == pytest.approx(math.log(2) - h(1 / 4), abs=2e-3)


# Approximate sufficiency


@proves("prop-markov", kind="enumeration", scope="general")
def test_the_distance_to_any_chain_splits(rng):
    p = random_table(rng, 4, 3, 3, zeros=0.0)
    q_z, q_x, q_y = rng.dirichlet(np.ones(3)), random_encoder(rng, 3, 4).T + 1e-3, random_encoder(rng, 3, 3).T + 1e-3
    q_x, q_y = q_x / q_x.sum(0), q_y / q_y.sum(0)
    parts = [kl_divergence(p[:, :, z].sum(i) / p[:, :, z].sum(), q[:, z]) for i, q in ((1, q_x), (0, q_y)) for z in range(3)]
    rest = kl_divergence(p.sum((0, 1)), q_z) + np.tile(p.sum((0, 1)), 2) @ parts
    assert kl_divergence(p, q_z * q_x[:, None] * q_y) == pytest.approx(conditional_mutual_information(p) + rest, abs=1e-12)
