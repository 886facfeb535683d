"""The words in which an exercise is written down: what is right, what goes wrong, what helps."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

Arguments = tuple
Inputs = Callable[[np.random.Generator], Iterable[Arguments]]


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that is known: what it computes, from the oracle's arguments, and what to say to its author."""

    computes: Callable
    says: str


@dataclass(frozen=True)
class Exercise:
    """An exercise of the book whose answer is a number, an array or a function.

    name: the label of the exercise on its page, without "ex-": "softplus-program".
    asks: what is to be passed to `check`, with its arguments, shapes and units.
    oracle: computes the right answer, from the arguments of `inputs` (from none, if the answer is no function).
    inputs: draws the arguments on which the reader's function is tried; None if the answer is a number or an array.
    mistakes: no two of them, and none and the oracle, agree on all the inputs.
    hints: three, the first the gentlest; none contains the answer.
    tolerance: absolute and relative.
    """

    name: str
    asks: str
    oracle: Callable
    inputs: Inputs | None
    mistakes: tuple[Mistake, ...]
    hints: tuple[str, str, str]
    tolerance: float = 1e-6


def in_bits(oracle: Callable, what: str = "Your answer") -> Mistake:
    """The right number in the wrong unit."""
    return Mistake(
        lambda *arguments: np.asarray(oracle(*arguments)) / math.log(2),
        f"{what} is in bits, and nats are asked for: use the natural logarithm.",
    )
