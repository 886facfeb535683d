"""What both experiments on Fig. 3a share: the digits a seed draws, constant noise's twin, and the regime of a finding."""

from dataclasses import replace

import pytest
import torch

from data_gen import load
from ib_tutorial.experiments import fully_connected as shared
from ib_tutorial.experiments.run import config

CPU = torch.device("cpu")
SMOKE = config("mnist_published", "smoke")


def test_each_seed_draws_its_own_training_images_and_reads_the_same_test_images():
    (train, test), (other, other_test) = (shared.digits(SMOKE, None, CPU, seed) for seed in (0, 1))
    assert len(train.x) == len(other.x) == SMOKE.n_train and len(test.x) == SMOKE.n_test
    assert torch.equal(test.x, other_test.x)
    both = torch.cat([train.x, other.x])
    assert len(both.unique(dim=0)) > 1.9 * SMOKE.n_train  # 200 of 4,000: few are drawn twice
    again, _ = shared.digits(SMOKE, None, CPU, 0)
    assert torch.equal(again.x, train.x) and torch.equal(again.y, train.y)


def test_images_keep_their_labels():
    everything = load("mnist5k", "train")
    label_of = {image.numpy().tobytes(): label.item() for image, label in zip(everything.images, everything.labels, strict=True)}
    train, _ = shared.digits(SMOKE, None, CPU, 3)
    bytes_of = [(255 * x).round().to(torch.uint8).reshape(everything.images.shape[1:]).numpy().tobytes() for x in train.x]
    assert [label_of[key] for key in bytes_of] == train.y.tolist()


@pytest.mark.parametrize("change", [dict(n_train=60_000), dict(n_test=2_000)])
def test_more_images_than_the_folder_has_are_refused_before_training(change):
    with pytest.raises(ValueError, match="mnist5k has 4000 training and 1000 test images; these settings need"):
        shared.digits(replace(SMOKE, **change), None, CPU, 0)


def test_constant_noise_has_the_mean_squared_scale_of_its_twin(record_with_errors, monkeypatch):
    record = record_with_errors()
    record.rows += [
        dict(method="information", width=50, seed=seed, metric=f"alpha_squared_{layer}", value=value + seed)
        for layer, value in ((1, 0.04), (2, 0.09), (3, 0.16))
        for seed in range(3)
    ]
    monkeypatch.setattr(shared, "fit", lambda *_, **__: None)
    train, _ = shared.digits(SMOKE, None, CPU, 0)
    options = dict(seed=0, epochs=1, drops=(), beta=0.0, p=0.5, checkpoint=None)
    twin = shared.scales_of_twin(record, 50, 0)
    network = shared.trained(SMOKE, train, "log_normal", 8, alphas=twin, **options)
    assert [layer.alpha.item() for layer in network.layers[1:4]] == pytest.approx([0.2, 0.3, 0.4])
    cap = shared.trained(SMOKE, train, "log_normal_cap", 8, alphas=None, **options)
    assert [layer.alpha.item() for layer in cap.layers[1:4]] == pytest.approx([0.7] * 3)


def test_a_record_that_is_still_growing_can_be_drawn(record_with_errors):
    record = record_with_errors(finished=False)
    record.rows = [row for row in record.rows if (row["method"], row["seed"]) != ("binary", 1)]
    assert {width: len(values) for width, values in shared.gains(record, "binary").items()} == {50: 2, 400: 2}
    assert shared.gains(record, "none") == {50: [], 400: []} and shared.mean_gain(record, "none") == []


def test_only_widths_at_which_every_network_of_both_methods_has_learned_are_judged(record_with_errors):
    widths = dict.fromkeys((50, 100, 400))
    record = record_with_errors(
        information=dict.fromkeys(widths, 0.02), binary={50: 0.90, 100: 0.03, 400: 0.025}, log_normal={}
    )
    record.config["widths"] = list(widths)

    def learn(method, width, error):
        record.rows.append(dict(method=method, width=width, seed=len(record.rows), metric="train_error", value=error))

    learn("binary", 50, 0.05)
    assert shared.small_minus_large(record, "binary")[1] == pytest.approx(87.5)
    learn("binary", 50, shared.LEARNED + 0.001)
    assert shared.small_minus_large(record, "binary")[1] == pytest.approx(0.5)
    assert shared.mean_gain(record, "binary")[1] == pytest.approx(0.74, abs=0.02)
    learn("information", 400, 0.5)
    assert shared.mean_gain(record, "binary") == shared.small_minus_large(record, "binary") == []
    assert all(shared.gains(record, "binary").values())  # a figure draws them all
