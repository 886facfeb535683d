"""The generators as plain loops, one image at a time: the oracle of tests/data_gen and the peer of the benchmarks.

Written from the descriptions (the paper's, and the docstrings of data_gen), with Python integers for the random draws and numpy for
the pixels of one image. They share no code with data_gen.
"""

import math
from functools import lru_cache

import numpy as np

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15


def mix(z: int) -> int:
    """SplitMix64's output function."""
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


@lru_cache
def key(seed: int, epoch: int, stream: str) -> int:
    state = 0
    for part in (seed, epoch, int.from_bytes(stream.encode()[:8], "little")):
        state = mix((state + GOLDEN + part) & MASK)
    return state


class Generator:
    """SplitMix64, started at a hash of (seed, epoch, stream, index)."""

    def __init__(self, seed: int, epoch: int, stream: str, index: int) -> None:
        self.state = mix((key(seed, epoch, stream) + index * GOLDEN) & MASK)

    def word(self) -> int:
        self.state = (self.state + GOLDEN) & MASK
        return mix(self.state)

    def below(self, n: int) -> int:
        return ((self.word() >> 32) * n) >> 32


@lru_cache(maxsize=4)
def shuffled(seed: int, epoch: int, stream: str, pass_number: int, n_cards: int) -> list[int]:
    first = pass_number * n_cards
    return sorted(range(n_cards), key=lambda card: Generator(seed, epoch, stream[:4] + "deck", first + card).word())


def dealt(seed: int, epoch: int, stream: str, index: int, n_cards: int) -> int:
    return shuffled(seed, epoch, stream, index // n_cards, n_cards)[index % n_cards]


def cluttered_loop(
    images: np.ndarray,
    labels: np.ndarray,
    *,
    n: int,
    size: int = 96,
    n_distractors: int = 21,
    distractor: int = 8,
    seed: int,
    start: int = 0,
    epoch: int = 0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Cluttered images, labels, digit boxes and distractor boxes."""
    n_images, height, width, channels = images.shape
    out = np.empty((n, size, size, channels), np.uint8)
    out_labels, boxes = np.empty(n, np.int64), np.empty((n, 4), np.int64)
    distractors = np.empty((n, n_distractors, 4), np.int64)
    for i in range(n):
        draw = Generator(seed, epoch, "clutter", start + i)
        canvas = np.zeros((size, size, channels), np.int32)
        for k in range(n_distractors):
            source = draw.below(n_images)
            row, column = draw.below(height - distractor + 1), draw.below(width - distractor + 1)
            top, left = draw.below(size - distractor + 1), draw.below(size - distractor + 1)
            piece = images[source, row : row + distractor, column : column + distractor]
            canvas[top : top + distractor, left : left + distractor] += piece
            distractors[i, k] = top, left, top + distractor, left + distractor
        digit = dealt(seed, epoch, "clutter", start + i, n_images)
        top, left = draw.below(size - height + 1), draw.below(size - width + 1)
        canvas[top : top + height, left : left + width] += images[digit]
        out[i] = np.clip(canvas, 0, 255)
        out_labels[i] = labels[digit]
        boxes[i] = top, left, top + height, left + width
    return out, out_labels, boxes, distractors


def occluded_loop(
    images: np.ndarray,
    labels: np.ndarray,
    digits: np.ndarray,
    digit_labels: np.ndarray,
    *,
    seed: int,
    shift: int = 2,
    epoch: int = 0,
    n: int | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The first n images (None: all) occluded, both labels, and the masks."""
    n = len(images) if n is None else n
    _, height, width, channels = images.shape
    n_digits, digit_height, digit_width, _ = digits.shape
    out, masks = np.empty((n, height, width, channels), np.uint8), np.empty((n, height, width, 1), np.uint8)
    out_digits = np.empty(n, np.int64)
    for i in range(n):
        draw = Generator(seed, epoch, "occlude", i)
        digit = dealt(seed, epoch, "occlude", i, n_digits)
        top = (height - digit_height) // 2 - shift + draw.below(2 * shift + 1)
        left = (width - digit_width) // 2 - shift + draw.below(2 * shift + 1)
        mask = np.zeros((height, width, 1), np.uint8)
        mask[top : top + digit_height, left : left + digit_width] = digits[digit]
        m = mask / 255
        out[i] = np.rint(images[i] * (1 - m) + 255 * m)
        masks[i] = mask
        out_digits[i] = digit_labels[digit]
    return out, labels[:n], out_digits, masks


# ---- shapes32: one image in float64, polygons from their corners ----


def polygon_distance(corners: list[tuple[float, float]], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Signed distance to a polygon: the nearest of its edges, negative inside (even-odd rule)."""
    distance, inside = np.full(x.shape, np.inf), np.zeros(x.shape, bool)
    for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1]):
        ex, ey = bx - ax, by - ay
        t = np.clip(((x - ax) * ex + (y - ay) * ey) / (ex * ex + ey * ey), 0, 1)
        distance = np.minimum(distance, np.hypot(x - ax - t * ex, y - ay - t * ey))
        if ay != by:
            inside ^= ((ay > y) != (by > y)) & (x < ax + (y - ay) / (by - ay) * ex)
    return np.where(inside, -distance, distance)


def of_area_one(corners: list[tuple[float, float]]) -> list[tuple[float, float]]:
    twice = sum(ax * by - bx * ay for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1]))
    root = math.sqrt(abs(twice) / 2)
    return [(x / root, y / root) for x, y in corners]


def regular(n: int, radii: tuple[float, ...]) -> list[tuple[float, float]]:
    return [
        (radii[k % len(radii)] * math.sin(2 * math.pi * k / n), radii[k % len(radii)] * math.cos(2 * math.pi * k / n))
        for k in range(n)
    ]


POLYGONS = {
    4: of_area_one(regular(3, (1.0,))),
    5: of_area_one([(-1, -1), (1, -1), (1, 1), (-1, 1)]),
    6: of_area_one([(-4, -1), (4, -1), (4, 1), (-4, 1)]),
    7: of_area_one(
        [(-1, -3), (1, -3), (1, -1), (3, -1), (3, 1), (1, 1), (1, 3), (-1, 3), (-1, 1), (-3, 1), (-3, -1), (-1, -1)]
    ),
    8: of_area_one([(-3, -3), (3, -3), (3, -1), (-1, -1), (-1, 3), (-3, 3)]),
    9: of_area_one(regular(10, (1.0, 0.45))),
}


@lru_cache
def crescent_radius() -> float:
    """The radius of a disc that keeps an area of 1 when a disc of 0.8 times its radius, half a radius away, is cut from it: by counting."""
    x, y = np.meshgrid(*[(np.arange(4000) - 1999.5) / 2000] * 2)
    return 1 / math.sqrt(np.mean((np.hypot(x, y) < 1) & (np.hypot(x - 0.5, y) > 0.8)) * 4)


def shape_distance(label: int, x: np.ndarray, y: np.ndarray, crescent: float) -> np.ndarray:
    r = np.hypot(x, y)
    if label == 0:
        return r - math.sqrt(1 / math.pi)
    if label == 1:
        outer = 1 / math.sqrt(0.64 * math.pi)
        return np.maximum(r - outer, 0.6 * outer - r)
    if label == 2:
        return np.minimum(np.hypot(x - 0.62, y), np.hypot(x + 0.62, y)) - math.sqrt(0.5 / math.pi)
    if label == 3:
        return np.maximum(r - crescent, 0.8 * crescent - np.hypot(x - 0.5 * crescent, y))
    return polygon_distance(POLYGONS[label], x, y)


def colour(hue: float, luma: float) -> np.ndarray:
    import colorsys

    pure = np.array(colorsys.hsv_to_rgb(hue, 1, 1))
    return luma + 0.3 * (pure - pure @ [0.299, 0.587, 0.114])


def wave(t: np.ndarray) -> np.ndarray:
    return 4 * np.abs(t % 1 - 0.5) - 1


def shape_factors(index: int, *, seed: int, epoch: int = 0) -> dict:
    """The factors of one image."""
    draw = Generator(seed, epoch, "shapes32", index)
    words = [draw.word() for _ in range(14)]
    below = lambda k, n: ((words[k] >> 32) * n) >> 32
    between = lambda k, low, high: low + (words[k] >> 11) / 2**53 * (high - low)
    grid = lambda value: round(value * 1024) / 1024
    turn = lambda k: below(k, 1024) * (2 * math.pi / 1024)
    scale = grid(between(0, 8, 12))
    margin = math.hypot(1, 0.25) * scale + 1
    lumas = grid(between(3, 0.15, 0.35)), grid(between(4, 0.65, 0.85))
    lighter = below(5, 2)
    return {
        "shape": dealt(seed, epoch, "shapes32", index, 10),
        "position": [grid(between(k, margin, 31 - margin)) for k in (1, 2)],
        "scale": scale,
        "rotation": turn(10),
        "hue": grid(between(6, 0, 1)),
        "lightness": lumas[lighter],
        "background": below(13, 4),
        "background_hue": grid(between(7, 0, 1)),
        "background_lightness": lumas[1 - lighter],
        "background_angle": turn(11),
        "background_period": grid(between(8, 5, 12)),
        "light": grid(1 - between(9, 0, 0.4)),
        "light_angle": turn(12),
    }


def shape_loop(factors: list[dict], crescent: float) -> np.ndarray:
    """The images that these factors (a dictionary for each) describe."""
    out = np.empty((len(factors), 32, 32, 3), np.uint8)
    rows, columns = np.mgrid[0:32, 0:32].astype(float)
    corner = 15.5 * math.sqrt(2)
    for i, f in enumerate(factors):
        cos, sin = math.cos(f["rotation"]), math.sin(f["rotation"])
        dx, dy = (columns - f["position"][1]) / f["scale"], (rows - f["position"][0]) / f["scale"]
        distance = shape_distance(f["shape"], dx * cos + dy * sin, dy * cos - dx * sin, crescent) * f["scale"]
        cover = np.clip(0.5 - distance, 0, 1)[..., None]
        cos, sin = math.cos(f["background_angle"]), math.sin(f["background_angle"])
        u, v = (columns - 15.5) * cos + (rows - 15.5) * sin, (rows - 15.5) * cos - (columns - 15.5) * sin
        period = f["background_period"]
        pattern = [0 * u, u / corner, wave(u / period), wave(u / period) * wave(v / period)][f["background"]]
        behind = colour(f["background_hue"], f["background_lightness"]) + 0.1 * pattern[..., None]
        along = (columns - 15.5) * math.cos(f["light_angle"]) + (rows - 15.5) * math.sin(f["light_angle"])
        light = 1 - (1 - f["light"]) * (along / corner + 1) / 2
        image = (behind * (1 - cover) + colour(f["hue"], f["lightness"]) * cover) * light[..., None]
        out[i] = np.rint(np.clip(image, 0, 1) * 255)
    return out
