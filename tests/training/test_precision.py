import warnings

import pytest
import torch

from ib_tutorial.nn import all_cnn_32, mlp
from ib_tutorial.training import fit
from ib_tutorial.training import precision as precision_module
from ib_tutorial.training.loop import compiled
from ib_tutorial.training.precision import autocast, bfloat16_gain, chosen

CPU = torch.device("cpu")


@pytest.mark.parametrize(("gain", "expected"), [(3.0, "bfloat16"), (1.0, "float32"), (0.1, "float32")])
def test_auto_is_what_the_device_is_faster_at(monkeypatch, gain, expected):
    monkeypatch.setattr(precision_module, "bfloat16_gain", lambda device: gain)
    assert chosen("auto", CPU) == expected
    assert chosen("float32", CPU) == "float32" and chosen("bfloat16", CPU) == "bfloat16"


def test_the_gain_is_measured(monkeypatch):
    times = {"float32": 3.0, "bfloat16": 2.0}
    monkeypatch.setattr(precision_module, "seconds", lambda kind, *_: times[kind])
    bfloat16_gain.cache_clear()
    assert bfloat16_gain("cpu") == 1.5
    bfloat16_gain.cache_clear()


def test_an_unknown_precision_is_refused(unchecked):
    with pytest.raises(ValueError, match="precision is 'half'"):
        chosen("half", CPU)


@pytest.mark.parametrize("activation", ["relu", "softplus"])
def test_bfloat16_leaves_costs_parameters_and_losses_in_float32(activation):
    torch.manual_seed(0)
    network = all_cnn_32(width=0.05, activation=activation)
    with autocast("bfloat16", CPU):
        logits, kl_terms = network(torch.randn(4, 3, 32, 32))
    assert logits.dtype == torch.bfloat16
    assert all(kl.dtype == torch.float32 and torch.isfinite(kl).all() for kl in kl_terms)
    assert all(p.dtype == torch.float32 for p in network.parameters())


@pytest.mark.slow
@pytest.mark.parametrize("activation", ["relu", "softplus"])
def test_bfloat16_trains_as_float32_does(activation):
    """The first epoch's means, before rounding has had time to add up; bfloat16 keeps 8 bits, so 1 % is what it can do."""
    x, y = torch.randn(64, 3, 32, 32), torch.arange(64) % 10
    first = {}
    for kind in ("float32", "bfloat16"):
        torch.manual_seed(0)
        network = all_cnn_32(width=0.1, activation=activation)
        first[kind] = fit(network, x, y, epochs=1, lr=1e-3, beta=0.1, batch_size=32, precision=kind, progress=False)[0]
    assert first["bfloat16"].cross_entropy == pytest.approx(first["float32"].cross_entropy, rel=0.01)
    assert first["bfloat16"].kl == pytest.approx(first["float32"].kl, rel=0.01)


def test_where_compiling_fails_training_says_so_and_goes_on(monkeypatch):
    def no_compiler(network):
        def fails(x):
            raise RuntimeError("no compiler here")

        return fails

    monkeypatch.setattr(torch, "compile", no_compiler)
    network = mlp(4, n_inputs=6)
    with pytest.warns(UserWarning, match="torch.compile failed \\(RuntimeError\\); training goes on without it"):
        assert compiled(network, torch.randn(5, 6), "float32") is network
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit(
            network,
            torch.randn(20, 6),
            torch.arange(20) % 10,
            epochs=1,
            lr=0.1,
            batch_size=5,
            compile=True,
            progress=False,
        )


def test_trying_the_compiler_leaves_network_and_random_state_alone(monkeypatch):
    network = all_cnn_32(width=0.05).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    x = torch.randn(4, 3, 32, 32)
    state = torch.random.get_rng_state()
    monkeypatch.setattr(torch, "compile", lambda network: network)
    compiled(network, x, "float32")
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert torch.equal(state, torch.random.get_rng_state())


def test_numbers_do_not_depend_on_whether_the_probe_was_made_before():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    bfloat16_gain.__wrapped__("cpu")
    assert torch.equal(torch.rand(3), expected)
