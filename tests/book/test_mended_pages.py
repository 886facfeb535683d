"""What Jupyter Book's parts get wrong in a page, mended: a folded proof has a title to click on, and no two have one id."""

import importlib.util
from pathlib import Path

from docutils import nodes
from docutils.utils import new_document

PATH = Path(__file__).resolve().parents[2] / "book" / "_ext" / "mended_pages.py"


def proof(*classes):
    """A proof as sphinx-proof makes it."""
    box = nodes.admonition(classes=["proof", *classes], ids=["proof"])
    box += nodes.paragraph("", "", nodes.Text("Proof. Let "), nodes.math("", "x > 0"))
    return box


def test_proofs_get_ids_and_folded_ones_a_title_in_place_of_their_first_word():
    spec = importlib.util.spec_from_file_location("mended_pages", PATH)
    spec.loader.exec_module(mended_pages := importlib.util.module_from_spec(spec))
    document = new_document("page")
    document += [proof(), proof("dropdown"), nodes.admonition(classes=["solution", "dropdown"], ids=["solution"])]
    mended_pages.mend_proofs(None, document)
    plain, folded, other = document.children
    assert (plain["ids"], folded["ids"], other["ids"]) == (["proof-1"], ["proof-2"], ["solution"])
    assert plain.astext() == "Proof. Let x > 0" and not other.children
    assert isinstance(folded[0], nodes.title) and [part.astext() for part in folded] == ["Proof", "Let x > 0"]
