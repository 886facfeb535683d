"""shapes32: right geometry, labels that can be read, and no other way to the label than the shape."""

import sys

import numpy as np
import pytest
import torch

from benchmarks.plain_loops import crescent_radius, shape_factors, shape_loop
from data_gen import DataError, cluttered, load, shapes32
from data_gen.shapes import SHAPES, SIGNED_DISTANCES, render

shapes_module = sys.modules["data_gen.shapes"]


@pytest.fixture(scope="module")
def batch():
    return shapes32(2000, seed=11)


@pytest.mark.slow
def test_images_equal_the_plain_loop_but_for_corners(batch):
    """The loop measures true distances to polygons; ours are bounds of them outside corners, a fraction of a pixel away."""
    described = [{name: values[i].tolist() for name, values in batch.factors._asdict().items()} for i in range(200)]
    difference = np.abs(batch.images[:200].numpy().astype(int) - shape_loop(described, crescent_radius()))
    assert np.mean(difference <= 1) > 0.99
    assert difference.mean(axis=(1, 2, 3)).max() < 1.0
    discs = np.array([d["shape"] in (0, 1, 2, 3, 5, 6) for d in described])  # here both are the true distance
    assert difference[discs].max() <= 1


def test_factors_equal_the_plain_loop():
    ours = shapes32(50, seed=3, start=7, epoch=2).factors
    for i in range(50):
        for name, value in shape_factors(7 + i, seed=3, epoch=2).items():
            assert getattr(ours, name)[i].tolist() == pytest.approx(value, rel=1e-12), name


@pytest.mark.parametrize("label", range(10), ids=SHAPES)
def test_every_shape_has_area_one_and_stays_within_reach(label):
    grid = (torch.arange(1500) - 749.5) / 500  # no point lies on an edge, so that no rounding decides
    x, y = grid[None, :].expand(1500, -1), grid[:, None].expand(-1, 1500)
    inside = SIGNED_DISTANCES[label](x, y) < 0
    assert abs(inside.double().mean().item() * 9 - 1) < 0.005
    assert torch.hypot(x, y)[inside].max() <= shapes_module.REACH


def test_the_shape_is_wholly_inside_and_stands_out(batch):
    f = batch.factors
    place = f.position
    reach = shapes_module.REACH * f.scale[:, None]
    assert ((place - reach >= 0) & (place + reach <= 31)).all()
    assert ((f.lightness - f.background_lightness).abs() >= 0.3 - 1e-3).all()
    # in the image: where the shape surely is, against where it surely is not
    luma = batch.images.float() @ torch.tensor([0.299, 0.587, 0.114])
    flat = f._replace(hue=f.hue, lightness=torch.ones_like(f.hue), background_lightness=torch.zeros_like(f.hue))
    cover = render(
        flat._replace(background=torch.zeros_like(f.background), light=torch.ones_like(f.light))
    ).float() @ torch.tensor([0.299, 0.587, 0.114])
    shape, ground = cover > 200, cover < 40
    assert (shape.flatten(1).sum(1) > 20).all()
    sign = (f.lightness > f.background_lightness).float() * 2 - 1
    contrast = (
        (luma * shape).flatten(1).sum(1) / shape.flatten(1).sum(1)
        - (luma * ground).flatten(1).sum(1) / ground.flatten(1).sum(1)
    ) * sign
    assert contrast.min() > 25


def test_the_same_whatever_the_batch_and_the_order(batch, monkeypatch):
    monkeypatch.setattr(shapes_module, "BATCH", 13)
    part = shapes32(100, seed=11, start=700)
    assert torch.equal(part.images, batch.images[700:800])
    assert all(torch.equal(a, b[700:800]) for a, b in zip(part.factors, batch.factors))
    assert not torch.equal(shapes32(100, seed=11, epoch=1).images, batch.images[:100])


def test_classes_are_balanced_and_factors_do_not_tell_them(batch):
    """Each factor's mean within a class is within five standard errors of its mean over all: nuisances, not hints."""
    assert batch.labels.bincount().tolist() == [200] * 10
    assert torch.equal(batch.labels, batch.factors.shape)
    for name, values in batch.factors._asdict().items():
        if name == "shape":
            continue
        values = values.double().reshape(2000, -1)
        for label in range(10):
            z = (values[batch.labels == label].mean(0) - values.mean(0)) / (values.std(0) / 200**0.5)
            assert z.abs().max() < 5, (name, label)


def test_the_loaded_set_is_disjoint_and_carries_its_factors():
    train, test = load("shapes32"), load("shapes32", "test")
    assert train.images.shape == (10_000, 32, 32, 3) and test.images.shape == (2_000, 32, 32, 3)
    assert (
        train.source.name == "shapes32"
        and train.source.origin == "embedded"
        and train.source.sha256 != test.source.sha256
    )
    assert torch.equal(render(test.factors), test.images)
    assert not {i.tobytes() for i in train.images.numpy()} & {i.tobytes() for i in test.images.numpy()}


def test_one_factor_can_be_changed_alone(batch):
    first = type(batch.factors)(*(values[:20] for values in batch.factors))
    moved = render(first._replace(hue=(first.hue + 0.5) % 1))
    changed = (moved != batch.images[:20]).any(-1).flatten(1).float().mean(1)
    assert (changed > 0.02).all() and (changed < 0.3).all()  # the shape's pixels, and no others


def test_colour_and_a_linear_look_do_not_give_the_class_away():
    """Ridge regression on the pixels, and on the mean colour: over half of the answers are wrong."""
    train, test = load("shapes32"), load("shapes32", "test")
    target = torch.nn.functional.one_hot(train.labels[:4000], 10).double()
    for look in (lambda x: x.double().flatten(1) / 255, lambda x: x.double().mean((1, 2)) / 255):
        x, x_test = (
            torch.nn.functional.pad(look(images), (1, 0), value=1.0)
            for images in (train.images[:4000, ::2, ::2], test.images[:, ::2, ::2])
        )
        best = 1.0
        for ridge in (1.0, 100.0):
            weights = torch.linalg.solve(x.T @ x + ridge * torch.eye(x.shape[1], dtype=torch.double), x.T @ target)
            best = min(best, ((x_test @ weights).argmax(1) != test.labels).double().mean().item())
        assert best > 0.5


def test_clutter_applies_to_shapes_as_to_digits(batch):
    result = cluttered(batch.images, batch.labels, n=5, size=64, n_distractors=4, seed=0)
    assert result.images.shape == (5, 64, 64, 3)


def test_no_shapes_at_all():
    assert shapes32(0, seed=0).images.shape == (0, 32, 32, 3)


def test_a_negative_number_is_refused():
    with pytest.raises(DataError, match="n=-1"):
        shapes32(-1, seed=0)
