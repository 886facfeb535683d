"""Training computes where its input is: with another default device, a factory that names none would fail."""

import pytest
import torch

from ib_tutorial.nn import mlp
from ib_tutorial.training import bernoulli_nats, fit_stacked, information_bottleneck_loss, kl_per_image

X, Y = torch.randn(20, 6), torch.arange(20) % 3
PIXELS = (X > 0).float()


def networks():
    torch.manual_seed(0)
    return [mlp(4, n_inputs=6, n_classes=3, depth=1) for _ in range(2)]


def stacked(networks):
    options = dict(epochs=2, lrs=(0.1, 0.2), betas=(0.0, 1.0), seeds=(0, 1), batch_size=7, progress=False)
    return fit_stacked(networks, X, Y, **options)


CALLS = {
    "bernoulli_nats": lambda given: bernoulli_nats(X, PIXELS),
    "kl_per_image": lambda given: (kl_per_image([]), kl_per_image([X])),
    "information_bottleneck_loss": lambda given: information_bottleneck_loss(X, Y, [], 1.0, 20),
    "fit_stacked": stacked,
}


@pytest.mark.parametrize("name", CALLS)
def test_it_computes_where_its_input_is(name):
    expected, given = str(CALLS[name](networks())), networks()
    with torch.device("meta"):
        assert str(CALLS[name](given)) == expected
