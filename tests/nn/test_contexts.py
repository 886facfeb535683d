"""The costs of anybody's network are gathered, each use once, and nothing that costs is overlooked."""

import copy
import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from ib_tutorial.nn import BinaryDropout, Collected, InformationDropout, NoisyNetwork, collect_kl, mlp, noise
from ib_tutorial.training import information_bottleneck_loss


def layer(n_in=4, n_out=4):
    return InformationDropout(nn.Sequential(nn.Linear(n_in, n_out), nn.ReLU()), nn.Linear(n_in, n_out))


def sequential(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(layer(), nn.Linear(4, 4), layer(), nn.Linear(4, 3))


class Block(nn.Module):
    """Somebody's block, which unpacks the pair and drops the cost."""

    def __init__(self):
        super().__init__()
        self.inner = layer()

    def forward(self, x):
        return x + self.inner(x)[0]


def test_layers_stand_in_a_sequential_and_their_costs_are_those_of_the_plain_layers():
    network, x = sequential().eval(), torch.randn(5, 4)
    with collect_kl(network) as kl_terms:
        logits = network(x)
    z, first = network[0](x)
    z, second = network[2](network[1](z))
    assert torch.equal(logits, network[3](z))
    assert len(kl_terms) == 2 and torch.equal(kl_terms[0], first) and torch.equal(kl_terms[1], second)
    assert isinstance(network[0](x), tuple)  # outside the context a layer returns its pair again


def test_costs_reach_the_parameters_as_with_the_plain_layers():
    network, x, y = sequential(), torch.randn(6, 4), torch.arange(6) % 3
    torch.manual_seed(1)
    with collect_kl(network) as kl_terms:
        information_bottleneck_loss(network(x), y, kl_terms, beta=5.0, n_train=6).backward()
    gathered = [p.grad.clone() for p in network.parameters()]
    network.zero_grad()
    torch.manual_seed(1)
    z, first = network[0](x)
    z, second = network[2](network[1](z))
    information_bottleneck_loss(network[3](z), y, [first, second], beta=5.0, n_train=6).backward()
    assert all(torch.equal(a, p.grad) for a, p in zip(gathered, network.parameters(), strict=True))


class Checkpointed(nn.Module):
    """A block whose units are computed again in the backward pass."""

    def __init__(self, body, use_reentrant=False):
        super().__init__()
        self.body, self.use_reentrant = body, use_reentrant

    def forward(self, x):
        return checkpoint(self.body, x, use_reentrant=self.use_reentrant)


@pytest.mark.slow
@pytest.mark.parametrize("within", [True, False])
def test_a_checkpointed_block_pays_once(within):
    body = sequential()
    plain, again = Collected(copy.deepcopy(body)), Checkpointed(body)
    x, gradients = torch.randn(5, 4), []
    for network in (plain, again):
        torch.manual_seed(2)
        if network is again and within:
            with collect_kl(network) as kl_terms:
                output = network(x)
                (output.sum() + sum(kl.sum() for kl in kl_terms)).backward()
        else:
            network = network if network is plain else Collected(network)
            output, kl_terms = network(x)
            (output.sum() + sum(kl.sum() for kl in kl_terms)).backward()
        assert len(kl_terms) == 2
        gradients.append([p.grad for p in network.parameters()])
    assert all(torch.allclose(a, b) for a, b in zip(*gradients, strict=True))


def test_a_block_that_is_checkpointed_so_that_its_cost_teaches_nothing_is_named():
    network = Collected(Checkpointed(sequential(), use_reentrant=True))
    with pytest.warns(UserWarning, match="use_reentrant=False"):
        network(torch.randn(5, 4, requires_grad=True))


def test_a_block_inside_a_noisy_network_pays_although_it_drops_its_cost():
    network, x = NoisyNetwork(nn.Linear(4, 4), Block(), layer(), nn.Linear(4, 3)), torch.randn(2, 4)
    _, kl_terms = network(x)
    assert len(kl_terms) == 2 and all(kl.requires_grad for kl in kl_terms)
    scales = network.eval().noise_scales(x)
    assert len(scales) == 2
    assert torch.equal(scales[0], network.layers[1].inner.noise_scale(network.layers[0](x)))


def test_a_network_of_ours_counts_as_one_layer_of_another():
    torch.manual_seed(0)
    inside = mlp(5, n_inputs=4, n_classes=4)
    network = nn.Sequential(nn.Linear(4, 4), inside, nn.Linear(4, 2))
    with collect_kl(network) as kl_terms:
        assert network(torch.randn(3, 4)).shape == (3, 2)
    assert len(kl_terms) == 3
    both = NoisyNetwork(nn.Linear(4, 4), inside, nn.Linear(4, 2))
    assert len(both(torch.randn(3, 4))[1]) == 3


def test_the_noise_scales_of_a_collected_network_are_those_that_its_layers_use():
    body, x = sequential().eval(), torch.randn(3, 4)
    z, _ = body[0](x)
    expected = [body[0].noise_scale(x), body[2].noise_scale(body[1](z))]
    found = Collected(body).noise_scales(x)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def test_a_layer_used_twice_pays_twice():
    shared = layer()
    network = nn.Sequential(shared, shared)
    with collect_kl(network) as kl_terms:
        network(torch.randn(3, 4))
    assert len(kl_terms) == 2


def test_a_network_without_noise_layers_is_refused():
    with pytest.raises(ValueError, match="Linear has no noise layer"), collect_kl(nn.Linear(2, 2)):
        pass
    with pytest.raises(ValueError, match="Sequential has no noise layer"):
        Collected(nn.Sequential(nn.Linear(2, 2)))


def test_a_copy_of_a_collected_network_gathers_its_own_costs():
    network = Collected(sequential())
    twin = copy.deepcopy(network)
    twin(torch.randn(3, 4))
    _, kl_terms = twin(torch.randn(2, 4))
    assert [len(kl) for kl in kl_terms] == [2, 2] and network.kl_terms is None


def test_the_context_leaves_no_hook_behind_whatever_happens():
    network = sequential()
    with pytest.raises(RuntimeError, match="stop"), collect_kl(network):
        raise RuntimeError("stop")
    assert isinstance(network[0](torch.randn(2, 4)), tuple)


def test_a_copy_made_while_noise_is_forced_follows_its_own_mode():
    layer = BinaryDropout(nn.Identity(), 0.5).eval()
    x = torch.ones(100)[:, None]
    with noise(layer):
        twin = copy.deepcopy(layer)
        assert not torch.equal(layer(x)[0], x)
    assert torch.equal(twin(x)[0], x)


def test_costs_that_are_collected_already_are_not_collected_again():
    """Running a cell twice made a second wrapper take a batch of two apart: image 1 as the units, image 2 as their cost."""
    body = sequential()
    Collected(body)
    with pytest.raises(ValueError, match="collected already"):
        Collected(body)
    with collect_kl(other := sequential()), pytest.raises(ValueError, match="collected already"), collect_kl(other):
        pass


def test_a_layer_within_another_layers_f_is_refused():
    with pytest.raises(ValueError, match="f holds a noise layer"):
        InformationDropout(nn.Sequential(nn.Linear(4, 4), Block()), nn.Linear(4, 4))


def test_a_wrapper_keeps_the_networks_mode_and_no_graph():
    body = sequential().eval()
    network = Collected(body)
    assert not network.training
    body(torch.randn(3, 4))
    with pytest.raises(RuntimeError):
        network(torch.randn(3, 5))
    copy.deepcopy(network)
    assert network.kl_terms is None


@pytest.mark.parametrize("how", ["functional_call", "autocast"])
def test_costs_are_gathered_as_often_as_the_network_is_called(how):
    body, x = sequential(), torch.randn(5, 4)
    for seed in range(3):
        torch.manual_seed(seed)
        with collect_kl(body) as plain:
            expected = body(x)
        torch.manual_seed(seed)
        with collect_kl(body) as kl_terms, torch.autocast("cpu", dtype=torch.bfloat16, enabled=how == "autocast"):
            weights = dict(body.named_parameters())
            found = torch.func.functional_call(body, weights, (x,)) if how == "functional_call" else body(x)
        assert len(kl_terms) == len(plain) == 2 and all(kl.dtype == torch.float32 for kl in kl_terms)
        near = dict(rtol=0.1, atol=0.1) if how == "autocast" else dict(rtol=1e-6, atol=0)
        assert torch.allclose(found.float(), expected, **near)
        assert all(torch.allclose(a, b, **near) for a, b in zip(kl_terms, plain, strict=True))


def test_a_collected_network_can_be_trained_further_in_a_loop_of_ones_own():
    network, x = Collected(sequential()), torch.randn(5, 4)
    with collect_kl(network) as kl_terms:
        assert network(x).shape == (5, 3)
    assert len(kl_terms) == 2 and isinstance(network(x), tuple)


COMPILED = """
import torch
from torch import nn
from ib_tutorial.nn import InformationDropout, collect_kl

body = nn.Sequential(InformationDropout(nn.Linear(4, 4), nn.Linear(4, 4)), nn.Linear(4, 3))
fast, x = torch.compile(body, backend="eager"), torch.randn(5, 4)
for seed in range(3):
    outputs = []
    for network in (body, fast):
        torch.manual_seed(seed)
        with collect_kl(network) as kl_terms:
            outputs += [network(x), *kl_terms]
    assert len(outputs) == 4 and torch.equal(outputs[0], outputs[2]) and torch.equal(outputs[1], outputs[3])

torch.compiler.reset()
layer = nn.Sequential(InformationDropout(nn.Linear(4, 4), nn.Linear(4, 4)))
fast = torch.compile(layer, backend="eager")
fast(x)  # outside of the context
try:
    with collect_kl(fast) as kl_terms:
        fast(x)
    raise SystemExit("the list was empty, and nobody said so")
except ValueError as error:
    assert not kl_terms and "call torch.compiler.reset()" in str(error)
torch.compiler.reset()
with collect_kl(fast) as kl_terms:
    fast(x)
assert len(kl_terms) == 1
"""


@pytest.mark.slow
def test_a_compiled_network_pays_at_each_call():
    """In a process of its own: the compiler cannot trace the run-time checks of these tests."""
    done = subprocess.run([sys.executable, "-c", COMPILED], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
