"""Every solution of the book passes its check, every stub fails, and every listed mistake is told from the others."""

import re
from importlib import import_module
from itertools import combinations

import numpy as np
import pytest
from exercise_pages import checks, exercises, imported, last_value
from toc import CHAPTERS

from ib_tutorial.exercises import EXERCISES, check
from ib_tutorial.exercises.checking import cases, numbers, same
from ib_tutorial.exercises.exercise import Exercise
from ib_tutorial.exercises.registry import CHAPTERS as MODULES

ON_PAGES = {each.name: (chapter, each) for chapter in CHAPTERS for each in exercises(chapter)}
SELF_CHECKING = {name: found for name, found in ON_PAGES.items() if found[1].stubs}
LEVELS = {"recall", "derivation", "program", "experiment", "research"}


@pytest.fixture(autouse=True)
def as_a_reader_has_it(unchecked):
    """Without the run-time type checks, which readers do not have."""


def answered(exercise, computes):
    """What `computes` stands for, as an answer to this exercise."""
    return computes if exercise.inputs else computes()


# The pages


@pytest.mark.parametrize("name", ON_PAGES)
def test_each_exercise_says_minutes_and_level_first_and_has_a_solution(name):
    exercise = ON_PAGES[name][1]
    opening = re.search(r"^\*\((\d+) minutes, (\w+)\)\* ", exercise.text, re.MULTILINE)
    assert opening, exercise.text[:200]
    assert opening.group(2) in LEVELS and 3 <= int(opening.group(1)) <= 480
    assert exercise.has_solution, exercise.label


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_chapters_have_enough_exercises_from_recall_to_research(chapter):
    found = exercises(chapter)
    levels = {re.search(r"minutes, (\w+)\)", exercise.text).group(1) for exercise in found}
    assert len(found) >= 3 and len(levels) >= 2
    assert any("Change this and predict" in exercise.text for exercise in found)


def test_pages_and_registry_name_the_same_exercises():
    for name, (_, exercise) in SELF_CHECKING.items():
        assert [checks(cell) for cell in exercise.stubs] == [[name]], f"the stub of {name}, {exercise.label}"
        (solving,) = [cell for cell in exercise.solutions if checks(cell)]
        assert checks(solving) == [name], f"the solution of {name}"
    assert set(SELF_CHECKING) == set(EXERCISES)


@pytest.mark.slow
@pytest.mark.parametrize("name", SELF_CHECKING)
def test_the_stub_is_told_that_it_is_not_solved_and_the_solution_that_it_is_right(name):
    """Each in a namespace that holds the page's imports only: readers need not run the chapter first."""
    chapter, exercise = SELF_CHECKING[name]
    (stub,) = exercise.stubs
    found = last_value(stub, imported(chapter))
    assert found.outcome == "not solved" and not found
    (solving,) = [cell for cell in exercise.solutions if checks(cell)]
    found = last_value(solving, imported(chapter))
    assert found, found.says


@pytest.mark.parametrize("name", SELF_CHECKING)
def test_the_stored_outputs_show_the_same(name):
    exercise = SELF_CHECKING[name][1]
    (solving,) = [cell for cell in exercise.solutions if checks(cell)]
    for cell, words in ((exercise.stubs[0], "not solved yet"), (solving, "right.")):
        shown = [output.data["text/markdown"] for output in cell.outputs if "data" in output]
        assert shown and shown[-1].startswith(f"**Exercise {name}:** {words}"), shown


# The registry


@pytest.mark.slow
@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=EXERCISES)
def test_the_oracle_is_right_and_each_mistake_gets_its_own_words(exercise):
    assert check(exercise.name, answered(exercise, exercise.oracle))
    assert len(exercise.known_mistakes()) >= 3
    for words, computes in exercise.known_mistakes().items():
        found = check(exercise.name, answered(exercise, computes))
        assert (found.outcome, found.says) == ("mistake", f"not right. {words}"), words


@pytest.mark.slow
@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=EXERCISES)
def test_no_two_mistakes_agree(exercise):
    inputs = list(cases(exercise))
    for (one, computes), (other, computes_other) in combinations(exercise.known_mistakes().items(), 2):
        pairs = [(numbers(computes(*args)), numbers(computes_other(*args))) for args in inputs]
        assert not all(same(a, b, exercise.tolerance) for a, b in pairs), (one, other)


@pytest.mark.slow
@pytest.mark.parametrize("exercise", [e for e in EXERCISES.values() if e.inputs], ids=lambda e: e.name)
def test_no_constant_passes(exercise):
    for arguments in cases(exercise):
        constant = exercise.oracle(*arguments)
        assert not check(exercise.name, lambda *_: constant)  # noqa: B023


@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=EXERCISES)
def test_three_hints_and_no_word_of_the_answer(exercise):
    assert len(exercise.hints) == len(set(exercise.hints)) == 3
    if exercise.inputs is None:
        right = numbers(exercise.oracle()).ravel()
        for text in (*exercise.hints, *exercise.known_mistakes()):
            for token in re.findall(r"\d+(?:\.\d+)?(?:e-?\d+)?", text):
                decimals = len(token.partition(".")[2])
                assert not np.isclose(np.round(right, decimals), float(token)).any(), (token, text)


def test_no_two_exercises_have_one_name():
    modules = [import_module(f"ib_tutorial.exercises.{name}") for name in MODULES]
    assert sum(isinstance(value, Exercise) for module in modules for value in vars(module).values()) == len(EXERCISES)
