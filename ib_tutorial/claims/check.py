"""The words in which a claim is written down: a statement, and checks that can fail."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import sympy

Kind = Literal["symbolic", "quadrature", "enumeration", "Monte Carlo", "numerical"]


@dataclass(frozen=True)
class Outcome:
    """How far a check found the two sides of a claim apart, and how far apart they may be.

    A symbolic check has tolerance 0; a Monte Carlo check's tolerance is a stated number of its standard errors.
    """

    difference: float
    tolerance: float
    detail: str = ""

    @property
    def holds(self) -> bool:
        return abs(self.difference) <= self.tolerance  # False for NaN


@dataclass(frozen=True)
class Check:
    """`function` makes the comparison that `what` describes, by the method `kind`."""

    kind: Kind
    what: str
    function: Callable[[], Outcome]


@dataclass(frozen=True)
class Claim:
    """A statement of the book.

    statement: one sentence of MyST, formula included.
    paper: where the paper has it, and what is corrected; "" for what the paper does not state.
    proof: label of the proposition, remark or equation under which the book proves it.
    chapter: page of the book, as in _toc.yml.
    checks: at least one; a proposition has a symbolic one and a numerical one.
    """

    name: str
    statement: str
    paper: str
    proof: str
    chapter: str
    checks: tuple[Check, ...]


def require(condition: bool, what: str) -> None:
    """Raises AssertionError with `what` unless the condition holds. Unlike an assert statement it stays under `python -O`."""
    if not condition:
        raise AssertionError(what)


def symbolic(left: sympy.Expr, right: sympy.Expr, detail: str = "") -> Outcome:
    """Whether two expressions are the same: 0 if their difference simplifies to zero, infinity if it does not."""
    difference = sympy.simplify(sympy.sympify(left - right).rewrite(sympy.erf))
    return Outcome(0.0 if difference == 0 else float("inf"), 0.0, detail or f"difference: {difference}")


def close(left: float, right: float, tolerance: float, detail: str = "") -> Outcome:
    """Two numbers, absolutely."""
    return Outcome(float(left) - float(right), tolerance, detail or f"{float(left):.12g} against {float(right):.12g}")


def monte_carlo(samples, expected: float, standard_errors: float = 4.0) -> Outcome:
    """The mean of an array of samples against its expected value, within so many standard errors of the mean."""
    error = float(samples.std(ddof=1)) / len(samples) ** 0.5
    mean = float(samples.mean())
    return Outcome(mean - expected, standard_errors * error, f"{mean:.6g} ± {error:.2g} against {expected:.6g}")
