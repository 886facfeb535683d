import warnings
from functools import partial

import pytest
import torch
from torch import nn

from ib_tutorial.nn import BinaryDropout, InformationDropout, NoisyNetwork, all_cnn_32, mlp
from ib_tutorial.training import CollapseWarning, evaluate, fit, initialised, reading, recalibrate_batch_norm
from ib_tutorial.training.randomness import generator


def network(seed=0, dropout="information"):
    torch.manual_seed(seed)
    return mlp(16, dropout, n_inputs=8, n_classes=3)


@pytest.mark.slow
@pytest.mark.parametrize("dropout", ["none", "binary", "log_normal", "information"])
def test_it_learns(blobs, dropout):
    net = network(dropout=dropout)
    history = fit(net, *blobs, epochs=8, lr=0.05, beta=1.0, batch_size=50, progress=False)
    assert history[-1].cross_entropy < history[0].cross_entropy / 2
    assert evaluate(net, *blobs).error < 0.05


@pytest.mark.slow
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


@pytest.mark.slow
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


def test_several_draws_are_averaged_as_probabilities(blobs):
    """The plain loop: softmax of each pass, then the mean; the draws of one batch follow one another."""
    x, y = blobs
    net = network().double()
    x = x.double()
    result = evaluate(net, x, y, noisy=True, draws=5, batch_size=120, seed=3)
    wrong = nats = kl = worse = 0.0
    with torch.no_grad(), reading(net, noisy=True, seed=3):
        for start in (0, 120, 240):
            images, labels = x[start : start + 120], y[start : start + 120]
            mean = torch.zeros(len(images), 3, dtype=torch.float64)
            for _ in range(5):
                logits, kl_terms = net(images)
                p = logits.exp() / logits.exp().sum(1, keepdim=True)
                mean += p / 5
                worse -= sum(p[i, labels[i]].log().item() for i in range(len(images))) / 5
                kl += sum(term.sum().item() for term in kl_terms) / 5
            wrong += (mean.argmax(1) != labels).sum().item()
            nats -= sum(mean[i, labels[i]].log().item() for i in range(len(images)))
    assert result == pytest.approx((wrong / 300, nats / 300, kl / 300), rel=1e-9)
    assert result.cross_entropy < worse / 300


def test_one_draw_is_one_noisy_pass_to_the_last_bit(blobs):
    x, y = blobs
    net = network()
    with torch.no_grad(), reading(net, noisy=True, seed=4):
        logits = net(x)[0]
    nats = torch.nn.functional.cross_entropy(logits, y, reduction="sum").item() / 300
    assert evaluate(net, x, y, noisy=True, draws=1, seed=4) == evaluate(net, x, y, noisy=True, seed=4)
    assert evaluate(net, x, y, noisy=True, seed=4).cross_entropy == nats


def test_draws_that_mean_nothing_are_refused(blobs):
    with pytest.raises(ValueError, match="draws is 0; at least one is needed"):
        evaluate(network(), *blobs, noisy=True, draws=0)
    with pytest.raises(ValueError, match="draws is 12; without noise they are all alike: give noisy=True"):
        evaluate(network(), *blobs, draws=12)


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
    first = next(iter(net.parameters()))  # its inputs are 0, so the loss leaves it alone
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


def test_a_network_that_drops_a_cost_is_refused_where_beta_weighs_it(blobs):
    """It trained with a cost of 0 at any beta, and said nothing."""

    class Dropping(torch.nn.Module):
        def __init__(self, keep):
            super().__init__()
            self.inner, self.keep = network(), keep

        def forward(self, x):
            output, kl_terms = self.inner(x)
            return output, kl_terms[: self.keep]

    options = dict(epochs=1, lr=0.01, batch_size=50, progress=False)
    with pytest.raises(ValueError, match=r"1 of the noise layers' costs would be left out.*Collected\(network\)"):
        fit(Dropping(2), *blobs, beta=1e6, **options)
    assert fit(Dropping(3), *blobs, beta=1e6, **options)[0].kl > 0
    fit(Dropping(2), *blobs, beta=0.0, **options)


def test_a_frozen_networks_costs_are_not_missed(blobs):
    frozen = network().eval().requires_grad_(False)

    class Reader(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.frozen, self.head = frozen, torch.nn.Linear(3, 3)

        def forward(self, x):
            return self.head(self.frozen(x)[0]), []

    fit(Reader(), *blobs, epochs=1, lr=0.01, beta=1.0, batch_size=50, progress=False)


def test_a_plain_network_has_no_cost(blobs):
    torch.manual_seed(0)
    plain = torch.nn.Linear(8, 3)
    history = fit(plain, *blobs, epochs=3, lr=0.05, beta=1.0, batch_size=50, progress=False)
    assert history[-1].kl == 0 and evaluate(plain, *blobs).error < 0.05


def test_a_network_that_returns_something_else_is_told_what_is_expected(blobs):
    class Three(torch.nn.Linear):
        def forward(self, x):
            return x, x, x

    with pytest.raises(ValueError, match=r"returned tuple; it must return its output, or \(output, kl_terms\)"):
        fit(Three(8, 3), *blobs, epochs=1, lr=0.01, batch_size=50, progress=False)
    bare = torch.nn.Sequential(network().layers[1], torch.nn.Linear(16, 3))
    with pytest.raises(TypeError) as error:
        fit(bare, *blobs, epochs=1, lr=0.01, batch_size=50, progress=False)
    assert "Collected(network)" in error.value.__notes__[0]


def test_batches_may_come_from_any_iterable_and_match_those_from_memory(blobs):
    x, y = blobs

    class AsInMemory:
        """The batches that `fit` would take from memory at seed 3."""

        dataset = x

        def set_epoch(self, epoch):
            self.epoch = epoch

        def __iter__(self):
            order = torch.randperm(300, generator=generator(3, "order", getattr(self, "epoch", 0)))
            return ((x[batch], y[batch]) for batch in order.split(50))

    options = dict(epochs=2, lr=0.05, beta=1.0, seed=3, progress=False)
    inside, outside = network(), network()
    assert fit(inside, x, y, batch_size=50, **options) == fit(outside, AsInMemory(), **options)
    assert all(torch.equal(a, b) for a, b in zip(inside.parameters(), outside.parameters(), strict=True))
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=50, shuffle=True)
    assert fit(network(), loader, epochs=1, lr=0.05, beta=3.0, progress=False)[0].effective_beta == 3.0 / 300


def test_batches_that_cannot_serve_are_refused_before_training(unchecked, blobs):
    x, y = blobs
    options = dict(epochs=2, lr=0.05, progress=False)
    with pytest.raises(ValueError, match="can be read once only"):
        fit(network(), iter([(x, y)]), n_train=300, **options)
    with pytest.raises(ValueError, match="n_train is not known"):
        fit(network(), [(x, y)], **options)
    with pytest.raises(ValueError, match="batches that are pairs"):
        fit(network(), [x], n_train=300, **options)
    with pytest.raises(ValueError, match="batches that are pairs"):
        fit(network(), [], n_train=300, **options)
    with pytest.raises(ValueError, match="batches hold their targets"):
        fit(network(), [(x, y)], y, n_train=300, **options)
    with pytest.raises(ValueError, match="300 images and no targets"):
        fit(network(), x, **options)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (dict(epochs=-1), "epochs is -1"),
        (dict(lr=float("nan")), "lr is nan"),
        (dict(beta=float("inf")), "beta is inf"),
        (dict(beta=float("nan")), "beta is nan"),
    ],
)
def test_numbers_that_no_run_could_use_are_refused_before_training(unchecked, blobs, changed, said):
    with pytest.raises(ValueError, match=said):
        fit(network(), *blobs, **(dict(epochs=1, lr=0.1, progress=False) | changed))


def test_methods_at_one_seed_start_from_one_f_and_see_one_order():
    """What differs between two methods is their noise, so that their difference at a seed is a paired one."""
    builders = {
        "mlp": lambda dropout: mlp(6, dropout, n_inputs=8, n_classes=3),
        "all_cnn_32": lambda dropout: all_cnn_32(dropout, width=0.04),
    }
    for build in builders.values():
        made = [initialised(partial(build, dropout), 5) for dropout in ("none", "binary", "binary_gated", "information")]
        shared = set(made[0].state_dict())
        for other in made[1:]:
            assert shared <= set(other.state_dict())
            assert all(torch.equal(made[0].state_dict()[name], other.state_dict()[name]) for name in shared)
    alphas = [p for name, p in made[-1].named_parameters() if "alpha" in name and p.dim() > 1]
    assert not torch.equal(alphas[0], made[-1].layers[2].f[1].weight)


def test_the_order_does_not_depend_on_the_noise_that_was_drawn(blobs):
    x, y = blobs
    seen = {}
    for dropout in ("none", "information"):
        net, seen[dropout] = network(dropout=dropout), []
        net.register_forward_pre_hook(lambda _, inputs, d=dropout: seen[d].append(inputs[0]))
        fit(net, x, y, epochs=2, lr=0.01, batch_size=50, seed=4, progress=False)
    assert len(seen["none"]) == 12
    assert all(torch.equal(a, b) for a, b in zip(seen["none"], seen["information"], strict=True))


def test_float64_in_float64_computed(blobs):
    x, y = blobs
    net = network().double()
    history = fit(net, x.double(), y, epochs=1, lr=0.01, beta=1.0, batch_size=50, progress=False)
    single = fit(network(), x, y, epochs=1, lr=0.01, beta=1.0, batch_size=50, precision="float32", progress=False)
    assert history[0].cross_entropy > 0 and history[0].lr == single[0].lr
    assert evaluate(net, x.double(), y).error < 0.9


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [
        (lambda x: x.numpy(), lambda y: y, r"x is a numpy.ndarray; give torch tensors"),
        (lambda x: (9 * x).to(torch.uint8), lambda y: y, r"x has dtype torch.uint8.*float\(\) / 255"),
        (lambda x: x, lambda y: y + 1, r"integers from 1 to 3; .* an integer from 0 to 2"),
        (lambda x: x, lambda y: torch.nn.functional.one_hot(y), r"the labels have shape \((300|50), 3\)"),
        (lambda x: x, lambda y: y.float(), r"are torch.float32"),
    ],
)
def test_images_and_labels_of_another_kind_are_told_what_is_needed(unchecked, blobs, x, y, said):
    x, y = x(blobs[0]), y(blobs[1])
    with pytest.raises(ValueError, match=said):
        fit(network(), x, y, epochs=1, lr=0.1, batch_size=50, progress=False)
    if hasattr(x, "split"):
        with pytest.raises(ValueError, match=said):
            evaluate(network(), x, y, batch_size=300)


def test_a_data_set_is_told_to_come_in_batches(unchecked, blobs):
    with pytest.raises(ValueError, match="DataLoader"):
        fit(network(), torch.utils.data.TensorDataset(*blobs), epochs=1, lr=0.1, progress=False)


@pytest.mark.slow
def test_a_shuffling_loader_resumes_to_the_same_bits(blobs, tmp_path):
    """A loader that draws its order from the global state must not replay epoch 0 after a restart."""

    def loader():
        return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*blobs), batch_size=50, shuffle=True)

    options = dict(lr=0.05, beta=1.0, progress=False)
    whole, first, resumed = network(), network(), network()
    expected = fit(whole, loader(), epochs=4, **options)
    fit(first, loader(), epochs=2, checkpoint=tmp_path / "c.safetensors", **options)
    assert fit(resumed, loader(), epochs=4, checkpoint=tmp_path / "c.safetensors", **options) == expected
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), resumed.parameters(), strict=True))


def test_a_cost_is_not_replaced_by_one_that_weighs_nothing(blobs):
    class Wrong(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first = BinaryDropout(torch.nn.Linear(8, 8))
            self.second = InformationDropout(torch.nn.Linear(8, 8), torch.nn.Linear(8, 8))
            self.head = torch.nn.Linear(8, 3)

        def forward(self, x):
            z, kl = self.first(x)
            return self.head(self.second(z)[0]), [kl]

    with pytest.raises(ValueError, match="1 of the noise layers' costs would be left out"):
        fit(Wrong(), *blobs, epochs=1, lr=0.01, beta=1.0, batch_size=50, progress=False)


def test_a_layer_on_tokens_pays_for_all_of_them():
    """The mean over rows divided the cost by the number of tokens."""

    class Tokens(torch.nn.Module):
        def __init__(self, flat):
            super().__init__()
            torch.manual_seed(0)
            self.noise, self.flat = InformationDropout(torch.nn.Linear(6, 6), torch.nn.Linear(6, 6)), flat
            self.head = torch.nn.Linear(6, 3)

        def forward(self, x):
            z, kl = self.noise(x.flatten(0, 1) if self.flat else x)
            return self.head(z.unflatten(0, x.shape[:2]).mean(1) if self.flat else z.mean(1)), [kl]

    x, y = torch.randn(8, 5, 6), torch.arange(8) % 3
    assert evaluate(Tokens(True), x, y).kl == pytest.approx(evaluate(Tokens(False), x, y).kl, rel=1e-5)
    losses = [fit(Tokens(flat), x, y, epochs=1, lr=0.0, beta=1.0, batch_size=8, progress=False)[0].kl for flat in (True, False)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_the_images_that_a_sampler_leaves_out_do_not_count(blobs):
    dataset = torch.utils.data.TensorDataset(*blobs)
    loader = torch.utils.data.DataLoader(dataset, batch_size=10, sampler=torch.utils.data.SubsetRandomSampler(range(60)))
    assert fit(network(), loader, epochs=1, lr=0.01, beta=1.0, progress=False)[0].effective_beta == 1 / 60


def test_a_loader_leaves_the_callers_random_state_alone_and_its_own_generator_is_refused_with_a_checkpoint(blobs, tmp_path):
    dataset = torch.utils.data.TensorDataset(*blobs)
    own = torch.utils.data.DataLoader(dataset, batch_size=50, shuffle=True, generator=torch.Generator())
    with pytest.raises(ValueError, match="generator of its own"):
        fit(network(), own, epochs=1, lr=0.01, checkpoint=tmp_path / "c.safetensors", progress=False)
    net = network()
    state = torch.random.get_rng_state()
    fit(net, torch.utils.data.DataLoader(dataset, batch_size=50, shuffle=True), epochs=1, lr=0.01, progress=False)
    assert torch.equal(state, torch.random.get_rng_state())


def test_a_part_in_eval_mode_that_would_be_trained_is_named(blobs):
    """A wrapper around a network in eval mode once trained it without any noise, and said nothing."""
    net = network()
    net.layers[1].eval()
    with pytest.warns(UserWarning, match="InformationDropout is in eval mode, so it trains without noise"):
        fit(net, *blobs, epochs=1, lr=0.01, batch_size=50, progress=False)


@pytest.mark.slow
def test_a_layer_that_collapses_is_reported_and_a_layer_that_does_not_is_not(blobs):
    with pytest.warns(CollapseWarning, match="noise layer 1 of 3 has collapsed.*smaller beta") as told:
        fit(network(), *blobs, epochs=20, lr=0.05, beta=3_000.0, batch_size=50, progress=False)
    assert len([each for each in told if each.category is CollapseWarning]) == 3
    with warnings.catch_warnings():
        warnings.simplefilter("error", CollapseWarning)
        fit(network(), *blobs, epochs=1, lr=0.05, beta=1.0, batch_size=50, progress=False)
        fit(network(dropout="binary"), *blobs, epochs=1, lr=0.05, batch_size=50, progress=False)  # no cost, and no collapse


@pytest.mark.parametrize("log_sigma", [25.0, 2683.0])
def test_a_prior_that_has_left_its_range_is_reported(blobs, log_sigma):
    """In run D at beta = 3 the first layer's prior was lost at every seed: each unit paid 20 nats whatever it did, and nobody was told."""
    layer = InformationDropout(nn.Sequential(nn.Linear(8, 16), nn.Softplus()), nn.Linear(8, 16), prior="log_normal")
    net = NoisyNetwork(layer, nn.Linear(16, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("error", CollapseWarning)
        fit(net, *blobs, epochs=1, lr=0.01, beta=1.0, batch_size=50, progress=False)
    layer.log_sigma.data.fill_(log_sigma)
    with pytest.warns(CollapseWarning, match="the prior of noise layer 1 of 1 is lost: its log sigma is .*smaller learning rate"):
        fit(net, *blobs, epochs=1, lr=1e-12, beta=1.0, batch_size=50, progress=False)
