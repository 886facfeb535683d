"""Oracles: the geometry of the sphere by brute force, densities by torch.distributions, and records made by hand."""

import itertools
import math
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from ib_tutorial.experiments import measuring_information as experiment
from ib_tutorial.experiments import run
from ib_tutorial.experiments.record import Record
from ib_tutorial.experiments.runner import config
from ib_tutorial.experiments.verdicts import judge
from ib_tutorial.information import mutual_information
from ib_tutorial.information.log_normal import LogNormalEncoder

SMOKE = config("measuring_information", "smoke")


def corners():
    golden = (1 + math.sqrt(5)) / 2
    found = [p for a, b in itertools.product((-1, 1), (-golden, golden)) for p in ((0, a, b), (a, b, 0), (b, 0, a))]
    return np.array(found) / math.sqrt(1 + golden**2)


def test_the_points_lie_evenly_and_turning_the_sphere_changes_no_label():
    points = corners()
    cosines = np.sort(np.round(points @ points.T, 9), 1)
    assert len(np.unique(cosines, axis=0)) == 1, "every point sees the others at the same angles"
    axis = points[0]  # a fifth of a turn about a corner
    c, s = math.cos(2 * math.pi / 5), math.sin(2 * math.pi / 5)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    turn = c * np.eye(3) + s * cross + (1 - c) * np.outer(axis, axis)
    for transform in (turn, -np.eye(3)):
        moved = np.array([np.argmin(np.linalg.norm(points - transform @ point, axis=1)) for point in points])
        assert sorted(moved) == list(range(12)) and list(moved) != list(range(12))
        patterns = experiment.sphere_patterns()
        index = ((patterns[:, np.argsort(moved)] > 0) * 2 ** np.arange(12)).sum(1).astype(int)
        np.testing.assert_array_equal(experiment.sphere_p_y_given_x(), experiment.sphere_p_y_given_x()[index])


def test_the_power_is_that_of_the_addition_theorem():
    cosines, patterns = corners() @ corners().T, experiment.sphere_patterns()
    np.testing.assert_allclose(experiment.sphere_power(), 3 / 144 * np.einsum("ni,ij,nj->n", patterns, cosines, patterns), atol=1e-8)


def test_the_label_has_the_information_that_the_docstring_says():
    p = experiment.sphere_p_y_given_x()
    bits = mutual_information(np.column_stack([1 - p, p]) / 4096) / math.log(2)
    assert round(bits, 2) == 0.99 and round(p.mean(), 1) == 0.5
    x, y = experiment.sphere()
    assert x.shape == (4096, 12) and len(np.unique(x.numpy(), axis=0)) == 4096 and (y.numpy() == (p > 0.5)).mean() > 0.99


def test_a_seed_decides_what_is_trained_on_and_nothing_is_in_both_parts():
    first, second = (experiment.task(SMOKE, None, "sphere", seed) for seed in (0, 1))
    assert len(first.x) == 3276 and len(first.x_test) == 820 and not torch.equal(first.x, second.x)
    assert len(np.unique(torch.cat([first.x, first.x_test]).numpy(), axis=0)) == 4096


@pytest.mark.slow
def test_the_plane_of_a_network_that_tells_all_inputs_apart_is_flat_in_narrow_bins():
    data = experiment.task(SMOKE, None, "sphere", 0)
    rows = list(experiment.plane(data, "tanh", (10, 7), 2, 2, (experiment.COARSE, experiment.FINE), 0))
    fine = [row["value"] for row in rows if row["metric"] == "binned" and row["width"] == experiment.FINE and row["layer"] == 1]
    assert fine == pytest.approx([math.log(3276)] * 2)
    coarse = [row["value"] for row in rows if row["metric"] == "binned" and row["width"] == experiment.COARSE]
    assert min(coarse) < math.log(3276) - 1e-3 and {row["epoch"] for row in rows} == {1, 2}


def test_looking_at_a_network_changes_nothing_of_its_training():
    data = experiment.task(SMOKE, None, "sphere", 0)
    seen = [[p.clone() for p in network.parameters()] for _, network in experiment.trained_plain(data, "relu", (5,), 3, 3, 0)]
    list(experiment.plane(data, "relu", (5,), 3, 3, (0.1,), 0))
    *_, (_, network) = experiment.trained_plain(data, "relu", (5,), 3, 2, 0)
    assert all(torch.equal(a, b) for a, b in zip(seen[-1], network.parameters(), strict=True))


def test_the_density_of_the_layer_is_a_product_of_normals():
    generator = torch.Generator().manual_seed(0)
    encoder = LogNormalEncoder(torch.randn(5, 3, generator=generator).double(), torch.rand(5, 3, generator=generator).double() + 0.1)
    u = torch.randn(4, 3, generator=generator).double()
    expected = torch.distributions.Normal(encoder.log_f, encoder.alpha).log_prob(u[:, None]).sum(-1)
    found = experiment.log_density(encoder)(u)
    torch.testing.assert_close(found - found[:1, :1], expected - expected[:1, :1])


def test_the_noisy_part_measures_what_the_layer_lets_through():
    data = experiment.task(SMOKE, None, "digits", 0)
    rows = list(experiment.noise(SMOKE, data, 4.0, 0))
    cost = [row["value"] for row in rows if row["metric"] == "cost"]
    information = [(row["value"], row["se"]) for row in rows if row["metric"] == "information"]
    assert len(cost) == len(information) == 2
    for paid, (kept, se) in zip(cost, information, strict=True):
        assert -3 * se < kept < min(paid, math.log(SMOKE.measured)) + 3 * se, "the cost is a bound, and so is log N"
    assert {row["estimator"] for row in rows if row["metric"] == "estimate"} >= {"neighbours", "info_nce", "nwj, best critic"}


@pytest.mark.slow
def test_the_best_critics_find_the_information_of_gaussians():
    rows = list(experiment.gaussian_estimates(replace(SMOKE, critic_batch=256, samples=1000), 1, 0))
    (truth,) = [row["value"] for row in rows if row["metric"] == "truth"]
    found = {row["estimator"]: row for row in rows if row["metric"] == "estimate"}
    assert truth == pytest.approx(-math.log(1 - 0.8**2) / 2)
    for name in ("info_nce, best critic", "nwj, best critic"):
        assert abs(found[name]["value"] - truth) < 4 * found[name]["se"] + 0.02
    assert found["known noise"]["value"] == pytest.approx(truth, abs=0.1)


def test_an_estimator_that_refuses_its_samples_has_no_row():
    rows = experiment.timed({"fine": lambda: 1.0, "refuses": lambda: experiment.binned_mutual_information(np.zeros(2), np.zeros(3), 1.0)})
    assert [row["estimator"] for row in rows] == ["fine"]


@pytest.mark.slow
def test_a_small_run_is_whole_and_its_networks_have_not_learnt_so_that_claims_on_them_are_void():
    record = run("measuring_information", "smoke", jobs=1, progress=False)
    assert record.finished
    verdicts = {finding.name.split(".")[1]: judge(finding, record).verdict for finding in experiment.FINDINGS if "neighbours" not in finding.name}
    assert set(verdicts.values()) == {"void"}


def test_the_regime_counts_networks_after_their_last_epoch():
    record = made()
    record.rows.append(dict(metric="train_error", value=0.9, epoch=9, task="sphere", activation="relu", seed=0))
    record.rows.append(dict(metric="train_error", value=0.9, epoch=0, task="sphere", activation="relu", seed=1))
    assert experiment.regime(record) == "20 of 21 networks learnt to a training error of at most 10%"


# ---- verdicts, on records made by hand ----


def made(tanh=(5.0, 6.0, 4.0), relu=(1.0, 5.0, 5.0), fine=(8.0, 8.0, 8.0), information=(3.0, 6.0, 5.0), shares=(0.2, 0.7), error=0.01, found=2.0):
    """A record of three seeds in which every value wobbles a little from seed to seed."""
    settings = replace(config("measuring_information", "reduced"), betas=(1.0, 10.0, 100.0))
    rows = []
    for seed in range(3):
        shift = 0.01 * seed
        for task, kind in itertools.product(settings.tasks, settings.activations):
            which, layer = dict(task=task, activation=kind, seed=seed), len(experiment.HIDDEN[task])
            for epoch, coarse, narrow in zip((1, 2, 3), tanh if kind == "tanh" else relu, fine, strict=True):
                values = {experiment.COARSE: coarse * (1 + shift), experiment.FINE: narrow}
                rows += [dict(metric="binned", value=v, epoch=epoch, layer=layer, width=w, **which) for w, v in values.items()]
                rows.append(dict(metric="train_error", value=error, epoch=epoch, **which))
        for beta, share in zip(settings.betas, (shares[0], 0.5, shares[1]), strict=True):
            for epoch, nats in enumerate(information):
                kept = nats * (1 + shift) / math.sqrt(beta)
                values = dict(information=kept, cost=kept / share, train_error=error)
                rows += [dict(metric=m, value=v, epoch=epoch, beta=beta, seed=seed) for m, v in values.items()]
        rows.append(dict(metric="truth", value=8.0, dimensions=16, seed=seed))
        rows.append(dict(metric="estimate", value=found + shift, estimator="neighbours", dimensions=16, seed=seed))
    return Record("measuring_information", "reduced", asdict(settings), [0, 1, 2], "", {}, "", {}, "", finished=True, rows=rows)


def verdicts(**changed):
    return {finding.name.split(".")[1]: judge(finding, made(**changed)).verdict for finding in experiment.FINDINGS}


def test_a_record_in_which_every_claim_holds_supports_every_claim():
    assert set(verdicts().values()) == {"supported"}


@pytest.mark.parametrize(
    "changed, refuted",
    [
        (dict(tanh=(4.0, 6.0, 5.9)), {"tanh_falls"}),
        (dict(relu=(1.0, 8.0, 4.0)), {"relu_falls_less"}),
        (dict(fine=(8.0, 8.0, 7.0)), {"bins_decide"}),
        (dict(information=(3.0, 4.9, 5.0)), {"noise_forgets"}),
        (dict(information=(0.3, 0.6, 0.5)), {"noise_forgets", "price_buys"}),
        (dict(shares=(0.5, 0.6)), {"share_rises"}),
        (dict(found=5.0), {"neighbours_miss"}),
    ],
)
def test_a_claim_that_fails_is_not_supported_and_the_others_still_are(changed, refuted):
    found = verdicts(**changed)
    assert {name for name, verdict in found.items() if verdict == "not supported"} == refuted
    assert all(verdict == "supported" for name, verdict in found.items() if name not in refuted)


def test_claims_on_networks_that_have_not_learnt_are_void():
    found = verdicts(error=0.2)
    assert {name for name, verdict in found.items() if verdict != "void"} == {"neighbours_miss"}
