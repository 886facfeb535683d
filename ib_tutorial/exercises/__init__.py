"""The exercises that check themselves: `check("softplus-program", answer)` says right, or names the likely mistake and gives hints.

To add one:

1. On the page, write it between `exercise-start` and `exercise-end`, opened by `*(15 minutes, program)*`; the levels are
   recall, derivation, program, experiment and research. Its name is its label without "ex-".
2. In that box put a stub: a cell that runs as it stands, returns `...`, and ends in `exercises.check("softplus-program", answer)`.
3. In the gated solution after it (`solution-start`, `solution-end`, `:class: dropdown`) put the cell that solves it and
   ends in the same call. Both cells may use what the page's import cell imports, and nothing else of the page.
4. In this room's module of the chapter (listed in `registry.py`) add an `Exercise`: its oracle from
   `ib_tutorial.information`, the inputs on which a function is tried, its known mistakes, three hints.
5. `pytest tests/exercises -k softplus-program` runs stub and solution, and checks that each mistake is told from the others.
"""

from ib_tutorial.exercises.checking import Verdict, check
from ib_tutorial.exercises.exercise import Exercise
from ib_tutorial.exercises.registry import EXERCISES

__all__ = ["EXERCISES", "Exercise", "Verdict", "check"]
