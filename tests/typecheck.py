"""The type checker that conftest.py switches on for the packages: beartype, for which an int is a float as in PEP 484.

It saves time in two ways. jaxtyping makes two functions of each function of the packages. The first checks the arguments before the call.
The second would check the arguments again, and the result; here it checks the result alone. And a check is built at its first call,
since a test calls few of the functions that it imports.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any
from weakref import WeakSet

from beartype import BeartypeConf, beartype

build = beartype(conf=BeartypeConf(is_pep484_tower=True))

WAITING: WeakSet[Callable] = WeakSet()
"""Functions whose check is not built yet."""


def checked(function: Callable) -> Callable:
    result = function.__annotations__.get("return", Any)
    if result is not Any:  # the second: jaxtyping gives the first no type of a result
        function.__annotations__ = {"return": result}
    check = None
    WAITING.add(function)

    @wraps(function)
    def checking(*args, **kwargs):
        nonlocal check
        if check is None:
            WAITING.discard(function)
            check = build(function)
        return check(*args, **kwargs)

    return checking
