import math
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from ib_tutorial.experiments import Record, vae_bound
from ib_tutorial.experiments.ledger import judge
from ib_tutorial.experiments.run import config
from ib_tutorial.information import gaussian_total_correlation
from ib_tutorial.training import evidence_bound
from ib_tutorial.training.checkpoint import load

SMOKE = config("vae_bound", "smoke")


def made_up(gaussian, information, tc=lambda latents, beta: 3 - math.log2(beta)):
    """A record of given bounds by k, with three seeds that differ a little."""
    settings = asdict(vae_bound.Config()) | {"ks": sorted(gaussian)}
    rows = [
        dict(stage="final", k=k, latents=latents, seed=seed, metric="bound", value=value + shift)
        for latents, by_k in (("gaussian", gaussian), ("information", information))
        for k, value in by_k.items()
        for seed, shift in enumerate((0.05, 0.0, -0.03) if latents == "gaussian" else (0.0, -0.04, 0.06))
    ]
    rows += [
        dict(stage="sweep", k=1, latents=latents, beta=beta, max_alpha=cap, seed=seed, metric="tc_noisy", value=value)
        for latents in vae_bound.LATENTS
        for beta in settings["betas"]
        for seed in range(3)
        for cap, value in ((0.7, tc(latents, beta) + 0.1 * seed), (2.0, 1e6))  # the other cap must not be read
    ]
    return Record(
        experiment="vae_bound", profile="reduced", config=settings, seeds=[0, 1, 2], commit="abc",
        source={"name": "mnist", "sha256": "0" * 64}, device="CPU", versions={}, started="", finished=True, rows=rows,
    )  # fmt: skip


def verdicts(record):
    return {finding.name.split(".")[1]: judge(finding, record).verdict for finding in vae_bound.FINDINGS}


def test_the_published_table_is_similar_at_its_own_margin():
    assert max(abs(a - b) for a, b in vae_bound.PUBLISHED.values()) == pytest.approx(vae_bound.MARGIN)


@pytest.mark.parametrize(
    ("information", "verdict"),
    [
        ({1: -99.2, 2: -99.0}, "supported"),
        ({1: -97.0, 2: -99.0}, "not supported"),  # better by more than the margin is not similar either
        ({1: -101.0, 2: -99.0}, "not supported"),
        ({1: -99.2, 2: -102.0}, "not supported"),  # one k is enough
        ({1: -100.15, 2: -99.0}, "inconclusive"),
    ],
)
def test_similar_bounds(information, verdict):
    assert verdicts(made_up({1: -99.0, 2: -99.0}, information))["similar"] == verdict


def test_the_fall_of_total_correlation_is_the_slope_by_least_squares():
    record = made_up(
        {1: -99.0}, {1: -99.0}, tc=lambda latents, beta: {0.25: 7.0, 0.5: 6.5, 1.0: 3.0, 2.0: 3.5, 4.0: 1.0}[beta]
    )
    by_numpy = -np.polyfit([-2, -1, 0, 1, 2], [7.0, 6.5, 3.0, 3.5, 1.0], 1)[0]
    assert vae_bound.falls(record, "gaussian") == pytest.approx([by_numpy] * 3)
    rising = made_up({1: -99.0}, {1: -99.0}, tc=lambda latents, beta: beta if latents == "gaussian" else 1 / beta)
    found = {latents: [value > 0 for value in vae_bound.falls(rising, latents)] for latents in vae_bound.LATENTS}
    assert found == {"gaussian": [False] * 3, "information": [True] * 3}


def test_equal_budgets_and_the_best_rate_has_the_largest_bound():
    for profile in ("quick", "reduced", "paper"):
        selection = vae_bound.stages(config("vae_bound", profile))[0]
        assert len({sum(cell["latents"] == latents for cell in selection) for latents in vae_bound.LATENTS}) == 1
    record = made_up({1: -99.0}, {1: -99.0})
    record.rows += [
        dict(stage="selection", k=1, latents="gaussian", lr=lr, metric="validation_bound", value=value)
        for lr, value in ((0.001, -110.0), (0.002, -104.0), (0.004, -104.0))
    ]
    assert vae_bound.best_rate(record, 1, "gaussian") == 0.002


def test_pixels_are_drawn_once_with_their_grey_value_as_probability():
    images = torch.tensor([0, 51, 255], dtype=torch.uint8).repeat_interleave(20_000).reshape(3, 100, 200, 1)
    drawn = vae_bound.binarised(images, seed=0)
    assert drawn.unique().tolist() == [0, 1]
    assert drawn.mean(1).tolist() == pytest.approx([0, 0.2, 1], abs=1e-2)
    assert torch.equal(drawn, vae_bound.binarised(images, seed=0))
    assert not torch.equal(drawn, vae_bound.binarised(images, seed=1))


def test_selection_never_reads_the_test_set_nor_trains_on_what_it_validates_with(monkeypatch):
    seen = {}
    trained, real = vae_bound.trained, vae_bound.evidence_bound
    monkeypatch.setattr(vae_bound, "trained", lambda s, cell, x, *rest: seen.update(fit=x) or trained(s, cell, x, *rest))
    monkeypatch.setattr(
        vae_bound, "evidence_bound", lambda net, x, **kw: seen.setdefault("read", []).append(x) or real(net, x, **kw)
    )
    cell = vae_bound.stages(SMOKE)[0][0]
    vae_bound.run_cell(SMOKE, None, made_up({1: 0.0}, {1: 0.0}), torch.device("cpu"), cell)
    train, _ = vae_bound.data("mnist5k", None)[0]
    (validated,) = seen["read"]
    assert torch.equal(validated, train[: SMOKE.n_validation])
    assert torch.equal(seen["fit"], train[SMOKE.n_validation : SMOKE.n_train])


@pytest.mark.parametrize("kind", vae_bound.LATENTS)
def test_what_is_measured(kind):
    (_, test), _ = vae_bound.data("mnist5k", None)
    x = test[:100]
    cell = dict(stage="final", k=1, latents=kind, seed=0)
    network, _ = vae_bound.trained(SMOKE, cell, x, 0.002)
    clean, noisy = vae_bound.latents(network, x)
    with torch.no_grad():
        f = network.layers[3].f(network.layers[2](network.layers[1](x))).double()
    assert torch.allclose(clean, f.log() if kind == "information" else f, atol=1e-5)
    assert (noisy - clean).abs().max() > 0.1
    found = evidence_bound(network, x, draws=3)
    measured = vae_bound.measure(network, x, found)
    assert measured["bound"] == -measured["distortion"] - measured["rate"] == found.bound
    assert measured["tc_noisy"] == pytest.approx(gaussian_total_correlation(np.cov(noisy.T.numpy()), 100))
    assert measured["tc_clean_plug_in"] == pytest.approx(gaussian_total_correlation(np.cov(clean.T.numpy())))
    assert measured["used_latents"] == sum(rate > vae_bound.USED for rate in found.rates.tolist())
    assert ("sigma" in measured) == (kind == "information")


def test_the_sweep_has_the_betas_of_the_profile_and_one_other_cap():
    sweep = [cell for cell in vae_bound.stages(config("vae_bound", "reduced"))[2] if cell["seed"] == 0]
    assert [cell["beta"] for cell in sweep if cell["latents"] == "gaussian"] == [0.25, 0.5, 1.0, 2.0, 4.0]
    assert [(cell["latents"], cell["beta"]) for cell in sweep if cell["max_alpha"] != 0.7] == [("information", 1.0)]


def test_a_killed_cell_resumes_from_its_last_epoch(tmp_path):
    """It once lost the whole cell, which takes hours at `paper`."""
    (train, _), _ = vae_bound.data("mnist5k", None)
    x, cell = train[:100], dict(stage="final", k=1, latents="information", seed=0)
    record = made_up({1: 0.0}, {1: 0.0})
    record.folder = tmp_path
    checkpoint = record.checkpoint(cell)
    whole, history = vae_bound.trained(SMOKE, cell, x, 0.002)
    vae_bound.trained(replace(SMOKE, epochs=1), cell, x, 0.002, checkpoint)
    first = load(checkpoint)[1]["history"]
    resumed, again = vae_bound.trained(SMOKE, cell, x, 0.002, checkpoint)
    assert len(first) == 1 and again == history
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), resumed.parameters(), strict=True))


def test_run_cell_trains_with_the_checkpoint_of_its_cell(tmp_path):
    record = made_up({1: 0.0}, {1: 0.0})
    record.folder = tmp_path
    cell = vae_bound.stages(SMOKE)[0][0]
    vae_bound.run_cell(SMOKE, None, record, torch.device("cpu"), cell)
    assert [*record.checkpoints.iterdir()] == [record.checkpoint(cell)]
