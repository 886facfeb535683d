"""The form of an exercise: its question, the oracle that knows the right answer, the known mistakes, and the hints."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

Arguments = tuple
Inputs = Callable[[np.random.Generator], Iterable[Arguments]]


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that is known."""

    computes: Callable  #: the wrong answer, from the oracle's arguments
    says: str  #: to the author of that answer


@dataclass(frozen=True)
class Exercise:
    """An exercise of the book whose answer is a number, an array or a function."""

    name: str  #: the label of the exercise on its page, without "ex-", such as "softplus-program"
    asks: str  #: what is to be passed to `check`, with its arguments, shapes and units
    oracle: Callable  #: computes the right answer from the arguments of `inputs`; without arguments if the answer is no function
    inputs: Inputs | None  #: draws the arguments on which the reader's function is tried; None if the answer is a number or an array
    mistakes: tuple[Mistake, ...]  #: no two of them agree on all the inputs, and none agrees with the oracle
    hints: tuple[str, str, str]  #: the first is the gentlest; none contains the answer
    tolerance: float = 1e-6  #: absolute and relative


def in_bits(oracle: Callable, what: str = "Your answer") -> Mistake:
    """The right number in the wrong unit."""
    return Mistake(
        lambda *arguments: np.asarray(oracle(*arguments)) / math.log(2),
        f"{what} is in bits, and nats are asked for: use the natural logarithm.",
    )
