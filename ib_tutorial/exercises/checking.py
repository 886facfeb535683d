"""`check` compares an answer with the oracle, and then with the known mistakes."""

import copy
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ib_tutorial.exercises.exercise import Arguments, Exercise
from ib_tutorial.exercises.registry import EXERCISES


@dataclass(frozen=True, repr=False)
class Verdict:
    """What `check` says of an answer. As a condition it is true exactly if the answer is right."""

    name: str  #: of the exercise
    outcome: Literal["right", "mistake", "wrong", "unusable", "not solved"]
    """A "mistake" is one that the exercise knows, and "wrong" is any other. An "unusable" answer is not of the kind that was asked for, and
    "not solved" is the stub as it stands."""
    says: str  #: one or more sentences for the reader
    hints: tuple[str, ...] = ()  #: three, unless the answer is right

    def __bool__(self) -> bool:
        return self.outcome == "right"

    def __repr__(self) -> str:
        return f"Exercise {self.name}: {self.says}"

    def _repr_markdown_(self) -> str:
        """The verdict and, until the answer is right, the hints, each to be opened."""
        hints = [
            f"<details><summary>Hint {number}</summary>\n\n{text}\n\n</details>"
            for number, text in enumerate(() if self else self.hints, start=1)
        ]
        return "\n\n".join([f"**Exercise {self.name}:** {self.says}", *hints])


class Unusable(Exception):
    """The answer is not of the kind that was asked for; the message says what it is."""


class NotSolved(Exception):
    """The answer is still the stub's."""


def check(name: str, answer: object) -> Verdict:
    """Say whether `answer` solves exercise `name`, and if not, which mistake it looks like. The right answer is never said.

    Args:
        name: the label of the exercise, without "ex-".
        answer: a number or an array (numpy, torch or nested sequences), or a function if the exercise asks for one. A function is tried on
            inputs drawn here, the same at each call. No answer raises an error.

    Raises:
        ValueError: there is no exercise of that name.
    """
    if name not in EXERCISES:
        raise ValueError(f"there is no exercise {name!r} that checks itself; there are: {', '.join(EXERCISES)}")
    exercise = EXERCISES[name]
    try:
        trials = [(arguments, reply(exercise, answer, arguments)) for arguments in cases(exercise)]
    except NotSolved:
        return Verdict(name, "not solved", f"not solved yet. Wanted: {exercise.asks}.", exercise.hints)
    except Unusable as problem:
        return Verdict(name, "unusable", f"{problem} Wanted: {exercise.asks}.", exercise.hints)

    failed = [trial for trial in trials if not same(trial[1], exercise.oracle(*trial[0]), exercise.tolerance)]
    if not failed:
        return Verdict(name, "right", "right.")
    for words, computes in exercise.known_mistakes().items():
        with np.errstate(all="ignore"):
            if all(same(found, computes(*arguments), exercise.tolerance) for arguments, found in trials):
                return Verdict(name, "mistake", f"not right. {words}", exercise.hints)
    says = "not right, and none of the mistakes that are known here."
    if exercise.inputs:
        arguments, found = failed[0]
        says += f" It fails for {len(failed)} of {len(trials)} inputs; one of them, and your answer to it:"
        says += shown(exercise, arguments, answer=found)
    return Verdict(name, "wrong", says, exercise.hints)


def cases(exercise: Exercise) -> Iterator[Arguments]:
    return iter([()] if exercise.inputs is None else exercise.inputs(np.random.default_rng(0)))


def reply(exercise: Exercise, answer: object, arguments: Arguments) -> np.ndarray:
    """The reader's answer to one case, as an array. Raises NotSolved or Unusable."""
    if answer is None or answer is ...:
        raise NotSolved
    given = ""
    if exercise.inputs is None:
        if callable(answer):
            raise Unusable("you passed a function; call it, and pass what it returns.")
    else:
        if not callable(answer):
            raise Unusable(f"you passed {brief(answer)}; pass the function itself, without calling it.")
        given = f" for these inputs:{shown(exercise, arguments)}"
        try:
            answer = answer(*copy.deepcopy(arguments))
        except NotImplementedError as error:
            raise NotSolved from error
        except Exception as error:
            raise Unusable(f"your function raised {type(error).__name__} ({error}){given}") from error
        if answer is None or answer is ...:
            raise NotSolved
    wanted = np.shape(exercise.oracle(*arguments))
    try:
        found = numbers(answer)
    except (TypeError, ValueError, RuntimeError):
        raise Unusable(f"{brief(answer)} is no number and no array of numbers.") from None
    if found.shape != wanted:
        raise Unusable(f"your answer has {of_shape(found.shape)} where {of_shape(wanted)} is needed{given or '.'}")
    if not np.isfinite(found).all():
        raise Unusable(f"your answer holds NaN or infinity{given or '.'}")
    return found


def numbers(answer: object) -> np.ndarray:
    """An array of floats, from numbers in any form; a torch tensor may carry a gradient."""
    if hasattr(answer, "detach"):
        answer = answer.detach().cpu().numpy()
    return np.asarray(answer, dtype=float)


def same(found: np.ndarray, wanted: Any, tolerance: float) -> bool:
    return found.shape == np.shape(wanted) and np.allclose(found, numbers(wanted), rtol=tolerance, atol=tolerance)


def of_shape(shape: tuple[int, ...]) -> str:
    return f"the shape {shape}" if shape else "the shape of a single number"


def brief(answer: object) -> str:
    text = repr(answer)
    return text if len(text) <= 60 else f"a {type(answer).__name__}"


def shown(exercise: Exercise, arguments: Arguments, **more: object) -> str:
    """The arguments by name, as a block of code."""
    named = dict(zip(inspect.signature(exercise.oracle).parameters, arguments, strict=True)) | more
    lines = [f"{name} = {np.array2string(numbers(value), precision=4, threshold=40)}" for name, value in named.items()]
    return "\n\n```\n" + "\n".join(lines) + "\n```\n\n"
