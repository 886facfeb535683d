"""The bound of an autoencoder against a sum over its latents' whole space, and against the evidence that it bounds."""

import math

import pytest
import torch

from ib_tutorial.information import kl_standard_normal
from ib_tutorial.nn import vae
from ib_tutorial.training import bernoulli_nats, evidence_bound, fit


def images(n=40, n_pixels=6):
    return (torch.rand(n, n_pixels, generator=torch.Generator().manual_seed(1)) < 0.4).float()


def network(latents="gaussian", n_latents=1):
    torch.manual_seed(0)
    return vae(8, n_latents, latents, n_pixels=6)


def test_nats_of_binary_pixels_are_summed_over_the_pixels_and_averaged_over_the_images():
    logits, pixels = torch.randn(3, 4), torch.tensor([[0.0, 1, 1, 0], [1, 1, 0, 0], [0, 0, 0, 1]])
    plain = 0.0
    for row, x in zip(logits.tolist(), pixels.tolist(), strict=True):
        for logit, pixel in zip(row, x, strict=True):
            on = 1 / (1 + math.exp(-logit))
            plain -= math.log(on if pixel else 1 - on)
    assert bernoulli_nats(logits, pixels).item() == pytest.approx(plain / 3, rel=1e-5)


@pytest.mark.parametrize("grey", [255.0, 0.5, -1.0, math.nan])
def test_pixels_that_are_not_binary_are_refused_and_do_not_gain_nats(grey):
    net, x = network(), images()
    x[3, 2] = grey
    for refused in (lambda: bernoulli_nats(torch.zeros_like(x), x), lambda: evidence_bound(net, x)):
        with pytest.raises(ValueError, match="pixels must be 0 or 1, but lie between"):
            refused()


def test_pixels_that_are_not_binary_cost_infinitely_many_nats_where_no_step_may_look_at_them():
    x = torch.stack([images(), images() * 255])
    assert torch.vmap(bernoulli_nats)(torch.zeros_like(x), x).isinf().tolist() == [False, True]


def test_the_bound_is_that_of_quadrature_over_the_latent():
    net, x = network(), images()
    z = torch.linspace(-9, 9, 4001)
    decoder = torch.nn.Sequential(*net.layers[4:])
    with torch.no_grad():
        hidden = net.layers[2](net.layers[1](x))
        mean, log_var = net.layers[3].f(hidden), net.layers[3].log_variance(hidden)
        on = torch.sigmoid(decoder(z[:, None]))  # z by pixels
        nats = -(torch.log(on) @ x.T + torch.log(1 - on) @ (1 - x).T)  # z by images
        weight = torch.softmax(-((z[:, None] - mean.T) ** 2) / (2 * log_var.exp().T), 0)
        distortion = (weight * nats).sum(0).mean().item()
        rate = kl_standard_normal(mean, log_var).mean().item()
        prior = torch.log_softmax(-(z**2) / 2, 0)
        evidence = torch.logsumexp(prior[:, None] - nats, 0).mean().item()
    found = evidence_bound(net, x.repeat(50, 1), draws=40)  # 2,000 draws for each image
    assert found.rate == pytest.approx(rate, rel=1e-5)
    assert found.distortion == pytest.approx(distortion, abs=2e-3)
    assert found.bound == -found.distortion - found.rate
    assert found.bound < evidence


@pytest.mark.parametrize("latents", ["gaussian", "information"])
def test_the_batch_size_does_not_matter_and_state_is_left_alone(latents):
    net, x = network(latents, n_latents=3), images(400)
    net.train()
    state = torch.random.get_rng_state()
    whole, parts = evidence_bound(net, x, draws=50), evidence_bound(net, x, draws=50, batch_size=70)
    assert torch.equal(state, torch.random.get_rng_state()) and net.training
    assert torch.allclose(whole.rates, parts.rates) and whole.rates.shape == (3,)
    assert whole.distortion == pytest.approx(parts.distortion, abs=5e-3)


@pytest.mark.slow
@pytest.mark.parametrize("latents", ["gaussian", "information"])
def test_training_with_eq_7_raises_the_bound_and_reports_its_two_terms(latents):
    net, x = network(latents, n_latents=3), images(200)
    before = evidence_bound(net, x, draws=20).bound
    history = fit(
        net,
        x,
        x,
        likelihood=bernoulli_nats,
        beta=1.0,
        n_train=1,
        epochs=20,
        lr=0.01,
        optimiser="adam",
        batch_size=50,
        progress=False,
    )
    after = evidence_bound(net, x, draws=20)
    assert after.bound > before + 0.1
    assert history[-1].loss == pytest.approx(history[-1].cross_entropy + history[-1].kl, rel=1e-5)
    assert history[-1].loss == pytest.approx(-after.bound, abs=0.2)
