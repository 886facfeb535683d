"""A Sphinx extension: each notebook can be downloaded as a plain Python script too, its prose as comments."""

from pathlib import Path

import jupytext
import nbformat


def add_script(app, pagename, templatename, context, doctree) -> None:
    """Write the page's script beside its notebook, and put a link to it under the theme's download button."""
    if doctree is None or not context["sourcename"].endswith(".ipynb"):
        return
    script = Path(app.outdir, "_sources", f"{pagename}.py")
    script.parent.mkdir(parents=True, exist_ok=True)
    notebook = nbformat.read(app.env.doc2path(pagename), as_version=4)
    script.write_text(jupytext.writes(notebook, fmt="py:percent"), encoding="utf-8")
    (downloads,) = (button for button in context["header_buttons"] if button["label"] == "download-buttons")
    link = {
        "type": "link",
        "url": context["pathto"](f"_sources/{pagename}.py", 1),
        "text": ".py",
        "tooltip": "Download as a Python script",
        "icon": "fab fa-python",
        "label": "download-script-button",
    }
    downloads["buttons"].insert(1, link)


def setup(app) -> dict:
    app.connect("html-page-context", add_script, priority=502)  # the theme makes its buttons at 501
    return {"parallel_read_safe": True, "parallel_write_safe": True}
