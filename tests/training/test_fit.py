import pytest
import torch

from ib_tutorial.nn import mlp
from ib_tutorial.training import evaluate, fit


@pytest.fixture
def blobs():
    """Three separable classes in eight dimensions."""
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(300) % 3
    return torch.randn(300, 8, generator=generator) + 4 * torch.eye(3, 8)[y], y


def network(seed=0, dropout="information"):
    torch.manual_seed(seed)
    return mlp(16, dropout, n_inputs=8, n_classes=3)


@pytest.mark.parametrize("dropout", ["none", "binary", "log_normal", "information"])
def test_it_learns(blobs, dropout):
    net = network(dropout=dropout)
    history = fit(net, *blobs, epochs=8, lr=0.05, beta=1.0, batch_size=50, progress=False)
    assert history[-1].cross_entropy < history[0].cross_entropy / 2
    assert evaluate(net, *blobs).error < 0.05


def test_more_beta_more_noise(blobs):
    kls = []
    for beta in (0.0, 30.0):
        kls.append(fit(network(), *blobs, epochs=10, lr=0.05, beta=beta, batch_size=50, progress=False)[-1].kl)
    assert kls[1] < 0.7 * kls[0]


def test_history_holds_the_loss_of_the_objective(blobs):
    for epoch in fit(network(), *blobs, epochs=3, lr=0.02, beta=6.0, batch_size=70, progress=False):
        assert epoch.loss == pytest.approx(epoch.cross_entropy + 6.0 / 300 * epoch.kl, rel=1e-5)


def test_a_seed_repeats_the_run_and_the_callers_random_state_is_left_alone(blobs):
    nets = [network(), network()]
    state = torch.random.get_rng_state()
    for net, seed in zip(nets, (5, 5), strict=True):
        fit(net, *blobs, epochs=2, lr=0.05, batch_size=50, seed=seed, progress=False)
    assert torch.equal(state, torch.random.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(nets[0].parameters(), nets[1].parameters(), strict=True))
    other = network()
    fit(other, *blobs, epochs=2, lr=0.05, batch_size=50, seed=6, progress=False)
    assert not torch.equal(next(other.parameters()), next(nets[0].parameters()))


def test_the_learning_rate_drops_to_a_tenth(blobs):
    history = fit(network(), *blobs, epochs=5, lr=0.1, drops=(2, 4), batch_size=100, progress=False)
    assert [epoch.lr for epoch in history] == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001])


def test_nan_stops_the_run_and_says_where(blobs):
    x, y = blobs
    x = x.clone()
    x[7, 2] = float("nan")
    with pytest.raises(
        FloatingPointError, match=r"at step \d+ of epoch 0: cross-entropy nan.*learning rate 0\.05.*isfinite"
    ):
        fit(network(), x, y, epochs=1, lr=0.05, batch_size=50, progress=False)


def test_divergence_stops_the_run(blobs):
    with pytest.raises(FloatingPointError, match="smaller lr"):
        fit(network(dropout="none"), *blobs, epochs=30, lr=1e6, batch_size=50, progress=False)


def test_every_image_is_seen_once_per_epoch(blobs):
    x, y = blobs
    seen = []

    class Spy(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = network()

        def forward(self, batch):
            seen.append(batch)
            return self.inner(batch)

    fit(Spy(), x, y, epochs=1, lr=0.01, batch_size=70, progress=False)
    assert [len(batch) for batch in seen] == [70, 70, 70, 70, 20]
    assert torch.equal(torch.cat(seen).sort(0).values, x.sort(0).values)
    assert not torch.equal(torch.cat(seen), x)


def test_settings_that_mean_nothing_are_refused(unchecked, blobs):
    x, y = blobs
    with pytest.raises(ValueError, match="beta is -1"):
        fit(network(), x, y, epochs=1, lr=0.1, beta=-1.0, progress=False)
    with pytest.raises(ValueError, match="300 images and 299 labels"):
        fit(network(), x, y[:-1], epochs=1, lr=0.1, progress=False)
    with pytest.raises(ValueError, match="batch_size is 301"):
        fit(network(), x, y, epochs=1, lr=0.1, batch_size=301, progress=False)


def test_evaluate_agrees_with_a_loop_and_keeps_the_mode(blobs):
    x, y = blobs
    net = network().train()
    result = evaluate(net, x, y, batch_size=7)
    assert net.training
    net.eval()
    wrong = nats = kl = 0.0
    for i in range(len(x)):
        logits, kl_terms = net(x[i : i + 1])
        wrong += logits.argmax().item() != y[i].item()
        nats -= logits.log_softmax(1)[0, y[i]].item()
        kl += sum(term.sum().item() for term in kl_terms)
    assert result.error == pytest.approx(wrong / 300)
    assert result.cross_entropy == pytest.approx(nats / 300, rel=1e-5)
    assert result.kl == pytest.approx(kl / 300, rel=1e-5)
    assert evaluate(net, x, y, noisy=True).cross_entropy != pytest.approx(result.cross_entropy, rel=1e-6)
