"""What can be said of a set in numbers: which pieces touch the digit, what lies in its box, which labels its neighbours doubt."""

import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from .arguments import images_as_bytes, labels_of, whole
from .errors import DataError

BATCH = 500  # images compared with all others at a time


def overlap(box: Int64[Tensor, "n 4"], distractors: Int64[Tensor, "n k 4"]) -> Int64[Tensor, "n k"]:
    """How many pixels each distractor's box shares with the digit's; boxes as in `Cluttered`."""
    box = box[:, None]
    sides = torch.minimum(box[..., 2:], distractors[..., 2:]) - torch.maximum(box[..., :2], distractors[..., :2])
    return sides.clamp(min=0).prod(-1)


def crop(images: UInt8[Tensor, "n height width c"], box: Int64[Tensor, "n 4"]) -> UInt8[Tensor, "n h w c"]:
    """What each image shows in its box.

    Raises DataError unless there is a box for each image, all are of one size, and they lie inside.
    """
    if len(box) != len(images):
        raise DataError(f"{len(images)} images and {len(box)} boxes: there must be a box for each.")
    if len(box) == 0:
        return images
    sides = box[:, 2:] - box[:, :2]
    if (sides != sides[0]).any() or (sides < 1).any():
        raise DataError("the boxes differ in size or are empty: crop() cuts all images alike.")
    if (box < 0).any() or (box[:, 2:] > torch.tensor(images.shape[1:3], device=box.device)).any():
        raise DataError(f"a box reaches out of the {images.shape[1]}x{images.shape[2]} images.")
    height, width = sides[0].tolist()
    rows = box[:, 0, None] + torch.arange(height, device=box.device)
    columns = box[:, 1, None] + torch.arange(width, device=box.device)
    each = torch.arange(len(box), device=box.device)
    return images[each[:, None, None], rows[:, :, None], columns[:, None, :]]


def neighbour_labels(
    images: UInt8[Tensor, "n height width c"], labels: Int64[Tensor, " n"], k: int
) -> Int64[Tensor, "n k"]:
    """The labels of the k images nearest to each, itself left out: Euclidean distance of the pixels, nearest first.

    Of two images at the same distance the first in the set counts as nearer. Squared distances are whole numbers below 2^53, which
    float64 adds without rounding in any order, so that every processor finds the same neighbours. Raises DataError unless k is 1 to
    n - 1.
    """
    images = images_as_bytes(images, "images")
    labels = labels_of(labels, "labels", len(images), "images", images.device)
    if len(images) < 2:
        raise DataError(f"{len(images)} images: neighbours need at least two.")
    k = whole(k, "k", 1, len(images) - 1)
    pixels = images.flatten(1).double()
    norms = pixels.square().sum(1)
    everyone = torch.arange(len(pixels), device=pixels.device)
    found = []
    for start in range(0, len(pixels), BATCH):
        part = slice(start, start + BATCH)
        squared = norms[part, None] + norms - 2 * pixels[part] @ pixels.T
        order = squared.long() * len(pixels) + everyone  # no two alike
        order[torch.arange(len(order)), everyone[part]] = torch.iinfo(torch.int64).max
        found.append(labels[order.topk(k, largest=False).indices])
    return torch.cat(found)
