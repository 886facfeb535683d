"""How many distractors touch the digit's box on a canvas of Cluttered MNIST."""

import numpy as np
import pytest
import sympy as sp
from proof import Claim, assert_identical, assert_mean, proves

CLAIMS = {
    "prop-data-touch": Claim(
        r"Of $k$ distractors of side $d$ on a canvas of side $S$, $k \rho^2$ touch the digit's box of side $h$ on average, with "
        r"$\rho = 1 - \frac{(S-h-d+1)(S-h-d+2)}{(S-h+1)(S-d+1)}$."
    )
}

S, h, d, a, r = sp.symbols("S h d a r", integer=True, nonnegative=True)


def touching(size, digit, distractor):
    """The probability that two intervals, of the digit and of a distractor, share a pixel."""
    rest = size - digit - distractor
    return 1 - (rest + 1) * (rest + 2) / ((size - digit + 1) * (size - distractor + 1))


@proves("prop-data-touch", kind="symbolic", scope="general")
def test_the_formula_is_the_sum_over_places():
    wholly_after = sp.summation(r - a + 1, (a, 0, r))  # pairs with the distractor after the digit, place by place
    pairs = (S - h + 1) * (S - d + 1)
    assert_identical((1 - 2 * wholly_after / pairs).subs(r, S - h - d), touching(S, h, d))


@proves("prop-data-touch", kind="enumeration", scope="special case")
@pytest.mark.parametrize("sizes", [(96, 28, 8), (64, 28, 8), (12, 5, 3), (9, 5, 4), (7, 1, 1), (6, 3, 3)])
def test_the_share_of_pairs_of_places_with_a_common_pixel(sizes):
    size, digit, distractor = sizes
    places = [set(range(at, at + digit)) for at in range(size - digit + 1)]
    pieces = [set(range(at, at + distractor)) for at in range(size - distractor + 1)]
    shared = np.mean([bool(place & piece) for place in places for piece in pieces])
    assert shared == pytest.approx(touching(*sizes), abs=1e-12)


@proves("prop-data-touch", kind="Monte Carlo", scope="special case")
def test_the_number_of_21_boxes_that_touch():
    rng = np.random.default_rng(0)
    corner = rng.integers(0, 96 - 28 + 1, (20_000, 1, 2))
    piece = rng.integers(0, 96 - 8 + 1, (20_000, 21, 2))
    touches = ((piece < corner + 28) & (corner < piece + 8)).all(-1).sum(1)
    assert_mean(touches, 21 * touching(96, 28, 8) ** 2)
