"""Every code name on the notation page exists: dotted names are imported, parameters are looked up in the signature."""

import importlib
import inspect
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "book" / "notation.md"
PACKAGES = ("ib_tutorial", "data_gen")


def rows(text: str):
    """The cells of each row, by heading of its column: every table of the page that has a code column."""
    headings = None
    for line in text.splitlines():
        if not line.startswith("|"):
            headings = None
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if headings is None:
            headings = [cell.lower() for cell in cells]
        elif not set("".join(cells)) <= set("-: "):
            if len(cells) != len(headings):
                raise AssertionError(f"{len(cells)} cells under {len(headings)} headings: {line}")
            yield dict(zip(headings, cells, strict=True))


def code_names(text: str) -> list[str]:
    """What stands in backticks in the code columns, but for roles such as {prf:ref}`...`."""
    return [name for row in rows(text) for name in re.findall(r"(?<!\})`([^`]+)`", row.get("code", ""))]


def resolve(dotted: str):
    """The object behind a dotted name: the longest importable module, then attributes."""
    parts = dotted.split(".")
    if parts[0] not in PACKAGES:
        raise LookupError(f"{dotted} does not begin with one of {PACKAGES}")
    found = importlib.import_module(parts[0])
    for depth, part in enumerate(parts[1:], start=2):
        if not hasattr(found, part):
            try:
                importlib.import_module(".".join(parts[:depth]))  # a module that its package does not import
            except ModuleNotFoundError as error:
                raise LookupError(f"{'.'.join(parts[: depth - 1])} has no {part}") from error
        found = getattr(found, part)
    return found


def check(name: str) -> None:
    """`a.b.c`, or `a.b.c(parameter)`; LookupError where the object or the parameter does not exist."""
    match = re.fullmatch(r"([\w.]+)(?:\((\w+)\))?", name)
    if match is None:
        raise LookupError(f"{name!r} is neither a dotted name nor a dotted name with one parameter")
    found = resolve(match[1])
    if match[2] and match[2] not in inspect.signature(found).parameters:
        raise LookupError(
            f"{match[1]} has no parameter {match[2]}; it has {', '.join(inspect.signature(found).parameters)}"
        )


NAMES = sorted(set(code_names(PAGE.read_text(encoding="utf-8"))))


def test_the_page_is_read():
    assert len(NAMES) > 40, f"only {len(NAMES)} names were found on the page: did its tables change form?"
    assert "ib_tutorial.information.mutual_information" in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_name_exists(name):
    check(name)


@pytest.mark.parametrize(
    "name",
    [
        "ib_tutorial.information.no_such_entropy",
        "ib_tutorial.no_such_module.entropy",
        "ib_tutorial.information.entropy(no_such_parameter)",
        "ib_tutorial.nn.InformationDropout(alpha, f)",
        "torch.tensor",
        "beta",
    ],
)
def test_a_name_that_does_not_exist_is_found_out(name):
    with pytest.raises(LookupError):
        check(name)


def test_rows_with_a_missing_cell_are_found_out():
    with pytest.raises(AssertionError, match="cells under"):
        list(rows("| Meaning | Code |\n| --- | --- |\n| $p(z|x)$ | `ib_tutorial` |"))
