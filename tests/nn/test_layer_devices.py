"""A layer or network computes where it stands: with another default device, a factory that names none would fail."""

import pytest
import torch
from torch import nn

from ib_tutorial import nn as ib_nn
from ib_tutorial.nn import _normal, noise

F, G = nn.Linear(3, 4), nn.Linear(3, 4)
LAYERS = {
    "BinaryDropout": lambda: ib_nn.BinaryDropout(F, gate=G),
    "Deterministic": lambda: ib_nn.Deterministic(F),
    "GaussianDropout": lambda: ib_nn.GaussianDropout(F),
    "VariationalBottleneck": lambda: ib_nn.VariationalBottleneck(F, G),
    "InformationDropout": lambda: ib_nn.InformationDropout(F, G, "log_normal", noise="unit_mean"),
    "InformationDropout, fused": lambda: ib_nn.InformationDropout(F, G, "log_normal", noise="unit_mean", fused=True),
    "LogNormalDropout": lambda: ib_nn.LogNormalDropout(F),
    "TruncatedInformationDropout": lambda: ib_nn.TruncatedInformationDropout(F, G),
    "VariationalDropout": lambda: ib_nn.VariationalDropout(F),
}
NETWORKS = {
    "mlp": (lambda: ib_nn.mlp(4, n_inputs=12), (2, 12)),
    "vae": (lambda: ib_nn.vae(4, 2, "information", n_pixels=12), (2, 12)),
    "all_cnn_32": (lambda: ib_nn.all_cnn_32(width=0.05), (2, 3, 32, 32)),
    "all_cnn_96": (lambda: ib_nn.all_cnn_96(width=0.05), (2, 1, 96, 96)),
}


@pytest.mark.parametrize("piece", [2, 2**20])
@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_computes_where_its_input_is(monkeypatch, name, piece):
    monkeypatch.setattr(_normal, "PIECE", piece)
    layer, x = LAYERS[name](), torch.randn(5, 3)
    with torch.device("meta"):
        z, kl = layer(x)
        (z.sum() + kl.sum()).backward()
        clean, _ = layer.eval()(x)
    assert {z.device.type, kl.device.type, clean.device.type, F.weight.grad.device.type} == {"cpu"}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_computes_where_its_input_is(name):
    build, shape = NETWORKS[name]
    network, x = build(), torch.randn(shape)
    with torch.device("meta"):
        output, kl_terms = network(x)
        with noise(network.eval()):
            inside = [*network.noise_scales(x), *network.representation(x)]
    assert {each.device.type for each in (output, *kl_terms, *inside)} == {"cpu"}
