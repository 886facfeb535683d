"""A Sphinx extension: the docstrings of the library, as they are written, to what autodoc reads.

A line "name: ..." that begins with parameters of the object becomes a field of its parameter list, together with the lines
that follow it; an indented block is a formula or a table, and stays as it stands. Sections in Google's style ("Args:") are napoleon's.
"""

import inspect
import re

from sphinx.ext.napoleon import Config, GoogleDocstring

SECTIONS = {"Args:", "Returns:", "Yields:", "Raises:", "Warns:"}


def parameters(obj) -> set[str]:
    try:
        return set(inspect.signature(obj).parameters)
    except (TypeError, ValueError):
        return set()


def restructured(lines: list[str], names: set[str]) -> list[str]:
    """reStructuredText for a docstring whose object has parameters of these names."""
    out, inside = [], "text"
    for line in lines:
        start = re.match(r"(\w+(?:, \w+)*): (.*)", line)
        if start and set(start[1].split(", ")) <= names:
            out += [] if inside == "parameter" else [""]
            named = start[1].replace(" ", "")  # Sphinx would take what precedes a space for a type
            out.append(f":param {named}: {start[2]}")
            inside = "parameter"
        elif not line.strip():
            out.append("")
            inside = "gap" if inside != "block" else "block"
        elif inside == "parameter":
            out.append(f"    {line.strip()}")
        elif line.startswith(" ") and inside in ("gap", "block"):
            out += [] if inside == "block" else [".. code-block:: text", ""]
            out.append(line)
            inside = "block"
        else:
            out.append(line)
            inside = "text"
    return out


def rewrite(app, what, name, obj, options, lines) -> None:
    if lines and lines[0].startswith("Alias for field number"):  # what Python says of a named tuple's field
        lines.clear()
    lines[:] = restructured(lines, parameters(obj))
    if SECTIONS.intersection(lines):
        lines[:] = str(GoogleDocstring(lines, Config(napoleon_use_rtype=False), app, what, name, obj, options)).splitlines()


def setup(app) -> dict:
    app.connect("autodoc-process-docstring", rewrite)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
