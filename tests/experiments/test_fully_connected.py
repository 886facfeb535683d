"""What both experiments on Fig. 3a share: the digits a seed draws, and constant noise's twin."""

from dataclasses import replace

import pytest
import torch

from data_gen import load
from ib_tutorial.experiments import fully_connected as shared
from ib_tutorial.experiments.comparisons import scales_of_twin
from ib_tutorial.experiments.runner import config

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
    with pytest.raises(ValueError, match="mnist5k has too few images for these settings: "):
        shared.digits(replace(SMOKE, **change), None, CPU, 0)


def test_constant_noise_has_the_mean_squared_scale_of_its_twin(record_with_errors):
    record = record_with_errors()
    record.rows += [
        dict(method="information", width=50, seed=seed, metric=f"alpha_squared_{layer}", value=value + seed)
        for layer, value in ((1, 0.04), (2, 0.09), (3, 0.16))
        for seed in range(3)
    ]
    twin = scales_of_twin(record, 50, 0, n_layers=3)
    network = shared.network_of(SMOKE, "log_normal", 8, 0.5, twin)()
    assert [layer.alpha.item() for layer in network.layers[1:4]] == pytest.approx([0.2, 0.3, 0.4])
    cap = shared.network_of(SMOKE, "log_normal_cap", 8, 0.5, None)()
    assert [layer.alpha.item() for layer in cap.layers[1:4]] == pytest.approx([0.7] * 3)
