"""Fig. 4: the pictures of main network and readers, the readers, and what the findings make of a record."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from data_gen import Occluded, load, occluded
from ib_tutorial.catalogue import RECORDED
from ib_tutorial.experiments import occluded_nuisance, run
from ib_tutorial.experiments.occluded_nuisance import FINDINGS, FreshDigits, RawImage, Reader, pictures
from ib_tutorial.experiments.record import Record
from ib_tutorial.experiments.runner import config
from ib_tutorial.experiments.verdicts import judge
from ib_tutorial.nn import all_cnn_32

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def smoke():
    return run("occluded_nuisance", "smoke", jobs=1, progress=False)


@pytest.fixture
def settings():
    return config("occluded_nuisance", "smoke")


def test_the_raw_image_is_folded_without_loss():
    x = torch.randn(2, 3, 32, 32)
    _, z = RawImage().representation(x)
    assert z.shape == (2, 48, 8, 8)
    assert torch.equal(nn.functional.pixel_shuffle(z, 4), x)


def test_the_reader_trains_its_head_alone_and_sees_fresh_noise_or_none():
    torch.manual_seed(0)
    network = all_cnn_32(width=0.05).eval()
    x = torch.randn(6, 3, 32, 32)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    reader = Reader(network, network.representation(x)[0].shape[1], noisy=True).eval()
    assert {id(p) for p in reader.parameters()}.isdisjoint({id(p) for p in network.parameters()})
    assert not torch.equal(reader(x)[0], reader(x)[0])
    clean = Reader(network, network.representation(x)[0].shape[1], noisy=False).train()
    for p in clean.parameters():
        p.grad = None
    clean(x)[0].sum().backward()
    assert all(p.grad is None for p in network.parameters()) and any(p.grad is not None for p in clean.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


@pytest.mark.slow
def test_the_bound_never_exceeds_the_labels_entropy_and_is_zero_for_a_guess(smoke):
    values = [row["value"] for row in smoke.rows if row["metric"].startswith("nuisance_information")]
    assert values and all(0 <= value <= math.log(10) for value in values)
    assert np.mean(values) < 0.5  # one epoch on 48 pictures reads next to nothing


def test_a_reader_sees_the_same_pictures_under_other_digits_in_each_epoch(settings):
    fresh = FreshDigits(settings, None, 1, CPU)
    epochs = []
    for epoch in (0, 1, 0):
        fresh.set_epoch(epoch)
        epochs.append([torch.cat(part) for part in zip(*fresh, strict=True)])
    (first, digits), (second, others), (again, _) = epochs
    assert len(first) == settings.n_reader and torch.equal(first, again)
    assert not torch.equal(digits, others)
    corner = [x[:, :, 0, 0].sort(0).values for x in (first, second)]  # no ink comes here
    assert torch.equal(*corner)


def test_a_reader_sees_no_picture_that_the_main_network_was_trained_on(settings):
    train, validation, _ = occluded_nuisance.data(settings, None, 1)
    seen = {tuple(image[:, 0].flatten().tolist()) for split in (train, validation) for image in split.x}
    own = {tuple(image[:, 0].flatten().tolist()) for x, _ in FreshDigits(settings, None, 1, CPU) for image in x}
    assert len(own) == settings.n_reader and seen.isdisjoint(own)


def test_a_reader_is_shown_pixels_as_the_main_network_is(settings):
    fresh = FreshDigits(settings, None, 0, CPU)
    of_split, digits = load("shapes32", "train"), load("mnist5k", "train")
    drawn = occluded_nuisance.subset(len(of_split.images), 64 + 40, 0)
    pixels = occluded(of_split.images[drawn], of_split.labels[drawn], digits.images, digits.labels, seed=0).images[:64]
    mean, std = pixels.double().mean((0, 1, 2)), pixels.double().std((0, 1, 2))
    white = (255 - mean) / std
    x = torch.cat([batch for batch, _ in fresh])
    assert torch.allclose(x.amax((0, 2, 3)).double(), white, atol=1e-4)


def test_too_few_pictures_for_the_readers_are_said(settings):
    with pytest.raises(ValueError, match=r"10,000 train images, 10,104 needed"):
        occluded_nuisance.data(replace(settings, n_reader=10_000), None)


@pytest.mark.slow
def test_grey_digits_become_dim_pictures():
    found = pictures("mnist5k", "train", None)
    assert found.images.shape[1:] == (32, 32, 3) and found.images.max() == 127
    for channel in range(3):
        assert torch.equal(found.images[:, 2:30, 2:30, channel], load("mnist5k", "train").images[..., 0] // 2)


def made_up(raw_error=0.05, train_error=0.1):
    """A record of two seeds and two betas in which every claim holds."""
    by_beta = {
        "train_error": (0.0, train_error), "validation_error": (0.5, 0.4), "validation_error_noisy": (0.5, 0.4), "test_error": (0.5, 0.4),
        "test_error_noisy": (0.5, 0.4), "nuisance_error_noisy": (0.2, 0.5), "nuisance_error_clean": (0.2, 0.3),
        "nuisance_information_noisy": (1.5, 0.5),
    }  # fmt: skip
    rows = [
        dict(method="information", seed=seed, beta=beta, metric=metric, value=value + 1e-3 * seed * (beta < 1))
        for metric, values in by_beta.items()
        for seed in (0, 1)
        for beta, value in zip((0.1, 1.0), values, strict=True)
    ]
    rows += [dict(method="raw image", seed=seed, metric="nuisance_error", value=raw_error * (seed + 1) / 2) for seed in (0, 1)]
    return Record("occluded_nuisance", "reduced", {"betas": [0.1, 1.0]}, [0, 1], "", {}, "", {}, "", finished=True, rows=rows)


def verdicts(record):
    return {finding.name.split(".")[1]: judge(finding, record).verdict for finding in FINDINGS}


def test_every_claim_is_decided_where_networks_have_learnt_and_the_digit_can_be_read():
    assert set(verdicts(made_up()).values()) == {"supported"}


def test_a_reader_that_cannot_read_the_raw_image_decides_nothing_about_invariance():
    found = verdicts(made_up(raw_error=0.1))
    assert {found[name] for name in ("nuisance_gets_harder", "fewer_nats", "clean_units_too")} == {"void"}
    assert {found[name] for name in ("main_task_improves", "main_task_improves_noisy")} == {"supported"}


def test_networks_that_have_not_learnt_the_picture_decide_nothing():
    assert set(verdicts(made_up(train_error=0.5)).values()) == {"void"}


def test_a_record_of_format_1_decides_nothing_since_its_noisy_readings_had_clean_statistics():
    old = made_up()
    old.format = 1
    assert set(verdicts(old).values()) == {"void"}


def test_the_record_says_which_betas_were_chosen(smoke):
    for metric in ("validation_error", "validation_error_noisy"):
        rows = smoke.select(chosen_by=metric, of_seeds=2, metric="chosen_beta")
        assert [row["seed"] for row in rows] == [0, 1] and all(row["edge"] for row in rows)  # both betas end the grid
    assert json.dumps(smoke.rows)


def test_few_classes_are_those_of_the_picture_and_of_the_digit():
    some = config("occluded_nuisance", "quick")
    for part in occluded_nuisance.data(some, None, 0):
        assert part.y.unique().tolist() == part.digit.unique().tolist() == [0, 1, 2]


def test_a_perfect_reader_proves_the_entropy_of_the_labels_and_one_that_guesses_nothing():
    labels = torch.tensor([0, 0, 1, 4])
    entropy = -(0.5 * math.log(0.5) + 2 * 0.25 * math.log(0.25))
    assert occluded_nuisance.proven_information(labels, 0.0) == pytest.approx(entropy)
    assert occluded_nuisance.proven_information(labels, 0.3) == pytest.approx(entropy - 0.3)
    assert occluded_nuisance.proven_information(labels, math.log(10)) == 0


def test_samples_are_the_pictures_that_networks_are_tested_on(settings):
    shown, both = occluded_nuisance.samples(settings, None, 5)
    tested = occluded_nuisance.data(settings, None)[2]
    assert torch.equal(both.labels, tested.y[:5]) and torch.equal(both.digit_labels, tested.digit[:5])
    for channel in range(3):  # each is standardised by itself
        pixels = torch.stack([both.images[..., channel].flatten().double(), tested.x[:5, channel].flatten().double()])
        assert torch.corrcoef(pixels)[0, 1] == pytest.approx(1, abs=1e-6)
    assert shown.shape == both.images.shape and not torch.equal(shown, both.images)


def test_the_samples_in_the_book_differ_from_their_pictures_under_the_ink_alone():
    kept = load_file(RECORDED / "occluded_nuisance.samples.safetensors")
    pictures, both = kept.pop("pictures"), Occluded(**kept)
    free = (both.mask == 0).expand_as(pictures)
    assert torch.equal(both.images[free], pictures[free]) and not torch.equal(both.images, pictures)
    assert (both.images[(both.mask == 255).expand_as(pictures)] == 255).all()
    assert max(both.labels) < len(occluded_nuisance.CIFAR10) and max(both.digit_labels) < 10
