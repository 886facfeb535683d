"""The form of an exercise: its question, the oracle that knows the right answer, the known mistakes, and the hints."""

import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

Arguments = tuple
Inputs = Callable[[np.random.Generator], Iterable[Arguments]]

IN_BITS = "Your answer is in bits, and nats are asked for: use the natural logarithm."


@dataclass(frozen=True)
class Exercise:
    """An exercise of the book whose answer is a number, an array or a function."""

    name: str  #: the label of the exercise on its page, without "ex-", such as "softplus-program"
    asks: str  #: what is to be passed to `check`, with its arguments, shapes and units
    oracle: Callable  #: computes the right answer from the arguments of `inputs`; without arguments if the answer is no function
    inputs: Inputs | None  #: draws the arguments on which the reader's function is tried; None if the answer is a number or an array
    mistakes: Mapping[str, Callable]
    """Each known wrong answer, computed from the oracle's arguments, under the words that its author is told. No two of them agree on all
    the inputs, and none agrees with the oracle."""
    hints: tuple[str, str, str]  #: the first is the gentlest; none contains the answer
    tolerance: float = 1e-6  #: absolute and relative
    in_nats: bool = True  #: whether the answer is a number of nats, so that the answer in bits is a known mistake too

    def known_mistakes(self) -> dict[str, Callable]:
        """The mistakes, among them the answer in bits."""
        in_bits = {IN_BITS: lambda *arguments: np.asarray(self.oracle(*arguments)) / math.log(2)}
        return {**(in_bits if self.in_nats else {}), **self.mistakes}


def misread(oracle: Callable, **taken_for: Callable) -> Callable:
    """A mistake: the oracle's answer where one of its arguments, named here, is taken for a function of its value."""
    signature = inspect.signature(oracle)

    def computes(*arguments):
        given = signature.bind(*arguments).arguments
        return oracle(**{name: taken_for[name](value) if name in taken_for else value for name, value in given.items()})

    return computes
