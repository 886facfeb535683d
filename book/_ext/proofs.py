"""The directive `claims-table`: every statement that tests/proofs checks, with its place in the paper, its checks, their scope and status.

It reads `book/proofs.json`, which `pytest tests/proofs --record-proofs` writes. A check whose test, or whose library, has changed since that run
has the status "changed since".
"""

import hashlib
import json
import re
from itertools import groupby
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective


def cell(text: str) -> str:
    """Text for a cell of a Markdown table, where a bar would end the cell: in formulas as a command, elsewhere escaped."""
    parts = text.split("$")
    parts[::2] = [re.sub(r"\\?\|", r"\\|", plain) for plain in parts[::2]]
    parts[1::2] = [formula.replace(r"\|", r"\Vert ").replace("|", r"\vert ") for formula in parts[1::2]]
    return "$".join(parts)


def status(proofs: list[dict], record: dict, now: dict[str, str]) -> str:
    if failed := [proof for proof in proofs if not proof["passed"]]:
        return f"**{len(failed)} failed**"
    same = record["library"] == now["library"] and all(proof["digest"] == now.get(proof["test"]) for proof in proofs)
    return "passed" if same else "passed; changed since"


def table(record: dict, now: dict[str, str]) -> str:
    """The table as MyST Markdown: a row for each statement, in the order of the record."""
    lines = ["| Claim | In the paper | Proof | Checks, and their scope | Status |", "| --- | --- | --- | --- | --- |"]
    for label, proofs in groupby(sorted(record["proofs"], key=order_of(record)), key=lambda proof: proof["label"]):
        proofs = list(proofs)
        role = {"eq": "eq", "ex": "ref"}.get(label.split("-")[0], "prf:ref")
        checks = "; ".join(dict.fromkeys(f"{proof['kind']} ({proof['scope']})" for proof in proofs))
        paper = cell(proofs[0]["paper"]) or "ours"
        lines.append(f"| {cell(proofs[0]['statement'])} | {paper} | {{{role}}}`{label}` | {checks} | {status(proofs, record, now)} |")
    return "\n".join(lines)


def order_of(record: dict):
    """Sorts proofs by the first place of their label in the record, so that those of one label are together."""
    first = {}
    for place, proof in enumerate(record["proofs"]):
        first.setdefault(proof["label"], place)
    return lambda proof: first[proof["label"]]


class ClaimsTable(SphinxDirective):
    def run(self) -> list[nodes.Node]:
        book = Path(self.env.srcdir) / "book"
        self.env.note_dependency(str(book / "proofs.json"))
        record = json.loads((book / "proofs.json").read_text(encoding="utf-8"))
        holder = nodes.container(classes=["claims-table"])
        lines = table(record, digests_now(project_root(book), record)).splitlines()
        self.state.nested_parse(StringList(lines, "proofs.json"), self.content_offset, holder)
        return [holder]


def project_root(book: Path) -> Path:
    """The checkout: the nearest folder above the staged book that holds tests/proofs."""
    return next(folder for folder in book.parents if (folder / "tests" / "proofs").is_dir())


def digests_now(root: Path, record: dict) -> dict[str, str]:
    """The digests of the library and of each test's module, as they are now."""
    short = lambda *paths: hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()[:12]
    library = sorted(p for folder in ("ib_tutorial/information", "ib_tutorial/nn") for p in (root / folder).rglob("*.py"))
    tests = {proof["test"]: root / proof["test"].partition("::")[0] for proof in record["proofs"]}
    return {"library": short(*library)} | {test: short(path) for test, path in tests.items() if path.exists()}


def setup(app) -> dict:
    app.add_directive("claims-table", ClaimsTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
