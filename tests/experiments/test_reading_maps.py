"""Maps against ink, constant noise and fixed patterns: each measure against a plainer computation."""

import itertools

import numpy as np
import pytest
import torch

from data_gen import cluttered, load
from ib_tutorial.experiments import reading_maps as reading
from ib_tutorial.experiments import run
from ib_tutorial.experiments.information_maps import information_maps
from ib_tutorial.experiments.map_scores import INKED, in_box, separation
from ib_tutorial.experiments.record import load_record
from ib_tutorial.experiments.vision import mean_alpha_squared
from ib_tutorial.nn import InformationDropout, all_cnn_96, batch_norm
from ib_tutorial.training import checkpoint


@pytest.fixture(scope="module")
def clutter():
    digits = load("mnist5k", "test")
    return cluttered(digits.images, digits.labels, n=6, seed=3)


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """The folder of a smoke run: a record and, beside it, weights."""
    out = tmp_path_factory.mktemp("maps")
    run("information_maps", "smoke", jobs=1, out=out, progress=False)
    return out


@pytest.mark.slow
def test_kept_networks_are_those_that_were_trained(smoke, monkeypatch):
    record = load_record(smoke / "information_maps.smoke.json")
    networks = reading.kept_networks(record, smoke)
    assert list(networks) == sorted(record.config["betas"]) and not any(n.training for n in networks.values())
    kept, _ = checkpoint.load(smoke / "information_maps.smoke.safetensors")
    for beta, network in networks.items():
        state = network.state_dict() | batch_norm.kept(network)
        floating = {name for name, value in state.items() if value.is_floating_point()}
        assert any("noisy_mean" in name for name in floating)
        assert floating == {name.split("/")[1] for name in kept if float(name.split("/")[0]) == beta}
        for name in floating:
            assert torch.equal(state[name], kept[f"{beta:g}/{name}"].float())


def test_weights_of_another_width_are_refused(smoke):
    record = load_record(smoke / "information_maps.smoke.json")
    record.config["width"] = 0.2
    with pytest.raises(ValueError, match=r"for beta 0.1, no weights of all_cnn_96 at width 0.2"):
        reading.kept_networks(record, smoke)


def test_three_betas_are_shown_among_those_that_count(smoke):
    record = load_record(smoke / "information_maps.smoke.json")
    record.config["betas"] = [0.1, 0.2, 0.3, 0.4, 0.5]
    errors = {0.1: 0.02, 0.2: 0.03, 0.3: 0.04, 0.4: 0.05, 0.5: 0.2}
    record.rows = [dict(beta=b, cap=0.7, seed=0, metric="train_error", value=error) for b, error in errors.items()]
    assert reading.small_middle_large(record, errors) == [0.1, 0.3, 0.4]
    assert reading.small_middle_large(record, [0.2, 0.3, 0.4, 0.5]) == [0.2, 0.3, 0.4]
    with pytest.raises(ValueError, match="the maps of 2 kept networks count"):
        reading.small_middle_large(record, [0.2, 0.3, 0.5])


def test_constant_noise_is_flat_and_as_large(clutter):
    torch.manual_seed(0)
    network = all_cnn_96(width=0.1).eval()
    for layer in network.layers:
        if isinstance(layer, InformationDropout):
            layer.alpha[-1].weight.data *= 50  # so that alpha depends on the image, as it does in a trained network
    x = clutter.images.permute(0, 3, 1, 2).float() / 255
    torch.manual_seed(1)
    constant = reading.constant_noise(network, x)
    torch.manual_seed(1)
    assert mean_alpha_squared(constant, x) == pytest.approx(mean_alpha_squared(network, x), rel=1e-4)
    for flat, adapted in zip(information_maps(constant, x), information_maps(network, x), strict=True):
        assert flat.std() < 1e-4 * flat.mean() and adapted.std() > 10 * flat.std()
    with torch.no_grad():
        assert torch.equal(constant(x)[0], network(x)[0])  # with the noise off nothing else has changed


def test_share_from_image_is_that_of_a_sum_of_patterns():
    generator = np.random.default_rng(0)
    places, images = generator.normal(size=(1, 8, 8)), generator.normal(size=(400, 8, 8))
    offsets = generator.normal(size=(400, 1, 1))
    share = reading.share_from_image(torch.tensor(2 * places + images + 5 * offsets))
    assert share == pytest.approx(1 / (1 + 4 * places.var()), abs=0.01)
    assert reading.share_from_image(torch.tensor(places).expand(5, 8, 8)) == 0
    few = [reading.share_from_image(torch.tensor(generator.normal(size=(3, 8, 8)))) for _ in range(300)]
    assert np.mean(few) == pytest.approx(1, abs=0.02)  # not 2/3: three images' mean still varies


@pytest.mark.parametrize("layer", [1, 2, 3])
def test_a_place_sees_the_pixels_that_the_ink_in_sight_averages(layer):
    torch.manual_seed(0)
    network = all_cnn_96(width=0.1).eval()
    x = torch.randn(1, 1, 96, 96, requires_grad=True)
    rows = 96 // 2**layer
    place = (rows // 2, rows // 2 - 1)
    network(x)[1][layer - 1].sum(1)[0][place].backward()
    seen = x.grad[0, 0].ne(0).nonzero()
    corners = seen.min(0).values.tolist(), seen.max(0).values.tolist()
    assert [b - a + 1 for a, b in zip(*corners, strict=True)] == [reading.receptive_field(layer)] * 2
    for pixel, inside in (
        (corners[0], True), (corners[1], True), ([corners[0][0] - 1, corners[0][1]], False), ([corners[1][0], corners[1][1] + 1], False),
    ):  # fmt: skip
        image = torch.zeros(1, 96, 96, 1, dtype=torch.uint8)
        image[0, pixel[0], pixel[1]] = 255
        sight = reading.ink_in_sight(image, layer)
        assert sight.shape == (1, rows, rows)
        assert sight[0][place].item() == pytest.approx(inside / reading.receptive_field(layer) ** 2)


def test_ink_is_the_mean_of_a_places_pixels(clutter):
    found = reading.ink(clutter.images, 12)
    assert found[2, 3, 7].item() == pytest.approx(
        clutter.images[2, 24:32, 56:64].double().mean().item() / 255, rel=1e-5
    )


def test_places_on_digit_and_distractors_by_their_centres(clutter):
    rows = 24
    brightness = reading.ink(clutter.images, rows)
    digit, distractor = (
        reading.on_digit(clutter.box, brightness),
        reading.on_distractor(clutter.box, clutter.distractors, brightness),
    )
    assert digit.any() and distractor.any()

    def holds(box, y, x):
        top, left, bottom, right = box.tolist()
        return top <= y < bottom and left <= x < right

    for k, i, j in itertools.product(range(2), range(rows), range(rows)):
        y, x = (i + 0.5) * 4, (j + 0.5) * 4
        inked = brightness[k, i, j] >= INKED
        inside = holds(clutter.box[k], y, x)
        assert digit[k, i, j] == (inked and inside)
        assert distractor[k, i, j] == (inked and not inside and any(holds(b, y, x) for b in clutter.distractors[k]))


def test_separation_against_all_pairs():
    generator = torch.Generator().manual_seed(0)
    maps = torch.randint(0, 4, (6, 12, 12), generator=generator).float()
    here, there = torch.rand(2, 6, 12, 12, generator=generator) > 0.7
    there &= ~here
    for score, values, a, b in zip(separation(maps, here, there), maps, here, there, strict=True):
        pairs = [(p > q) + (p == q) / 2 for p in values[a].tolist() for q in values[b].tolist()]
        assert score.item() == pytest.approx(np.mean(pairs), abs=1e-6)
    assert separation(maps, here, torch.zeros_like(there)).isnan().all()


@pytest.mark.parametrize("rows,size,side", [(6, 12, 4), (3, 6, 2), (3, 9, 4)])
def test_the_best_fixed_map_scores_as_its_own_auroc(rows, size, side):
    corners = list(itertools.product(range(size - side + 1), repeat=2))
    box = torch.tensor([[i, j, i + side, j + side] for i, j in corners])
    inside = torch.stack([torch.tensor([[i <= (r + 0.5) * size / rows < i + side and j <= (c + 0.5) * size / rows < j + side
                                        for c in range(rows)] for r in range(rows)]) for i, j in corners])  # fmt: skip
    assert torch.equal(inside, in_box(box, rows, rows, size).bool())
    within = inside.sum((1, 2))
    weight = 1 / (within * (rows**2 - within)).double()
    coverage = (inside.double() * weight[:, None, None]).sum(0).mul(1e9).round()
    plain = separation(coverage.expand(len(box), rows, rows), inside, ~inside).mean().item()
    assert reading.blind_auroc(rows, size, side) == pytest.approx(plain, abs=1e-6)


def test_readings_are_compared_question_by_question(clutter):
    brightness = reading.ink(clutter.images, 24)
    found = reading.compared(clutter, {"ink": [brightness], "box": [in_box(clutter.box, 24, 24)]})
    assert found["inside the box"]["box"] == [(1, 0)]
    scores = reading.per_image(clutter, brightness)["digit or distractor"]
    mean, error = found["digit or distractor"]["ink"][0]
    assert mean == pytest.approx(scores.mean().item()) and error == pytest.approx(scores.std().item() / 6**0.5)
    assert reading.mean_and_error(torch.tensor([1.0, float("nan"), 3.0])) == pytest.approx((2, 1))


def test_no_order_of_the_places_beats_the_best_fixed_map():
    size, side, rows = 6, 3, 3
    corners = list(itertools.product(range(size - side + 1), repeat=2))
    box = torch.tensor([[i, j, i + side, j + side] for i, j in corners])
    inside = in_box(box, rows, rows, size).bool()
    best = reading.blind_auroc(rows, size, side)
    generator = torch.Generator().manual_seed(0)
    tried = [torch.randperm(9, generator=generator).view(1, 3, 3).float() for _ in range(300)]
    scores = [separation(order.expand_as(inside), inside, ~inside).mean().item() for order in tried]
    assert 0.5 < max(scores) <= best + 1e-6
