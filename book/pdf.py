"""The whole book as one PDF: the pages of the built book, one after the other, printed by headless Chromium.

`make pdf` calls this file. Folded proofs, hints and solutions are open; code that a page hides is left out. Links between pages lead to
pages of the PDF, and its outline has a chapter's headings. The pages of the library's reference are not in it.
"""

import re
import shutil
from pathlib import Path, PurePosixPath
from posixpath import normpath
from urllib.parse import unquote

from bs4 import BeautifulSoup, Tag
from jinja2 import Environment, FileSystemLoader
from sphinx_external_toc.parsing import parse_toc_yaml

from ib_tutorial.atomic import write_whole

ROOT = Path(__file__).resolve().parents[1]
PARTS = ROOT / "book" / "_print"
NOT_PRINTED = "book/api/"

SCREEN_ONLY = (
    "script:not(.widget-tables)", "a.headerlink", "button", "details.hide.above-input", ".toctree-wrapper",
)  # fmt: skip
"""What a printed page leaves out: it can be clicked, or the page hides it."""


def printed_pages(root: Path) -> list[str]:
    """The pages of the table of contents, in its order."""
    toc = parse_toc_yaml(root / "_toc.yml")
    return [name for name in toc if not name.startswith(NOT_PRINTED)]


def anchor(page: str, place: str = "") -> str:
    """The one name, in the whole document, of a place on a page."""
    return re.sub(r"[^\w-]", "-", f"{page}--{place}")


def target(link: str, page: str, printed: set[str]) -> str | None:
    """The place in the one document that a link of a page leads to; None if that place is not printed."""
    if re.match(r"\w+:", link):
        return link
    path, _, place = link.partition("#")
    name = normpath(PurePosixPath(page).parent / unquote(path)).removesuffix(".html") if path else page
    return f"#{anchor(name, unquote(place))}" if name in printed else None


def article_of(page: str, html: Path, printed: set[str]) -> Tag:
    """The text of a built page as it is printed: everything is open, nothing is to be clicked, and names and links hold for one document."""
    path = html / f"{page}.html"
    article = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser").select_one("article.bd-article")
    if article is None:
        raise ValueError(f"{path} has no article: was it made by `python book/build.py stored`?")
    for unwanted in article.select(", ".join(SCREEN_ONLY)):
        unwanted.decompose()
    for details in article.find_all("details"):
        details["open"] = ""
    for dropdown in article.select(".dropdown"):
        dropdown["class"] = [name for name in dropdown["class"] if name not in ("dropdown", "toggle", "toggle-hidden")]
    for named in article.find_all(id=True):
        named["id"] = anchor(page, named["id"])
    for link in article.find_all("a", href=True):
        there = target(link["href"], page, printed)
        if there is None:
            link.unwrap()
        else:
            link["href"] = there
    for image in article.find_all("img"):
        image.attrs.pop("loading", None)  # paper has no window that an image could wait for
        if not re.match(r"\w+:", image["src"]):
            image["src"] = (path.parent / image["src"]).resolve().as_uri()
    article["id"] = anchor(page)
    return article


def one_document(pages: list[str], html: Path) -> str:
    """Pages of the built book as one HTML document that is to be printed."""
    first = BeautifulSoup((html / f"{pages[0]}.html").read_text(encoding="utf-8"), "html.parser")
    (settings,) = (script.string for script in first.find_all("script") if "window.MathJax =" in (script.string or ""))
    static = html / "_static"
    template = Environment(loader=FileSystemLoader(PARTS)).get_template("book.html")
    return template.render(
        articles=[article_of(page, html, set(pages)) for page in pages],
        styles=[path.read_text(encoding="utf-8") for path in (static / "pygments.css", static / "widgets.css", PARTS / "print.css")],
        settings=settings,
        widgets=(static / "widgets.js").read_text(encoding="utf-8"),
        mathjax=(static / "mathjax" / "tex-svg.js").as_uri(),
    )


def write_pdf(pages: list[str], html: Path, path: Path) -> None:
    """Print pages of the built book into a PDF with an outline and page numbers. Raises ValueError where a formula could not be set."""
    from playwright.sync_api import sync_playwright  # `make browser` installs it

    path.parent.mkdir(parents=True, exist_ok=True)
    source = path.with_suffix(".html")
    source.write_text(one_document(pages, html), encoding="utf-8")
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--allow-file-access-from-files"])
        page = browser.new_page()
        page.goto(source.as_uri(), timeout=600_000)
        page.wait_for_function("window.MathJax && MathJax.startup && window.typeset === true", timeout=600_000)
        wrong = page.locator("[data-mjx-error]").count()
        if wrong:
            raise ValueError(f"{wrong} formulas could not be set")
        page.emulate_media(media="print")
        content = page.pdf(
            format="A4", outline=True, tagged=True, print_background=True, display_header_footer=True,
            header_template="<span></span>",
            footer_template='<div style="width:100%;text-align:center;font-size:8px"><span class="pageNumber"></span></div>',
            margin={"top": "18mm", "bottom": "18mm", "left": "18mm", "right": "18mm"},
        )  # fmt: skip
        browser.close()
    write_whole(path, content)
    source.unlink()


if __name__ == "__main__":
    written = ROOT / "_build" / "pdf" / "information-bottleneck.pdf"
    write_pdf(printed_pages(ROOT), ROOT / "_build" / "stored" / "_build" / "html", written)
    print(f"{written}: {written.stat().st_size / 1e6:.1f} MB")
