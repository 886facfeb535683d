"""How a test says what it proves, and the comparisons that such tests share.

A module of this folder says each statement once, in `CLAIMS`, by the label of its proposition, remark or equation in the book. A test
names the label it checks:

    CLAIMS = {"prop-relu-cost": Claim(r"Under the log-uniform prior a ReLU unit costs ...", paper="Prop. 2, eq. (4), corrected")}


    @proves("prop-relu-cost", kind="quadrature", scope="general")
    def test_the_cost_of_a_relu_unit_is_an_integral_over_its_noise(): ...

The book's table of claims is made from these marks: `pytest tests/proofs --record-proofs` writes `book/proofs.json`.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pytest
import sympy

Kind = Literal["symbolic", "quadrature", "enumeration", "Monte Carlo", "numerical"]
Scope = Literal["general", "special case", "bookkeeping"]


@dataclass(frozen=True)
class Claim:
    """A statement of the book: one sentence of MyST, and where the paper has it; "" where the paper does not state it."""

    statement: str
    paper: str = ""


def proves(label: str, *, kind: Kind, scope: Scope) -> pytest.MarkDecorator:
    """Mark a test with the statement that it checks.

    Args:
        label: the label of the statement in the book, a key of the module's `CLAIMS`.
        kind: the method. "symbolic": two expressions are identical. "enumeration": all cases of a finite problem. "quadrature": an integral.
            "Monte Carlo": a mean of draws, within stated standard errors. "numerical": two computations, within a stated tolerance.
        scope: "general" if the test varies all that the statement leaves free, at random or by symbols; "special case" if it fixes some of
            it; "bookkeeping" if it only follows the algebra of the proof.
    """
    if kind not in get_args(Kind) or scope not in get_args(Scope):
        raise ValueError(f"kind is one of {get_args(Kind)} and scope one of {get_args(Scope)}, not {kind!r} and {scope!r}")
    return pytest.mark.proves(label=label, kind=kind, scope=scope)


def assert_identical(left: sympy.Expr, right: sympy.Expr) -> None:
    """Fails unless the difference of two expressions simplifies to zero."""
    difference = sympy.simplify(sympy.sympify(left - right).rewrite(sympy.erf))
    assert difference == 0, f"the two sides differ by {difference}"


def assert_mean(samples: np.ndarray, expected: float, standard_errors: float = 4.0) -> None:
    """Fails unless the mean of samples is within so many standard errors of its expected value."""
    error = float(samples.std(ddof=1)) / len(samples) ** 0.5
    mean = float(samples.mean())
    assert abs(mean - expected) <= standard_errors * error, f"{mean:.6g} ± {error:.2g} against {expected:.6g}"
