"""The exercises of the committed notebooks, read off their pages."""

import ast
import re
from dataclasses import dataclass, field
from functools import cache

import nbformat

DIRECTIVE = re.compile(r"^`{3,}\{(exercise|solution)-(start|end)\}[ \t]*(\S*)", re.MULTILINE)


@dataclass
class OnPage:
    """An exercise as its page has it; its name is its label without "ex-"."""

    label: str = ""
    text: str = ""
    stubs: list = field(default_factory=list)
    has_solution: bool = False
    solutions: list = field(default_factory=list)

    @property
    def name(self):
        return self.label.removeprefix("ex-")


@cache
def notebook(chapter):
    return nbformat.read(chapter, as_version=4)


@cache
def exercises(chapter):
    """In the order of the page, with the code cells within each exercise and within its solution."""
    found, place = [], None
    for cell in notebook(chapter).cells:
        if cell.cell_type == "code":
            if place == "exercise":
                found[-1].stubs.append(cell)
            elif place == "solution":
                found[-1].solutions.append(cell)
            continue
        if cell.cell_type != "markdown":
            continue
        end = 0
        for match in DIRECTIVE.finditer(cell.source):
            if place == "exercise":
                found[-1].text += cell.source[end : match.start()]
            kind, edge, label = match.groups()
            place = kind if edge == "start" else None
            if (kind, edge) == ("exercise", "start"):
                found.append(OnPage())
            if (kind, edge) == ("solution", "start"):
                (solved,) = [exercise for exercise in found if exercise.label == label]
                assert solved is found[-1], f"{chapter.name}: the solution of {label} does not follow its exercise"
                solved.has_solution = True
            end = match.end()
            if (kind, edge) == ("exercise", "start"):
                found[-1].label = re.match(r"\n:label: (\S+)", cell.source[end:]).group(1)
        if place == "exercise":
            found[-1].text += cell.source[end:]
    return found


def checks(cell):
    """The names that a cell passes to `check`."""
    return re.findall(r"\bcheck\(\"([^\"]+)\"", cell.source)


def imported(chapter):
    """A namespace in which the chapter's parameters and imports were run, and nothing else of it."""
    first, second = [cell for cell in notebook(chapter).cells if cell.cell_type == "code"][:2]
    assert "parameters" in first.metadata.get("tags", []), chapter.name
    namespace = {}
    exec(first.source, namespace)
    exec(second.source, namespace)
    return namespace


def last_value(cell, namespace):
    """Run a cell, and return what it would show: the value of its last expression."""
    tree = ast.parse(cell.source)
    *before, last = tree.body
    assert isinstance(last, ast.Expr), f"a cell must end in its call of check: {cell.source}"
    exec(compile(ast.Module(before, []), "cell", "exec"), namespace)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), namespace)
