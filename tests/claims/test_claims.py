"""Every claim of the book has checks, and they hold."""

import re
from pathlib import Path

import nbformat
import pytest

from ib_tutorial import claims

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", claims.CLAIMS)
def test_the_checks_hold(name):
    claims.run(name)


@pytest.mark.parametrize("claim", claims.CLAIMS.values(), ids=lambda claim: claim.name)
def test_a_claim_is_checked_and_proved_where_it_says(claim):
    kinds = {check.kind for check in claim.checks}
    assert "symbolic" in kinds and len(kinds) > 1, "a claim has a symbolic check and one that computes numbers"
    notebook = nbformat.read(ROOT / f"{claim.chapter}.ipynb", as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells)
    assert re.search(rf":label: {re.escape(claim.proof)}\b", text), f"{claim.chapter} has no {claim.proof}"
    assert f'claims.show("{claim.name}")' in text, f"{claim.chapter} does not show the checks of {claim.name}"


def test_a_check_that_fails_stops_the_chapter(monkeypatch):
    from ib_tutorial.claims.check import Check, Claim, close

    false = Claim("false", "1 = 2", "", "x", "y", (Check("numerical", "1 and 2", lambda: close(1, 2, 1e-9)),))
    monkeypatch.setitem(claims.CLAIMS, "false", false)
    with pytest.raises(AssertionError, match="false, numerical, 1 and 2"):
        claims.run("false")


@pytest.mark.parametrize("difference", [float("nan"), float("inf"), 2e-9])
def test_an_outcome_that_is_not_close_does_not_hold(difference):
    assert not claims.Outcome(difference, 1e-9).holds


def test_a_name_that_is_not_there_is_said():
    with pytest.raises(ValueError, match="no claim 'prop-2'.*relu-cost"):
        claims.run("prop-2")


def test_bars_do_not_end_a_cell_of_a_table():
    from ib_tutorial.claims.registry import cell

    assert cell(r"H(y|z) is $H(y|z)$, $\mathrm{KL}(p\,\|\,q)$") == r"H(y\|z) is $H(y\vert z)$, $\mathrm{KL}(p\,\Vert \,q)$"
    assert cell(r"already I(x;z\|y)") == r"already I(x;z\|y)"
    cells_per_row = {len(re.split(r"(?<!\\)\|", line)) for line in claims.table().splitlines()}
    assert cells_per_row == {7}
