"""A Sphinx extension: leave out thebe, which is part of Jupyter Book, unused here, put in twice, and fetched from elsewhere."""


def is_thebe(file) -> bool:
    return "thebe" in f"{getattr(file, 'filename', file)} {getattr(file, 'attributes', {}).get('body', '')}".lower()


def drop_thebe(app, pagename, templatename, context, doctree) -> None:
    for files in ("script_files", "css_files"):
        context[files] = [file for file in context[files] if not is_thebe(file)]


def setup(app) -> dict:
    app.connect("html-page-context", drop_thebe)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
