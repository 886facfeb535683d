"""A Sphinx extension: where `make pdf` has printed the book, the front page links to the PDF, which is copied beside it."""

import shutil
from pathlib import Path

NAME = "information-bottleneck.pdf"


def printed(app) -> Path | None:
    """The PDF in the `_build/pdf` of the checkout that the pages are built in; None if there is none."""
    found = (folder / "_build" / "pdf" / NAME for folder in Path(app.srcdir).parents)
    return next((path for path in found if path.exists()), None)


def link(app, pagename, templatename, context, doctree) -> None:
    path = printed(app)
    if path and pagename == app.config.root_doc and "body" in context:
        address, size = context["pathto"](NAME, True), path.stat().st_size / 1e6
        line = f'<p><a class="reference external" href="{address}">The whole book as one PDF</a> ({size:.0f} MB)</p>'
        context["body"] = context["body"].replace("</h1>", f"</h1>\n{line}", 1)


def copy(app, error) -> None:
    if error is None and (path := printed(app)):
        shutil.copy2(path, Path(app.outdir) / NAME)


def setup(app) -> dict:
    app.connect("html-page-context", link)
    app.connect("build-finished", copy)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
