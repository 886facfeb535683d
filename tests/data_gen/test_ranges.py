"""Every public function, at the edges of what its arguments can be: a result of the promised shape, or an error that says the range."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from data_gen import DataError, cluttered, load, occluded, shapes32
from data_gen.shapes import ShapeFactors, render
from data_gen.statistics import crop, neighbour_labels

NUMBERS = st.sampled_from([-(2**63), -1, 0, 1, 2, 3, 7, 2**31, 2**63, 2**64, 2**70, 0.5, 2.0, float("nan"), None, "3", True])
SMALL = st.sampled_from([-1, 0, 1, 2, 3, 7, 9, 2.5, None, np.int64(4), np.uint8(3), True])


def images_and_labels(draw) -> tuple[torch.Tensor, torch.Tensor]:
    shape = tuple(draw(st.sampled_from(sides)) for sides in ([0, 1, 3], [1, 2, 5, 9], [1, 4, 7], [1, 2, 3]))
    n_labels = draw(st.sampled_from([shape[0], shape[0], shape[0], 0, 2]))
    kind = draw(st.sampled_from([torch.int64, torch.uint8, torch.int32]))
    return torch.full(shape, 200, dtype=torch.uint8), torch.zeros(n_labels, dtype=kind)


def says_what_is_right(error: DataError) -> bool:
    return bool(re.search(r"must be|needs|there must|does not fit|a mask has one|there are|looks like|reaches|0 digits", str(error)))


@pytest.fixture(autouse=True)
def without_checks_of_types(unchecked):
    """A user has none."""


@pytest.mark.slow
@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_clutter_is_made_or_the_range_is_said(data):
    images, labels = images_and_labels(data.draw)
    how = {
        "n": data.draw(SMALL),
        "size": data.draw(st.sampled_from([9, 10, 0, 1, 2**40, None, 9.5])),
        "n_distractors": data.draw(SMALL),
        "distractor": data.draw(st.sampled_from([1, 2, 0, 9, 10])),
        "seed": data.draw(NUMBERS),
        "start": data.draw(NUMBERS),
        "epoch": data.draw(SMALL),
    }
    try:
        made = cluttered(images, labels, **how)
    except DataError as error:
        assert says_what_is_right(error), error
        return
    assert made.images.shape == (how["n"], how["size"], how["size"], images.shape[-1])
    assert made.distractors.shape == (how["n"], how["n_distractors"], 4)


@pytest.mark.slow
@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_occlusion_is_made_or_the_range_is_said(data):
    (images, labels), (digits, digit_labels) = images_and_labels(data.draw), images_and_labels(data.draw)
    indices = data.draw(st.sampled_from([None, torch.tensor([0]), np.array([2, 0]), torch.tensor([-1]), torch.tensor([0.0])]))
    how = {"seed": data.draw(NUMBERS), "epoch": data.draw(SMALL), "shift": data.draw(SMALL), "indices": indices}
    try:
        made = occluded(images, labels, digits, digit_labels, **how)
    except DataError as error:
        assert says_what_is_right(error), error
        return
    assert made.images.shape == (len(images) if indices is None else len(indices), *images.shape[1:])


@pytest.mark.slow
@given(n=SMALL, seed=NUMBERS, start=NUMBERS, epoch=NUMBERS)
@settings(max_examples=200, deadline=None)
def test_shapes_are_made_or_the_range_is_said(n, seed, start, epoch):
    try:
        made = shapes32(n, seed=seed, start=start, epoch=epoch)
    except DataError as error:
        assert says_what_is_right(error), error
        return
    assert made.images.shape == (n, 32, 32, 3)


@pytest.mark.slow
@given(
    name=st.one_of(st.sampled_from(ShapeFactors._fields)),
    values=st.sampled_from([[-1.0, 0, 1], [0.0, 1, 2], [1e30, 1, 1], [float("nan"), 1, 1], [float("inf"), 1, 1], [1.0]]),
)
@settings(max_examples=100, deadline=None)
def test_factors_of_ones_own_are_rendered_or_refused(name, values):
    factors = shapes32(3, seed=0).factors
    old = getattr(factors, name)
    new = torch.tensor(values).nan_to_num(99, 99) if not old.is_floating_point() else torch.tensor(values)
    new = new.to(old.dtype)[:, None].expand(-1, 2) if old.ndim == 2 else new.to(old.dtype)
    try:
        assert render(factors._replace(**{name: new})).shape == (3, 32, 32, 3)
    except DataError as error:
        assert name in str(error)


@given(data=st.data(), k=SMALL)
@settings(max_examples=100, deadline=None)
def test_neighbours_are_found_or_the_range_is_said(data, k):
    images, labels = images_and_labels(data.draw)
    try:
        assert neighbour_labels(images, labels, k).shape == (len(images), k)
    except DataError as error:
        assert says_what_is_right(error) or "need at least two" in str(error)


@pytest.mark.parametrize(
    ("box", "said"),
    [
        ([[0, 0, 2, 2]], "2 images and 1 boxes"),
        ([[0, 0, 2, 2], [0, 0, 3, 2]], "differ in size"),
        ([[0, 0, 2, 2], [3, 3, 5, 5]], "reaches out of the 4x4 images"),
        ([[2, 2, 0, 0]] * 2, "are empty"),
    ],
)
def test_boxes_that_cannot_be_cut_are_refused(box, said):
    with pytest.raises(DataError, match=said):
        crop(torch.zeros(2, 4, 4, 1, dtype=torch.uint8), torch.tensor(box))


@pytest.mark.slow
@given(name=st.one_of(st.text(), st.none(), st.integers()), split=st.one_of(st.just("train"), st.text(), st.none()))
@settings(max_examples=50, deadline=None)
def test_a_name_or_split_of_any_kind_is_answered_with_those_that_there_are(name, split):
    with pytest.raises(DataError, match="no data set is called|it is 'train' or 'test'"):
        load(name, split)
