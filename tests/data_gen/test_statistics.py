"""What the page on the data says of a set, against loops."""

import torch

from data_gen import cluttered, load
from data_gen.statistics import crop, neighbour_labels, overlap


def test_overlap_counts_the_pixels_that_two_boxes_share():
    digits = load("mnist5k", "test")
    clutter = cluttered(digits.images, digits.labels, n=5, size=50, n_distractors=9, seed=0)
    shared = overlap(clutter.box, clutter.distractors)
    for i, (top, left, bottom, right) in enumerate(clutter.box.tolist()):
        digit = {(row, column) for row in range(top, bottom) for column in range(left, right)}
        for k, (t, l, b, r) in enumerate(clutter.distractors[i].tolist()):
            assert shared[i, k] == len(digit & {(row, column) for row in range(t, b) for column in range(l, r)})
    assert (shared == 0).any() and (shared > 0).any()


def test_crop_returns_the_digit_where_nothing_else_is():
    digits = load("mnist5k", "test")
    clutter = cluttered(digits.images, digits.labels, n=1000, n_distractors=0, seed=0)
    assert {i.tobytes() for i in crop(clutter.images, clutter.box).numpy()} == {
        i.tobytes() for i in digits.images.numpy()
    }


def test_neighbours_are_the_nearest_others():
    images = torch.tensor([0, 10, 11, 200, 206], dtype=torch.uint8).reshape(5, 1, 1, 1)
    labels = torch.tensor([7, 1, 2, 3, 4])
    assert neighbour_labels(images, labels, k=2).tolist() == [[1, 2], [2, 7], [1, 7], [4, 2], [3, 2]]
