"""shapes32: procedural 32x32 colour images in ten classes, every generating factor of which is known.

    batch = shapes32(1000, seed=0)
    batch.images, batch.labels, batch.factors.rotation

One shape lies on a textured background under a slanting light. Everything but the class is drawn without looking at the class, and
so are the shape's area and whether it is lighter or darker than what is behind it: neither colour nor mean intensity says anything
about the label. It can always be read: the shape lies wholly inside, its area is that of a square of 8 to 12 pixels a side, and it
differs from the background by at least 0.3 in luma before the light falls on both, three times the texture's amplitude.

A shape is the set where its signed distance (positive outside, in units of the square root of its area) is negative, and a pixel
is covered by clamp(1/2 - distance in pixels, 0, 1).

The bytes are the same on every processor and on CUDA. All arithmetic is a sequence of operations that IEEE 754 fixes to the last bit
(+ - * / sqrt floor min max), one to a call, so that no compiler can fuse a product and a sum. Two traps follow from this rule. Torch
leaves square roots on a CPU to MKL, whose last bit depends on the processor (_root). On CUDA it divides by a Python number as a
product with the inverse, so we divide by tensors only.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from .arguments import seed_and_epoch, stretch
from .errors import DataError
from .memory import unwritten
from .randomness import below, deck, unit, words

BATCH = 512
SIDE = 32
SHAPES = ("disc", "ring", "pair", "crescent", "triangle", "square", "bar", "cross", "corner", "star")
BACKGROUNDS = ("plain", "gradient", "stripes", "checks")

SCALES = (8.0, 12.0)  # pixels
DARK, LIGHT = (0.15, 0.35), (0.65, 0.85)  # luma of the one and the other of shape and background
TURN = 1024  # angles are whole numbers of this part of a turn
CHROMA = 0.3  # how far colours are from grey
TEXTURE = 0.1  # amplitude of the background's pattern
SHADE = 0.4  # at most this share of the light is lost at the far side


class ShapeFactors(NamedTuple):
    """The factors that generated each image. Positions and lengths are in pixels, angles in radians, the rest in [0, 1].

    Angles are multiples of 2 pi / 1024. `render` rounds other angles to the nearest of these.
    """

    shape: Int64[Tensor, " n"]  #: index into SHAPES, which is the label
    position: Float[Tensor, "n 2"]  #: row and column of the shape's centre; (0, 0) is the centre of the first pixel
    scale: Float[Tensor, " n"]  #: the square root of the shape's area
    rotation: Float[Tensor, " n"]  #: of the shape
    hue: Float[Tensor, " n"]  #: of the shape
    lightness: Float[Tensor, " n"]  #: luma of the shape
    background: Int64[Tensor, " n"]  #: index into BACKGROUNDS
    background_hue: Float[Tensor, " n"]  #: of the background
    background_lightness: Float[Tensor, " n"]  #: luma of the background
    background_angle: Float[Tensor, " n"]  #: of gradient, stripes and checks
    background_period: Float[Tensor, " n"]  #: of stripes and checks
    light: Float[Tensor, " n"]  #: the share of light that reaches the darkest corner
    light_angle: Float[Tensor, " n"]  #: the direction that the light comes from


class Shapes(NamedTuple):
    """A batch of shapes32."""

    images: UInt8[Tensor, "n 32 32 3"]  #: the shapes on their backgrounds
    labels: Int64[Tensor, " n"]  #: index into SHAPES
    factors: ShapeFactors  #: on the CPU


def shape_factors(indices: np.ndarray, *, seed: int, epoch: int = 0) -> ShapeFactors:
    """The factors of images `indices`, on the CPU: classes are dealt as cards (ten images show all ten), all else is uniform."""
    draws = words(seed, epoch, "shapes32", indices, 14)
    u = unit(draws)
    scales = _grid(SCALES[0] + u[:, 0] * (SCALES[1] - SCALES[0]))
    margin = REACH * scales + 1  # the same for every class, so that the place does not tell the class
    positions = margin[:, None] + u[:, 1:3] * (SIDE - 1 - 2 * margin)[:, None]
    lumas = [low + u[:, k] * (high - low) for k, (low, high) in ((3, DARK), (4, LIGHT))]
    lighter = below(draws[:, 5], 2) == 1
    turn = lambda k: below(draws[:, k], TURN) * (2 * math.pi / TURN)
    floats = lambda *values: (torch.from_numpy(_grid(value).astype(np.float32)) for value in values)
    position, scale, hue, lightness, behind_hue, behind, period, light = floats(
        positions,
        scales,
        u[:, 6],
        np.where(lighter, lumas[1], lumas[0]),
        u[:, 7],
        np.where(lighter, lumas[0], lumas[1]),
        5 + 7 * u[:, 8],
        1 - SHADE * u[:, 9],
    )
    rotation, background_angle, light_angle = (torch.from_numpy(turn(k)) for k in (10, 11, 12))
    return ShapeFactors(
        shape=torch.from_numpy(deck(seed, epoch, "shapes32", indices, len(SHAPES))),
        position=position,
        scale=scale,
        rotation=rotation,
        hue=hue,
        lightness=lightness,
        background=torch.from_numpy(below(draws[:, 13], len(BACKGROUNDS))),
        background_hue=behind_hue,
        background_lightness=behind,
        background_angle=background_angle,
        background_period=period,
        light=light,
        light_angle=light_angle,
    )


def shapes32(n: int, *, seed: int, start: int = 0, epoch: int = 0, device: str | torch.device = "cpu") -> Shapes:
    """Images `start` to `start + n - 1` of the set that (seed, epoch) names. Factors stay on the CPU.

    Memory beyond the result is that of a batch.

    Args:
        n: how many images to make.
        seed: names the set, together with `epoch`.
        start: the index of the first image.
        epoch: another epoch is another set.
        device: where the images and labels are made.

    Returns:
        The images, as bytes in the order (number, height, width, channels), with their labels and factors.

    Raises:
        DataError: a number is out of its range.
    """
    n, start = stretch(n, start)
    seed, epoch = seed_and_epoch(seed, epoch)
    images = unwritten(n, SIDE, SIDE, 3, device=torch.device(device))
    rows = images.flatten(1).view(torch.int64)  # an eighth of the elements to copy
    factors = shape_factors(np.arange(start, start + n), seed=seed, epoch=epoch)
    # Alike with alike: a batch then evaluates the formulas of a class or two, and not of all ten.
    order = torch.argsort(factors.shape * len(BACKGROUNDS) + factors.background)
    for part in order.split(BATCH):
        batch = render(ShapeFactors(*(factor[part] for factor in factors)), device)
        rows.index_copy_(0, part.to(device), batch.flatten(1).view(torch.int64))
    return Shapes(images, factors.shape.to(device), factors)


def render(factors: ShapeFactors, device: str | torch.device = "cpu") -> UInt8[Tensor, "n 32 32 3"]:
    """The images that these factors describe. The factors may be one's own: one can be changed, and the others kept.

    Args:
        factors: as `shapes32` returns them; each may be replaced, by values of its own kind and number.
        device: where the images are made.

    Returns:
        The images, as bytes in the order (number, height, width, channels).

    Raises:
        DataError: the factors differ in number, one is not finite, a kind is none of SHAPES or BACKGROUNDS, or a scale or period is not
            positive.
    """
    _check(factors)
    if len(factors.shape) == 0:
        return torch.empty(0, SIDE, SIDE, 3, dtype=torch.uint8, device=device)
    centre = (SIDE - 1) / 2
    there = lambda values: torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32)).to(device)
    corner = there([centre * math.sqrt(2)])  # how far it is from the centre
    column = lambda values: there(np.asarray(values))[:, None, None]
    place = torch.arange(SIDE, dtype=torch.float32, device=device)

    def along(
        angle: Tensor, unit_: Tensor, row: float | Tensor = centre, col: float | Tensor = centre
    ) -> tuple[Tensor, Tensor]:
        """Coordinates along and across `angle` from (row, col), in units of `unit_` pixels."""
        within = np.fmod(angle.numpy().astype(np.float64), 2 * math.pi)  # exact, and no angle is too large for an integer
        turn = np.round(within * (TURN / (2 * math.pi))).astype(np.int64)
        cos, sin = column(COSINES[turn % TURN]), column(COSINES[(turn - TURN // 4) % TURN])
        dx, dy = (place[None, :] - col) / unit_, (place[:, None] - row) / unit_
        return dx * cos + dy * sin, dy * cos - dx * sin

    def distance_of(label: int, of: Tensor) -> Tensor:
        scale, (row, col) = column(factors.scale[of]), map(column, factors.position[of].T)
        return SIGNED_DISTANCES[label](*along(factors.rotation[of], scale, row, col)).mul_(scale)

    def pattern_of(kind: int, of: Tensor) -> Tensor:
        period = corner if BACKGROUNDS[kind] == "gradient" else column(factors.background_period[of])
        return PATTERNS[kind](*along(factors.background_angle[of], period))

    distance = _each_kind(factors.shape, distance_of)  # in pixels
    pattern = _each_kind(factors.background, pattern_of)
    from_light, _ = along(factors.light_angle, corner)

    # (behind * (1 - cover) + shape * cover) * light, where behind is a colour and a pattern, with one plane before three channels
    light = from_light.add_(1).mul_(column(255 * (1 - factors.light) / 2)).neg_().add_(255)
    shape = distance.neg_().add_(0.5).clamp_(0, 1).mul_(light)
    behind = light.sub_(shape)
    grey = pattern.mul_(TEXTURE).mul_(behind).add_(0.5)  # 0.5, so that truncation rounds
    # Channels outermost: their planes are then long runs, which is what broadcasting is fast at.
    of_shape = there(colour(factors.hue, factors.lightness).T)[..., None, None]
    of_behind = there(colour(factors.background_hue, factors.background_lightness).T)[..., None, None]
    image = (of_shape * shape).add_(of_behind * behind).add_(grey).clamp_(0.5, 255.5).to(torch.uint8)
    return torch.stack(image.unbind(), dim=-1)


def _check(factors: ShapeFactors) -> None:
    n = len(factors.shape)
    for name, values in factors._asdict().items():
        if len(values) != n:
            raise DataError(f"{len(values)} values of {name} for {n} shapes: every factor needs one for each.")
        if not values.isfinite().all():
            raise DataError(f"{name} holds numbers that are not finite.")
    for name, kinds in (("shape", SHAPES), ("background", BACKGROUNDS)):
        values = getattr(factors, name)
        if n and not 0 <= values.min() <= values.max() < len(kinds):
            raise DataError(f"{name} holds {values.min()} to {values.max()}: it must be 0 to {len(kinds) - 1}, of {kinds}.")
    for name in ("scale", "background_period"):
        if n and not getattr(factors, name).min() > 0:
            raise DataError(f"{name} holds {getattr(factors, name).min():g}: it must be positive.")


def _each_kind(
    kinds: Int64[Tensor, " n"], plane_of: Callable[[int, Int64[Tensor, " of_it"]], Float[Tensor, "of_it 32 32"]]
) -> Float[Tensor, "n 32 32"]:
    """A plane per image: `plane_of(kind, where)` of each kind that occurs, in the order of the images."""
    groups = [(kind, (kinds == kind).nonzero()[:, 0]) for kind in kinds.unique().tolist()]
    planes = [plane_of(kind, where) for kind, where in groups]
    if len(planes) == 1:
        return planes[0]
    back = torch.cat([where for _, where in groups]).argsort()
    return torch.cat(planes).index_select(0, back.to(planes[0].device))


def colour(hue: Float[Tensor, " n"], luma: Float[Tensor, " n"]) -> np.ndarray:
    """RGB in [0, 1] of a hue in [0, 1) at a given luma (0.299 R + 0.587 G + 0.114 B) and our chroma: float64, (n, 3)."""
    turn, light = hue.numpy().astype(np.float64), luma.numpy().astype(np.float64)
    red, green, blue = pure = [np.clip(np.abs((turn * 6 + shift) % 6 - 3) - 1, 0, 1) for shift in (0, 4, 2)]
    grey = 0.299 * red + 0.587 * green + 0.114 * blue
    return _grid(np.stack([light + CHROMA * (channel - grey) for channel in pure], axis=-1), 2**14)


def _grid(values: np.ndarray, steps: int = 1024) -> np.ndarray:
    """The values rounded to multiples of 1 / steps."""
    return np.round(np.asarray(values, np.float64) * steps) / steps


def _cosines(n: int) -> list[float]:
    """cos(2 pi k / n) for k = 0 .. n - 1, n a power of two, within 1e-10: by half angles and then cos(k + 1) = 2 cos(1) cos(k) - cos(k - 1).

    The cosines of a mathematical library differ between machines. Python's own + - * / and math.sqrt do not.
    """
    step = -1.0  # the cosine of half a turn
    for _ in range(n.bit_length() - 2):
        step = math.sqrt((1 + step) / 2)
    values = [1.0, step]
    while len(values) < n:
        values.append(2 * step * values[-1] - values[-2])
    return values


COSINES = _grid(np.array(_cosines(TURN)), 2**14)


def _wave(t: Tensor) -> Tensor:
    """A triangle wave of period 1 between -1 and 1."""
    return (t - t.floor()).sub_(0.5).abs_().mul_(4).sub_(1)


# between -1 and 1, at (u, v) along and across, in periods from the centre
PATTERNS: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (
    lambda u, v: torch.zeros_like(u),
    lambda u, v: u,
    lambda u, v: _wave(u),
    lambda u, v: _wave(u).mul_(_wave(v)),
)


# ---- signed distances, of shapes of area 1, at (x, y) from their centres ----


def _root(squares: Tensor) -> Tensor:
    """Take the square root in place, rounded as IEEE 754 says. Those of numpy and of CUDA are; torch's on a CPU is MKL's, which may not be."""
    if squares.device.type != "cpu":
        return squares.sqrt_()
    np.sqrt(squares.numpy(), out=squares.numpy())
    return squares


def _length(x: Tensor, y: Tensor) -> Tensor:
    return _root((x * x).add_(y * y))


def _box(x: Tensor, y: Tensor, half_width: float, half_height: float) -> Tensor:
    across, along = x.abs() - half_width, y.abs() - half_height
    return _length(across.clamp(min=0), along.clamp(min=0)) + torch.maximum(across, along).clamp(max=0)


def _disc(x: Tensor, y: Tensor) -> Tensor:
    return _length(x, y) - 1 / math.sqrt(math.pi)


def _ring(x: Tensor, y: Tensor) -> Tensor:
    outer = 1 / math.sqrt(math.pi * (1 - 0.6**2))  # the hole is 0.6 as wide
    return (_length(x, y) - 0.8 * outer).abs() - 0.2 * outer


def _pair(x: Tensor, y: Tensor) -> Tensor:
    return _length(x.abs() - 0.62, y) - 1 / math.sqrt(2 * math.pi)


# Half a radius away lies the disc that is cut out, 0.8 times as wide. With d = 0.5, r = 0.8, the two discs have in common
# acos((d^2 + 1 - r^2) / 2d) + r^2 acos((d^2 + r^2 - 1) / 2dr) - sqrt((1 + r - d)(1 + d - r)(d + r - 1)(1 + d + r)) / 2 radii^2.
CRESCENT_RADIUS = 0.8085925958732397


def _crescent(x: Tensor, y: Tensor) -> Tensor:
    radius = CRESCENT_RADIUS
    return torch.maximum(_length(x, y) - radius, 0.8 * radius - _length(x - 0.5 * radius, y))


def _triangle(x: Tensor, y: Tensor) -> Tensor:
    inner = math.sqrt(1 / (3 * math.sqrt(3)))  # the inscribed circle's radius
    return torch.maximum(x.abs() * (math.sqrt(3) / 2) + y * 0.5, -y) - inner


def _square(x: Tensor, y: Tensor) -> Tensor:
    return _box(x, y, 0.5, 0.5)


def _bar(x: Tensor, y: Tensor) -> Tensor:
    return _box(x, y, 1.0, 0.25)


def _cross(x: Tensor, y: Tensor) -> Tensor:
    arm = math.sqrt(9 / 20)  # arms a third as wide as the whole
    return torch.minimum(_box(x, y, arm, arm / 3), _box(x, y, arm / 3, arm))


def _corner(x: Tensor, y: Tensor) -> Tensor:
    arm = math.sqrt(9 / 20)
    return torch.minimum(_box(x + 2 * arm / 3, y, arm / 3, arm), _box(x, y + 2 * arm / 3, arm, arm / 3))


def _star(x: Tensor, y: Tensor) -> Tensor:
    cos36, sin36 = (1 + math.sqrt(5)) / 4, math.sqrt(10 - 2 * math.sqrt(5)) / 4
    tip = 1 / math.sqrt(5 * 0.45 * sin36)  # the inner corners are at 0.45 of the tips' radius
    for cos, sin in ((cos36, -sin36), (-cos36, -sin36)):
        # fold the five points onto the one that points to +y: reflections at the lines between them
        x = x.abs() if cos > 0 else x
        beyond = (x * cos + y * sin).clamp(min=0) * 2
        x, y = x - beyond * cos, y - beyond * sin
    dx, dy = 0.45 * tip * sin36, 0.45 * tip * cos36 - tip  # the edge from the tip to an inner corner
    length = math.sqrt(dx * dx + dy * dy)
    return x.abs() * (-dy / length) + (y - tip) * (dx / length)


SIGNED_DISTANCES: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (
    _disc, _ring, _pair, _crescent, _triangle, _square, _bar, _cross, _corner, _star,
)  # fmt: skip
REACH = math.sqrt(17) / 4  # no shape of area 1 reaches further from its centre (the bar's corners; the pair's ends are at 1.02)
