"""Two pages of the book, printed: an outline, numbers that are set, a proof that is open, and a picture that is drawn."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def printed(html, chromium, tmp_path_factory):
    """The PDF of a chapter and a page that it links to, made by a process of its own."""
    import subprocess

    pypdf = pytest.importorskip("pypdf", reason="NO PDF WAS READ: run `make browser`")
    path = tmp_path_factory.mktemp("pdf") / "part.pdf"
    program = "import sys; sys.path.insert(0, 'book'); import pdf; from pathlib import Path; "
    program += f"pdf.write_pdf(['book/lagrangian', 'book/glossary'], Path({str(html)!r}), Path({str(path)!r}))"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
    return pypdf.PdfReader(path)


def test_the_outline_has_the_chapters_headings(printed):
    titles = [entry.title for entry in printed.outline if not isinstance(entry, list)]
    assert [re.sub(r"^[\d.]+\s*", "", title) for title in titles] == ["The information bottleneck Lagrangian", "Glossary"]


def test_proofs_are_open_and_formulas_are_set(printed):
    text = "\n".join(page.extract_text() for page in printed.pages)
    assert "Proof" in text and "What to remember" in text
    assert not re.search(r"\\(frac|mathbb|KL|beta)\b", text), "TeX stands on a page as it was typed"


def test_links_between_pages_stay_within_the_pdf(printed):
    links = [each.get_object() for page in printed.pages for each in page.get("/Annots", [])]
    files = [link["/A"]["/URI"] for link in links if "/A" in link and "/URI" in link["/A"] and link["/A"]["/URI"].startswith("file:")]
    assert links and not files
