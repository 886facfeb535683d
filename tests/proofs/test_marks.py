"""What tests/proofs itself must keep: every label is in the book, and the book's list is that of the tests."""

import ast
import json
import re
from pathlib import Path

import nbformat
import pytest
from proof import proves

ROOT = Path(__file__).resolve().parents[2]
MODULES = [path for path in sorted(Path(__file__).parent.glob("test_*.py")) if path.name != Path(__file__).name]


def marks(path):
    """Of each marked test of a module: its name and its label."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        for decorator in getattr(node, "decorator_list", []):
            if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == "proves":
                yield node.name, decorator.args[0].value


def text_of_the_book():
    pages = [path.read_text(encoding="utf-8") for path in (ROOT / "book").glob("*.md")]
    for path in (ROOT / "book").glob("*.ipynb"):
        pages.append("\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells))
    return "\n".join(pages)


def test_every_label_that_a_test_proves_is_in_the_book():
    text = text_of_the_book()
    labels = {label for path in MODULES for _, label in marks(path)}
    assert len(labels) > 20
    assert not {label for label in labels if not re.search(rf":label: {re.escape(label)}\b", text)}


def test_every_proposition_of_the_book_is_checked():
    stated = set(re.findall(r"\{prf:(?:proposition|lemma|corollary|theorem)\}[^\n]*\n:label: (\S+)", text_of_the_book()))
    assert stated - {label for path in MODULES for _, label in marks(path)} == set()


def test_the_books_list_is_that_of_the_tests():
    """Renewed by `pytest tests/proofs --record-proofs`, which `make refresh` runs."""
    recorded = {(proof["test"], proof["label"]) for proof in json.loads((ROOT / "book" / "proofs.json").read_text(encoding="utf-8"))["proofs"]}
    assert recorded == {(f"tests/proofs/{path.name}::{name}", label) for path in MODULES for name, label in marks(path)}


@pytest.mark.parametrize(("kind", "scope"), [("proved", "general"), ("symbolic", "all")])
def test_a_kind_or_a_scope_that_there_is_not_is_refused(kind, scope):
    with pytest.raises(ValueError, match="not"):
        proves("prop-x", kind=kind, scope=scope)
