"""Oracles: predictions and attacks by their definitions, a killed run, and records made by hand."""

import itertools
import math
from dataclasses import asdict, replace

import pytest
import torch
from torch import nn

from ib_tutorial.experiments import run
from ib_tutorial.experiments import two_bottlenecks as experiment
from ib_tutorial.experiments.record import Record
from ib_tutorial.experiments.runner import config
from ib_tutorial.experiments.verdicts import judge
from ib_tutorial.experiments.vision import Split
from ib_tutorial.information import gaussian_total_correlation
from ib_tutorial.nn import BinaryDropout, Deterministic, InformationDropout, VariationalBottleneck
from ib_tutorial.training import initialised

SMOKE = config("two_bottlenecks", "smoke")


def network(method="vib", seed=0, inputs=6):
    return initialised(lambda: experiment.network_of(SMOKE, method, inputs), seed).requires_grad_(False)


def images(n=50, inputs=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return Split(2 * torch.rand(n, inputs, generator=generator) - 1, torch.randint(10, (n,), generator=generator))


def test_the_methods_differ_in_their_layer_and_start_from_the_same_encoder_and_units():
    kinds = {"vib": VariationalBottleneck, "softplus": InformationDropout, "relu": InformationDropout, "binary": BinaryDropout, "none": Deterministic, "linear": Deterministic}
    built = {method: network(method) for method in kinds}
    assert {method: type(each.layers[1]) for method, each in built.items()} == kinds
    assert built["softplus"].layers[1].prior == "log_normal" and built["relu"].layers[1].prior == "log_uniform"
    first = {name: value for name, value in built["none"].named_parameters() if "layers.0" in name}
    for each in built.values():
        assert all(torch.equal(dict(each.named_parameters())[name], value) for name, value in first.items())


def test_the_average_of_the_weights_is_the_exponential_one():
    data, settings = images(40), replace(SMOKE, epochs=1, batch_size=10, average=0.5, lr=0.01)
    steps = []

    class Noted(experiment.Adam):
        def step(self, closure=None):
            super().step(closure)
            steps.append([p.detach().clone() for group in self.param_groups for p in group["params"]])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiment, "Adam", Noted)
        found = list(experiment.trained(settings, "none", data, 0.0, 0).parameters())
    expected = [torch.stack(each) for each in zip(*steps, strict=True)]
    weights = torch.tensor([0.5**3, 0.5**3, 0.5**2, 0.5])  # the first step is taken as it is
    for mean, values in zip(found, expected, strict=True):
        torch.testing.assert_close(mean, torch.einsum("s,s...->...", weights, values))


def test_a_run_that_is_killed_goes_on_to_the_same_bits(tmp_path):
    data, settings = images(40), replace(SMOKE, epochs=3, batch_size=10)
    whole = experiment.trained(settings, "vib", data, 1.0, 0)
    path = tmp_path / "run.safetensors"
    experiment.trained(replace(settings, epochs=2), "vib", data, 1.0, 0, path)
    resumed = experiment.trained(settings, "vib", data, 1.0, 0, path)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), resumed.parameters(), strict=True))


def test_a_prediction_is_the_mean_of_the_draws_probabilities():
    noisy, x = network(), images().x
    noisy.layers[1].spread.bias.data.fill_(6.0)  # noise that matters
    torch.manual_seed(3)
    found = experiment.log_predictive(noisy, x, 4)
    torch.manual_seed(3)
    h = noisy.layers[0](x)
    layer = noisy.layers[1].train()
    expected = torch.stack([noisy.layers[2](layer(h)[0]).softmax(1) for _ in range(4)]).mean(0)
    torch.testing.assert_close(found.exp(), expected)
    clean = experiment.log_predictive(noisy, x, 0)
    torch.testing.assert_close(clean, noisy.layers[2](layer.f(h)).log_softmax(1))
    assert not torch.allclose(found, clean, atol=1e-2)


def test_the_calibration_error_is_that_of_its_definition():
    sure = torch.tensor([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.55, 0.45]]).log()
    # bins of 1/15: the first two share one, 0.6 is alone, and so is 0.55
    assert experiment.calibration_error(sure, torch.tensor([0, 1, 0, 1])) == pytest.approx((2 * abs(0.5 - 0.9) + 0.4 + 0.55) / 4, abs=1e-6)
    assert experiment.calibration_error(torch.tensor([[1.0, 0.0]]).log(), torch.tensor([0])) == 0
    generator = torch.Generator().manual_seed(0)
    p = torch.rand(200_000, generator=generator).double()
    y = (torch.rand(200_000, generator=generator).double() > p).long()  # class 0 as often as it says
    assert experiment.calibration_error(torch.stack([p, 1 - p], 1).log(), y) < 0.01


def test_an_attack_steps_up_the_cross_entropy_and_stays_in_the_picture():
    clean = network("none")
    data = images()
    x = experiment.attacked(clean, data.x, data.y, 0.01, 1)
    free = (data.x.abs() < 0.98).nonzero(as_tuple=True)
    given = data.x.clone().requires_grad_()
    nn.functional.cross_entropy(clean(given)[0].double(), data.y).backward()
    assert torch.equal((x - data.x)[free].sign(), given.grad[free].sign()), "the sign of the cross-entropy's gradient"
    assert torch.allclose((x - data.x)[free].abs(), torch.tensor(0.02), atol=1e-6), "a hundredth of the range from -1 to 1"
    assert x.min() >= -1 and x.max() <= 1
    before, after = (nn.functional.nll_loss(experiment.log_predictive(clean, each, 0), data.y) for each in (data.x, x))
    assert after > before


def test_an_attack_finds_its_way_where_the_prediction_is_sure():
    """The cross-entropy's gradient is 0 in float32 where the true class has the probability 1; that of the log odds is not."""
    clean, data = network("none"), images()
    clean.layers[2].weight.data *= 1e4
    y = clean(data.x)[0].argmax(1)
    given = data.x.clone().requires_grad_()
    nn.functional.cross_entropy(clean(given)[0], y).backward()
    assert (given.grad == 0).all(1).any()
    x = experiment.attacked(clean, data.x, y, 0.01, 1)
    assert ((x - data.x).abs() > 0.01).float().mean() > 0.9


def test_the_total_correlation_leaves_units_out_that_never_vary():
    z = torch.randn(500, 3, generator=torch.Generator().manual_seed(0)).double()
    z[:, 1] += z[:, 0]
    dead = torch.cat([z, torch.zeros(500, 2)], 1)
    expected = float(gaussian_total_correlation(z.T.cov(), n_samples=500))
    assert experiment.total_correlation(dead) == pytest.approx(expected)


def test_grey_pictures_are_read_once_and_coloured_ones_whole():
    grey = torch.rand(2, 1, 4, 4).expand(-1, 3, -1, -1)
    assert experiment.flattened(grey).shape == (2, 16) and experiment.flattened(torch.rand(2, 3, 4, 4)).shape == (2, 48)


@pytest.mark.slow
def test_a_small_run_is_whole_and_its_networks_have_not_learnt_so_that_claims_on_them_are_void():
    record = run("two_bottlenecks", "smoke", jobs=1, progress=False)
    assert record.finished
    assert {judge(finding, record).verdict for finding in experiment.FINDINGS} == {"void"}
    (one,) = record.select(metric="error_one", method="none", seed=0)
    assert one["value"] == record.select(metric="error_twelve", method="none", seed=0)[0]["value"], "no noise, no difference"


# ---- verdicts, on records made by hand ----

NATS = {"vib": (40.0, 20.0, 10.0, 5.0), "softplus": (80.0, 40.0, 20.0, 10.0), "relu": (90.0, 60.0, 30.0, 10.0)}


def made(errors=None, one=0.006, cross=(0.10, 0.14), calibration=None, attacked=None, left=(1.5, 1.0, 0.8, 0.6), keeps=0.4, raw=0.05, train=0.001, free_train=0.001):
    """A record of three seeds in which every value wobbles a little; the held-out images choose the third beta."""
    errors = {"none": 0.018, "linear": 0.02, "binary": 0.017, "vib": 0.014, "softplus": 0.012, "relu": 0.015} | (errors or {})
    calibration = {"none": 0.012, "linear": 0.001, "vib": 0.006} | (calibration or {})
    attacked = {"none": 0.6, "linear": 0.1, "vib": 0.4} | (attacked or {})
    settings = config("two_bottlenecks", "reduced")
    rows = []
    for seed in range(3):
        shift = 1 + 0.01 * seed
        for method, error in errors.items():
            betas = settings.betas if method in experiment.PRICED else (None,)
            for at, beta in enumerate(betas):
                which = dict(method=method, seed=seed) | ({} if beta is None else {"beta": beta})
                worse = 0.002 * abs(at - 2) if beta is not None else 0.0
                values = dict(
                    train_error=train if beta is not None else free_train, validation_error=error + worse, error_clean=error + worse,
                    error_twelve=(error + worse) * shift, error_one=(error + worse + (one if method == "vib" else 0.0)) * shift,
                    calibration_twelve=calibration.get(method, 0.01) * shift, nats=NATS.get(method, (0.0,))[at] * shift,
                )
                values["cross_entropy_twelve"] = (cross[0] if method == "vib" else cross[1]) * shift
                values["attacked_0.1_by_12"] = attacked.get(method, 0.5) * shift
                rows += [dict(part="digits", metric=m, value=v, **which) for m, v in values.items()]
                told = left[at] + (keeps if method == "softplus" else 0.0)
                under = dict(train_error=train, validation_error=error + worse, nuisance_information=told * shift)
                rows += [dict(part="nuisance", metric=m, value=v, **which) for m, v in under.items()]
        rows.append(dict(part="nuisance", method="raw picture", metric="nuisance_error", value=raw, seed=seed))
    return Record("two_bottlenecks", "reduced", asdict(settings), [0, 1, 2], "", {}, "", {}, "", finished=True, rows=rows)


def verdicts(**changed):
    return {finding.name.split(".")[1]: judge(finding, made(**changed)).verdict for finding in experiment.FINDINGS}


def test_a_record_in_which_every_claim_holds_supports_every_claim():
    assert set(verdicts().values()) == {"supported"}


@pytest.mark.parametrize(
    "changed, refuted",
    [
        (dict(errors={"none": 0.012}), {"vib_beats_none"}),
        (dict(errors={"binary": 0.012}), {"vib_beats_binary"}),
        (dict(errors={"linear": 0.012}), {"vib_beats_none", "vib_is_calibrated", "vib_resists"}),  # then it is the one that counts
        (dict(errors={"softplus": 0.016}), {"dropout_beats_vib"}),
        (dict(cross=(0.15, 0.14)), {"vib_pays_less"}),
        (dict(one=-0.004), {"draws_help"}),
        (dict(calibration={"none": 0.004}), {"vib_is_calibrated"}),
        (dict(attacked={"none": 0.3}), {"vib_resists"}),
        (dict(left=(0.6, 0.8, 1.0, 1.5)), {"vib_forgets_the_digit"}),
        (dict(keeps=-0.3), {"vib_keeps_less"}),
    ],
)
def test_a_claim_that_fails_is_not_supported_and_the_others_still_are(changed, refuted):
    found = verdicts(**changed)
    assert {name for name, verdict in found.items() if verdict == "not supported"} == refuted
    assert all(verdict == "supported" for name, verdict in found.items() if name not in refuted)


@pytest.mark.parametrize(
    "changed, void",
    [
        (dict(raw=0.3), {"vib_forgets_the_digit", "vib_keeps_less"}),
        (dict(free_train=0.2), {"vib_beats_none", "vib_beats_binary", "vib_is_calibrated", "vib_resists"}),
        (dict(train=0.2), {finding.name.split(".")[1] for finding in experiment.FINDINGS}),
    ],
)
def test_claims_on_networks_that_have_not_learnt_or_readers_that_cannot_read_are_void(changed, void):
    assert {name for name, verdict in verdicts(**changed).items() if verdict == "void"} == void


def test_values_at_equal_nats_lie_between_two_networks():
    record = made()
    nats = experiment.common_nats(record, ("vib", "softplus"))
    assert nats == pytest.approx(math.sqrt(10 * 1.02 * 40)), "the spans of all seeds share 10.2 to 40 nats"
    for seed, method in itertools.product(range(3), ("vib", "softplus")):
        assert experiment.curve(record, "nats", method, seed) == sorted((n * (1 + 0.01 * seed),) * 2 for n in NATS[method])
    found = experiment.at_nats(record, "error_twelve", "vib", 20.0)
    at = dict(experiment.curve(record, "error_twelve", "vib", 1))
    (low, of_low), (high, of_high) = sorted(at.items())[1:3]
    share = (math.log(20) - math.log(low)) / (math.log(high) - math.log(low))
    assert found[0] == pytest.approx(0.014 + 0.002) and found[1] == pytest.approx(of_low + share * (of_high - of_low))
