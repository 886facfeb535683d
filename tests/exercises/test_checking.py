"""What a reader is told: about answers of the wrong kind, functions that fail, and answers nobody foresaw."""

import dataclasses

import numpy as np
import pytest
import torch

from ib_tutorial.exercises import checking
from ib_tutorial.exercises.exercise import Exercise


def entropy(p):
    return -(p * np.log(p)).sum()


NUMBER = Exercise("0.1", "the number pi", lambda: np.pi, None, {}, ("Round.", "Rounder.", "A circle's."), 1e-3)
FUNCTION = Exercise(
    name="0.2",
    asks="a function of p [n] that returns its entropy, a number, in nats",
    oracle=entropy,
    inputs=lambda rng: [(rng.dirichlet(np.ones(n)),) for n in (2, 3, 5)],
    mistakes={"You took the mean for the sum.": lambda p: -(p * np.log(p)).mean()},
    hints=("One.", "Two.", "Three."),
)
TENSOR = dataclasses.replace(
    FUNCTION, name="0.3", oracle=lambda x: x.square(), inputs=lambda rng: [(torch.arange(3.0),), (torch.ones(2, 2),)]
)


@pytest.fixture(autouse=True)
def three_exercises(monkeypatch):
    monkeypatch.setattr(checking, "EXERCISES", {each.name: each for each in (NUMBER, FUNCTION, TENSOR)})


def check(id, answer):
    found = checking.check(id, answer)
    assert bool(found) == (found.outcome == "right")
    assert repr(found) == f"Exercise {id}: {found.says}"
    return found


def test_right_answers_of_every_type():
    for answer in (3.1416, np.float32(3.1416), np.array(3.1416), torch.tensor(3.1416, requires_grad=True)):
        assert check("0.1", answer)
    assert check("0.2", entropy)
    assert check("0.2", lambda p: torch.distributions.Categorical(torch.from_numpy(p)).entropy())
    assert check("0.3", lambda x: [[float(v) ** 2 for v in row] for row in x] if x.ndim == 2 else x * x)


def test_known_mistakes_by_name():
    found = check("0.2", lambda p: -(p * np.log2(p)).sum())
    assert found.outcome == "mistake" and "bits" in found.says
    assert "mean for the sum" in check("0.2", lambda p: entropy(p) / len(p)).says


@pytest.mark.parametrize("answer", [None, ...])
def test_a_stub_is_not_solved(answer):
    def unwritten(p):
        raise NotImplementedError

    for id, each in (("0.1", answer), ("0.2", answer), ("0.2", lambda p: answer), ("0.2", unwritten)):
        assert check(id, each).outcome == "not solved"


def test_an_unknown_wrong_answer_is_shown_with_its_input_and_not_with_the_right_one():
    found = check("0.2", lambda p: 0.25)
    assert found.outcome == "wrong" and "3 of 3 inputs" in found.says and "answer = 0.25" in found.says
    (first,) = next(iter(FUNCTION.inputs(np.random.default_rng(0))))
    assert "p = [" in found.says and f"{first[0]:.4f}" in found.says
    assert f"{entropy(first):.3f}" not in found.says
    sometimes = check("0.2", lambda p: entropy(p) if len(p) > 2 else 7.0)
    assert "1 of 3 inputs" in sometimes.says and "answer = 7" in sometimes.says
    assert check("0.1", 3.0).outcome == "wrong" and "3.14" not in check("0.1", 3.0).says


@pytest.mark.parametrize(
    ("id", "answer", "says"),
    [
        ("0.1", entropy, "you passed a function; call it"),
        ("0.1", "pi", "'pi' is no number"),
        ("0.1", 1 + 2j, "is no number"),
        ("0.1", [3.14], "the shape (1,) where the shape of a single number is needed."),
        ("0.1", float("nan"), "NaN or infinity"),
        ("0.2", 0.5, "you passed 0.5; pass the function itself"),
        ("0.2", lambda p: p, "the shape (2,) where the shape of a single number is needed for these inputs"),
        ("0.2", lambda p: np.inf, "NaN or infinity for these inputs"),
        ("0.2", lambda p: [1, [2]], "is no number"),
        ("0.2", lambda p, q: 1.0, "raised TypeError"),
        ("0.2", lambda p: p[7], "raised IndexError (index 7 is out of bounds for axis 0 with size 2) for these inputs"),
    ],
)
def test_unusable_answers_are_told_why_and_what_is_wanted(id, answer, says):
    found = check(id, answer)
    assert found.outcome == "unusable" and says in found.says
    assert f"Wanted: {checking.EXERCISES[id].asks}." in found.says
    assert "p = [" in found.says or "for these inputs" not in found.says


def test_a_function_that_writes_into_its_arguments_does_not_spoil_them():
    def careless(p):
        p /= 2
        return 0.0

    inputs = check("0.2", careless).says
    assert inputs.split("answer")[0] == check("0.2", lambda p: 0.0).says.split("answer")[0]


def test_hints_are_shown_until_the_answer_is_right():
    shown = check("0.1", ...)._repr_markdown_()
    assert [f"<summary>Hint {n}</summary>\n\n{text}\n\n" in shown for n, text in enumerate(NUMBER.hints, 1)] == [
        True
    ] * 3
    assert "Hint" not in check("0.1", np.pi)._repr_markdown_()


def test_an_exercise_that_is_not_there():
    with pytest.raises(ValueError, match="no exercise '0.9'.* there are: 0.1, 0.2, 0.3"):
        check("0.9", 1)
