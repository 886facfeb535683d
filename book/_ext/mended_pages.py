"""A Sphinx extension: mend what the parts of Jupyter Book get wrong in a page.

thebe is unused here, put in twice (which is a script error), and would be fetched from elsewhere. The entries of a
bibliography are in a list, and docutils gives them a role that no list may hold.
"""


def is_thebe(file) -> bool:
    return "thebe" in f"{getattr(file, 'filename', file)} {getattr(file, 'attributes', {}).get('body', '')}".lower()


def mend(app, pagename, templatename, context, doctree) -> None:
    for files in ("script_files", "css_files"):
        context[files] = [file for file in context[files] if not is_thebe(file)]
    if "body" in context:
        context["body"] = context["body"].replace('role="doc-biblioentry"', 'role="listitem"')


def setup(app) -> dict:
    app.connect("html-page-context", mend)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
