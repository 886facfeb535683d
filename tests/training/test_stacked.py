import copy

import pytest
import torch

from ib_tutorial.nn import mlp
from ib_tutorial.training import fit, fit_stacked

LRS, BETAS, SEEDS = (0.05, 0.02, 0.1), (0.0, 3.0, 30.0), (0, 1, 5)


def networks(dropout):
    torch.manual_seed(0)
    return [mlp(16, dropout, n_inputs=8, n_classes=3) for _ in LRS]


@pytest.mark.parametrize("dropout", ["none", "variational"])
def test_without_noise_it_is_fit_one_after_another(blobs, dropout):
    """ "variational" has a KL and a parameter of its own; with its noise forced off, so that both see the same numbers."""
    together, apart = networks(dropout), networks(dropout)
    for each in together + apart:
        for layer in each.modules():
            if hasattr(layer, "forced"):
                layer.forced = False
    options = dict(epochs=3, drops=(2,), batch_size=70, precision="float32", progress=False)
    histories = fit_stacked(together, *blobs, lrs=LRS, betas=BETAS, seeds=SEEDS, **options)
    for mine, network, other, lr, beta, seed in zip(histories, together, apart, LRS, BETAS, SEEDS, strict=True):
        theirs = fit(other, *blobs, lr=lr, beta=beta, seed=seed, **options)
        for a, b in zip(mine, theirs, strict=True):
            assert a == pytest.approx(b, rel=1e-4)
        for a, b in zip(network.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_with_noise_each_network_learns_and_more_beta_is_fewer_nats(blobs):
    trained = networks("information")
    histories = fit_stacked(
        trained, *blobs, lrs=(0.05,) * 3, betas=(0.0, 3.0, 30.0), seeds=SEEDS, epochs=10, batch_size=50, progress=False
    )
    assert all(history[-1].cross_entropy < history[0].cross_entropy / 2 for history in histories)
    nats = [history[-1].kl for history in histories]
    assert nats[0] > nats[1] > nats[2] and nats[2] < 0.7 * nats[0]
    assert [history[-1].effective_beta for history in histories] == pytest.approx([0.0, 0.01, 0.1])


def test_replicas_draw_their_own_noise_and_a_seed_repeats_it(blobs):
    first = networks("information")[0]

    def two(seeds):
        pair = [copy.deepcopy(first), copy.deepcopy(first)]
        return fit_stacked(
            pair, *blobs, lrs=(0.05,) * 2, betas=(1.0,) * 2, seeds=seeds, epochs=1, batch_size=50, progress=False
        )

    state = torch.random.get_rng_state()
    one, other = two((3, 3))  # the same weights and the same images
    assert one[0].cross_entropy != other[0].cross_entropy
    assert two((3, 3)) == [one, other] and torch.equal(state, torch.random.get_rng_state())


def test_a_loss_that_is_not_finite_names_its_network(blobs):
    with pytest.raises(FloatingPointError, match="smaller lr") as caught:
        fit_stacked(
            networks("none"),
            *blobs,
            lrs=(0.05, 1e6, 0.05),
            betas=BETAS,
            seeds=SEEDS,
            epochs=30,
            batch_size=50,
            progress=False,
        )
    assert caught.value.__notes__ == ["in network 1 of 3, counted from 0"]


@pytest.mark.parametrize(
    "changed, said",
    [
        (dict(lrs=(0.1,)), "3 networks, 1 lrs"),
        (dict(betas=(0.0, -1.0, 0.0)), r"betas are \[0.0, -1.0, 0.0\]"),
        (dict(batch_size=301), "batch_size is 301"),
    ],
)
def test_settings_that_mean_nothing_are_refused(unchecked, blobs, changed, said):
    with pytest.raises(ValueError, match=said):
        fit_stacked(
            networks("none"), *blobs, **(dict(lrs=LRS, betas=BETAS, seeds=SEEDS, epochs=1, progress=False) | changed)
        )
