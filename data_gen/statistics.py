"""What can be said of a set in numbers: which pieces touch the digit, what lies in its box, which labels its neighbours doubt."""

import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

BATCH = 500  # images compared with all others at a time


def overlap(box: Int64[Tensor, "n 4"], distractors: Int64[Tensor, "n k 4"]) -> Int64[Tensor, "n k"]:
    """How many pixels each distractor's box shares with the digit's; boxes as in `Cluttered`."""
    box = box[:, None]
    sides = torch.minimum(box[..., 2:], distractors[..., 2:]) - torch.maximum(box[..., :2], distractors[..., :2])
    return sides.clamp(min=0).prod(-1)


def crop(images: UInt8[Tensor, "n height width c"], box: Int64[Tensor, "n 4"]) -> UInt8[Tensor, "n h w c"]:
    """What each image shows in its box. The boxes are of one size."""
    height, width = (box[0, 2:] - box[0, :2]).tolist()
    rows = box[:, 0, None] + torch.arange(height, device=box.device)
    columns = box[:, 1, None] + torch.arange(width, device=box.device)
    each = torch.arange(len(box), device=box.device)
    return images[each[:, None, None], rows[:, :, None], columns[:, None, :]]


def neighbour_labels(
    images: UInt8[Tensor, "n height width c"], labels: Int64[Tensor, " n"], k: int
) -> Int64[Tensor, "n k"]:
    """The labels of the k images nearest to each, itself left out: Euclidean distance of the pixels, nearest first.

    Of two images at the same distance the first in the set counts as nearer. Squared distances are whole numbers below 2^53, which
    float64 adds without rounding in any order, so that every processor finds the same neighbours.
    """
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
