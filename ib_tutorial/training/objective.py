r"""The per-sample loss of eq. (3): the mean cross-entropy plus beta times the information that the noise lets through."""

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from ib_tutorial.nn.contexts import noise_layers, observe_kl
from ib_tutorial.nn.precision import precision_of


def kl_per_image(kl_terms: Sequence[Tensor], n_images: int | None = None) -> Float[Tensor, ""]:
    """Nats per image, the second term of eq. (3): all terms are summed over all their units and divided by the number of images.

    A mean over units would divide beta by the number of units.

    Args:
        kl_terms: one tensor of nats per noise layer, batch x units.
        n_images: by default the length of the first term. Give it where a layer sees more rows than there are images, such as tokens.
    """
    if not kl_terms:
        return torch.zeros((), device="cpu")
    return torch.stack([kl.sum() for kl in kl_terms]).sum() / (len(kl_terms[0]) if n_images is None else n_images)


def check_beta(beta: float) -> None:
    """Raise ValueError unless beta can weigh the information: finite and at least 0."""
    if not 0 <= beta < math.inf:
        raise ValueError(f"beta is {beta}; it must be finite and at least 0: it weighs the information that the loss penalises")


def check_images(x: object) -> Tensor:
    """Return x. Raise ValueError unless it is a torch tensor of floating-point numbers."""
    if not isinstance(x, Tensor):
        raise ValueError(f"x is a {type(x).__module__}.{type(x).__name__}; give torch tensors, e.g. torch.as_tensor(x)")
    if not x.is_floating_point():
        raise ValueError(f"x has dtype {x.dtype}; a network takes floating-point images, e.g. images.float() / 255")
    return x


def check_labels(y: Tensor, logits: Float[Tensor, "batch *outputs"]) -> None:
    """Raise ValueError unless y holds a class of the logits for each image."""
    classes = logits.shape[1] if logits.dim() > 1 else 0
    if y.dim() == 1 and not y.is_floating_point() and (len(y) == 0 or 0 <= y.min() and y.max() < classes):
        return
    found = f"integers from {y.min().item()} to {y.max().item()}" if not y.is_floating_point() and y.numel() else str(y.dtype)
    raise ValueError(
        f"the labels have shape {tuple(y.shape)} and are {found}; one class for each image is needed, an integer from 0 to {classes - 1}: "
        "the network gives logits for as many classes"
    )


def with_costs(network: nn.Module, x: Float[Tensor, "batch *inputs"], complete: bool = False) -> tuple[Tensor, Sequence[Tensor]]:
    """What the network returns for x as a pair (output, kl_terms); one that returns its output alone has no cost.

    Args:
        network: what is called.
        x: its input.
        complete: whether every noise layer's cost must be among those that are returned.

    Raises:
        ValueError: `complete`, and fewer costs with a gradient were returned than the noise layers have.
    """
    watched: AbstractContextManager[list[Tensor]] = observe_kl(network) if complete else nullcontext([])
    with watched as used:
        try:
            returned = network(x)
        except TypeError as error:
            if noise_layers(network):
                error.add_note("noise layers return (z, kl); a network whose forward passes that on as it is can be wrapped: Collected(network)")
            raise
    if isinstance(returned, Tensor):
        output, kl_terms = returned, []
    else:
        try:
            output, kl_terms = returned
        except (TypeError, ValueError):
            raise ValueError(
                f"the network returned {type(returned).__name__}; it must return its output, or (output, kl_terms) with one tensor of nats for "
                "each noise layer"
            ) from None
    if (missing := sum(kl.requires_grad for kl in used) - sum(kl.requires_grad for kl in kl_terms)) > 0:
        raise ValueError(
            f"{missing} of the noise layers' costs would be left out: the network used {len(used)} noise layers and returned {len(kl_terms)} "
            "kl_terms; return (output, kl_terms) with all of them, or wrap the network: Collected(network)"
        )
    return output, kl_terms


def bernoulli_nats(logits: Float[Tensor, "batch pixels"], pixels: Float[Tensor, "batch pixels"]) -> Float[Tensor, ""]:
    """Mean over the images of -log p(x|z), in nats per image: the sum over binary pixels, each on with its own probability.

    It is the first term of eq. (7) for one draw of z. An image with a pixel that is neither 0 nor 1 has probability 0, so it costs +inf nats.

    Raises:
        ValueError: a pixel is neither 0 nor 1. On a GPU a look at the pixels would make each step wait, and inside a transform such as
            vmap it is impossible. There the result is +inf, and `fit` stops at it.
    """
    if pixels.device.type == "cpu" and not torch._C._are_functorch_transforms_active():
        check_binary(pixels)
    nats = binary_cross_entropy_with_logits(logits, pixels, reduction="sum") / len(pixels)
    return torch.where(are_binary(pixels), nats, torch.inf)


def check_binary(pixels: Tensor) -> None:
    """Raise ValueError unless every pixel is 0 or 1, the support of a Bernoulli likelihood."""
    if not are_binary(pixels):
        raise ValueError(
            f"pixels must be 0 or 1, but lie between {pixels.min().item():g} and {pixels.max().item():g} and have other values: "
            "a Bernoulli likelihood gives grey values no probability; make them binary first, e.g. (x > x.max() / 2).float()"
        )


def are_binary(pixels: Tensor) -> Bool[Tensor, ""]:
    return ((pixels == 0) | (pixels == 1)).all()


class Loss(NamedTuple):
    """The loss and the two terms it is made of, in nats per image."""

    total: Float[Tensor, ""]
    cross_entropy: Float[Tensor, ""]
    kl: Float[Tensor, ""]


def loss_and_terms(
    output: Float[Tensor, "batch *outputs"],
    y: Shaped[Tensor, "batch *targets"],
    kl_terms: Sequence[Tensor],
    beta: float,
    n_train: int,
    likelihood: Callable[[Tensor, Tensor], Float[Tensor, ""]] = cross_entropy,
) -> Loss:
    """`information_bottleneck_loss` together with its two terms, for any p(y|z).

    Here beta is divided by the number of training images. `fit_stacked` does the same for many networks; no other loss does.

    Args:
        output: of the network.
        y: a target for each image.
        kl_terms: one tensor of nats per noise layer.
        beta: the weight of the information.
        n_train: the number of training images.
        likelihood: from the network's output and the targets to the mean of -log p(y|z), in nats per image.

    Raises:
        ValueError: beta is negative or not finite, or n_train is below 1.
    """
    check_beta(beta)
    if n_train < 1:
        raise ValueError(f"n_train is {n_train}; it is the number of training images, at least 1")
    nats = likelihood(output.to(precision_of(output)), y)
    kl = kl_per_image(kl_terms, len(y)).to(nats.device)
    return Loss(nats + beta / n_train * kl, nats, kl)


def information_bottleneck_loss(
    logits: Float[Tensor, "batch classes"],
    y: Int[Tensor, " batch"],
    kl_terms: Sequence[Tensor],
    beta: float,
    n_train: int,
) -> Float[Tensor, ""]:
    r"""mean_i [ -log p(y_i | z_i) ] + (beta / n_train) * kl_per_image(kl_terms), in nats per image: eq. (3).

    The paper writes beta in front of the KL (eq. 3) and divides the KL by the number of training images (section 8). So the
    weight of a nat is beta / n_train: at beta = 3 on 50,000 images it is 6e-5.

    Args:
        logits: the network's output.
        y: the class of each image.
        kl_terms: one tensor of nats per noise layer.
        beta: the weight of the information, in the paper's convention.
        n_train: the number of training images; 1 where the paper does not divide, as for its variational autoencoder (eq. 7).

    Raises:
        ValueError: beta is negative or not finite, or n_train is below 1.
    """
    return loss_and_terms(logits, y, kl_terms, beta, n_train).total
