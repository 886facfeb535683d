import math
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from ib_tutorial.experiments import Record, ledger, run, total_correlation, vae_bound, vision
from ib_tutorial.experiments.experiment import Context
from ib_tutorial.experiments.runner import config, provenance_of
from ib_tutorial.experiments.verdicts import judge
from ib_tutorial.experiments.vision import subset
from ib_tutorial.information import gaussian_total_correlation
from ib_tutorial.training import Epoch, evidence_bound
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
    vae_bound.run_cell(cell, Context(SMOKE, None, made_up({1: 0.0}, {1: 0.0}), torch.device("cpu")))
    (train, _), _ = vae_bound.data("mnist5k", None)
    drawn = train[subset(len(train), SMOKE.n_train, cell["seed"])]
    (validated,) = seen["read"]
    assert torch.equal(validated, drawn[: SMOKE.n_validation])
    assert torch.equal(seen["fit"], drawn[SMOKE.n_validation :])


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
    sweep = [cell for cell in vae_bound.stages(config("vae_bound", "reduced"))[-1] if cell["seed"] == 0]
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
    vae_bound.run_cell(cell, Context(SMOKE, None, record, torch.device("cpu")))
    assert [*record.checkpoints.iterdir()] == [record.checkpoint(cell)]


def test_paper_finishes_k_1_at_all_seeds_before_it_begins_k_2():
    """A record that is cut short once held a seed of every k, and a whole row of Table 1 nowhere."""
    settings = config("vae_bound", "paper")
    assert (settings.epochs, settings.drops, settings.selection_epochs, settings.selection_seeds) == (300, (30, 120), 60, 2)
    cells = [cell for stage in vae_bound.stages(settings) for cell in stage]
    assert [cell["k"] for cell in cells] == sorted(cell["k"] for cell in cells)
    finals = [(cell["latents"], cell["seed"]) for cell in cells if cell["stage"] == "final" and cell["k"] == 1]
    assert sorted(finals) == [(latents, seed) for latents in vae_bound.LATENTS for seed in range(3)]
    assert not [cell for cell in cells if cell["stage"] == "sweep"]


def with_validation_bounds(**by_rate):
    record = made_up({1: -99.0}, {1: -99.0})
    record.rows += [
        dict(stage="selection", k=1, latents="gaussian", lr=float(lr), seed=seed)
        | (dict(metric="diverged", value=1.0) if value is None else dict(metric="validation_bound", value=value))
        for lr, values in by_rate.items()
        for seed, value in enumerate(values)
    ]
    return record


@pytest.mark.parametrize(
    ("bounds", "best", "next_rate"),
    [
        ({"0.002": (-110.0, -112.0), "0.004": (-104.0, -106.0), "0.008": (-107.0, -103.5)}, 0.004, None),
        ({"0.002": (-110.0, -112.0), "0.004": (-104.0, -106.0), "0.008": (-99.0, -101.0)}, 0.008, 0.016),
        ({"0.002": (-100.0, -102.0), "0.004": (-104.0, -106.0), "0.008": (-104.0, -106.0)}, 0.002, 0.001),
        ({"0.002": (-110.0, -112.0), "0.004": (-104.0, -106.0), "0.008": (-99.0, None)}, 0.004, None),
    ],
)
def test_a_rate_is_chosen_on_all_selection_seeds_and_its_grid_grows_at_an_edge(bounds, best, next_rate):
    """One seed once chose the largest rate on offer, at which another seed broke down."""
    record = with_validation_bounds(**bounds)
    assert vae_bound.best_rate(record, 1, "gaussian") == best
    assert vae_bound.grown(record, 1, "gaussian", growth=1) == next_rate
    assert vae_bound.on_edge(record, 1, "gaussian") == (next_rate is not None)


@pytest.mark.parametrize(
    ("losses", "sound"),
    [
        ([200.0, 120.0, 100.0], True),
        ([200.0, 120.0, 139.0, 100.0], True),  # a rise that the rule allows
        ([200.0, 120.0, 141.0, 100.0], False),
        ([200.0, 120.0, 111.0], False),
    ],
)
def test_the_rule_for_a_broken_run(losses, sound):
    history = [Epoch(epoch, 0.0, loss, 0.0, 0.0, 0.0, 0.0) for epoch, loss in enumerate(losses)]
    assert vae_bound.is_sound(config("vae_bound", "paper"), history) == sound


def breaks(monkeypatch, *which):
    """The runs of these (stage, latents, seed) end with a loss that is not finite, after one epoch."""
    trained, fit = vae_bound.trained, vision.fit
    current = {}

    def noted(settings, cell, *rest):
        current["cell"] = cell
        return trained(settings, cell, *rest)

    def fit_or_break(*arguments, **options):
        history = fit(*arguments, **options)
        cell = current["cell"]
        if (cell["stage"], cell["latents"], cell["seed"]) in which:
            raise FloatingPointError("the loss is nan")
        return history

    monkeypatch.setattr(vae_bound, "trained", noted)
    monkeypatch.setattr(vision, "fit", fit_or_break)


@pytest.mark.slow
def test_a_broken_run_is_retried_once_and_both_attempts_are_kept(monkeypatch):
    """A run that broke down once stayed in the table, and made its interval too wide to decide anything."""
    breaks(monkeypatch, ("final", "gaussian", 1))
    record = run("vae_bound", "smoke", betas=(0.5,), jobs=1, progress=False)
    assert [row["value"] for row in record.select(stage="final", latents="gaussian", metric="broken")] == [0.0, 1.0]
    assert len(record.select(stage="final", latents="gaussian", seed=1, metric="training_loss")) == 2
    assert not record.select(stage="final", latents="gaussian", seed=1, metric="bound")
    retried = [(row["latents"], row["seed"]) for row in record.select(stage="retry", metric="bound")]
    assert retried == [("gaussian", 1)]
    assert len(vae_bound.gaps_at(record, 1)) == 2 and not vae_bound.gave_up(record, 1)
    assert [len(losses) for losses in vae_bound.given_up(record, 1, "gaussian")] == [2]
    assert {row["edge"] for row in record.select(stage="final")} <= {True, False}


def test_the_record_says_float32_where_another_precision_would_be_faster(monkeypatch):
    """A record from a GPU once said bfloat16, whatever the experiment had asked `fit` for."""
    monkeypatch.setattr("ib_tutorial.experiments.record.chosen", lambda precision, device: "bfloat16")
    monkeypatch.setattr("ib_tutorial.experiments.record.describe_device", lambda device: "a GPU")
    assert provenance_of(vae_bound, torch.device("cuda"))["precision"] == vae_bound.PRECISION == "float32"
    assert provenance_of(total_correlation, torch.device("cuda"))["precision"] == "bfloat16"


@pytest.mark.slow
def test_a_k_whose_second_attempt_breaks_too_is_void(monkeypatch):
    breaks(monkeypatch, ("final", "information", 0), ("retry", "information", 0))
    record = run("vae_bound", "smoke", betas=(0.5,), jobs=1, progress=False)
    assert vae_bound.gave_up(record, 1)
    similar = [finding for finding in vae_bound.FINDINGS if finding.name == "vae_bound.similar"]
    assert judge(*similar, record).verdict == "void"


def test_the_first_row_of_table_1_is_judged_when_it_is_whole(tmp_path):
    """The ledger once waited for the last network of k = 3, days after k = 1 was there."""
    record = made_up({1: -99.0, 2: -99.0}, {1: -99.2})
    record.profile, record.finished = "paper", False
    record.rows = record.select(stage="final")
    record.config["ks"] = [1, 2, 3]
    retries = [
        dict(stage="retry", k=1, latents=latents, seed=seed, metric="not_needed", value=0.0)
        for latents in vae_bound.LATENTS
        for seed in range(3)
    ]

    def found():
        record.write(tmp_path / "vae_bound.paper.json")
        return {v.finding.name.split(".")[1]: v.verdict for v in ledger(vae_bound.FINDINGS, folder=tmp_path)}

    assert set(found().values()) == {"not run"}
    record.rows += retries
    assert found() == dict.fromkeys(found(), "not run") | {"similar_at_1": "supported"}
    record.profile = "reduced"
    assert not vae_bound.holds_row(record, 1)  # the tests by k were fixed for the paper's length
