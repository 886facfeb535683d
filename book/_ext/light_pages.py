"""A Sphinx extension: pages ask for an image when it comes into sight, and the site carries only the scripts that its pages load.

An image's width and height stand in its tag, so that the text below it does not move when it arrives. Of MathJax the site keeps what
sets TeX as HTML (the pages) and as SVG (slides and the PDF), with its fonts, its extensions, and its speech in English.
"""

import re
import shutil
from pathlib import Path

from PIL import Image

TAG = re.compile(r'<img (?=[^>]*src="(?P<source>[^"]+)")(?![^>]*loading=)')

MATHJAX_KEPT = (
    "tex-chtml.js", "tex-svg.js", "output/chtml/fonts", "input/tex/extensions", "a11y",
    "sre/mathmaps/base.json", "sre/mathmaps/en.json", "sre/mathmaps/nemeth.json",
)  # fmt: skip

NOT_SHIPPED = ("**/*.map", "vendor/**/*.ttf", "locales")
"""Of `_static`: what only a debugger reads, fonts in a second format, and the theme's words in languages that the book is not in."""


def size_images(app, pagename, templatename, context, doctree) -> None:
    """Give each image of a page its size, and let all but the first wait until they are near the window."""
    if "body" not in context:
        return
    originals = {name: path for path, name in app.builder.images.items()}
    seen = 0

    def attributes(tag: re.Match) -> str:
        nonlocal seen
        seen += 1
        lazy = 'loading="lazy" ' if seen > 1 else ""
        original = originals.get(Path(tag["source"]).name)
        if original is None or (path := Path(app.srcdir, original)).suffix not in (".png", ".jpg"):
            return f"<img {lazy}"
        with Image.open(path) as image:
            return f'<img {lazy}width="{image.width}" height="{image.height}" '

    context["body"] = TAG.sub(attributes, context["body"])


def prune(app, error) -> None:
    """Remove from the built site what no page loads."""
    static = Path(app.outdir) / "_static"
    if error is not None or not static.exists():
        return
    mathjax = static / "mathjax"
    kept = [mathjax / name for name in MATHJAX_KEPT]
    unwanted = [path for path in mathjax.rglob("*") if path.is_file() and not any(path.is_relative_to(each) for each in kept)]
    unwanted += [path for pattern in NOT_SHIPPED for path in static.glob(pattern)]
    for path in unwanted:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def setup(app) -> dict:
    app.connect("html-page-context", size_images, priority=600)  # after all that still writes into the body
    app.connect("build-finished", prune, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
