"""Oracles: quadrature of a mixture, plain loops, the library's per-sample loss, and records made by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.integrate import quad

from ib_tutorial.experiments import learned_versus_exact as experiment
from ib_tutorial.experiments.experiment import Context
from ib_tutorial.experiments.record import Record
from ib_tutorial.experiments.runner import config, run
from ib_tutorial.experiments.verdicts import judge
from ib_tutorial.information import kl_divergence
from ib_tutorial.information.log_normal import LogNormalEncoder, divergences
from ib_tutorial.training import information_bottleneck_loss

TINY = replace(config("learned_versus_exact", "smoke"), steps=5)


def t(array) -> torch.Tensor:
    return torch.as_tensor(np.asarray(array), dtype=torch.float64)


@pytest.fixture
def p_xy() -> torch.Tensor:
    return experiment.synthetic(0, 4, 3)


@pytest.fixture
def encoder() -> LogNormalEncoder:
    rng = np.random.default_rng(0)
    return LogNormalEncoder(t(rng.normal(size=(4, 2))), t(rng.uniform(0.2, 1, (4, 2))))


def test_the_source_is_a_joint_table_and_its_name_and_hash_do_not_change():
    table = experiment.table(experiment.Config())
    assert table.shape == (12, 3) and (table > 0).all() and table.sum().item() == pytest.approx(1, abs=1e-12)
    found = experiment.source(experiment.Config(), None)
    assert found["name"] == "synthetic 12 x 3, seed 3"
    assert found["sha256"].startswith("cd434181bcbdde62")


def test_divergences_are_those_of_plain_loops(p_xy, encoder):
    u = np.array([0.3, -1.2])
    p_x = p_xy.sum(1).numpy()
    densities = np.array(
        [
            [stats.norm(encoder.log_f[x, j].item(), encoder.alpha[x, j].item()).pdf(u[j]) for j in range(2)]
            for x in range(4)
        ]
    )
    joint = p_x * densities.prod(1)
    posterior = joint / joint.sum()
    p_y = posterior @ (p_xy.numpy() / p_x[:, None])
    marginals = p_x @ densities
    found = divergences(encoder, p_xy, t(u))
    assert found.i_xz.item() == pytest.approx(kl_divergence(posterior, p_x), abs=1e-12)
    assert found.h_y_given_z.item() == pytest.approx(stats.entropy(p_y), abs=1e-12)
    assert found.total_correlation.item() == pytest.approx(math.log(joint.sum() / marginals.prod()), abs=1e-12)
    np.testing.assert_allclose(found.log_marginals, np.log(marginals), atol=1e-12)
    np.testing.assert_allclose(found.p_y_given_z, p_y, atol=1e-12)


def test_the_information_of_one_unit_is_the_integral_of_its_mixture(p_xy):
    means, scales, p_x = [-1.0, 0.0, 0.5, 2.0], [0.5, 0.3, 1.0, 0.4], p_xy.sum(1).numpy()
    normals = [stats.norm(m, s) for m, s in zip(means, scales, strict=True)]

    def integrand(at: float) -> float:
        densities = np.array([normal.pdf(at) for normal in normals])
        return float(p_x @ (densities * np.log(np.maximum(densities, 1e-300) / (p_x @ densities))))

    exact = quad(integrand, -8, 10, limit=300, epsabs=1e-11)[0]
    encoder = LogNormalEncoder(t(means)[:, None], t(scales)[:, None])
    u = encoder.sample(torch.randn(20_000, 4, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))
    found = experiment.stratified(divergences(encoder, p_xy, u).i_xz, p_xy.sum(1))
    assert abs(found.value - exact) < 4 * found.se < 0.02


def test_densities_far_below_the_smallest_float_are_no_trouble(p_xy):
    encoder = LogNormalEncoder(t([[0.0], [50.0], [100.0], [150.0]]), torch.full((4, 1), 1e-3, dtype=torch.float64))
    found = divergences(encoder, p_xy, t([[0.0], [50.0], [150.0]]))
    np.testing.assert_allclose(found.i_xz, -np.log(p_xy.sum(1).numpy()[[0, 1, 3]]), rtol=1e-9)
    assert torch.isfinite(found.h_y_given_z).all() and torch.isfinite(found.total_correlation).all()


def test_training_in_float32_gets_finite_gradients_where_posteriors_vanish(p_xy):
    log_f = torch.tensor([[0.0], [30.0], [60.0], [90.0]], requires_grad=True)
    alpha = torch.full((4, 1), 1e-3, requires_grad=True)
    encoder = LogNormalEncoder(log_f, alpha)
    found = divergences(encoder, p_xy.float(), encoder.sample(torch.randn(5, 4, 1)))
    (found.i_xz + found.h_y_given_z + found.total_correlation).sum().backward()
    assert torch.isfinite(log_f.grad).all() and torch.isfinite(alpha.grad).all()


def test_the_stratified_error_is_the_spread_of_repetitions():
    p_x, rng = t([0.7, 0.2, 0.1]), np.random.default_rng(0)
    repeated = [experiment.stratified(t(rng.normal(size=(50, 3)) * [1, 2, 3]), p_x) for _ in range(500)]
    assert np.std([each.value for each in repeated]) == pytest.approx(np.mean([each.se for each in repeated]), rel=0.1)


def test_the_expected_loss_is_the_mean_of_the_per_sample_loss_of_eq_3():
    torch.manual_seed(0)
    settings = replace(TINY, draws=4000)
    network, p_xy = experiment.build(settings), experiment.table(settings)
    pairs = torch.multinomial(p_xy.flatten(), 100_000, replacement=True)
    with torch.no_grad():
        logits, kl_terms = network(torch.eye(12)[pairs // 3])
        sampled = information_bottleneck_loss(logits, pairs % 3, kl_terms, 0.3, n_train=1).item()
        written_out = experiment.ExpectedLoss(settings, network, "layer", 0.3, torch.device("cpu"))().item()
    assert written_out == pytest.approx(sampled, abs=0.02)


@pytest.mark.slow
def test_the_parts_of_the_loss_add_up_to_the_closed_form():
    torch.manual_seed(1)
    network, p_xy = experiment.build(TINY), experiment.table(TINY)
    generator = torch.Generator().manual_seed(0)
    with torch.device("meta"):  # where a tensor made without a device fails
        found = experiment.measure(network, p_xy, 0.3, 20_000, generator, True)
    rate = sum(found[name].value for name in ("i_xz", "total_correlation", "prior_shape"))
    assert found["rate"].se == 0
    assert rate == pytest.approx(found["rate"].value, abs=0.03)
    assert found["cross_entropy"].value == pytest.approx(
        found["h_y_given_z"].value + found["decoder_gap"].value, abs=1e-9
    )
    assert min(found[name].value for name in ("decoder_gap", "total_correlation", "prior_shape")) > 0


@pytest.mark.slow
@pytest.mark.parametrize("objective", experiment.OBJECTIVES)
def test_training_lowers_every_objective_and_keeps_the_best_restart(objective):
    before = experiment.train(replace(TINY, steps=0), 0.1, objective, 0)[1]
    network, after = experiment.train(replace(TINY, steps=60), 0.1, objective, 0)
    assert after.min() < before.min() - 0.02
    kept = experiment.ExpectedLoss(replace(TINY, draws=1024), network, objective, 0.1, torch.device("cpu"))
    with torch.no_grad():
        assert sum(kept().item() for _ in range(8)) / 8 == pytest.approx(after.min().item(), abs=0.02)


@pytest.mark.slow
def test_side_by_side_restarts_equal_restarts_one_by_one():
    """The gradient of the sum over restarts is, for each of them, its own."""
    settings = replace(TINY, restarts=2, steps=3, draws=2000)
    together = experiment.train(settings, 0.2, "exact", 0)[1]
    torch.manual_seed(0)
    networks = [experiment.build(settings) for _ in range(2)]
    alone = []
    for network in networks:
        loss = experiment.ExpectedLoss(settings, network, "exact", 0.2, torch.device("cpu"))
        optimiser = torch.optim.Adam(loss.parameters(), lr=settings.lr, betas=(0.9, 0.99))
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.steps)
        for _ in range(settings.steps):
            optimiser.zero_grad()
            loss().backward()
            optimiser.step()
            schedule.step()
        alone.append(sum(loss().item() for _ in range(4)) / 4)
    np.testing.assert_allclose(together, alone, atol=0.02)


@pytest.mark.slow
def test_a_fixed_sigma_stays_where_it_is_and_floors_the_rate():
    settings = replace(TINY, sigma=1.0, max_alpha=0.7, steps=300, draws=16, restarts=1)
    network, _ = experiment.train(settings, 0.9, "layer", 0)
    assert network.layers[0].log_sigma.item() == 0.0
    found = experiment.measure(network, experiment.table(settings), 0.9, 500, torch.Generator().manual_seed(0), True)
    floor = settings.units * (math.log(1 / 0.7) + 0.7**2 / 2 - 0.5)
    assert floor < found["rate"].value < floor + 0.1
    assert found["i_xz"].value < 0.1


@pytest.mark.slow
def test_no_trained_network_is_better_than_the_optimum_and_runs_repeat():
    record, again = (run("learned_versus_exact", "smoke", betas=(0.2,), jobs=1, progress=False) for _ in range(2))
    assert record.rows == again.rows and record.finished
    for row in record.select(metric="excess"):
        assert row["value"] > -4 * row["se"]


def by_hand(excess: dict, i_xz: float = 0.2, optimal: float = 0.3) -> Record:
    """A record of two seeds and two betas with given excess by objective, and collapse at the second beta."""
    settings = dict(betas=[0.1, 0.5], objectives=list(excess))
    rows = []
    for objective, value in excess.items():
        for beta, scale in ((0.1, 1.0), (0.5, 0.5)):
            for seed in (0, 1):
                cell = dict(objective=objective, beta=beta, seed=seed, se=0.0)
                metrics = dict(excess=value * scale + 1e-6 * seed, i_xz=i_xz if beta == 0.1 else 0.0)
                metrics |= dict(optimal_i_xz=optimal if beta == 0.1 else 0.0)
                metrics |= dict(prior_shape=0.02, total_correlation=0.01, decoder_gap=0.003)
                rows += [dict(**cell, metric=metric, value=number) for metric, number in metrics.items()]
    source = {"name": "by hand", "sha256": "0"}
    return Record("learned_versus_exact", "smoke", settings, [0, 1], "c", source, "CPU", {}, "now", 1.0, True, rows)


def verdicts(record: Record) -> dict[str, str]:
    return {finding.name.split(".")[1]: judge(finding, record).verdict for finding in experiment.FINDINGS}


def test_findings_are_supported_where_they_hold_and_not_where_they_fail():
    good = verdicts(by_hand(dict(layer=0.015, free_prior=0.004, exact=0.003)))
    assert set(good.values()) == {"supported"}
    bad = verdicts(by_hand(dict(layer=0.03, free_prior=0.02, exact=0.003), i_xz=0.0))
    assert bad.pop("collapse") == "inconclusive"  # one beta of disagreement: 1 - 1 is not above 0
    assert set(bad.values()) == {"not supported"}


def test_the_anatomy_adds_up_and_takes_the_best_encoder_of_all():
    record = by_hand(dict(layer=0.015, free_prior=0.004, exact=0.005))
    parts = experiment.anatomy(record, 0.1)
    assert parts.family == pytest.approx(0.004, abs=1e-5)
    assert parts.family + parts.pull == pytest.approx(0.015, abs=1e-5)
    assert (parts.prior_shape, parts.total_correlation, parts.decoder) == pytest.approx((0.002, 0.001, 0.003))


@pytest.mark.slow
@pytest.mark.parametrize(("objective", "sigma"), [("layer", None), ("exact", 0.5)])
def test_a_killed_cell_resumes_to_the_bit(tmp_path, monkeypatch, objective, sigma):
    """It once lost the whole cell."""
    monkeypatch.setattr(experiment, "SAVE_EVERY", 2)
    settings = replace(TINY, sigma=sigma)
    whole, reached = experiment.train(settings, 0.1, objective, 3)
    save_run, saves = experiment.save_run, []

    def killed_after_two_saves(*arguments):
        save_run(*arguments)
        saves.append(arguments)
        if len(saves) == 2:
            raise KeyboardInterrupt

    record = made_up_record(tmp_path)
    checkpoint = record.checkpoint({"seed": 3})
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(experiment, "save_run", killed_after_two_saves)
        experiment.train(settings, 0.1, objective, 3, checkpoint=checkpoint)
    steps = []
    with monkeypatch.context() as patch:
        step = torch.optim.Adam.step
        patch.setattr(torch.optim.Adam, "step", lambda *given, **named: steps.append(1) or step(*given, **named))
        resumed, again = experiment.train(settings, 0.1, objective, 3, checkpoint=checkpoint)
    assert len(steps) == settings.steps - 4
    assert torch.equal(again, reached)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), resumed.parameters(), strict=True))


@pytest.mark.slow
def test_run_cell_trains_with_the_checkpoint_of_its_cell(tmp_path, monkeypatch):
    monkeypatch.setattr(experiment, "SAVE_EVERY", 2)
    record, cell = made_up_record(tmp_path), experiment.stages(TINY)[0][0]
    experiment.run_cell(cell, Context(TINY, None, record, torch.device("cpu")))
    assert [*record.checkpoints.iterdir()] == [record.checkpoint(cell)]


def made_up_record(folder):
    record = Record(
        experiment="learned_versus_exact", profile="smoke", config={}, seeds=[0], commit="abc",
        source={"name": "s", "sha256": "0"}, device="CPU", versions={}, started="",
    )  # fmt: skip
    record.folder = folder
    return record
