"""The experiments on Table 2's networks: their measures against plain computations, and each at smoke from end to end."""

import math

import pytest
import torch

from data_gen import load
from ib_tutorial.experiments import EXPERIMENTS, run, vision
from ib_tutorial.experiments.activation_priors import CLOSE, distances, histogram
from ib_tutorial.experiments.experiment import Context
from ib_tutorial.experiments.information_maps import information_maps
from ib_tutorial.experiments.total_correlation import log_units
from ib_tutorial.experiments.verdicts import judge
from ib_tutorial.nn import all_cnn_32, all_cnn_96
from ib_tutorial.training import reading, recalibrate_batch_norm

ON_TABLE_2 = ("activation_priors", "cifar_filters", "information_maps", "occluded_nuisance", "total_correlation")


@pytest.fixture(scope="module", params=ON_TABLE_2)
def smoke(request, tmp_path_factory):
    out = tmp_path_factory.mktemp(request.param)
    return request.param, run(request.param, "smoke", jobs=1, out=out, progress=False), out


@pytest.mark.slow
def test_smoke_runs_end_to_end_and_every_claim_is_judged(smoke):
    name, record, _ = smoke
    assert record.finished and len(record.seeds) == 2
    for finding in EXPERIMENTS[name].FINDINGS:
        verdict = judge(finding, record)
        # one epoch on 64 images teaches nothing, so most are void
        assert verdict.n in (0, 2) and verdict.verdict in ("void", "supported", "not supported", "inconclusive")
    assert all(math.isfinite(row["value"]) for row in record.rows)


def test_a_seed_gives_the_same_rows(smoke):
    name, record, _ = smoke
    module = EXPERIMENTS[name]
    from dataclasses import replace

    settings = replace(module.Config(), **module.PROFILES["smoke"])
    cell = next(cell for cells in module.stages(settings) for cell in cells)
    result = module.run_cell(cell, Context(settings, None, record, torch.device("cpu")))
    rows = result[0] if isinstance(result, tuple) else result
    for row in rows:
        assert record.select(**(cell | row)), row


def test_seeds_and_betas_differ(smoke):
    _, record, _ = smoke
    for metric in ("test_error", "validation_error", "train_kl"):
        values = {row["value"] for row in record.select(metric=metric)}
        if values:
            assert len(values) > 1


def test_weights_are_kept_beside_the_record_of_the_maps(smoke):
    name, _, out = smoke
    kept = list(out.glob("*.safetensors"))
    assert bool(kept) == (name == "information_maps")


def test_standardised_pixels():
    a, b = (torch.randint(0, 256, (n, 5, 4, 3), dtype=torch.uint8) for n in (7, 3))
    x, other = vision.standardised(a, b)
    for channel in range(3):
        pixels = a[..., channel].double()
        assert torch.allclose(x[:, channel].double(), (pixels - pixels.mean()) / pixels.std(), atol=1e-5)
        assert torch.allclose(
            other[:, channel].double(), (b[..., channel].double() - pixels.mean()) / pixels.std(), atol=1e-5
        )


@pytest.mark.slow
def test_validation_images_are_training_images_that_were_held_out():
    train, validation, test = vision.classification_data("shapes32", None, 50, 20, 30, torch.device("cpu"))
    assert [len(split.x) for split in (train, validation, test)] == [50, 20, 30]
    of_split = load("shapes32", "train")
    chosen = vision.subset(len(of_split.images), 70, seed=0)
    assert torch.equal(train.y, of_split.labels[chosen[:50]]) and torch.equal(validation.y, of_split.labels[chosen[50:]])
    assert len(chosen.unique()) == 70
    assert torch.equal(test.y, load("shapes32", "test").labels[:30])
    with pytest.raises(ValueError, match=r"shapes32 has too few .*: 10,000 train images, 10,010 needed"):
        vision.classification_data("shapes32", None, 9990, 20, 30, torch.device("cpu"))


def test_each_seed_has_training_images_of_its_own_and_the_same_test_images():
    seeds = [vision.classification_data("shapes32", None, 50, 20, 30, torch.device("cpu"), seed=s) for s in (0, 1, 1)]
    assert not torch.equal(seeds[0][0].y, seeds[1][0].y) and torch.equal(seeds[1][0].x, seeds[2][0].x)
    assert torch.equal(seeds[0][2].y, seeds[1][2].y)


def test_nats_per_layer_against_one_image_at_a_time():
    torch.manual_seed(0)
    network = all_cnn_32(width=0.05).eval()
    x = torch.randn(7, 3, 32, 32)
    first = (
        sum(network(x[i : i + 1])[1][0].sum().item() for i in range(7)) / 7
    )  # nothing noisy lies below the first layer
    (nats, units), _ = vision.kl_per_layer(network, x, batch_size=3)
    assert nats == pytest.approx(first, rel=1e-4) and units == network.representation(x, 0)[0][0].numel()


def test_log_units_belong_together_and_differ_by_the_noise_alone():
    torch.manual_seed(0)
    network = all_cnn_32(width=0.05, activation="softplus")
    x = torch.randn(40, 3, 32, 32)
    recalibrate_batch_norm(network, x)
    log_f, log_z = log_units(network, x, batch_size=40)
    with reading(network, noisy=True):
        h = x
        for module in network.layers[:5]:
            h = module(h)[0] if module is network.layers[2] else module(h)
        last = network.layers[5]
        assert torch.allclose(last.f(h).clamp(min=1e-4).log().flatten(1), log_f, atol=1e-5)
        n = (log_z - log_f) / last.noise_scale(h).flatten(1)
    assert n.mean().abs() < 0.05 and n.std().item() == pytest.approx(1, abs=0.05)


# ---- Fig. 1 ----


def test_distance_is_small_from_the_distribution_itself_and_large_from_the_other():
    generator = torch.Generator().manual_seed(0)
    normal = distances(torch.randn(50_000, generator=generator) * 1.7 - 3)
    uniform = distances(torch.rand(50_000, generator=generator) * 4 + 1)
    assert normal["distance_normal"] < CLOSE < normal["distance_uniform"]
    assert uniform["distance_uniform"] < CLOSE < uniform["distance_normal"]


def test_distance_against_scipys_kolmogorov_smirnov():
    from scipy import stats

    x = torch.randn(400, generator=torch.Generator().manual_seed(3)).double()
    low, high = (x.sort().values[int(q * 399)].item() for q in (0.05, 0.95))
    middle = x[(x >= low) & (x <= high)].numpy()
    mean, std = x.mean().item(), x.std().item()
    cut = stats.truncnorm((low - mean) / std, (high - mean) / std, mean, std)
    assert distances(x)["distance_normal"] == pytest.approx(stats.kstest(middle, cut.cdf).statistic, abs=1e-9)
    uniform = stats.uniform(low, high - low)
    assert distances(x)["distance_uniform"] == pytest.approx(stats.kstest(middle, uniform.cdf).statistic, abs=1e-9)


def test_the_histogram_is_a_density():
    density, edges = histogram(torch.randn(100_000, generator=torch.Generator().manual_seed(0)), 50)
    assert (density * edges.diff()).sum().item() == pytest.approx(0.998, abs=2e-3)


# ---- Figs 2 and 7 ----


def test_maps_are_repeatable_and_sum_to_the_layers_nats():
    torch.manual_seed(0)
    network = all_cnn_96(width=0.1).train()
    x = torch.randn(3, 1, 96, 96)
    recalibrate_batch_norm(network, x)
    maps = information_maps(network, x, batch_size=2)
    assert [tuple(m.shape) for m in maps] == [(3, 48, 48), (3, 24, 24), (3, 12, 12), (3, 6, 6)]
    assert all(torch.equal(a, b) for a, b in zip(maps, information_maps(network, x, batch_size=2), strict=True))
    whole = network.eval()(x)[1]
    assert all(
        torch.allclose(m.sum((1, 2)), kl.flatten(1).sum(1), rtol=1e-4) for m, kl in zip(maps, whole, strict=True)
    )


def test_half_a_data_set_has_the_mean_of_each_two_by_two_pixels():
    whole, half = (vision.images(name, "test", None) for name in ("mnist5k", "mnist5k/2"))
    assert half.images.shape == (len(whole.images), 14, 14, 1) and (half.labels == whole.labels).all()
    place = whole.images[7, 12:14, 10:12, 0].float()
    assert place.std() > 0 and half.images[7, 6, 5, 0] == place.mean().round()
    assert half.source == whole.source
