"""How many threads `fit` and the readings compute on, and that they leave the number as they found it."""

import pytest
import torch

from ib_tutorial.nn import all_cnn_32, mlp
from ib_tutorial.training import evaluate, fit, threads

GIVEN = 3


@pytest.fixture
def given(monkeypatch):
    """Torch has three threads, and nobody has chosen that."""
    for name in threads.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(threads, "AT_IMPORT", GIVEN)
    before = torch.get_num_threads()
    torch.set_num_threads(GIVEN)
    yield GIVEN
    torch.set_num_threads(before)


class Watched(torch.nn.Module):
    """A network that notes on how many threads each of its passes is computed."""

    def __init__(self, network):
        super().__init__()
        self.network, self.seen = network, set()

    def forward(self, x):
        self.seen.add(torch.get_num_threads())
        return self.network(x)


def small():
    torch.manual_seed(0)
    return Watched(mlp(16, "information", n_inputs=8, n_classes=3))


def large():
    torch.manual_seed(0)
    return Watched(mlp(1000, "none", n_inputs=8, n_classes=3))


def trained(network, blobs, **changed):
    x, y = blobs
    return fit(network, x[:100], y[:100], **(dict(epochs=1, lr=0.01, progress=False) | changed))


def threads_of(network, blobs, **changed):
    trained(network, blobs, **changed)
    return network.seen


@pytest.mark.parametrize(("network", "taken"), [(small, 1), (large, GIVEN)])
def test_a_small_network_takes_one_thread_and_a_large_one_all(given, blobs, network, taken):
    watched = network()
    assert threads_of(watched, blobs) == {taken}
    evaluate(watched, *blobs)
    assert watched.seen == {taken} and torch.get_num_threads() == given


def test_a_weight_of_a_convolution_works_once_for_each_pixel(given):
    tiny = all_cnn_32(width=0.1)
    assert threads.threads_for(tiny, (3, 4, 4)) == 1 and threads.threads_for(tiny, (3, 32, 32)) == given
    assert threads.threads_for(mlp(8), (28, 28, 1)) == 1  # its weights have no places


def test_the_number_is_restored_after_an_error(given, blobs):
    def failing(output, y):
        assert torch.get_num_threads() == 1
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        trained(small(), blobs, likelihood=failing)
    assert torch.get_num_threads() == given


@pytest.mark.parametrize("name", threads.VARIABLES)
def test_the_environments_number_is_left_alone(given, blobs, monkeypatch, name):
    monkeypatch.setenv(name, str(GIVEN))
    assert threads_of(small(), blobs) == {given}


def test_a_number_set_since_the_import_is_left_alone(given, blobs):
    torch.set_num_threads(2)
    assert threads_of(small(), blobs) == {2}


def test_a_number_that_is_asked_for_is_taken(given, blobs):
    assert threads_of(small(), blobs, threads=2) == {2} and threads_of(large(), blobs, threads=1) == {1}
    assert torch.get_num_threads() == given
    with pytest.raises(ValueError, match="threads is 0"):
        trained(small(), blobs, threads=0)


@pytest.mark.slow
def test_a_grid_shares_threads_out_whatever_the_environment_says(given, blobs, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", str(GIVEN))
    torch.set_num_threads(2)
    with threads.shared_out():
        assert threads_of(small(), blobs) == {1} and threads_of(large(), blobs) == {2}
    assert threads_of(small(), blobs) == {2}


def test_the_rule_changes_no_bit_of_what_one_thread_computes(given, blobs):
    by_rule, asked = small(), small()
    assert trained(by_rule, blobs, beta=1.0) == trained(asked, blobs, beta=1.0, threads=1)
    assert all(torch.equal(a, b) for a, b in zip(by_rule.parameters(), asked.parameters(), strict=True))


def test_a_checkpoint_is_not_continued_on_another_number_of_threads(given, blobs, tmp_path):
    path = tmp_path / "run.safetensors"
    trained(small(), blobs, checkpoint=path, threads=2)
    with pytest.raises(ValueError, match=r"begun with other settings: \{'threads': \(2, 1\)\}"):
        trained(small(), blobs, checkpoint=path, epochs=2)
    assert len(trained(small(), blobs, checkpoint=path, epochs=2, threads=2)) == 2
