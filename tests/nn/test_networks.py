import pytest
import torch

from ib_tutorial.nn import InformationDropout, LogNormalDropout, mlp, noise


def count(network):
    return sum(p.numel() for p in network.parameters())


def test_parameters_of_the_mlp():
    weights = 784 * 100 + 100 + 2 * (100 * 100 + 100)
    head = 100 * 10 + 10
    assert count(mlp(100, "none")) == count(mlp(100, "binary")) == count(mlp(100, "log_normal")) == weights + head
    assert count(mlp(100, "information")) == 2 * weights + head


@pytest.mark.parametrize("dropout", ["none", "binary", "log_normal", "information"])
def test_logits_and_one_cost_per_hidden_layer(dropout):
    logits, kl_terms = mlp(7, dropout, depth=2)(torch.randn(5, 28, 28))
    assert logits.shape == (5, 10)
    assert [kl.shape for kl in kl_terms] == [(5, 7), (5, 7)]
    assert all(bool(kl.any()) == (dropout == "information") for kl in kl_terms)


def test_noise_scales_are_those_that_the_layers_use():
    torch.manual_seed(0)
    network = mlp(6, "information").eval()
    x = torch.randn(4, 784)
    scales = network.noise_scales(x)
    h = x.flatten(1)
    for layer, scale in zip(network.layers[1:4], scales, strict=True):
        assert isinstance(layer, InformationDropout)
        assert torch.equal(scale, layer.noise_scale(h))
        h = layer(h)[0]
    with noise(network):
        torch.manual_seed(1)
        assert not torch.equal(network.noise_scales(x)[1], scales[1])


def test_constant_scales_reach_their_layers():
    alphas = [
        m.alpha.item()
        for m in mlp(5, "log_normal", alphas=(0.1, 0.2, 0.3)).modules()
        if isinstance(m, LogNormalDropout)
    ]
    assert alphas == pytest.approx([0.1, 0.2, 0.3])


def test_settings_that_mean_nothing_are_refused():
    with pytest.raises(ValueError, match="alphas has 2 values"):
        mlp(5, "log_normal", alphas=(0.1, 0.2))
    with pytest.raises(ValueError, match="width is 0"):
        mlp(0)
