"""The book as one document that is printed: everything open, every link within it, nothing that can only be clicked."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from bs4 import BeautifulSoup

ROOT = Path(__file__).resolve().parents[2]

PAGE = """<html><body><script>window.MathJax = {}</script><article class="bd-article">
<h1 id="title">One<a class="headerlink" href="#title">#</a></h1>
<div class="proof dropdown admonition" id="proof-1"><p>Since it is so.</p></div>
<details class="admonition hide above-input"><summary>Show code cell source</summary><pre>plumbing()</pre></details>
<details class="hint"><summary>Hint</summary><p>Look twice.</p></details>
<p><a href="two.html#place">there</a> <a href="api/nn.html">its code</a> <a href="https://arxiv.org">paper</a> <a href="#proof-1">here</a></p>
<img loading="lazy" src="../_images/map.png" alt="a map"><button>Copy</button><script class="widget-tables">{}</script><script>clicked()</script>
</article></body></html>"""


@pytest.fixture(scope="module")
def pdf(build):
    import pdf

    return pdf


@pytest.fixture
def article(pdf, tmp_path):
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "one.html").write_text(PAGE, encoding="utf-8")
    return pdf.article_of("book/one", tmp_path, {"book/one", "book/two"})


def test_what_is_folded_is_open_and_what_is_hidden_is_left_out(article):
    assert "Since it is so" in article.text and article.select(".dropdown") == []
    assert article.select_one("details.hint").has_attr("open")
    assert "plumbing" not in article.text and article.find("button") is None
    assert [script["class"] for script in article.find_all("script")] == [["widget-tables"]]


def test_links_lead_to_places_of_the_document_and_nowhere_else(article):
    leading = {link.text: link["href"] for link in article.find_all("a")}
    assert leading == {"there": "#book-two--place", "paper": "https://arxiv.org", "here": "#book-one--proof-1"}
    assert article.find(id="book-one--proof-1") is not None and article["id"] == "book-one--"
    assert "its code" in article.text


def test_images_are_found_from_a_file_elsewhere(article, tmp_path):
    assert article.img["src"] == (tmp_path / "_images" / "map.png").as_uri() and not article.img.has_attr("loading")


def test_every_page_but_the_librarys_is_printed_in_the_books_order(pdf):
    pages, toc = pdf.printed_pages(ROOT), yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    listed = [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    assert pages == [toc["root"], *(name for name in listed if not name.startswith("book/api/"))]


def test_a_page_that_was_not_built_is_said(pdf, tmp_path):
    (tmp_path / "empty.html").write_text("<html></html>", encoding="utf-8")
    with pytest.raises(ValueError, match="build.py stored"):
        pdf.article_of("empty", tmp_path, {"empty"})


def test_the_front_page_links_to_the_pdf_only_where_there_is_one(build, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "book" / "_ext")
    import printed_book

    app = SimpleNamespace(srcdir=tmp_path / "_build" / "executed", outdir=tmp_path / "html", config=SimpleNamespace(root_doc="book/index"))
    context = {"body": "<h1>Book</h1><p>text</p>", "pathto": lambda name, resource: f"../{name}"}
    before = dict(context)
    printed_book.link(app, "book/index", "page.html", context, None)
    assert context == before
    for folder in (tmp_path / "_build" / "pdf", tmp_path / "html"):
        folder.mkdir(parents=True)
    (tmp_path / "_build" / "pdf" / printed_book.NAME).write_bytes(b"%PDF")
    printed_book.link(app, "book/layer", "page.html", context, None)
    assert context == before
    printed_book.link(app, "book/index", "page.html", context, None)
    assert BeautifulSoup(context["body"], "html.parser").a["href"] == f"../{printed_book.NAME}"
    printed_book.copy(app, None)
    assert (tmp_path / "html" / printed_book.NAME).read_bytes() == b"%PDF"
