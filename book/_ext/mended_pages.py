"""A Sphinx extension: mend what the parts of Jupyter Book get wrong in a page.

thebe is unused here, put in twice (which is a script error), and would be fetched from elsewhere. The entries of a
bibliography are in a list, and docutils gives them a role that no list may hold. All proofs of a page have the same id, and
none has a title, without which the script that folds the boxes of a page stops at the first proof.
"""

from docutils import nodes


def is_thebe(file) -> bool:
    return "thebe" in f"{getattr(file, 'filename', file)} {getattr(file, 'attributes', {}).get('body', '')}".lower()


def mend(app, pagename, templatename, context, doctree) -> None:
    for files in ("script_files", "css_files"):
        context[files] = [file for file in context[files] if not is_thebe(file)]
    if "body" in context:
        context["body"] = context["body"].replace('role="doc-biblioentry"', 'role="listitem"')


def mend_proofs(app, doctree) -> None:
    """Give each proof an id of its own, and a folded one a title in place of its first word."""
    proofs = [box for box in doctree.findall(nodes.admonition) if "proof" in box["classes"]]
    for number, proof in enumerate(proofs, 1):
        proof["ids"] = [f"proof-{number}"]
        if "dropdown" in proof["classes"]:
            first = next(proof.findall(nodes.Text))
            first.parent.replace(first, nodes.Text(first.removeprefix("Proof. ")))
            proof.insert(0, nodes.title("", "Proof"))


def setup(app) -> dict:
    app.connect("html-page-context", mend)
    app.connect("doctree-read", mend_proofs)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
