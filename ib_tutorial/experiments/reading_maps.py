"""What an information map shows beyond its score: is it more than ink, and more than a fixed pattern of places?

The networks are those kept beside the record of `information_maps`. Three comparisons: with the brightness of the image, also averaged over
all that a place can see; with constant noise, whose map cannot depend on the image; with the mean map, which knows places and no image.
"""

import copy
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from data_gen import Cluttered
from ib_tutorial.catalogue import RECORDED
from ib_tutorial.experiments.information_maps import counting_betas
from ib_tutorial.experiments.map_scores import Maps, in_box, ink, on_digit, on_distractor, separation
from ib_tutorial.experiments.record import Record
from ib_tutorial.experiments.vision import mean_alpha_squared
from ib_tutorial.nn import InformationDropout, NoisyNetwork, all_cnn_96, batch_norm
from ib_tutorial.training import checkpoint


def kept_networks(record: Record, folder: Path = RECORDED) -> dict[float, NoisyNetwork]:
    """The networks whose weights lie beside the record, by beta, in rising order and in eval mode.

    Weights were kept in half precision. Where a file holds no statistics of noisy passes, a noisy reading warns.

    Raises:
        ValueError: the weights are not those of All-CNN-96 at the record's width.
    """
    path = folder / f"{record.experiment}.{record.profile}.safetensors"
    tensors, _ = checkpoint.load(path)
    weights: dict[float, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        of_beta, _, parameter = name.partition("/")
        weights.setdefault(float(of_beta), {})[parameter] = value.float()
    width, cap = record.config["width"], record.config["max_alpha"]
    variant = record.config.get("variant", "paper")  # records of format 1 have no other
    networks = {}
    for beta in sorted(weights):
        network = all_cnn_96(width=width, max_alpha=cap, variant=variant).eval()
        counters = {
            name: torch.ones_like(value)  # the statistics are those of some passes
            for name, value in network.state_dict().items()
            if not value.is_floating_point()
        }
        own = {name: value for name, value in weights[beta].items() if name in network.state_dict()}
        try:
            network.load_state_dict(counters | own)
        except RuntimeError as error:
            raise ValueError(
                f"{path.name} holds, for beta {beta:g}, no weights of all_cnn_96 at width {width}: {error}"
            ) from error
        running = {name.replace("running", "clean"): value for name, value in own.items() if "running_" in name}
        batch_norm.restore(network, running | weights[beta])
        networks[beta] = network
    return networks


def small_middle_large(record: Record, kept: Iterable[float]) -> list[float]:
    """The smallest, the middle and the largest beta among those whose networks are kept and whose maps count by the record."""
    counting = [beta for beta in kept if beta in counting_betas(record)]
    if len(counting) < 3:
        raise ValueError(f"the maps of {len(counting)} kept networks count (beta {counting}); three are to be shown")
    return [counting[0], counting[len(counting) // 2], counting[-1]]


def constant_noise(network: NoisyNetwork, x: Float[Tensor, "images 1 height width"]) -> NoisyNetwork:
    """A copy whose noise does not look at the image: in each layer one alpha, of the same mean square over x and units."""
    copied = copy.deepcopy(network)
    layers = [layer for layer in copied.layers if isinstance(layer, InformationDropout)]
    for layer, square in zip(layers, mean_alpha_squared(network, x), strict=True):
        convolution = next(module for module in layer.alpha.modules() if isinstance(module, nn.Conv2d))
        nn.init.zeros_(convolution.weight)
        nn.init.constant_(convolution.get_parameter("bias"), torch.logit(torch.tensor(square**0.5 / layer.max_alpha)).item())
    return copied


def share_from_image(maps: Maps) -> float:
    """The share of the variance over places within an image's map that the mean map of all images does not explain.

    The share is 0 for a map that is the same for every image. The variance of the mean map contains 1/n of the images' own variance. This
    part is subtracted, so that maps of independent places give 1 on average.
    """
    n = len(maps)
    places = maps.double().flatten(1)
    centred = places - places.mean(1, keepdim=True)  # what a whole image has more of than others is no pattern
    from_image = centred.var(0).sum().item()
    from_place = centred.mean(0).square().sum().item() - from_image / n
    return from_image / (from_image + from_place) if from_image > 0 else 0.0


def blind_auroc(rows: int, size: int = 96, side: int = 28) -> float:
    """The largest mean AUROC that one map for all images can have, when every place of the box is as likely as any other.

    It is that of the map that ranks places by how often the box covers them, each box weighing one over (its places times the others): see
    the exercise on it in the chapter `information_maps`.
    """
    corner = torch.arange(size - side + 1)
    top, left = (axis.flatten() for axis in torch.meshgrid(corner, corner, indexing="ij"))
    inside = in_box(torch.stack([top, left, top + side, left + side], 1), rows, rows, size).flatten(1).double()
    within = inside.sum(1)
    pairs = within * (inside.shape[1] - within)
    coverage = (inside / pairs[:, None]).sum(0)
    coverage = (coverage * 1e12).round()  # places that symmetry makes equal are to be ties
    _, group, size_of = coverage.unique(return_inverse=True, return_counts=True)
    rank = (size_of.cumsum(0) - (size_of - 1) / 2)[group].double()
    return ((inside @ rank - within * (within + 1) / 2) / pairs).mean().item()


def ink_in_sight(images: UInt8[Tensor, "images height width 1"], layer: int) -> Maps:
    """Mean brightness of all the pixels that a place of noise layer 1, 2, ... of All-CNN-96 sees, black beyond the edge."""
    step, field = 2**layer, receptive_field(layer)
    before, after = 2 * step - 2, 3 * step - 3
    padded = nn.functional.pad(images[..., 0].float() / 255, (before, after, before, after))
    return nn.functional.avg_pool2d(padded, field, stride=step)


def receptive_field(layer: int) -> int:
    """Side in pixels of what a place of noise layer 1, 2, ... of All-CNN-96 sees: three 3x3 convolutions a block, the last of stride 2."""
    return 6 * 2**layer - 5


def per_image(clutter: Cluttered, found: Maps) -> dict[str, Float[Tensor, " images"]]:
    """AUROC of a map, or of another value at each place, for each image and two questions: inside the box or not, digit or distractor."""
    brightness = ink(clutter.images, found.shape[1])
    inside = in_box(clutter.box, *found.shape[1:]).bool()
    digit = on_digit(clutter.box, brightness)
    distractor = on_distractor(clutter.box, clutter.distractors, brightness)
    return {
        "inside the box": separation(found, inside, ~inside),
        "digit or distractor": separation(found, digit, distractor),
    }


def compared(
    clutter: Cluttered, readings: Mapping[str, Sequence[Float[Tensor, "images _ _"]]]
) -> dict[str, dict[str, list[tuple[float, float]]]]:
    """By question and reading, (mean, standard error) over the images of the AUROC in each layer."""
    scored = {name: [per_image(clutter, found) for found in layers] for name, layers in readings.items()}
    questions = next(iter(scored.values()))[0]
    return {
        question: {name: [mean_and_error(layer[question]) for layer in layers] for name, layers in scored.items()}
        for question in questions
    }


def mean_and_error(values: Float[Tensor, " images"]) -> tuple[float, float]:
    """Mean over the images that have a value, and its standard error."""
    found = values[~values.isnan()].double()
    return found.mean().item(), (found.std() / len(found) ** 0.5).item()
