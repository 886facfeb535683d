"""Clutter and occlusion: equal to the plain loops bit for bit, whatever the batch, with the statistics they promise."""

import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.plain_loops import Generator, cluttered_loop, dealt, occluded_loop
from data_gen import DataError, cluttered, load, occluded, shapes32
from data_gen.placing import placed
from data_gen.randomness import below, deck, unit, words

cluttered_module, occluded_module = sys.modules["data_gen.clutter"], sys.modules["data_gen.occlusion"]


def pictures(n: int, side: int, channels: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (n, side, side, channels), dtype=torch.uint8, generator=generator)
    images[torch.rand(images.shape, generator=generator) < 0.5] = 0
    return images, torch.randint(0, 10, (n,), generator=generator)


# ---- randomness ----


@given(seed=st.integers(0, 2**63), epoch=st.integers(0, 10**6), index=st.integers(0, 10**9), n=st.integers(1, 2**31))
@settings(max_examples=50, deadline=None)
def test_draws_equal_the_plain_generator(seed, epoch, index, n):
    plain = Generator(seed, epoch, "clutter", index)
    ours = words(seed, epoch, "clutter", np.array([index]), 5)[0]
    expected = [plain.word() for _ in range(5)]
    assert ours.tolist() == expected
    assert below(ours, n).tolist() == [((w >> 32) * n) >> 32 for w in expected]
    assert unit(ours).tolist() == [(w >> 11) / 2**53 for w in expected]


def test_draws_are_uniform_and_uncorrelated():
    u = unit(words(0, 0, "test", np.arange(100_000), 4))
    assert np.abs(u.mean(0) - 0.5).max() < 4 / np.sqrt(12 * 1e5)
    assert np.abs(np.corrcoef(np.c_[u[:-1], u[1:]].T) - np.eye(8)).max() < 5 / np.sqrt(1e5)
    counts = np.bincount(below(words(1, 0, "test", np.arange(100_000), 1)[:, 0], 10))
    assert ((counts - 1e4) ** 2 / 1e4).sum() < 33.7  # chi-squared, 9 degrees of freedom, p = 1e-4


def test_the_deck_deals_every_card_once_a_pass():
    dealt_out = deck(3, 0, "test", np.arange(35), 7)
    assert all(sorted(dealt_out[k : k + 7]) == list(range(7)) for k in range(0, 35, 7))
    assert dealt_out.tolist() == [dealt(3, 0, "test", i, 7) for i in range(35)]
    assert deck(3, 0, "test", np.array([20, 3]), 7).tolist() == dealt_out[[20, 3]].tolist()


# ---- clutter ----


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"start": 990, "epoch": 3},
        {"n_distractors": 0},
        {"n_distractors": 130},
        {"size": 28, "distractor": 28, "n_distractors": 2},
        {"size": 40, "distractor": 1, "n_distractors": 200},
        {"size": 61, "distractor": 5, "seed": 9},
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_clutter_equals_the_plain_loop(how, channels):
    images, labels = pictures(50, 28, channels)
    ours = cluttered(images, labels, **{"n": 70, "seed": 1, **how})
    plain = cluttered_loop(images.numpy(), labels.numpy(), **{"n": 70, "seed": 1, **how})
    for name, a, b in zip(ours._fields, ours, plain):
        assert np.array_equal(a.numpy(), b), name


def test_many_bright_distractors_do_not_overflow():
    """129 times 255 does not fit 16 bits with a sign: the sum would come out black."""
    white = torch.full((1, 2, 2, 1), 255, dtype=torch.uint8)
    for n_distractors in (127, 128, 300):
        result = cluttered(white, torch.tensor([3]), n=2, size=2, n_distractors=n_distractors, distractor=2, seed=0)
        assert (result.images == 255).all()


def test_clutter_is_the_same_whatever_the_batch_and_the_order(monkeypatch):
    images, labels = pictures(30, 28, 1)
    whole = cluttered(images, labels, n=40, seed=0)
    monkeypatch.setattr(cluttered_module, "BATCH", 7)
    for start, n in ((39, 1), (0, 40), (13, 20)):
        part = cluttered(images, labels, n=n, start=start, seed=0)
        assert all(torch.equal(a[start : start + n], b) for a, b in zip(whole, part))


def test_clutter_is_fresh_in_each_epoch_and_for_each_seed():
    images, labels = pictures(30, 28, 1)
    first, second, third = (
        cluttered(images, labels, n=30, seed=s, epoch=e).images for s, e in ((0, 0), (0, 1), (1, 0))
    )
    for a, b in ((first, second), (first, third), (second, third)):
        assert (a != b).flatten(1).any(1).all()


@pytest.mark.slow
def test_the_box_holds_the_digit_and_places_are_uniform():
    digits = load("mnist5k", "test")
    n = 3000
    clutter = cluttered(digits.images, digits.labels, n=n, n_distractors=0, seed=0)
    inside = torch.stack([image[t:b, l:r] for image, (t, l, b, r) in zip(clutter.images, clutter.box.tolist())])
    assert inside.sum(dtype=torch.int64) == clutter.images.sum(dtype=torch.int64)  # all of the ink is in the box
    assert clutter.labels[:1000].bincount().tolist() == [100] * 10  # every digit once
    for places, top in (
        (clutter.box[:, :2], 68),
        (cluttered(digits.images, digits.labels, n=n, seed=0).distractors[..., :2].reshape(-1, 2), 88),
    ):
        assert places.min() == 0 and places.max() == top
        assert (places.double().mean(0) - top / 2).abs().max() < 5 * (top + 1) / np.sqrt(12 * len(places))


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"size": 20}, "size=20.*28x28"),
        ({"distractor": 29}, "distractor=29.*1 to 28"),
        ({"distractor": 0}, "distractor=0"),
        ({"n": -1}, "n=-1: it must be 0 to"),
        ({"n_distractors": -1}, "n_distractors=-1: it must be 0 to"),
        ({"start": 2**63}, "start=.*it must be 0 to"),
        ({"seed": -1}, "seed=-1: it must be 0 to"),
        ({"epoch": 2**64}, "epoch=.*it must be 0 to"),
    ],
)
def test_impossible_clutter_says_what_is_possible(how, said):
    images, labels = pictures(3, 28, 1)
    with pytest.raises(DataError, match=said):
        cluttered(images, labels, **{"n": 2, "seed": 0, **how})


def test_clutter_of_nothing():
    images, labels = pictures(3, 28, 1)
    assert cluttered(images, labels, n=0, seed=0).images.shape == (0, 96, 96, 1)
    with pytest.raises(DataError, match="at least one image"):
        cluttered(images[:0], labels[:0], n=1, seed=0)


# ---- occlusion ----


@pytest.mark.parametrize("how", [{}, {"seed": 5, "epoch": 2}, {"shift": 0}, {"shift": 1}])
@pytest.mark.parametrize("channels", [1, 3])
def test_occlusion_equals_the_plain_loop(how, channels):
    images, labels = pictures(60, 32, channels)
    digits, digit_labels = pictures(25, 28, 1, seed=1)
    ours = occluded(images, labels, digits, digit_labels, **{"seed": 0, **how})
    plain = occluded_loop(*(t.numpy() for t in (images, labels, digits, digit_labels)), **{"seed": 0, **how})
    for name, a, b in zip(ours._fields, ours, plain):
        assert np.array_equal(a.numpy(), b), name


def test_blending_is_exact_for_every_pair_of_values():
    image, mask = (
        v[..., None].to(torch.uint8) for v in torch.meshgrid(torch.arange(256), torch.arange(256), indexing="ij")
    )
    i, m = image.double(), mask.double() / 255
    assert torch.equal(occluded_module.blend(image, mask), (i * (1 - m) + 255 * m).round().to(torch.uint8))


def test_occlusion_is_the_same_whatever_the_batch_and_the_order(monkeypatch):
    images, labels = pictures(40, 32, 3)
    digits, digit_labels = pictures(25, 28, 1, seed=1)
    whole = occluded(images, labels, digits, digit_labels, seed=0)
    monkeypatch.setattr(occluded_module, "BATCH", 3)
    order = torch.tensor([39, 3, 3, 17, 0])
    part = occluded(images, labels, digits, digit_labels, seed=0, indices=order)
    assert all(torch.equal(a[order], b) for a, b in zip(whole, part))
    assert not torch.equal(whole.images, occluded(images, labels, digits, digit_labels, seed=0, epoch=1).images)


def test_shifts_are_uniform_over_their_25_places():
    digits, digit_labels = torch.full((1, 28, 28, 1), 255, dtype=torch.uint8), torch.zeros(1, dtype=torch.int64)
    n = 5000
    mask = occluded(
        torch.zeros(n, 32, 32, 1, dtype=torch.uint8), torch.zeros(n, dtype=torch.int64), digits, digit_labels, seed=0
    ).mask
    tops, lefts = mask[..., 0].amax(2).argmax(1), mask[..., 0].amax(1).argmax(1)
    counts = torch.bincount(tops * 5 + lefts, minlength=25).double()
    assert (
        len(counts) == 25 and ((counts - n / 25) ** 2 / (n / 25)).sum() < 58.6
    )  # chi-squared, 24 degrees of freedom, p = 1e-4


def test_the_digit_does_not_tell_the_image_class():
    shapes, digits = load("shapes32", "test"), load("mnist5k", "test")
    result = occluded(shapes.images, shapes.labels, digits.images, digits.labels, seed=0)
    table = torch.zeros(10, 10).index_put_((result.labels, result.digit_labels), torch.ones(2000), accumulate=True)
    expected = table.sum(1, keepdim=True) * table.sum(0) / table.sum()
    assert ((table - expected) ** 2 / expected).sum() < 137.2  # chi-squared, 81 degrees of freedom, p = 1e-4
    assert result.digit_labels.bincount().tolist() == [200] * 10


@pytest.mark.parametrize(
    ("how", "said"), [({"shift": 3}, "0 to 2"), ({"indices": torch.tensor([60])}, "0 to 59"), ({"shift": -1}, "0 to 2")]
)
def test_impossible_occlusion_says_what_is_possible(how, said):
    images, labels = pictures(60, 32, 3)
    digits, digit_labels = pictures(25, 28, 1, seed=1)
    with pytest.raises(DataError, match=said):
        occluded(images, labels, digits, digit_labels, **{"seed": 0, **how})


@pytest.mark.parametrize("side", [(28, 28), (29, 31), (30, 31), (34, 34)])
def test_occlusion_serves_images_whose_pixels_do_not_fill_words(side):
    height, width = side
    images, labels = pictures(20, 40, 3)
    images = images[:, :height, :width]  # not contiguous either
    digits, digit_labels = pictures(25, 28, 1, seed=1)
    ours = occluded(images, labels, digits, digit_labels, seed=0, shift=0)
    plain = occluded_loop(*(t.numpy() for t in (images, labels, digits, digit_labels)), seed=0, shift=0)
    for name, a, b in zip(ours._fields, ours, plain):
        assert np.array_equal(a.numpy(), b), name


def test_digits_in_colour_are_no_mask(unchecked):
    images, labels = pictures(6, 32, 3)
    with pytest.raises(DataError, match="digits has 3 channels: a mask has one"):
        occluded(images, labels, images[:, :28, :28], labels, seed=0)


# ---- both ----


def _made_of(images, labels):
    yield lambda: cluttered(images, labels, n=3, seed=0)
    yield lambda: occluded(images, labels, *pictures(5, 28, 1, seed=1), seed=0, shift=0)
    yield lambda: occluded(*pictures(5, 32, 3), images, labels, seed=0, shift=0)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (lambda images: images.float() / 255, "holds float32: it must hold bytes.*back into bytes"),
        (lambda images: images.double().numpy(), "holds float64: it must hold bytes"),
        (lambda images: images.long(), "holds int64: it must hold bytes"),
        (lambda images: images > 0, "holds bool: it must hold bytes"),
        (lambda images: images[..., 0], r"has the shape \(6, 28, 28\).*added by (images|digits)\[..., None\]"),
        (lambda images: images.permute(0, 3, 1, 2), r"\(6, 1, 28, 28\).*(images|digits).permute\(0, 2, 3, 1\)"),
        (lambda images: images.numpy().transpose(0, 3, 1, 2), r"(images|digits).transpose\(0, 2, 3, 1\)"),
        (lambda images: images[:, :0], "at least one pixel"),
        (lambda images: images.tolist(), "is a list: it must be a tensor of torch or an array of numpy"),
    ],
)
def test_images_that_are_no_bytes_in_rows_and_columns_are_refused_with_the_remedy(given, said, unchecked):
    images, labels = pictures(6, 28, 1)
    for make in _made_of(given(images), labels):
        with pytest.raises(DataError, match=said):
            make()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (lambda labels: labels[:5], "6 (images|digits) and 5 (labels|digit_labels): there must be a label for each"),
        (lambda labels: labels.float(), "holds float32: it must be one row of integers"),
        (lambda labels: labels[:, None], r"the shape \(6, 1\).*one row of integers"),
        (lambda labels: labels.tolist(), "is a list"),
    ],
)
def test_labels_that_are_not_one_whole_number_an_image_are_refused(given, said, unchecked):
    images, labels = pictures(6, 28, 1)
    for make in _made_of(images, given(labels)):
        with pytest.raises(DataError, match=said):
            make()


@pytest.mark.parametrize("kind", [np.int64, np.uint8, ">i4"])
def test_numpy_arrays_are_taken_as_tensors_are(kind, unchecked):
    images, labels = pictures(6, 28, 1)
    plain, plain_labels = images.numpy()[::-1], labels.numpy()[::-1].astype(kind)  # torch knows no negative steps
    frozen = plain.copy()
    frozen.setflags(write=False)
    for array in (plain, frozen):
        for ours, theirs in zip(_made_of(images.flip(0), labels.flip(0)), _made_of(array, plain_labels)):
            assert all(torch.equal(a, b) for a, b in zip(ours(), theirs()))



@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_are_placed_as_a_loop_places_them(channels):
    images, _ = pictures(12, 6, channels)
    images = images[:, :5]  # 5 rows of 6
    corner = torch.tensor([(top, left) for top in (0, 1, 4) for left in (0, 1, 2, 3)])
    plain = torch.zeros(12, 9, 9, channels, dtype=torch.uint8)
    for canvas, image, (top, left) in zip(plain, images, corner.tolist()):
        canvas[top : top + 5, left : left + 6] = image
    assert torch.equal(placed(images, corner, 9, 9), plain)


@pytest.mark.slow
def test_images_are_the_same_on_one_thread_and_on_two():
    images, labels = pictures(300, 32, 3)
    digits, digit_labels = pictures(25, 28, 1, seed=1)
    draw = lambda: (
        *cluttered(digits, digit_labels, n=300, seed=0),
        *occluded(images, labels, digits, digit_labels, seed=0),
        shapes32(300, seed=0).images,
    )
    before = torch.get_num_threads()
    try:
        drawn = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            drawn.append(draw())
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(*drawn))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="NO GPU HERE: equality of CPU and CUDA was not tested")
def test_cuda_agrees_with_the_cpu_bit_for_bit():
    digits, shapes = load("mnist5k", "test"), shapes32(300, seed=0)
    there = [t.cuda() for t in (digits.images, digits.labels, shapes.images, shapes.labels)]
    for a, b in zip(
        cluttered(digits.images, digits.labels, n=300, seed=0), cluttered(there[0], there[1], n=300, seed=0)
    ):
        assert torch.equal(a, b.cpu())
    cpu = occluded(shapes.images, shapes.labels, digits.images, digits.labels, seed=0)
    for a, b in zip(cpu, occluded(there[2], there[3], there[0], there[1], seed=0)):
        assert torch.equal(a, b.cpu())
    assert torch.equal(shapes.images, shapes32(300, seed=0, device="cuda").images.cpu())
