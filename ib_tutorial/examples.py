"""The small worlds of the theory chapters, as tables of probabilities that pages, movable figures and tests share.

    station_table                            a weather station, whose battery is the nuisance: chapter `representations`
    lamp_table, turned, covered, orbit       a ring of lamps, turned or under a leaf: the same chapter
    COIN                                     what a fair coin may say of the covered lamps
    SOURCE, P_X, P_Y, P_Y_GIVEN_X            the receptionist's patients: chapters `lagrangian` and `exact`
    shared_scale_tc                          units that one lighting makes noisy together: chapter `disentanglement`

A world stands on the ground: it imports nothing of the house.
"""

import itertools
import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float

Lamps = tuple[int, int, int, int]


def station_table(fresh=0.1, weak=0.4) -> np.ndarray:
    """The weather station: [reading, y, battery, case], reading = 4 needle + 2 battery + case.

    The weather y (1 is rain), the battery (1 is weak) and the case (1 is blue) are fair coins. The needle points to y, or else it is wrong.

    Args:
        fresh: probability that the needle is wrong while the battery is fresh.
        weak: the same while the battery is weak. Both may be symbols of sympy, and then the table holds expressions.
    """
    needle, battery, case, y = np.indices((2, 2, 2, 2))
    wrong = np.where(battery == 1, weak, fresh)
    probability = np.where(needle == y, 1 - wrong, wrong) / 8
    table = np.zeros((8, 2, 2, 2), dtype=probability.dtype)
    table[4 * needle + 2 * battery + case, y, battery, case] = probability
    return table


RAIN: Lamps = (1, 1, 0, 0)
"""The scene of a rainy day: two neighbours of the ring are lit."""

DRY: Lamps = (1, 0, 1, 0)
"""The scene of a dry day: two opposite lamps are lit."""


def turned(lamps: Lamps, by: int) -> Lamps:
    """The ring after so many quarter turns."""
    first, second, third, fourth = lamps[-by:] + lamps[:-by]
    return first, second, third, fourth


def covered(lamps: Lamps, first: int) -> Lamps:
    """The ring under a leaf. It covers the lamp `first` and the next one, which look dark."""
    a, b, c, d = (0 if i in (first, (first + 1) % 4) else lamp for i, lamp in enumerate(lamps))
    return a, b, c, d


def orbit(image: Lamps) -> Lamps:
    """A name for all images that turning makes of one: the largest of them."""
    return max(turned(image, by) for by in range(4))


def lamp_table(act: Callable[[Lamps, int], Lamps]) -> tuple[Float[np.ndarray, "image y n"], list[Lamps]]:
    """The world of the lamps, and the images that occur in it, in the order of the first axis.

    Args:
        act: what the nuisance n = 0, 1, 2, 3 makes of a scene: `turned` or `covered`. Weather and n are fair.
    """
    places = list(itertools.product(enumerate((DRY, RAIN)), range(4)))
    images = sorted({act(scene, n) for (_, scene), n in places})
    table = np.zeros((len(images), 2, 4))
    for (y, scene), n in places:
        table[images.index(act(scene, n)), y, n] += 1 / 8
    return table, images


COIN: dict[Lamps, float] = {
    (1, 1, 0, 0): 0.5,
    (1, 0, 0, 0): 0.5,
    (0, 0, 1, 0): 0.0,
    (0, 0, 0, 0): 1.0,
    (0, 1, 0, 0): 1.0,
}
"""The probability of saying "rain" for each covered image. The representation is invariant to the leaf, and no function is."""


P_X = np.array([0.35, 0.25, 0.15, 0.10, 0.10, 0.05])
"""How frequent each of the receptionist's six kinds of patient is."""

P_Y_GIVEN_X = np.array(
    [
        [0.85, 0.10, 0.05],
        [0.70, 0.25, 0.05],
        [0.30, 0.65, 0.05],
        [0.15, 0.70, 0.15],
        [0.10, 0.30, 0.60],
        [0.02, 0.03, 0.95],
    ]
)
"""The chances of each kind to be healthy, to have a cold, to have the flu."""

SOURCE = P_X[:, None] * P_Y_GIVEN_X
"""The receptionist's world: [kind of patient, illness]."""

P_Y = SOURCE.sum(0)
"""How frequent healthy, cold and flu are."""


def shared_scale_tc(d: int, spread: float, quiet: float, loud: float) -> float:
    """Total correlation of noisy units that share one random noise scale, in nats (`prop-shared-scale` of the book).

    The d units have independent log f ~ N(0, spread^2). A fair bit c sets the noise scale of all of them, quiet or loud. Given c the units
    are independent, so the total correlation of log z is d I(log z_1; c) - I(log z; c).

    Args:
        d: number of units.
        spread: standard deviation of log f, in nats.
        quiet: noise scale alpha for one value of c, in nats.
        loud: noise scale for the other value.

    Returns:
        The total correlation in nats, by one-dimensional integrals.
    """
    variances = (spread**2 + quiet**2, spread**2 + loud**2)
    return d * _scale_information(1, variances) - _scale_information(d, variances)


def _scale_information(d: int, variances: tuple[float, float]) -> float:
    """I(u; c) in nats, where a fair bit c sets the variance of d independent normal units.

    The length of u is sufficient for c: it is sqrt(variance) times a chi variable of d degrees of freedom.
    """
    from scipy.integrate import quad  # here alone: it takes a second to import, which every chapter would wait for
    from scipy.stats import chi

    lowest, highest = chi.ppf(1e-15, d), chi.isf(1e-15, d)
    information = math.log(2)

    def missing(r: float, ratio: float) -> float:  # -log p(c|u) at |u|^2 = own r^2, with ratio = own / other
        return chi.pdf(r, d) * np.logaddexp(0, d / 2 * math.log(ratio) + r**2 / 2 * (1 - ratio))

    for own, other in (variances, variances[::-1]):
        information -= quad(missing, lowest, highest, args=(own / other,), limit=200, epsabs=1e-11)[0] / 2
    return information
