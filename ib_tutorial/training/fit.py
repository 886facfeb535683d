"""The training loop: stochastic gradient descent on eq. (3), read from top to bottom in one sitting."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from tqdm import tqdm

from ib_tutorial.training.objective import loss_and_terms

CHECK_EVERY = 50
"""Steps between looks at the loss: a look waits for the device, so it is not taken at each step."""


class Epoch(NamedTuple):
    """One epoch's means, in nats per image."""

    epoch: int
    lr: float
    loss: float
    cross_entropy: float
    kl: float


def fit(
    network: nn.Module,
    x: Float[Tensor, "images *inputs"],
    y: Int[Tensor, " images"],
    *,
    epochs: int,
    lr: float,
    drops: Sequence[int] = (),
    beta: float = 0.0,
    batch_size: int = 100,
    momentum: float = 0.9,
    seed: int = 0,
    progress: bool | str = True,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> list[Epoch]:
    """Train `network` in place and return what each epoch measured.

    network: returns (logits, kl_terms), as those of `ib_tutorial.nn` do.
    x, y: the whole training set, on the network's device. The KL is divided by its number of images, as in the paper.
    drops: epochs before which the learning rate falls to a tenth.
    beta: weight of the information, in the paper's convention (see `information_bottleneck_loss`).
    seed: of the order of the images and of the noise. The caller's random state is left as it was.
    progress: whether to draw a bar; a string is its label.

    Raises ValueError for settings that mean nothing, FloatingPointError at a loss that is not finite.
    """
    if len(x) != len(y):
        raise ValueError(f"there are {len(x)} images and {len(y)} labels; each image needs one")
    if not 1 <= batch_size <= len(x):
        raise ValueError(f"batch_size is {batch_size}; it must be between 1 and the number of images, {len(x)}")

    cuda = [x.device] if x.device.type == "cuda" else []
    optimiser = torch.optim.SGD(network.parameters(), lr=lr, momentum=momentum, nesterov=momentum > 0, fused=True)
    n_steps = math.ceil(len(x) / batch_size)
    terms = torch.zeros(n_steps, 3, device=x.device)  # loss, cross-entropy and KL of each step, kept on the device
    history = []
    network.train()
    bar = tqdm(
        range(epochs),
        desc=progress if isinstance(progress, str) else "fit",
        unit="epoch",
        leave=False,
        disable=not progress,
    )
    with torch.random.fork_rng(devices=cuda):
        torch.manual_seed(seed)
        for epoch in bar:
            lr_now = lr * 0.1 ** sum(epoch >= drop for drop in drops)
            for group in optimiser.param_groups:
                group["lr"] = lr_now

            order = torch.randperm(len(x)).to(x.device)
            for step, batch in enumerate(order.split(batch_size)):
                logits, kl_terms = network(x[batch])
                loss = loss_and_terms(logits, y[batch], kl_terms, beta, n_train=len(x))
                optimiser.zero_grad(set_to_none=True)
                loss.total.backward()
                optimiser.step()
                terms[step] = torch.stack(loss).detach()
                if step % CHECK_EVERY == CHECK_EVERY - 1 or step == n_steps - 1:
                    stop_if_not_finite(terms[: step + 1], epoch, beta / len(x), lr_now)

            history.append(Epoch(epoch, lr_now, *terms.mean(0).tolist()))
            bar.set_postfix_str(
                f"cross-entropy {history[-1].cross_entropy:.3f}, KL {history[-1].kl:.1f} nats per image"
            )
            if on_epoch is not None:
                on_epoch(history[-1])
    return history


def stop_if_not_finite(terms: Float[Tensor, "steps 3"], epoch: int, weight: float, lr: float) -> None:
    """Raise FloatingPointError at the first step whose loss is NaN or infinite, saying what to try."""
    bad = (~torch.isfinite(terms)).any(1)
    if not bad.any():
        return
    step = int(bad.nonzero()[0])
    _, nats, kl = terms[step].tolist()
    raise FloatingPointError(
        f"the loss stopped being finite at step {step} of epoch {epoch}: cross-entropy {nats}, KL {kl} nats per image, "
        f"weighted by {weight:.3g}; learning rate {lr:.3g}. Look for NaN or unscaled values in the images "
        "(torch.isfinite(x).all(), x.abs().max()); if they are sound, try a smaller lr or beta."
    )
