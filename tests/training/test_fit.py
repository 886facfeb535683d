import pytest
import torch

from ib_tutorial.nn import all_cnn_32, mlp
from ib_tutorial.training import evaluate, fit, recalibrate_batch_norm


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
    with pytest.raises(ValueError, match="300 images and 299 targets"):
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


def test_another_likelihood_and_another_divisor(blobs):
    """A linear autoencoder: squared error as -log p, beta divided by 1."""
    x, _ = blobs

    def squared(output, target):
        return ((output - target) ** 2).sum(1).mean()

    torch.manual_seed(0)
    net = mlp(16, n_inputs=8, n_classes=8)
    history = fit(net, x, x, epochs=5, lr=1e-3, beta=0.5, n_train=1, likelihood=squared, batch_size=50, progress=False)
    assert history[-1].cross_entropy < history[0].cross_entropy
    assert history[0].effective_beta == 0.5
    assert history[0].loss == pytest.approx(history[0].cross_entropy + 0.5 * history[0].kl, rel=1e-5)


def test_the_gradient_reported_is_that_of_the_loss(blobs):
    x, y = blobs
    net = network(dropout="none")
    first = fit(net, x, y, epochs=1, lr=0.0, batch_size=300, precision="float32", progress=False)[0]
    loss = torch.nn.functional.cross_entropy(net(x)[0], y)
    gradients = torch.autograd.grad(loss, list(net.parameters()))
    assert first.gradient == pytest.approx(sum(g.square().sum().item() for g in gradients) ** 0.5, rel=1e-5)


def test_weight_decay_shrinks_every_parameter_that_is_trained(blobs):
    x, y = blobs
    net = network(dropout="none")
    before = [p.clone() for p in net.parameters()]
    fit(net, torch.zeros_like(x), y, epochs=1, lr=0.1, momentum=0.0, weight_decay=0.5, batch_size=300, progress=False)
    first = list(net.parameters())[0]  # its inputs are 0, so the loss leaves it alone
    assert torch.allclose(first, before[0] * (1 - 0.1 * 0.5))


def test_recalibrated_batch_norm_has_the_statistics_of_the_clean_units():
    torch.manual_seed(0)
    net = all_cnn_32(width=0.05).train()
    x = 3 + 2 * torch.randn(64, 3, 32, 32)
    recalibrate_batch_norm(net, x, batch_size=64)
    assert net.training and all(m.momentum == 0.1 for m in net.modules() if isinstance(m, torch.nn.BatchNorm2d))
    convolution, norm, _ = net.layers[0]
    units = convolution(x).transpose(0, 1).flatten(1)
    assert torch.allclose(norm.running_mean, units.mean(1), atol=1e-4)
    assert torch.allclose(norm.running_var, units.var(1), rtol=1e-3)
    head_norm = net.layers[6][1]
    mean = head_norm.running_mean.clone()
    recalibrate_batch_norm(net, x, batch_size=64)
    assert torch.equal(head_norm.running_mean, mean)  # no noise was drawn on the way there


def test_adams_first_step_is_the_learning_rate_in_the_direction_of_the_gradients_sign(blobs):
    before, after = network(dropout="none"), network(dropout="none")
    fit(after, *blobs, epochs=1, lr=0.01, batch_size=300, optimiser="adam", precision="float32", progress=False)
    torch.nn.functional.cross_entropy(before(blobs[0])[0], blobs[1]).backward()
    for old, new in zip(before.parameters(), after.parameters(), strict=True):
        moving = old.grad.abs() > 1e-4
        assert torch.allclose((new - old)[moving], -0.01 * old.grad.sign()[moving], atol=1e-4)


def test_an_unknown_optimiser_is_refused(unchecked, blobs):
    with pytest.raises(ValueError, match="optimiser is 'lbfgs'"):
        fit(network(), *blobs, epochs=1, lr=0.01, optimiser="lbfgs", progress=False)
