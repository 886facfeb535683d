"""The work of a run, against counts made by hand."""

from itertools import chain, pairwise

import pytest
from torch import nn

from ib_tutorial.experiments import EXPERIMENTS
from ib_tutorial.experiments.run import PROFILE_NAMES, config
from ib_tutorial.experiments.work import Work, training
from ib_tutorial.nn import Deterministic, NoisyNetwork, all_cnn_32, mlp

RUN = dict(images=250, batch_size=100, epochs=4)  # 3 steps an epoch, the last one short


def test_an_mlps_work_is_that_of_its_matrices():
    """2 operations per weight and image forward, 2 for the weight's gradient, 2 for the input's, if it has one."""
    width, n_first = 30, 2 * 784 * 30
    n_weights = n_first + 2 * 2 * 30 * 30 + 10 * 30
    work = training(lambda: mlp(width), (784,), **RUN)
    assert work.dense_gflop == pytest.approx(4 * 250 * (6 * n_weights - 2 * n_first) / 1e9)
    assert work.updates == 4 * 3 * (3 * 4 + 2)
    assert work.conv_gflop == 0


def test_a_convolutions_work_is_counted_at_every_place():
    def build():
        f = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 4, 3, stride=2, padding=1, bias=False))
        return NoisyNetwork(Deterministic(f), nn.Flatten(), nn.Linear(4 * 8 * 8, 10))

    first, second = 3 * 8 * 9 * 16 * 16, 8 * 4 * 9 * 8 * 8
    work = training(build, (3, 16, 16), **RUN)
    assert work.conv_gflop == pytest.approx(4 * 250 * (4 * first + 6 * second) / 1e9)
    assert work.dense_gflop == pytest.approx(4 * 250 * 6 * 4 * 64 * 10 / 1e9)
    assert work.updates == 4 * 3 * 5


def test_work_adds_up():
    assert Work(1, 2, 3) + 2 * Work(10, 20, 30) == Work(21, 42, 63)


def test_fig_3as_work_is_the_sum_over_its_cells():
    module, settings = EXPERIMENTS["mnist_widths"], config("mnist_widths", "quick")
    n_tensors = {"none": 8, "binary": 8, "information": 14, "binary_gated": 14, "log_normal": 8, "log_normal_cap": 8}
    updates = 0
    for cell in chain.from_iterable(module.stages(settings)):
        steps = 30 if cell["stage"] == "selection" else 40
        updates += 15 * steps * n_tensors[cell["method"]]
    assert module.work(settings).updates == updates


def test_fig_5s_work_is_that_of_one_network_for_each_beta_and_seed():
    settings = config("total_correlation", "quick")
    n_tensors = sum(1 for _ in all_cnn_32(width=settings.width, activation="softplus", channels=1).parameters())
    work = EXPERIMENTS["total_correlation"].work(settings)
    assert work.updates == len(settings.betas) * settings.n_seeds * settings.epochs * 10 * n_tensors
    one = training(
        lambda: all_cnn_32(width=settings.width, activation="softplus", channels=1),
        (1, 28, 28),
        images=1,
        batch_size=1,
        epochs=1,
    )
    assert work.conv_gflop == pytest.approx(
        len(settings.betas) * settings.n_seeds * settings.epochs * 400 * one.conv_gflop
    )


def test_all_cnn_32_computes_what_is_known_of_it():
    """1.94 GFLOP forward and backward for an image, with Information Dropout, and 1.68 without."""
    for dropout, gflop in (("information", 1.94), ("none", 1.68)):
        work = training(lambda dropout=dropout: all_cnn_32(dropout), (3, 32, 32), images=1, batch_size=1, epochs=1)
        assert work.conv_gflop == pytest.approx(gflop, abs=0.01)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_larger_profiles_are_more_work(name):
    work = [EXPERIMENTS[name].work(config(name, profile)) for profile in PROFILE_NAMES]
    assert work[0].updates > 0
    assert all(small.updates < large.updates for small, large in pairwise(work))
