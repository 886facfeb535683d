"""Training computes where its input is: with another default device, a factory that names none would fail."""

import pytest
import torch

from ib_tutorial.nn import all_cnn_32, mlp, vae
from ib_tutorial.training import (
    bernoulli_nats,
    evaluate,
    evidence_bound,
    fit,
    fit_stacked,
    information_bottleneck_loss,
    kl_per_image,
    reading,
    recalibrate_batch_norm,
)

X, Y = torch.randn(20, 6), torch.arange(20) % 3
PIXELS = (X > 0).float()
PICTURES = torch.randn(8, 3, 32, 32)


def networks():
    torch.manual_seed(0)
    return [mlp(4, n_inputs=6, n_classes=3, depth=1) for _ in range(2)]


def autoencoder():
    with torch.device("cpu"):
        torch.manual_seed(0)
        return vae(4, 2, n_pixels=6)


def convolutional():
    with torch.device("cpu"):
        torch.manual_seed(0)
        return all_cnn_32(width=0.02)


def read(network):
    with reading(network, PICTURES, noisy=True):
        return network(PICTURES)[0].sum()


def stacked(networks):
    options = dict(epochs=2, lrs=(0.1, 0.2), betas=(0.0, 1.0), seeds=(0, 1), batch_size=7, progress=False)
    return fit_stacked(networks, X, Y, **options)


CALLS = {
    "bernoulli_nats": lambda given: bernoulli_nats(X, PIXELS),
    "kl_per_image": lambda given: (kl_per_image([]), kl_per_image([X])),
    "information_bottleneck_loss": lambda given: information_bottleneck_loss(X, Y, [], 1.0, 20),
    "fit_stacked": stacked,
    "fit": lambda given: fit(given[0], X, Y, epochs=2, lr=0.1, beta=1.0, batch_size=7, precision="float32", progress=False),
    "fit on batches": lambda given: fit(given[0], [(X, Y)], epochs=1, lr=0.1, n_train=20, precision="float32", progress=False),
    "evaluate": lambda given: (evaluate(given[0], X, Y), evaluate(given[0], X, Y, noisy=True)),
    "evidence_bound": lambda given: evidence_bound(autoencoder(), PIXELS),
    "recalibrate_batch_norm": lambda given: recalibrate_batch_norm(convolutional(), PICTURES),
    "reading": lambda given: read(convolutional()),
}


@pytest.mark.parametrize("name", CALLS)
def test_it_computes_where_its_input_is(name):
    expected, given = str(CALLS[name](networks())), networks()
    with torch.device("meta"):
        assert str(CALLS[name](given)) == expected
