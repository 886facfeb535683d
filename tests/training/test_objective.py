import pytest
import torch

from ib_tutorial.training import information_bottleneck_loss, kl_per_image


def test_costs_are_summed_over_units_and_averaged_over_images():
    first, second = torch.rand(4, 3, 2, 2), torch.rand(4, 5)
    by_hand = sum(first[i].sum() + second[i].sum() for i in range(4)) / 4
    assert kl_per_image([first, second]).item() == pytest.approx(by_hand.item(), rel=1e-6)
    assert kl_per_image([]).item() == 0


def test_the_loss_is_eq_3():
    logits, y = torch.randn(6, 3), torch.tensor([0, 1, 2, 0, 1, 2])
    kl = torch.rand(6, 4)
    cross_entropy = -sum(logits[i].log_softmax(0)[y[i]] for i in range(6)) / 6
    expected = cross_entropy + 3.0 / 50 * kl.sum() / 6
    assert information_bottleneck_loss(logits, y, [kl], beta=3.0, n_train=50).item() == pytest.approx(
        expected.item(), rel=1e-5
    )


def test_beta_zero_is_the_cross_entropy():
    logits, y = torch.randn(6, 3), torch.tensor([0, 1, 2, 0, 1, 2])
    loss = information_bottleneck_loss(logits, y, [torch.rand(6, 4)], beta=0.0, n_train=1)
    assert loss.item() == pytest.approx(torch.nn.functional.cross_entropy(logits, y).item())


@pytest.mark.parametrize(
    ("beta", "n_train", "said"), [(-1.0, 10, "beta is -1"), (float("nan"), 10, "beta is nan"), (1.0, 0, "n_train is 0")]
)
def test_weights_that_mean_nothing_are_refused(beta, n_train, said):
    with pytest.raises(ValueError, match=said):
        information_bottleneck_loss(torch.zeros(2, 3), torch.tensor([0, 1]), [], beta, n_train)
