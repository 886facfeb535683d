"""Figures of the chapter `information_maps` draw what they are given: one scale per layer, boxes in pixels, every seed, what counts and what does not."""

import pytest
import torch
from matplotlib.patches import Polygon, Rectangle

from ib_tutorial.experiments.record import Record
from ib_tutorial.figures.information_maps import (
    map_caps,
    map_scores,
    round_below,
    where_information_flows,
)

BOX = torch.tensor([[10, 20, 38, 48], [60, 0, 88, 28]])


def record(rows):
    config = {"betas": [1.0, 0.1, 0.01], "max_alpha": 0.7, "n_train": 50, "caps": [1.4], "cap_beta": 0.1}
    return Record("information_maps", "smoke", config, [0, 1], "", {}, "", {}, "", rows=rows)


def rows(beta, cap, **metrics):
    return [
        {"method": "information", "seed": seed, "beta": beta, "cap": cap, "metric": metric, "value": value}
        for metric, values in metrics.items()
        for seed, value in enumerate(values)
    ]


@pytest.mark.parametrize("value,below", [(39.6, 20), (50, 50), (0.07, 0.05), (9.99, 5), (1.0, 1)])
def test_round_below(value, below):
    assert round_below(value) == pytest.approx(below)


def test_maps_of_a_layer_share_a_scale_and_boxes_lie_in_pixels():
    images = torch.zeros(2, 96, 96, 1, dtype=torch.uint8)
    maps = {
        name: [torch.full((2, 48, 48), top), torch.full((2, 12, 12), 3 * top)] for name, top in (("a", 1.0), ("b", 4.0))
    }
    figure = where_information_flows(images, BOX, maps)
    drawn = [axis for axis in figure.axes if axis.images and axis.images[0].get_array().shape[0] < 96]
    scales = {}
    for axis in drawn:
        (image,) = axis.images
        assert image.get_extent() == [0, 96, 96, 0]
        scales.setdefault(image.get_array().shape[0], set()).add((image.norm.vmin, image.norm.vmax))
        (outline,) = [patch for patch in axis.patches if isinstance(patch, Rectangle)]
        top, left, bottom, right = BOX[0 if drawn.index(axis) < 4 else 1].tolist()
        assert outline.get_bbox().extents.tolist() == [left, top, right, bottom]
    assert len(drawn) == 8 and scales == {48: {(0, 4)}, 12: {(0, 12)}}


def test_scores_of_an_unfinished_record_show_every_seed_and_shade_what_does_not_count():
    scored = {f"auroc_{layer}": (0.6, 0.8) for layer in (1, 2, 3)}
    good = rows(0.01, 0.7, train_error=(0.05, 0.06), test_error=(0.05, 0.16), test_error_noisy=(0.05, 0.06), **scored)
    bad = rows(0.1, 0.7, train_error=(0.05, 0.11), test_error=(0.05, 0.05), test_error_noisy=(0.2, 0.2), **scored)
    above, below = map_scores(record(good + bad), {1: 0.7, 2: 0.7, 3: 0.7}).axes[:2]
    dots = [
        line.get_ydata().tolist() if hasattr(line.get_ydata(), "tolist") else list(line.get_ydata())
        for line in above.lines
    ]
    assert dots.count([0.6, 0.8]) == 6  # three layers, two betas
    for axis in (above, below):
        shaded = [patch for patch in axis.patches if isinstance(patch, (Rectangle, Polygon))]
        assert len(shaded) == 1 and shaded[0].get_extents().transformed(axis.transData.inverted()).contains(0.1, 0.5)


def test_caps_that_were_not_run_are_left_out():
    found = rows(0.1, 0.7, test_error=(0.05, 0.06), test_error_noisy=(0.05, 0.06))
    axis = map_caps(record(found)).axes[0]
    assert {float(x) for line in axis.lines for x in line.get_xdata()} == {0.7}


def test_the_cap_is_drawn_with_its_training_error():
    found = rows(0.1, 1.4, train_error=(0.6, 0.7), test_error=(0.65, 0.75), test_error_noisy=(0.7, 0.8))
    axis = map_caps(record(found)).axes[0]
    assert axis.get_legend_handles_labels()[1] == ["training", "test, noise off", "test, noise on"]
    assert any(list(line.get_ydata()) == [60, 70] for line in axis.lines)
