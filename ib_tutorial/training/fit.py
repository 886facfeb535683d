"""The training loop: gradient descent on eq. (3) in batches, read from top to bottom in one sitting."""

import math
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from ib_tutorial.training.checkpoint import load, restore_run, save_run
from ib_tutorial.training.objective import loss_and_terms
from ib_tutorial.training.precision import Precision, autocast, chosen

CHECK_EVERY = 50
"""Steps between looks at the loss: a look waits for the device, so it is not taken at each step."""


class Epoch(NamedTuple):
    """One epoch's means over its steps. Loss, cross-entropy and KL in nats per image."""

    epoch: int
    lr: float
    loss: float
    cross_entropy: float
    kl: float
    effective_beta: float
    """beta / n_train: what one nat of the KL weighs."""
    gradient: float
    """Euclidean norm of the loss's gradient over all parameters."""


def fit(
    network: nn.Module,
    x: Float[Tensor, "images *inputs"],
    y: Tensor,
    *,
    epochs: int,
    lr: float,
    drops: Sequence[int] = (),
    beta: float = 0.0,
    n_train: int | None = None,
    likelihood: Callable[[Tensor, Tensor], Float[Tensor, ""]] = cross_entropy,
    batch_size: int = 100,
    optimiser: Literal["sgd", "adam"] = "sgd",
    momentum: float = 0.9,
    weight_decay: float = 0.0,
    seed: int = 0,
    precision: Precision = "auto",
    compile: bool = False,
    checkpoint: Path | str | None = None,
    progress: bool | str = True,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> list[Epoch]:
    """Train `network` in place by gradient descent on eq. (3), and return what each epoch measured.

    network: returns (output, kl_terms), as those of `ib_tutorial.nn` do.
    x, y: the whole training set, on the network's device; y has a target (a label, an image) for each x.
    drops: epochs before which the learning rate falls to a tenth.
    beta: weight of the information, in the paper's convention (see `information_bottleneck_loss`).
    n_train: what beta is divided by. By default the number of images, as in the paper's section 8; 1 for a variational
        autoencoder (eq. 7).
    likelihood: mean nats per image, -log p(y | output), from the output and the targets.
    optimiser: "sgd" has Nesterov momentum; "adam" (Kingma & Ba 2015) averages gradients with the same `momentum`, and their
        squares with 0.999.
    weight_decay: of every parameter, 0 by default: the paper mentions none.
    seed: of the order of the images and of the noise. The caller's random state is left as it was.
    precision: of matrix products and convolutions; "auto" is bfloat16 where a probe finds it faster, else float32.
    compile: run the network through torch.compile; where that fails, the run says so and goes on without.
    checkpoint: a file written after each epoch. If it is there already, training goes on from it, to the same bits as if
        it had never stopped (same device and number of threads).
    progress: whether to draw a bar; a string is its label.

    Images are converted to channels_last, which convolutions run faster in. Raises ValueError for settings that mean
    nothing or a checkpoint begun with other settings, FloatingPointError at a loss that is not finite.
    """
    if len(x) != len(y):
        raise ValueError(f"there are {len(x)} images and {len(y)} targets; each image needs one")
    if not 1 <= batch_size <= len(x):
        raise ValueError(f"batch_size is {batch_size}; it must be between 1 and the number of images, {len(x)}")
    n_train = len(x) if n_train is None else n_train
    kind = chosen(precision, x.device)
    settings = dict(
        n_images=len(x), lr=lr, drops=list(drops), beta=beta, n_train=n_train, batch_size=batch_size, optimiser=optimiser,
        momentum=momentum, weight_decay=weight_decay, seed=seed, precision=kind,
    )  # fmt: skip
    if x.dim() == 4:
        network.to(memory_format=torch.channels_last)
        x = x.contiguous(memory_format=torch.channels_last)
    network.train()
    stepper = chosen_optimiser(optimiser, network, lr, momentum, weight_decay)
    run = compiled(network, x[:batch_size], kind) if compile else network
    parameters = list(network.parameters())
    n_steps = math.ceil(len(x) / batch_size)
    terms = torch.zeros(n_steps, 4, device=x.device)  # loss, cross-entropy, KL, gradient of each step, on the device
    history: list[Epoch] = []
    cuda = [x.device] if x.device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.manual_seed(seed)
        if checkpoint is not None and Path(checkpoint).exists():
            history = resumed(Path(checkpoint), network, stepper, settings)
        bar = tqdm(
            range(len(history), epochs),
            initial=len(history),
            total=epochs,
            desc=progress if isinstance(progress, str) else "fit",
            unit="epoch",
            leave=False,
            disable=not progress,
        )
        for epoch in bar:
            lr_now = lr * 0.1 ** sum(epoch >= drop for drop in drops)
            for group in stepper.param_groups:
                group["lr"] = lr_now

            order = torch.randperm(len(x)).to(x.device)
            for step, batch in enumerate(order.split(batch_size)):
                with autocast(kind, x.device):
                    output, kl_terms = run(x[batch])
                loss = loss_and_terms(output, y[batch], kl_terms, beta, n_train, likelihood)
                stepper.zero_grad(set_to_none=True)
                loss.total.backward()
                stepper.step()
                terms[step] = torch.stack([*loss, gradient_norm(parameters)]).detach()
                if step % CHECK_EVERY == CHECK_EVERY - 1 or step == n_steps - 1:
                    stop_if_not_finite(terms[: step + 1], epoch, beta / n_train, lr_now)

            total, nats, kl, gradient = terms.mean(0).tolist()
            history.append(Epoch(epoch, lr_now, total, nats, kl, beta / n_train, gradient))
            bar.set_postfix_str(f"-log p {nats:.3f}, KL {kl:.1f} nats per image at weight {beta / n_train:.2g}")
            if checkpoint is not None:
                save_run(Path(checkpoint), network, stepper, {"settings": settings, "history": history})
            if on_epoch is not None:
                on_epoch(history[-1])
    return history


def chosen_optimiser(
    name: Literal["sgd", "adam"], network: nn.Module, lr: float, momentum: float, weight_decay: float
) -> torch.optim.Optimizer:
    parameters = [p for p in network.parameters() if p.requires_grad]
    if name == "sgd":
        return torch.optim.SGD(
            parameters, lr=lr, momentum=momentum, nesterov=momentum > 0, weight_decay=weight_decay, fused=True
        )
    if name == "adam":
        return torch.optim.Adam(parameters, lr=lr, betas=(momentum, 0.999), weight_decay=weight_decay, fused=True)
    raise ValueError(f"optimiser is {name!r}; it must be 'sgd' or 'adam'")


def gradient_norm(parameters: Sequence[nn.Parameter]) -> Float[Tensor, ""]:
    """Euclidean norm of the gradient over all parameters that have one."""
    return torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])


def resumed(path: Path, network: nn.Module, optimiser: torch.optim.Optimizer, settings: dict) -> list[Epoch]:
    """Put the checkpoint's state in place and return its history; ValueError where its settings are others."""
    tensors, state = load(path)
    before = state["settings"]
    changed = {key: (before.get(key), now) for key, now in settings.items() if before.get(key) != now}
    if changed:
        raise ValueError(
            f"{path.name} was begun with other settings: {changed} (there, here); go on with those, or delete the file"
        )
    restore_run(tensors, network, optimiser)
    return [Epoch(*row) for row in state["history"]]


def compiled(network: nn.Module, x: Tensor, kind) -> nn.Module:
    """`network` through torch.compile, tried once on x; the network itself, with a warning, where that fails."""
    fast = torch.compile(network)
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    try:
        with autocast(kind, x.device), torch.random.fork_rng(devices=[x.device] if x.device.type == "cuda" else []):
            fast(x)
        return fast
    except (
        Exception
    ) as error:  # torch.compile raises what its backends raise: no compiler, no Triton, a graph it cannot take
        warnings.warn(f"torch.compile failed ({type(error).__name__}); training goes on without it", stacklevel=3)
        return network
    finally:
        network.load_state_dict(state)


def stop_if_not_finite(terms: Float[Tensor, "steps 4"], epoch: int, weight: float, lr: float) -> None:
    """Raise FloatingPointError at the first step whose loss is NaN or infinite, saying what to try."""
    bad = (~torch.isfinite(terms[:, :3])).any(1)
    if not bad.any():
        return
    step = int(bad.nonzero()[0])
    _, nats, kl, gradient = terms[step].tolist()
    raise FloatingPointError(
        f"the loss stopped being finite at step {step} of epoch {epoch}: cross-entropy {nats}, KL {kl} nats per image, "
        f"weighted by {weight:.3g}; gradient {gradient:.3g}; learning rate {lr:.3g}. Look for NaN or unscaled values in "
        "the images (torch.isfinite(x).all(), x.abs().max()); if they are sound, try a smaller lr or beta."
    )
