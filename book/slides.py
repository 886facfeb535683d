"""A deck of slides for every chapter, made from its page in the built book, one HTML file each that needs no other file.

`make slides` calls this file. Which cell stands on which slide is said in the notebook, by Jupyter's `slideshow.slide_type`:
a `slide` is to the right of the last one, a `subslide` below it, a `fragment` appears on it at a key; a cell without a type
goes on with the slide that is there, `notes` are for the speaker (key S), and `skip` is on no slide. The page is read rather
than the notebook, because Sphinx has resolved what a cell alone does not know: numbers, references, exercises across cells.
"""

import base64
import mimetypes
import re
from dataclasses import dataclass, field
from pathlib import Path

from bs4 import BeautifulSoup, Comment, Tag
from jinja2 import Environment, FileSystemLoader

ROOT = Path(__file__).resolve().parents[1]
PARTS = ROOT / "book" / "_slides"
MARK = re.compile(r"\s*slide_type: (\S+)\s*")
TYPES = ("slide", "subslide", "fragment", "notes", "skip", "-")


@dataclass
class Slide:
    """What stands on one slide and in its speaker's notes, as HTML; `section` heads a slide without a heading of its own."""

    section: str = ""
    shown: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def blocks(section: Tag):
    """The marks and the top-level blocks of a page, in reading order: sections are opened, exercises and cells are not."""
    for child in section.children:
        if isinstance(child, Comment):
            if found := MARK.fullmatch(child):
                yield found[1]
        elif isinstance(child, Tag) and child.name == "section":
            yield from blocks(child)
        elif isinstance(child, Tag) and (child.get_text(strip=True) or child.find("img")):
            yield child


def fit_to_slide(block: Tag) -> Tag:
    """Change a block into what a slide shows of it: a cell's figure, or else its output, or else its code. What drops down is closed.

    What a list or a table of a cell's output folds is for the page alone, and has no room on a slide.
    """
    if "cell" in block.get("class", []):
        block = block.find("figure") or block.select_one(".cell_output") or block
        for folded in block.select("li details, td details"):
            folded.decompose()
        for empty in block.select("li > p, td > p"):
            if not empty.get_text(strip=True) and not empty.find():
                empty.decompose()
    for inner in block.find_all("section"):
        inner.name = "div"  # to reveal.js a section is a slide
    for dropdown in [block, *block.find_all("div")]:
        if "dropdown" in dropdown.get("class", []):
            title = dropdown.find("p", class_="admonition-title")
            dropdown.name, title.name, title.attrs = "details", "summary", {}
    return block


def columns(article: Tag) -> list[list[Slide]]:
    """The slides of a page, by column. Raises ValueError for a type that there is not, and for a page that does not begin with a slide."""
    deck: list[list[Slide]] = []
    kind, heading = "-", ""
    for block in blocks(article):
        if isinstance(block, str):
            kind = block
            if kind not in TYPES:
                raise ValueError(f"slide_type {kind!r} is given; there are: {', '.join(TYPES[:-1])}")
            if kind == "slide":
                deck.append([Slide(heading)])
            elif kind == "subslide" and deck:
                deck[-1].append(Slide(heading))
            continue
        if not deck:
            raise ValueError("the first cell of a chapter with slides needs the slide_type slide")
        current = deck[-1][-1]
        if block.name in ("h1", "h2", "h3", "h4"):
            heading = block.get_text()
            if kind in ("slide", "subslide", "fragment", "-") and not current.shown:
                current.section = ""
        html = str(fit_to_slide(block))
        if kind == "notes":
            current.notes.append(html)
        elif kind == "fragment":
            current.shown.append(f'<div class="fragment">{html}</div>')
        elif kind != "skip":
            current.shown.append(html)
    return deck


def inline_images(article: Tag, page: Path) -> Tag:
    """Put the images of an article into it, and take out its scripts and the links that lead nowhere from a single file."""
    for image in article.find_all("img"):
        for attribute in ("loading", "width", "height"):
            image.attrs.pop(attribute, None)
        path = page.parent / image["src"]
        content = base64.b64encode(path.read_bytes()).decode()
        image["src"] = f"data:{mimetypes.guess_type(path.name)[0]};base64,{content}"
    for script in article.find_all("script"):
        script.decompose()
    for link in article.find_all("a"):
        if "headerlink" in link.get("class", []):
            link.decompose()
        elif not link["href"].startswith("http"):
            link.unwrap()
    return article


def deck(page: Path, static: Path) -> str | None:
    """The slides of a built page as one HTML file, or None if its notebook sets no slide types; `static` holds the book's scripts."""
    soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
    article = soup.select_one("article.bd-article")
    if article is None or not any(
        MARK.fullmatch(each) for each in article.find_all(string=lambda s: isinstance(s, Comment))
    ):
        return None
    slides = columns(inline_images(article, page))
    (settings,) = (script.string for script in soup.find_all("script") if "window.MathJax =" in (script.string or ""))
    template = Environment(loader=FileSystemLoader(PARTS)).get_template("deck.html")
    return template.render(
        title=re.sub(r"^[\d.]+\s*", "", article.find("h1").get_text()),
        columns=slides,
        style=[
            (PARTS / "vendor" / "reveal.css").read_text(encoding="utf-8"),
            (static / "pygments.css").read_text(encoding="utf-8"),
            (PARTS / "deck.css").read_text(encoding="utf-8"),
        ],
        settings=settings,
        scripts=[(PARTS / "vendor" / name).read_text(encoding="utf-8") for name in ("reveal.js", "notes.js")],
        mathjax=(static / "mathjax" / "tex-svg.js").read_text(encoding="utf-8"),
    )


def write_decks(html: Path, folder: Path) -> list[Path]:
    """Write a deck for every page of the built book whose notebook sets slide types; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.html"):
        old.unlink()
    written = []
    for page in sorted((html / "book").glob("*.html")):
        if (slides := deck(page, html / "_static")) is not None:
            written.append(folder / page.name)
            written[-1].write_text(slides, encoding="utf-8")
    return written


if __name__ == "__main__":
    decks = write_decks(ROOT / "_build" / "stored" / "_build" / "html", ROOT / "_build" / "slides")
    print(
        f"{len(decks)} decks in {decks[0].parent}: open one in a browser; S shows the notes, ?print-pdf after its address is for printing"
    )
