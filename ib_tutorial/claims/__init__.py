"""What the book asserts: each statement, where it is proved, and the checks that a machine makes of it.

`CLAIMS` is the registry; one module per chapter fills it. A check is a function that returns an `Outcome`: two sides of
an equality (or a bound), how far apart they came out, and how far apart they may be. `run(name)` makes the checks of one
claim, `show(name)` does so for a notebook, with the code of the checks, `table()` makes them all for the book's page.
"""

from ib_tutorial.claims.registry import CLAIMS, Check, Claim, Outcome, Proved, run, show, table

__all__ = ["CLAIMS", "Check", "Claim", "Outcome", "Proved", "run", "show", "table"]
