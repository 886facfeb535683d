"""The page for teachers: its minutes add up, its sections, commands and quotations are there, and its way of grading works."""

import importlib
import itertools
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from toc import CHAPTERS

from ib_tutorial.exercises.registry import EXERCISES
from ib_tutorial.experiments import EXPERIMENTS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "book" / "instructor.md").read_text(encoding="utf-8")
SOURCES = {
    path: "\n".join(cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "markdown")
    for path in CHAPTERS
}
EXERCISE = re.compile(r":label: (ex-[\w-]+)\n`{3,}\n\*\((\d+) minutes, (\w+)\)")
ON_PAGE = {
    label: int(minutes) for source in SOURCES.values() for label, minutes, _ in EXERCISE.findall(source)
}


def part(label):
    return PAGE.split(f"({label})=")[1].split("\n(")[0]


def totals(text):
    """What each row of a total says, and what the rows before it add up to; minutes are in the first column with a number alone."""
    found, running = [], 0
    for line in re.findall(r"^\|.*\|$", text, re.MULTILINE):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if stated := [cell for cell in cells if re.fullmatch(r"\*\*\d+\*\*", cell)]:
            found.append((int(stated[0].strip("*")), running))
            running = 0
        elif numbers := [cell for cell in cells if cell.isdigit()]:
            running += int(numbers[0])
    return found


def test_the_minutes_of_both_plans_and_the_points_of_the_rubric_add_up():
    weeks = totals(part("instructor-four-weeks"))
    assert all(stated == summed for stated, summed in weeks), weeks
    *sessions, at_home = [stated for stated, _ in weeks]
    count, each, in_class, home = re.search(
        r"(\w+) sessions of (\d+) minutes, (\d+) minutes in class, and (\d+) minutes of exercises", PAGE
    ).groups()
    assert sessions == [int(each)] * 8 and count == "Eight" and sum(sessions) == int(in_class) and at_home == int(home)
    assert totals(part("instructor-one-day")) == [(480, 480)]
    assert totals(part("instructor-grading")) == [(100, 100)]


def test_the_hours_of_the_one_day_plan_follow_from_its_minutes():
    clock = re.findall(r"^\| (\d+):(\d\d) \| (\d+) \|", part("instructor-one-day"), re.MULTILINE)
    starts = [60 * int(hour) + int(minute) for hour, minute, _ in clock] + [17 * 60]
    assert [later - earlier for earlier, later in itertools.pairwise(starts)] == [int(minutes) for *_, minutes in clock]


def test_the_minutes_of_exercises_at_home_are_those_printed_with_them():
    for after, minutes, exercises in re.findall(r"^\| (after week \d) \| (\d+) \| (.*) \|$", PAGE, re.MULTILINE):
        assert sum(ON_PAGE[label] for label in re.findall(r"`(ex-[\w-]+)`", exercises)) == int(minutes), after


def test_every_section_named_in_a_plan_is_in_the_chapter_it_is_said_to_be_in():
    labels = {re.match(r"\((ch-[\w-]+)\)=", source)[1]: source for source in SOURCES.values()}
    for plan in ("instructor-four-weeks", "instructor-one-day"):
        source, named = None, 0
        for line in re.findall(r"^\|.*\|$", part(plan), re.MULTILINE):
            last = line.rstrip("|").split("|")[-1]
            for label, section in re.findall(r"\{ref\}`(ch-[\w-]+)`|(?<!\*)\*([^*]+)\*(?!\*)", last):
                if label:
                    source = labels.get(label)
                else:
                    named += 1
                    assert re.search(rf"^#+ {re.escape(section)}$", source, re.MULTILINE), (line, section)
        assert named > 10


def test_every_quoted_mistake_is_what_the_exercise_says():
    quoted = re.findall(r"\{ref\}`(ex-[\w-]+)`: \"([^\"]+)\"", part("instructor-mistakes"))
    assert len(quoted) > 15
    for label, words in quoted:
        known = EXERCISES[label.removeprefix("ex-")].known_mistakes()
        assert any(words in says for says in known), (label, words, known)


def test_every_chapter_has_a_mistake():
    named = re.findall(r"^\| \{ref\}`(ch-[\w-]+)`", part("instructor-mistakes"), re.MULTILINE)
    assert named == [re.match(r"\((ch-[\w-]+)\)=", SOURCES[path])[1] for path in CHAPTERS]


def test_every_project_begins_with_a_module_and_a_command_that_are_there():
    projects = re.findall(r"^\| \d .*\| `([\w.]+)`.*\| `python -m ib_tutorial run (\w+)(.*)` \|$", PAGE, re.MULTILINE)
    assert len(projects) >= 8
    for module, experiment, options in projects:
        importlib.import_module(module)
        assert experiment in EXPERIMENTS
        assert set(re.findall(r"--(\w+)", options)) <= {"seeds", "profile"}


SOLVED = """
import torch

def softplus_cost(f, alpha, mu, sigma):
    return ((alpha**2 + (f.log() - mu) ** 2) / (2 * sigma**2) - torch.log(alpha / sigma) - 0.5).sum(1)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("submitted", "outcome"),
    [
        (SOLVED, "softplus-program True right"),
        (SOLVED.replace("f.log() - mu", "mu"), "softplus-program False mistake"),
        ("", "softplus-program False not solved"),
    ],
)
def test_the_program_that_grades_does(tmp_path, submitted, outcome):
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "submitted.py").write_text(submitted, encoding="utf-8")
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first.startswith(outcome) and second.startswith("batch-loss False not solved")
