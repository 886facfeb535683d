"""Figures of the chapter `layer`: the share of wrong guesses is right, and rows and columns hold what they were given."""

import math

import pytest
import torch
from scipy.stats import norm

from ib_tutorial.figures import layer_diagram, leak, noise_and_leak, noise_by_unit, overlap
from ib_tutorial.figures.layer import mistaken


@pytest.mark.parametrize("f", [(1.0, 2.0), (3.0, 0.1), (0.5, 0.5)])
@pytest.mark.parametrize("alpha", [0.05, 0.7])
def test_wrong_guesses_between_humps_of_one_width_have_a_closed_form(f, alpha):
    assert mistaken(f, (alpha, alpha)) == pytest.approx(norm.cdf(-abs(math.log(f[0] / f[1])) / (2 * alpha)), abs=1e-4)


@pytest.mark.parametrize(("f", "alpha"), [((1.0, 1.5), (0.1, 0.7)), ((1.0, 1.0), (0.2, 0.6)), ((4.0, 1.0), (0.6, 0.3))])
def test_wrong_guesses_between_other_humps_are_those_of_draws(f, alpha):
    draws = torch.randn(2, 200_000, generator=torch.Generator().manual_seed(0)).double()
    wrong = 0.0
    for shown in (0, 1):
        log_z = math.log(f[shown]) + alpha[shown] * draws[shown]
        fits = [-(((log_z - math.log(a)) / b) ** 2) / 2 - math.log(b) for a, b in zip(f, alpha, strict=True)]
        wrong += (fits[1 - shown] > fits[shown]).double().mean().item() / 2
    assert mistaken(f, alpha) == pytest.approx(wrong, abs=0.004)


def test_each_pair_has_its_panel_with_the_share_of_wrong_guesses():
    axes = overlap({"apart": ((1, 9), (0.1, 0.1)), "alike": ((2, 2), (0.5, 0.5))}, ("a", "b")).axes
    assert [axis.get_title() for axis in axes] == ["apart\nwrong: 0%", "alike\nwrong: 50%"]
    peaks = [line.get_xdata()[line.get_ydata().argmax()] for line in axes[0].lines]
    assert peaks == pytest.approx([1, 9], rel=0.02)


def test_the_drawing_joins_its_parts_in_the_order_of_the_computation():
    (axis,) = layer_diagram(0.5).axes
    boxes = {text.get_bbox_patch(): text.get_text() for text in axis.texts if text.get_text()}
    arrows = [text.arrow_patch for text in axis.texts if not text.get_text()]
    joined = {(boxes[arrow.patchA].split("\n")[0], boxes[arrow.patchB].split("\n")[0]) for arrow in arrows}
    f, alpha, factor = "units f(x)", "noise scale α(x)", "ε = exp(α n)"
    assert joined == {
        ("input x", f), ("input x", alpha), (alpha, factor), (alpha, "cost in nats"), (f, "×"), (factor, "×"), ("×", "noisy units"),
    }  # fmt: skip
    assert any("log(0.5 / α)" in text for text in boxes.values())


def test_a_row_of_digits_for_each_name():
    images = torch.rand(3, 784)
    axes = leak({"seen": images, "read": torch.zeros(3, 784)}).axes
    assert [axis.get_title(loc="left") for axis in axes] == ["seen", "read"]
    assert torch.equal(torch.as_tensor(axes[0].images[0].get_array())[:, 28:56], images[1].reshape(28, 28))


def test_noise_and_leak_by_price_show_every_seed_and_what_to_compare_with():
    left, right = noise_and_leak({0: (0.1, 0.2), 10: (0.5, 0.6)}, {0: (0.6, 0.7), 10: (0.3, 0.4)}, {"no noise": 0.65}, 0.7).axes
    dots = lambda axis: [list(line.get_ydata()) for line in axis.lines]
    assert [0.5, 0.6] in dots(left) and [0.7, 0.7] in dots(left)
    assert [0.3, 0.4] in dots(right) and [0.65, 0.65] in dots(right)
    assert [label.get_text() for label in right.get_xticklabels()] == ["0", "10"]


def test_noise_by_unit_has_a_row_for_each_image_and_a_column_for_each_unit():
    alpha = torch.rand(4, 6) / 2
    left, right, bar = noise_by_unit(torch.rand(4, 784), alpha, 0.7).axes
    assert torch.equal(torch.as_tensor(right.images[0].get_array()), alpha) and right.images[0].get_clim() == (0, 0.7)
    assert left.images[0].get_array().shape == (4 * 28, 28) and bar.get_ylabel() == "noise scale α"
