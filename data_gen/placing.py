"""Pictures on black canvases, each at a place of its own: what clutter and occlusion have in common."""

import torch
from jaxtyping import Int64, UInt8
from torch import Tensor


def placed(
    pictures: UInt8[Tensor, "n h w channels"],
    corner: Int64[Tensor, "n 2"],
    height: int,
    width: int,
    out: UInt8[Tensor, "n height width channels"] | None = None,
) -> UInt8[Tensor, "n height width channels"]:
    """Black canvases of height x width, with picture i at row and column corner[i].

    The pictures lie one below the other on a strip that is as wide as the canvas, with more black between them than any is moved. So
    canvas i is an unbroken stretch of the strip, and such a stretch is copied fast.

    Args:
        pictures: what is placed.
        corner: of each picture. It must lie inside, which is not checked.
        height: of a canvas, in pixels.
        width: of a canvas, in pixels.
        out: where to write the canvases; its memory must be an unbroken stretch.
    """
    n, h, w, channels = pictures.shape
    margin, row = height - h + 1, width * channels
    strip = pictures.new_zeros(n * (height + 1) + margin, width, channels)
    strip[: n * (height + 1)].view(n, height + 1, width, channels)[:, margin:, :w] = pictures
    start = (torch.arange(margin, margin + n * (height + 1), height + 1, device=corner.device) - corner[:, 0]) * row
    start -= corner[:, 1] * channels
    stretches = strip.flatten().unfold(0, height * row, 1)
    flat = None if out is None else out.view(n, height * row)
    return torch.index_select(stretches, 0, start, out=flat).view(n, height, width, channels)
