"""Many small networks trained as one program: their parameters are stacked, and each step moves all of them.

A small network leaves most of a GPU idle: a step takes the time of launching its kernels, and a stack of K networks launches as
many as one does.
"""

import copy
import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from ib_tutorial.nn.contexts import noise_layers
from ib_tutorial.nn.precision import precision_of
from ib_tutorial.training.loop import CHECK_EVERY, Epoch, stop_if_not_finite
from ib_tutorial.training.objective import kl_per_image
from ib_tutorial.training.precision import Precision, autocast, chosen
from ib_tutorial.training.randomness import derived_seed, generator


def fit_stacked(
    networks: Sequence[nn.Module],
    x: Float[Tensor, "images *inputs"],
    y: Tensor,
    *,
    epochs: int,
    lrs: Sequence[float],
    betas: Sequence[float],
    seeds: Sequence[int],
    drops: Sequence[int] = (),
    n_train: int | None = None,
    likelihood: Callable[[Tensor, Tensor], Float[Tensor, ""]] = cross_entropy,
    batch_size: int = 100,
    momentum: float = 0.9,
    precision: Precision = "auto",
    progress: bool | str = True,
) -> list[list[Epoch]]:
    """Train every network in place as `fit` would (gradient descent with Nesterov momentum), and return the history of each.

    Each network draws noise of its own, but other numbers than in `fit`. Without noise the two agree up to rounding. Arguments that are
    not listed here mean what they mean in `fit`.

    Args:
        networks: fully connected, on the device of x, and alike but for the values of their parameters. (Stacked convolutions are
            grouped ones, which are slower than one after another.)
        x: the whole training set.
        y: a target for each image.
        epochs: how often each image is seen.
        lrs: a learning rate for each network.
        betas: a weight of the information for each network.
        seeds: of the order of each network's images.

    Raises:
        ValueError: the lists differ in length, or a setting means nothing.
        FloatingPointError: the loss of a network is not finite; a note says which.
    """
    n_networks, n = len(networks), len(x)
    if not n_networks == len(lrs) == len(betas) == len(seeds) or n_networks == 0:
        raise ValueError(
            f"there are {n_networks} networks, {len(lrs)} lrs, {len(betas)} betas and {len(seeds)} seeds; each network needs one of each"
        )
    if n != len(y) or not 1 <= batch_size <= n:
        raise ValueError(f"batch_size is {batch_size} for {n} images and {len(y)} targets; each image needs one")
    if not all(beta >= 0 for beta in betas):
        raise ValueError(f"betas are {list(betas)}; each must be at least 0: it weighs the information")
    kind = chosen(precision, x.device)
    for network in networks:
        network.train()
    parameters, buffers = stack_module_state(list(networks))
    skeleton = copy.deepcopy(networks[0]).to("meta")
    for layer, original in zip(noise_layers(skeleton), noise_layers(networks[0]), strict=True):
        layer.forced = original.forced  # a copy takes nothing along of an enclosing `noise(...)`
    moving = [name for name, parameter in networks[0].named_parameters() if parameter.requires_grad]
    leaves = [parameters[name] for name in moving]
    velocities = [torch.zeros_like(leaf) for leaf in leaves]
    weights = x.new_tensor(betas) / (n if n_train is None else n_train)

    def terms_of(parameters: dict, buffers: dict, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        output, kl_terms = functional_call(skeleton, (parameters, buffers), (x,))
        return likelihood(output.to(precision_of(output)), y), kl_per_image(kl_terms, len(y))

    all_terms = vmap(terms_of, randomness="different")
    terms = x.new_zeros(math.ceil(n / batch_size), n_networks, 4)  # loss, cross-entropy, KL, gradient, as in fit
    histories: list[list[Epoch]] = [[] for _ in networks]
    label = progress if isinstance(progress, str) else f"fit {n_networks}"
    with torch.random.fork_rng(devices=[x.device] if x.device.type == "cuda" else []):
        torch.manual_seed(derived_seed(seeds[0], "noise"))
        for epoch in tqdm(range(epochs), desc=label, unit="epoch", leave=False, disable=not progress):
            rates = x.new_tensor(lrs) * 0.1 ** sum(epoch >= drop for drop in drops)
            orders = [torch.randperm(n, generator=generator(seed, "order", epoch), device="cpu") for seed in seeds]
            order = torch.stack(orders).to(x.device)
            for step, batch in enumerate(order.split(batch_size, dim=1)):
                with autocast(kind, x.device):
                    nats, kl = all_terms(parameters, buffers, x[batch], y[batch])
                loss = nats + weights * kl
                gradients = torch.autograd.grad(loss.sum(), leaves)
                descend(leaves, gradients, velocities, rates, momentum)
                terms[step] = torch.stack([loss, nats, kl, norms(gradients)], dim=1).detach()
                if step % CHECK_EVERY == CHECK_EVERY - 1 or step == len(terms) - 1:
                    stop_if_one_is_not_finite(terms[: step + 1], epoch, weights, rates)
            sizes = torch.tensor([batch.shape[1] for batch in order.split(batch_size, dim=1)], device=x.device) / n
            for history, rate, weight, mean in zip(histories, rates, weights, torch.einsum("s,snt->nt", sizes, terms), strict=True):
                loss_, nats_, kl_, gradient = mean.tolist()
                history.append(Epoch(epoch, rate.item(), loss_, nats_, kl_, weight.item(), gradient))
    hand_back(networks, parameters | buffers)
    return histories


@torch.no_grad()
def descend(
    leaves: list[Tensor],
    gradients: tuple[Tensor, ...],
    velocities: list[Tensor],
    rates: Float[Tensor, " networks"],
    momentum: float,
) -> None:
    """A step of gradient descent with Nesterov momentum, each network at its own rate, in place."""
    torch._foreach_mul_(velocities, momentum)
    torch._foreach_add_(velocities, gradients)
    ahead = torch._foreach_add(gradients, velocities, alpha=momentum)
    torch._foreach_mul_(ahead, [rates.view(-1, *[1] * (leaf.dim() - 1)) for leaf in leaves])
    torch._foreach_sub_(leaves, ahead)


def norms(gradients: Sequence[Tensor]) -> Float[Tensor, " networks"]:
    """Euclidean norm of each network's gradient."""
    return torch.stack([gradient.reshape(len(gradient), -1).square().sum(1) for gradient in gradients]).sum(0).sqrt()


def stop_if_one_is_not_finite(
    terms: Float[Tensor, "steps networks 4"],
    epoch: int,
    weights: Float[Tensor, " networks"],
    rates: Float[Tensor, " networks"],
) -> None:
    if torch.isfinite(terms[..., :3]).all():
        return
    for place in range(terms.shape[1]):
        try:
            stop_if_not_finite(list(terms[:, place]), epoch, weights[place].item(), rates[place].item())
        except FloatingPointError as error:
            error.add_note(f"in network {place} of {terms.shape[1]}, counted from 0")
            raise


@torch.no_grad()
def hand_back(networks: Sequence[nn.Module], stacks: dict[str, Tensor]) -> None:
    """Write each network's slice of the stacks into it."""
    for place, network in enumerate(networks):
        for name, own in network.state_dict(keep_vars=True).items():
            own.copy_(stacks[name][place])
