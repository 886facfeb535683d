import pytest
import torch

from ib_tutorial.experiments import mnist_widths
from ib_tutorial.experiments.ledger import judge
from ib_tutorial.experiments.run import config

SMOKE = config("mnist_widths", "smoke")


def test_the_findings_follow_the_errors(record_with_errors):
    """Errors by method and width: each finding must turn round when what it claims is turned round."""

    def verdicts(**errors):
        record = record_with_errors(**errors)
        return {f.name.split(".")[1]: judge(f, record).verdict for f in mnist_widths.FINDINGS}

    base = {
        "information": {50: 0.020, 400: 0.015},
        "binary": {50: 0.030, 400: 0.017},
        "binary_gated": {50: 0.027, 400: 0.016},
        "log_normal": {50: 0.024, 400: 0.017},
    }
    names = ["beats_binary", "most_on_small", "adapting_helps", "equal_parameters"]
    assert verdicts(**base) == dict.fromkeys(names, "supported")
    worse = base | {"information": {50: 0.040, 400: 0.020}}
    assert verdicts(**worse) == dict.fromkeys(names, "not supported")
    assert verdicts(**base | {"binary_gated": {50: 0.019, 400: 0.014}})["equal_parameters"] == "not supported"
    flat = base | {"binary": {50: 0.022, 400: 0.025}}
    assert verdicts(**flat)["beats_binary"] == "supported" and verdicts(**flat)["most_on_small"] == "not supported"


def test_equal_budgets():
    for profile in ("quick", "reduced", "paper"):
        settings = config("mnist_widths", profile)
        selection = mnist_widths.stages(settings)[0]
        trials = [sum(cell["method"] == method for cell in selection) for method in mnist_widths.TUNED]
        assert len(set(trials)) == 1, profile


def test_the_best_setting_has_the_least_validation_error_and_constant_noise_follows_information_dropout(
    record_with_errors,
):
    record = record_with_errors()
    record.rows += [
        dict(stage="selection", width=50, method="information", lr=lr, beta=3.0, metric="validation_error", value=value)
        for lr, value in ((0.02, 0.05), (0.07, 0.04), (0.2, 0.04))
    ]
    assert mnist_widths.best_setting(record, 50, "information")["lr"] == 0.07
    assert mnist_widths.best_setting(record, 50, "log_normal")["lr"] == 0.07


def test_selection_never_reads_the_test_set_nor_trains_on_what_it_validates_with(record_with_errors, monkeypatch):
    seen = {}
    monkeypatch.setattr(mnist_widths, "fit", lambda network, x, y, **_: seen.update(fit=x))
    real = mnist_widths.evaluate
    monkeypatch.setattr(
        mnist_widths,
        "evaluate",
        lambda network, x, y, **options: seen.setdefault("evaluate", []).append(x) or real(network, x, y),
    )
    cell = mnist_widths.stages(SMOKE)[0][0]
    mnist_widths.run_cell(SMOKE, None, record_with_errors(), torch.device("cpu"), cell)
    (train, _), (_, _) = mnist_widths.data("mnist5k", None)[0]
    (validated,) = seen["evaluate"]
    assert torch.equal(validated, train[: SMOKE.n_validation])
    assert torch.equal(seen["fit"], train[SMOKE.n_validation : SMOKE.n_train])


def test_constant_noise_has_the_mean_squared_scale_of_its_twin(record_with_errors):
    record = record_with_errors()
    for layer, value in ((1, 0.04), (2, 0.09), (3, 0.16)):
        for seed in range(3):
            record.rows.append(
                dict(
                    stage="final",
                    width=50,
                    method="information",
                    seed=seed,
                    metric=f"alpha_squared_{layer}",
                    value=value + seed,
                )
            )
    network = mnist_widths.build(SMOKE, record, dict(stage="final", width=50, method="log_normal", seed=0), {})
    assert [layer.alpha.item() for layer in network.layers[1:4]] == pytest.approx([0.2, 0.3, 0.4])
    cap = mnist_widths.build(SMOKE, record, dict(stage="final", width=50, method="log_normal_cap", seed=0), {})
    assert [layer.alpha.item() for layer in cap.layers[1:4]] == pytest.approx([0.7] * 3)
