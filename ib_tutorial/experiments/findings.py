"""A finding: what the paper says, and the test that was fixed for it before the run.

An experiment writes a finding as a function from a record to one value per seed, decorated with `finding`. The function's name is the
finding's name. Its docstring is the test: quantity, direction and threshold, as in "The claim holds if this is above 0."
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

from ib_tutorial.experiments.record import Record


def training_errors(record: Record) -> str:
    """How far the classifiers of a record were trained: their training error, and whether a chosen setting is on the edge of its grid."""
    errors = [row["value"] for row in record.select(metric="train_error")]
    if not errors:
        return "no training error recorded"
    mean = sum(errors) / len(errors)
    said = f"learnt to a training error of {mean:.1%} on average and {max(errors):.1%} at most"
    chosen_on_edge = any(row.get("of_seeds", len(record.seeds)) == len(record.seeds) for row in record.select(edge=True))  # not by fewer seeds
    return said + ("; a chosen setting is on the edge of its grid" if chosen_on_edge else "")


@dataclass(frozen=True)
class Finding:
    """A claim of the paper, and the quantity that decides it. The claim holds if `values(record)`, one per seed, is positive on average.

    `values` returns none where no network of the record meets the test's condition, such as to have learned.
    """

    name: str
    experiment: str
    where: str
    statement: str
    test: str
    unit: str
    values: Callable[[Record], Sequence[float]]
    published: str = "a claim, without numbers in the text"
    comment: str = ""
    ready: Callable[[Record], bool] = lambda record: record.finished
    """Whether the record holds all that the test reads."""
    since: int = 1
    """The least format of a record that the test can be judged on."""
    regime: Callable[[Record], str] = training_errors
    """How far the networks that the test reads were trained."""
    scale: float = 1.0
    """Pictures divide an effect by it. It is the test's threshold, in `unit`; a test that asks for a sign only has none, and there it is a round
    number, 1 unless said otherwise."""


def finding(
    *,
    where: str,
    statement: str,
    unit: str,
    condition: str = "",
    given: Mapping[str, Any] = MappingProxyType({}),
    **options: Any,
) -> Callable[[Callable[..., Sequence[float]]], Finding]:
    """Return a decorator that makes a finding of a function from a record to one value per seed.

    The experiment is the function's module. The test is the function's docstring, and then the condition. A name in braces in the docstring,
    such as {LEARNED:.0%}, is a constant of that module, or one of `given`.

    Args:
        where: the figure, table or section of the paper.
        statement: what the paper says, in one sentence.
        unit: of the values.
        condition: says when the finding is void: the values are then none.
        given: further arguments of the function, so that one function serves several findings. Their values end the finding's name.
        options: the other fields of `Finding`.

    Raises:
        ValueError: the function has no docstring, so the finding has no test.
    """

    def made(function: Callable[..., Sequence[float]]) -> Finding:
        if not function.__doc__:
            raise ValueError(f"{function.__name__} has no docstring, and that is a finding's test; write it, and run Python without -OO")
        experiment = function.__module__.rpartition(".")[2]
        constants = vars(sys.modules[function.__module__])  # a checker of types that wraps the function has globals of its own
        test = function.__doc__.format(**constants | dict(given))
        return Finding(
            name=f"{experiment}.{'_'.join([function.__name__, *map(str, given.values())])}",
            experiment=experiment,
            where=where,
            statement=statement,
            test=f"{' '.join(test.split())} {condition}".rstrip(),
            unit=unit,
            values=partial(function, **given) if given else function,
            **options,
        )

    return made
