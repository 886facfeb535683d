"""Scores of an information map: how much better than a blind map it tells the digit from the rest of a cluttered image.

A blind map is the same for every image, so it knows places only. The best one is known from the geometry.
"""

import torch
from jaxtyping import Bool, Float, Float64, Int, UInt8
from torch import Tensor, nn

Maps = Float[Tensor, "images rows columns"]
Places = Bool[Tensor, "images rows columns"]

INKED = 0.1
"""Mean brightness, 1 for white, from which a place counts as inked."""


def in_box(
    box: Int[Tensor, "images 4"] | Float[Tensor, "images 4"], rows: int, columns: int, size: int = 96
) -> Float[Tensor, "images rows columns"]:
    """1 at the places of a rows x columns map whose centre lies inside the box, given in pixels (top, left, bottom, right)."""
    down, across = ((torch.arange(n, device=box.device) + 0.5) * size / n for n in (rows, columns))
    top, left, bottom, right = (edge[:, None] for edge in box.unbind(1))
    inside_rows, inside_columns = (down >= top) & (down < bottom), (across >= left) & (across < right)
    return (inside_rows[:, :, None] & inside_columns[:, None]).float()


def auroc(
    maps: Maps, box: Int[Tensor, "images 4"] | Float[Tensor, "images 4"], size: int = 96
) -> Float[Tensor, " images"]:
    """Per image, the probability that a place inside the box has more nats than one outside; ties count one half."""
    _, rows, columns = maps.shape
    inside = in_box(box, rows, columns, size).bool()
    return separation(maps, inside, ~inside)


def separation(maps: Maps, here: Places, there: Places) -> Float[Tensor, " images"]:
    """Per image, the probability that a place `here` has more than a place `there`; ties count one half, NaN where either has none."""
    scores = []
    for values, first, second in zip(maps, here, there, strict=True):
        ordered = values[second].sort().values
        below = torch.searchsorted(ordered, values[first])
        not_above = torch.searchsorted(ordered, values[first], right=True)
        scores.append((below + not_above).double().mean() / 2 / len(ordered))
    return torch.stack(scores).float()


def ink(images: UInt8[Tensor, "images height width 1"], rows: int) -> Maps:
    """Mean brightness of the pixels of each place of a rows x rows map, 1 for white."""
    side = images.shape[1] // rows
    return nn.functional.avg_pool2d(images[..., 0].float() / 255, side)


def on_digit(box: Int[Tensor, "images 4"], brightness: Maps, size: int = 96) -> Places:
    """The inked places inside the digit's box."""
    _, rows, columns = brightness.shape
    return in_box(box, rows, columns, size).bool() & (brightness >= INKED)


def on_distractor(
    box: Int[Tensor, "images 4"], pieces: Int[Tensor, "images pieces 4"], brightness: Maps, size: int = 96
) -> Places:
    """The inked places inside a distractor's box and outside the digit's."""
    _, rows, columns = brightness.shape
    covered = torch.stack([in_box(piece, rows, columns, size).bool() for piece in pieces.unbind(1)]).any(0)
    return covered & ~in_box(box, rows, columns, size).bool() & (brightness >= INKED)


def distractor_share(
    maps: Maps,
    images: UInt8[Tensor, "images height width 1"],
    box: Int[Tensor, "images 4"],
    pieces: Int[Tensor, "images pieces 4"],
) -> float:
    """Mean nats of an inked place on a distractor, divided by those of an inked place on the digit.

    Both are above the background, which is the minimum of the image's own map, as in the authors' pictures. All places of all images
    count alike. The share is 0 where the map drops every distractor, and 1 where it treats them as the digit, or is flat.

    Args:
        images: the cluttered images that the maps belong to.
        box: the digit's, in pixels (top, left, bottom, right).
        pieces: the distractors', likewise.
    """
    size = images.shape[1]
    above = maps - maps.amin((1, 2), keepdim=True)
    brightness = ink(images, maps.shape[1])
    digit = above[on_digit(box, brightness, size)].mean()
    distractor = above[on_distractor(box, pieces, brightness, size)].mean()
    return (distractor / digit).item() if digit > 0 else 1.0


def blind_share(rows: int, size: int = 96, side: int = 28, n_distractors: int = 21, distractor: int = 8) -> float:
    """The smallest `distractor_share` that a blind map of rows x rows places can have, when ink is everywhere as likely.

    A blind map does best with all its nats at the one place where the digit's box is likely and distractors outside it are not.
    """
    in_digit = coverage(rows, size, side)
    on_piece = (1 - (1 - coverage(rows, size, distractor)) ** n_distractors) * (1 - in_digit)
    possible = in_digit > 0
    return ((on_piece / on_piece.sum())[possible] / (in_digit / in_digit.sum())[possible]).min().item()


def coverage(rows: int, size: int, side: int) -> Float64[Tensor, "rows rows"]:
    """Probability that a square of `side` pixels, thrown uniformly on a canvas of `size`, holds the centre of each place."""
    corners = torch.arange(size - side + 1)
    centres = ((torch.arange(rows) + 0.5) * size / rows)[:, None]
    along = ((corners <= centres) & (centres < corners + side)).double().mean(1)
    return along[:, None] * along
