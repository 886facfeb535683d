"""Scores of information maps: each against a plainer computation, and against maps whose score is known."""

import pytest
import torch
from torch import nn

from data_gen import cluttered, load
from ib_tutorial.experiments.map_scores import (
    auroc,
    blind_share,
    coverage,
    distractor_share,
    in_box,
    ink,
    on_digit,
    on_distractor,
)


@pytest.fixture(scope="module")
def clutter():
    digits = load("mnist5k", "test")
    return cluttered(digits.images, digits.labels, n=40, seed=3)


def test_auroc_against_all_pairs():
    torch.manual_seed(0)
    maps = torch.randint(0, 5, (3, 12, 12)).float()  # with ties
    box = torch.tensor([[8, 16, 36, 44], [0, 0, 28, 28], [68, 68, 96, 96]])
    inside = in_box(box, 12, 12).bool()
    for score, nats, within in zip(auroc(maps, box), maps, inside, strict=True):
        pairs = [(a > b) + (a == b) / 2 for a in nats[within].tolist() for b in nats[~within].tolist()]
        assert score.item() == pytest.approx(sum(pairs) / len(pairs), abs=1e-6)


def test_a_map_of_the_box_scores_one_and_its_opposite_nought():
    box = torch.tensor([[10, 20, 38, 48]])
    inside = in_box(box, 48, 48)
    assert auroc(inside, box).item() == 1 and auroc(1 - inside, box).item() == 0
    assert auroc(torch.zeros(1, 48, 48), box).item() == 0.5


@pytest.mark.parametrize("rows", [96, 48, 24])
def test_the_box_on_a_map_holds_the_digits_pixels(rows):
    digits = load("mnist5k", "train")
    made = cluttered(digits.images, digits.labels, n=8, n_distractors=0, seed=0)
    coarse = nn.functional.adaptive_max_pool2d(made.images.permute(0, 3, 1, 2).float(), rows)[:, 0] > 0
    outside = coarse & ~in_box(made.box, rows, rows).bool()
    assert outside.sum() == 0  # the ink keeps a margin of four pixels to its box
    assert in_box(made.box, rows, rows).sum((1, 2)).sub((28 * rows / 96) ** 2).abs().max() <= 2 * rows * 28 / 96 + 1


def share(maps, clutter):
    return distractor_share(maps, clutter.images, clutter.box, clutter.distractors)


@pytest.mark.parametrize("rows", [24, 12])
def test_the_share_is_that_of_means_over_all_inked_places_above_each_maps_minimum(clutter, rows):
    maps = torch.rand(40, rows, rows, generator=torch.Generator().manual_seed(0)) + torch.arange(40.0)[:, None, None]
    brightness = ink(clutter.images, rows)
    digit, distractor = on_digit(clutter.box, brightness), on_distractor(clutter.box, clutter.distractors, brightness)
    sums = {"digit": [], "distractor": []}
    for values, here, there in zip(maps, digit, distractor, strict=True):
        background = min(values.flatten().tolist())
        sums["digit"] += [value - background for value in values[here].tolist()]
        sums["distractor"] += [value - background for value in values[there].tolist()]
    plain = (sum(sums["distractor"]) / len(sums["distractor"])) / (sum(sums["digit"]) / len(sums["digit"]))
    assert share(maps, clutter) == pytest.approx(plain, rel=1e-4)


def test_the_share_is_0_for_the_digit_alone_and_1_for_a_map_that_tells_nothing(clutter):
    inside = in_box(clutter.box, 24, 24)
    assert share(inside, clutter) == 0
    assert share(torch.ones(40, 24, 24), clutter) == 1
    brightness = ink(clutter.images, 24)
    either = on_digit(clutter.box, brightness) | on_distractor(clutter.box, clutter.distractors, brightness)
    assert share(either.float(), clutter) == pytest.approx(1)
    assert share(5 + inside, clutter) == 0  # what all places have is no information about any


def test_the_coverage_is_how_often_a_thrown_square_holds_a_place():
    size, side, rows = 12, 5, 4
    corners = [(i, j) for i in range(size - side + 1) for j in range(size - side + 1)]
    box = torch.tensor([[i, j, i + side, j + side] for i, j in corners])
    assert torch.allclose(coverage(rows, size, side).float(), in_box(box, rows, rows, size).mean(0))


def test_no_single_place_is_a_better_blind_map_than_the_best():
    """Boxes thrown many times: the best place's share is the blind share, up to what the largest of 36 estimates gains by chance."""
    n, rows = 40_000, 6
    generator = torch.Generator().manual_seed(0)

    def thrown(count, side):
        corner = torch.randint(0, 96 - side + 1, (n, count, 2), generator=generator)
        return torch.cat([corner, corner + side], 2)

    digit = in_box(thrown(1, 28)[:, 0], rows, rows)
    pieces = torch.stack([in_box(piece, rows, rows) for piece in thrown(21, 8).unbind(1)]).amax(0) * (1 - digit)
    share_of_place = (pieces.sum(0) / pieces.sum()) / (digit.sum(0) / digit.sum())
    assert share_of_place[digit.sum(0) > 0].min().item() == pytest.approx(blind_share(rows), abs=0.02)
    assert blind_share(48) == pytest.approx(0.553, abs=1e-3)
