"""The check of types and shapes that every test runs under refuses what it should."""

import importlib
import pkgutil

import numpy as np
import pytest
import typecheck
from conftest import ROOMS
from jaxtyping import Float, TypeCheckError, jaxtyped


@jaxtyped(typechecker=typecheck.checked)
def shortened(x: Float[np.ndarray, "n 2"], by: float = 0.0, *, twice: bool = False) -> Float[np.ndarray, " n"]:
    return x[0] if twice else x[: len(x) - int(by), 0]


def test_right_arguments_pass_and_an_int_is_a_float():
    for _ in range(2):
        assert shortened(np.zeros((3, 2)), 0).shape == (3,)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((np.zeros((3, 3)),), "whilst typechecking parameter 'x'"),
        ((np.zeros((3, 2), int),), "whilst typechecking parameter 'x'"),
        ((np.zeros((3, 2)), "0"), "whilst typechecking parameter 'by'"),
        ((np.zeros((3, 2)), 1), "checking the return value"),
    ],
)
def test_a_wrong_argument_and_a_result_of_another_length_than_the_argument_are_refused(arguments, said):
    for _ in range(2):
        with pytest.raises(TypeCheckError, match=said):
            shortened(*arguments)


def test_a_keyword_is_checked_too():
    with pytest.raises(TypeCheckError, match="whilst typechecking parameter 'twice'"):
        shortened(np.zeros((3, 2)), twice=1.0)


@pytest.mark.slow
def test_the_check_of_every_function_of_the_packages_can_be_built():
    for name in (*ROOMS, "data_gen"):
        for module in pkgutil.iter_modules(importlib.import_module(name).__path__, f"{name}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    for function in list(typecheck.WAITING):
        typecheck.build(function)
