"""The page on the data: how many distractors touch the digit's box."""

import numpy as np
import sympy as sp

from ib_tutorial.claims.check import Check, Claim, Outcome, close, monte_carlo, symbolic

CHAPTER = "book/data"

S, h, d, a, r = sp.symbols("S h d a r", integer=True, nonnegative=True)


def touching(size: int, digit: int, distractor: int) -> float:
    """The proposition's probability that two intervals, of the digit and of a distractor, share a pixel."""
    rest = size - digit - distractor
    return 1 - (rest + 1) * (rest + 2) / ((size - digit + 1) * (size - distractor + 1))


def touch_symbolic() -> Outcome:
    below = sp.summation(r - a + 1, (a, 0, r))  # pairs with the distractor wholly after the digit, place by place
    pairs = (S - h + 1) * (S - d + 1)
    printed = 1 - (S - h - d + 1) * (S - h - d + 2) / pairs
    return symbolic((1 - 2 * below / pairs).subs(r, S - h - d), printed)


def touch_by_enumeration() -> Outcome:
    worst = 0.0
    for size, digit, distractor in ((96, 28, 8), (64, 28, 8), (12, 5, 3), (9, 5, 4), (7, 1, 1), (6, 3, 3)):
        places = [set(range(at, at + digit)) for at in range(size - digit + 1)]
        pieces = [set(range(at, at + distractor)) for at in range(size - distractor + 1)]
        shared = np.mean([bool(place & piece) for place in places for piece in pieces])
        worst = max(worst, abs(shared - touching(size, digit, distractor)))
    return close(worst, 0.0, 1e-12, f"six sizes of canvas, digit and distractor differ by at most {worst:.0e}")


def touch_by_drawing() -> Outcome:
    rng = np.random.default_rng(0)
    corner = rng.integers(0, 96 - 28 + 1, (20_000, 1, 2))
    piece = rng.integers(0, 96 - 8 + 1, (20_000, 21, 2))
    touches = ((piece < corner + 28) & (corner < piece + 8)).all(-1).sum(1)
    return monte_carlo(touches, 21 * touching(96, 28, 8) ** 2)


CLAIMS = (
    Claim(
        name="distractors-on-the-digit",
        statement=r"Of $k$ distractors of side $d$ on a canvas of side $S$, $k \rho^2$ touch the digit's box of side $h$ on average, with "
        r"$\rho = 1 - \frac{(S-h-d+1)(S-h-d+2)}{(S-h+1)(S-d+1)}$.",
        paper="",
        proof="prop-data-touch",
        chapter=CHAPTER,
        checks=(
            Check("symbolic", "$\\rho$, by summing over places, against the formula", touch_symbolic),
            Check(
                "enumeration", "the share of pairs of places with a common pixel, against $\\rho$", touch_by_enumeration
            ),
            Check("Monte Carlo", "the number of 21 boxes that touch, against $21\\,\\rho^2$", touch_by_drawing),
        ),
    ),
)
