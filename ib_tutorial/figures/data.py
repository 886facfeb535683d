"""Figures of the page on the data: images in, a Figure out."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from data_gen import Cluttered, Occluded


def tiles(images: Tensor, columns: int, gap: int = 2) -> np.ndarray:
    """One RGB image of images (NHWC, uint8) that stand side by side in rows of `columns`, with white between them."""
    n, height, width, _ = images.shape
    rows = -(-n // columns)
    sheet = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, np.uint8)
    for k, image in enumerate(images.numpy()):
        top, left = k // columns * (height + gap), k % columns * (width + gap)
        sheet[top : top + height, left : left + width] = image
    return sheet


def rows_of_tiles(axis: Axes, images: Tensor, names: Sequence[str], columns: int, gap: int = 2) -> None:
    """Draw `images` in rows of `columns`, with a name to the left of each row."""
    side = images.shape[1] + gap
    axis.imshow(tiles(images, columns, gap), interpolation="nearest")
    axis.set_xticks([])
    axis.set_yticks([side * (row + 0.5) for row in range(len(names))], names)
    axis.tick_params(length=0)
    axis.grid(False)
    axis.set_frame_on(False)


def bare(axis: Axes) -> None:
    axis.set(xticks=[], yticks=[])
    axis.grid(False)


def gallery(images: Tensor, labels: Tensor, names: Sequence[str], columns: int = 10) -> Figure:
    """The first `columns` images of each class, a row for each."""
    chosen = [images[labels == label][:columns] for label in range(len(names))]
    figure, axis = plt.subplots(figsize=(0.42 * columns + 0.8, 4.2))
    rows_of_tiles(axis, torch.cat(chosen), names, columns)
    return figure


def doubted_digits(images: Tensor, labels: Tensor, neighbours: Tensor) -> Figure:
    """Digits under the label that they carry and the label of their neighbours."""
    figure, axes = plt.subplots(2, -(-len(images) // 2), figsize=(6.4, 3.6))
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, image, label, other in zip(axes.flat, images, labels.tolist(), neighbours.tolist()):
        axis.imshow(image[..., 0], cmap="gray_r", vmin=0, vmax=255)
        axis.set_title(f"label {label}\nneighbours {other}", fontsize=9)
    return figure


def factor_strips(strips: Mapping[str, Tensor]) -> Figure:
    """One row per factor: the images in which that factor alone changes, from left to right."""
    columns = len(next(iter(strips.values())))
    figure, axis = plt.subplots(figsize=(4.6, 0.48 * len(strips) + 0.2))
    rows_of_tiles(axis, torch.cat(list(strips.values())), list(strips), columns)
    return figure


def clutter_boxes(clutter: Cluttered) -> Figure:
    """Cluttered images, with the digit's box and those of the distractors drawn."""
    n = len(clutter.images)
    figure, axes = plt.subplots(2, n, figsize=(7.2, 4.0))
    for column, (image, label, box, pieces) in enumerate(
        zip(clutter.images, clutter.labels.tolist(), clutter.box.tolist(), clutter.distractors.tolist())
    ):
        for axis in axes[:, column]:
            axis.imshow(image[..., 0], cmap="gray", vmin=0, vmax=255)
            bare(axis)
        axes[0, column].set_title(f"label {label}")
        for (top, left, bottom, right), color, width in [(piece, "C1", 1.0) for piece in pieces] + [(box, "C2", 2.5)]:
            axes[1, column].add_patch(
                Rectangle((left - 0.5, top - 0.5), right - left, bottom - top, fill=False, ec=color, lw=width)
            )
    return figure


def fresh_clutter(rows: Sequence[Tensor], epochs: Sequence[int]) -> Figure:
    """The same digits in the clutter of several epochs, a row for each of `epochs`."""
    figure, axis = plt.subplots(figsize=(5.6, 4.4))
    rows_of_tiles(axis, torch.cat(list(rows)), [f"epoch {epoch}" for epoch in epochs], len(rows[0]), gap=4)
    return figure


def occlusions(images: Tensor, both: Occluded, names: Sequence[str]) -> Figure:
    """Images, the masks of the digits, and the images with the digits over them; under each column both labels."""
    columns, side = len(images), images.shape[2] + 2
    figure, axis = plt.subplots(figsize=(0.9 * columns, 0.37 * columns + 0.74))  # few columns can be read on a phone
    masks = both.mask.expand(*images.shape)
    rows_of_tiles(axis, torch.cat([images, masks, both.images]), ["image", "mask 255 m", "occluded"], columns)
    below = [f"{names[y]}\n{digit}" for y, digit in zip(both.labels.tolist(), both.digit_labels.tolist())]
    axis.set_xticks([side * (column + 0.5) for column in range(columns)], below, fontsize=9)
    return figure
