"""Our optimisers are torch's to the bit, and training imports no compiler."""

import inspect
import sys

import pytest
import torch
from torch.optim import Optimizer

from ib_tutorial.nn import mlp
from ib_tutorial.training import fit
from ib_tutorial.training.optimisers import SGD, Adam

PAIRS = [
    (SGD, torch.optim.SGD, dict(lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-3, fused=True)),
    (Adam, torch.optim.Adam, dict(lr=0.1, betas=(0.9, 0.99), weight_decay=1e-3, fused=True)),
]


def trained(optimiser_type, options, pause_after):
    """Weights and state after five steps; after some of them another optimiser takes up the state."""
    torch.manual_seed(0)
    layer, x = torch.nn.Linear(3, 2), torch.randn(8, 3)
    optimiser = optimiser_type(layer.parameters(), **options)
    for step in range(5):
        if step == pause_after:
            state, optimiser = optimiser.state_dict(), optimiser_type(layer.parameters(), **options)
            optimiser.load_state_dict(state)
        optimiser.zero_grad()
        layer(x).square().sum().backward()
        optimiser.step()
    return [*layer.parameters(), *(value for slots in optimiser.state.values() for value in slots.values())]


@pytest.mark.slow
@pytest.mark.parametrize("pause_after", [None, 2])
@pytest.mark.parametrize(("ours", "torchs", "options"), PAIRS)
def test_our_optimisers_are_torchs_to_the_bit(ours, torchs, options, pause_after):
    mine, theirs = trained(ours, options, pause_after), trained(torchs, options, pause_after)
    assert len(mine) == len(theirs) > 2 and all(torch.equal(a, b) for a, b in zip(mine, theirs, strict=True))


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_training_imports_no_compiler(optimiser, blobs, monkeypatch, tmp_path):
    """The import took two seconds of every run, every worker and every chapter."""
    for method in (Optimizer.add_param_group, Optimizer.zero_grad, Optimizer.state_dict):
        monkeypatch.delattr(inspect.unwrap(method), "__dynamo_disable", raising=False)  # torch's note that it is imported
    monkeypatch.setitem(sys.modules, "torch._dynamo", None)  # an import fails
    fit(mlp(4, n_inputs=8, n_classes=3), *blobs, epochs=1, lr=0.01, beta=0.1, optimiser=optimiser, checkpoint=tmp_path / "c", progress=False)
    with pytest.raises(ImportError):
        torch.optim.SGD([torch.zeros(1, requires_grad=True)])
