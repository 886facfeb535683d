"""The registry of every claim, and what runs and shows the checks."""

import inspect
import re
import textwrap
from typing import NamedTuple

from ib_tutorial.claims import (
    dropout,
)
from ib_tutorial.claims.check import Check, Claim, Outcome, require

MODULES = (
    dropout,
)  # in the order of the chapters

CLAIMS: dict[str, Claim] = {claim.name: claim for module in MODULES for claim in module.CLAIMS}


class Proved(NamedTuple):
    """A check together with what it found."""

    check: Check
    outcome: Outcome


def claim(name: str) -> Claim:
    if name not in CLAIMS:
        raise ValueError(f"there is no claim {name!r}; there are: {', '.join(CLAIMS)}")
    return CLAIMS[name]


def run(name: str) -> list[Proved]:
    """Make the checks of a claim. Raises AssertionError for one that does not hold, so that a chapter stops there."""
    results = [Proved(check, check.function()) for check in claim(name).checks]
    for check, outcome in results:
        require(
            outcome.holds,
            f"{name}, {check.kind}, {check.what}: the two sides differ by {outcome.difference}, "
            f"more than {outcome.tolerance} ({outcome.detail})",
        )
    return results


def show(name: str):
    """Make the checks of a claim and display, in a notebook, what each compared and found, and its code."""
    from IPython.display import Markdown

    rows = [
        f"| {check.kind} | {cell(check.what)} | {cell(outcome.detail)} | {within(outcome)} |"
        for check, outcome in run(name)
    ]
    code = "\n\n".join(inspect.getsource(check.function) for check in claim(name).checks)
    return Markdown(
        "| check | what is compared | found | allowed |\n| --- | --- | --- | --- |\n"
        + "\n".join(rows)
        + f"\n\n<details><summary>The code of these checks</summary>\n\n```python\n{textwrap.dedent(code)}```\n\n</details>"
    )


def cell(text: str) -> str:
    """Text for a cell of a Markdown table, where a bar would end the cell: in formulas as a command, elsewhere escaped."""
    parts = text.split("$")
    parts[::2] = [re.sub(r"\\?\|", r"\\|", plain) for plain in parts[::2]]
    parts[1::2] = [formula.replace(r"\|", r"\Vert ").replace("|", r"\vert ") for formula in parts[1::2]]
    return "$".join(parts)


def within(outcome: Outcome) -> str:
    return "identically" if outcome.tolerance == 0 else f"{outcome.tolerance:.1e}"


def table() -> str:
    """Every claim, its place in the paper, its proof and its checks, each made now: a Markdown table."""
    lines = ["| Claim | In the paper | Proof | Checks | Status |", "| --- | --- | --- | --- | --- |"]
    for each in CLAIMS.values():
        outcomes = [check.function().holds for check in each.checks]
        kinds = ", ".join(check.kind for check in each.checks)
        status = "all hold" if all(outcomes) else f"**{outcomes.count(False)} fail**"
        role = "eq" if each.proof.startswith("eq-") else "prf:ref"
        lines.append(
            f"| {cell(each.statement)} | {cell(each.paper) or 'ours'} | {{{role}}}`{each.proof}` | {kinds} | {status} |"
        )
    return "\n".join(lines)
