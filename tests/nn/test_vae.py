"""The autoencoder of Table 1 against its definition."""

import pytest
import torch
from torch import nn

from ib_tutorial.nn import InformationDropout, VariationalBottleneck, noise, vae


def parameters(network):
    return sum(p.numel() for p in network.parameters())


def test_table_1_has_512_k_hidden_units_and_256_k_latents():
    for k in (1, 2):
        h, d = 512 * k, 256 * k
        gaussian = (784 * h + h) + 2 * (h * d + d) + (d * h + h) + (h * 784 + 784)
        assert parameters(vae(h, d)) == gaussian
        assert parameters(vae(h, d, "information")) == gaussian + 2  # one mu and one sigma of the prior


def test_gaussian_latents_have_the_mean_and_the_variance_they_say():
    torch.manual_seed(0)
    mean, log_var = torch.tensor([1.5, -0.5]), torch.tensor([0.2, -3.0])
    layer = VariationalBottleneck(Fixed(mean), Fixed(log_var), scale="exp")
    z, kl = layer(torch.zeros(200_000, 1))
    assert torch.allclose(z.mean(0), mean, atol=1e-2)
    assert torch.allclose(z.var(0), log_var.exp(), rtol=2e-2)
    normal = torch.distributions.Normal
    expected = torch.distributions.kl_divergence(normal(mean, (log_var / 2).exp()), normal(0.0, 1.0))
    assert torch.allclose(kl[0], expected, atol=1e-6)


def test_both_are_taught_through_the_noise():
    for latents in ("gaussian", "information"):
        torch.manual_seed(0)
        network = vae(8, 4, latents, n_pixels=6)
        network(torch.rand(5, 6))[0].sum().backward()
        assert all(
            p.grad.abs().sum() > 0 for name, p in network.named_parameters() if "mu" not in name and "sigma" not in name
        )


def test_noise_follows_the_mode_and_the_context():
    network = vae(8, 4, n_pixels=6).eval()
    x = torch.rand(3, 6)
    assert torch.equal(network(x)[0], network(x)[0])
    with noise(network):
        assert not torch.equal(network(x)[0], network(x)[0])
        clean, noisy = network.representation(x)
        assert clean.shape == noisy.shape == (3, 4) and not torch.equal(clean, noisy)


def test_half_precision_keeps_float32_costs():
    network = vae(8, 4, n_pixels=6).bfloat16()
    logits, (kl,) = network(torch.rand(3, 6, dtype=torch.bfloat16))
    assert logits.dtype == torch.bfloat16 and kl.dtype == torch.float32 and torch.isfinite(kl).all()


def test_information_latents_are_softplus_with_the_log_normal_prior_under_the_cap():
    (layer,) = (m for m in vae(8, 4, "information", max_alpha=0.5).modules() if isinstance(m, InformationDropout))
    assert layer.prior == "log_normal" and layer.max_alpha == 0.5 and isinstance(layer.f[1], nn.Softplus)


def test_settings_that_mean_nothing_are_refused(unchecked):
    with pytest.raises(ValueError, match="latents is 'relu'.*'gaussian'"):
        vae(8, 4, "relu")
    with pytest.raises(ValueError, match="n_latents 0"):
        vae(8, 0)
    with pytest.raises(ValueError, match=r"spread\(x\) has shape \(2, 3\)"):
        VariationalBottleneck(nn.Linear(4, 5), nn.Linear(4, 3))(torch.zeros(2, 4))


class Fixed(nn.Module):
    """A module whose output is a given row, once per row of its input."""

    def __init__(self, row):
        super().__init__()
        self.row = nn.Parameter(row)

    def forward(self, x):
        return self.row.expand(len(x), -1)
