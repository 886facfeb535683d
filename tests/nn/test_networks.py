import pytest
import torch
from torch import nn

from ib_tutorial.nn import BinaryDropout, InformationDropout, LogNormalDropout, all_cnn_32, all_cnn_96, mlp, noise
from ib_tutorial.nn.networks import plain_convolution


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


def trainable(network):
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def table_2(filters, channels, alpha, variant="paper"):
    """Parameters counted from the table, layer by layer. Batch norm has a scale and a shift, in the authors' code a shift alone;
    alpha's convolutions have a bias and no batch norm."""
    norm = 2 if variant == "paper" else 1
    total, n_in = 0, channels
    for n in filters:
        total += 9 * n_in * n + 2 * 9 * n * n + 3 * norm * n
        total += (9 * n * n + n) if alpha else 0
        n_in = n
    last = filters[-1]
    total += 9 * last * last + last * last + last * 10 + norm * (last + last + 10)
    return total + (110 if variant == "code" else 0)


@pytest.mark.parametrize("variant", ["paper", "code"])
@pytest.mark.parametrize(
    ("dropout", "alpha"), [("none", False), ("binary", False), ("information", True), ("binary_gated", True)]
)
@pytest.mark.parametrize(
    ("build", "filters", "channels"), [(all_cnn_32, (96, 192), 3), (all_cnn_96, (32, 64, 96, 192), 1)]
)
def test_parameters_of_table_2(build, filters, channels, dropout, alpha, variant):
    assert trainable(build(dropout, variant=variant)) == table_2(filters, channels, alpha, variant)
    quarter = tuple(n // 4 for n in filters)
    assert trainable(build(dropout, variant=variant, width=0.25)) == table_2(quarter, channels, alpha, variant)


def test_the_alpha_networks_add_about_thirty_per_cent():
    assert trainable(all_cnn_32("information")) / trainable(all_cnn_32("none")) == pytest.approx(1.3, abs=0.02)


def test_softplus_adds_a_learned_mu_and_sigma_per_noise_layer():
    assert trainable(all_cnn_32("information", activation="softplus")) == table_2((96, 192), 3, True) + 2 * 2


@pytest.mark.parametrize(
    ("build", "shape", "sizes"),
    [
        (all_cnn_32, (3, 32, 32), [(24, 16, 16), (48, 8, 8)]),
        (all_cnn_96, (1, 96, 96), [(8, 48, 48), (16, 24, 24), (24, 12, 12), (48, 6, 6)]),
    ],
)
@pytest.mark.parametrize("activation", ["relu", "softplus"])
def test_noise_layers_of_table_2_are_where_it_has_them(build, shape, sizes, activation):
    logits, kl_terms = build("information", width=0.25, activation=activation)(torch.randn(2, *shape))
    assert logits.shape == (2, 10)
    assert [tuple(kl.shape[1:]) for kl in kl_terms] == sizes
    assert all(torch.isfinite(kl).all() for kl in kl_terms)


def test_a_stride_of_two_reads_the_pixels_that_tensorflow_reads():
    """With the middle tap alone, SAME padding at stride 2 reads pixels 1, 3, 5, ...: torch's padding=1 would read 0, 2, 4, ..."""
    halving = nn.Sequential(*plain_convolution(1, 1, 3, 2, bias=False))
    with torch.no_grad():
        halving[-1].weight.zero_()[0, 0, 1, 1] = 1
    x = torch.arange(64.0).view(1, 1, 8, 8)
    assert torch.equal(halving(x)[0, 0], x[0, 0, 1::2, 1::2])


def test_gate_is_one_where_its_network_says_nothing():
    network = mlp(5, "binary_gated", n_inputs=4).eval()
    plain = mlp(5, "none", n_inputs=4).eval()
    plain.load_state_dict({k: v for k, v in network.state_dict().items() if "gate" not in k})
    for module in network.modules():
        if isinstance(module, BinaryDropout):
            nn.init.zeros_(module.gate.weight), nn.init.zeros_(module.gate.bias)
    x = torch.randn(3, 4)
    assert torch.allclose(network(x)[0], plain(x)[0])


@pytest.mark.parametrize(
    "dropout", ["none", "binary", "binary_gated", "gaussian", "log_normal", "variational", "information"]
)
def test_the_representation_is_what_the_layer_passes_on(dropout):
    torch.manual_seed(0)
    network = all_cnn_32(dropout, width=0.1, activation="softplus").eval()
    x = torch.randn(3, 3, 32, 32)
    for layer, place in ((0, 2), (1, 5), (-1, 5)):
        f, z = network.representation(x, layer)
        assert torch.equal(f, z)
        rest = z
        for module in network.layers[place + 1 :]:
            rest = module(rest)[0] if place == 2 and module is network.layers[5] else module(rest)
        assert torch.allclose(rest, network(x)[0], atol=1e-6)
    with noise(network):
        f, z = network.representation(x)
        assert (dropout == "none") == torch.equal(f, z)


@pytest.mark.parametrize("dropout", ["none", "information"])
def test_noise_on_the_input_is_switched_with_all_other_noise_and_costs_nothing(dropout):
    torch.manual_seed(0)
    network = all_cnn_32(dropout, width=0.1, keep_input=0.8, variant="code").eval()
    torch.manual_seed(0)
    plain = all_cnn_32(dropout, width=0.1, variant="code").eval()
    x = torch.randn(4, 3, 32, 32)
    assert torch.equal(network(x)[0], plain(x)[0])
    with noise(network):
        (kept, _), (_, kl_terms) = network.layers[0](x), network(x)
    assert (kept == 0).float().mean().item() == pytest.approx(0.2, abs=0.02)
    assert torch.allclose(kept[kept != 0], x[kept != 0] / 0.8)
    assert [tuple(kl.shape[1:]) for kl in kl_terms] == [(3, 32, 32), (10, 16, 16), (19, 8, 8)] and not kl_terms[0].any()


def test_settings_of_the_convolutional_networks_that_mean_nothing_are_refused(unchecked):
    with pytest.raises(ValueError, match="width is 0.001"):
        all_cnn_32(width=0.001)
    with pytest.raises(ValueError, match="keep_input is 0; it is a probability"):
        all_cnn_32(keep_input=0)
    with pytest.raises(ValueError, match="variant is 'theirs'"):
        all_cnn_32(variant="theirs")
    with pytest.raises(ValueError, match="activation is 'tanh'"):
        all_cnn_32(activation="tanh")
    with pytest.raises(ValueError, match="dropout is 'drop'.*'variational'"):
        all_cnn_32("drop")
    for dropout in ("information", "binary"):
        with pytest.raises(ValueError, match="prior is 'normal'; it must be one of 'log_uniform', 'log_normal'"):
            all_cnn_32(dropout, prior="normal")
        with pytest.raises(ValueError, match="noise is 'mean'; it must be one of 'paper', 'unit_mean'"):
            mlp(4, dropout, noise="mean")
    with pytest.raises(ValueError, match="alphas has 3 values; it needs one for each of the 2 noise layers"):
        all_cnn_32("log_normal", alphas=(0.1, 0.2, 0.3))


def test_images_with_the_channels_last_are_told_to_turn_them():
    with pytest.raises(ValueError, match=r"x has shape \(2, 32, 32, 3\).*permute\(0, 3, 1, 2\)"):
        all_cnn_32(width=0.02)(torch.zeros(2, 32, 32, 3))
