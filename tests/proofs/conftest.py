"""Collects what the tests of this folder prove; with --record-proofs it writes the book's list of them."""

import hashlib
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RECORD = ROOT / "book" / "proofs.json"
LIBRARY = ("ib_tutorial/information", "ib_tutorial/nn")


def pytest_addoption(parser):
    parser.addoption("--record-proofs", action="store_true", help="write what passed to book/proofs.json")


def pytest_configure(config):
    config.addinivalue_line("markers", "proves(label, kind, scope): the statement of the book that a test checks")
    if config.getoption("--record-proofs", default=False):
        if config.getoption("numprocesses", default=None):
            raise pytest.UsageError("--record-proofs gathers the tests of one process; run it without -n")
        config.pluginmanager.register(Recorder(), "proofs")


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent not in item.path.parents:
            continue
        for mark in item.iter_markers("proves"):
            if mark.kwargs["label"] not in item.module.CLAIMS:
                raise pytest.UsageError(f"{item.nodeid} proves {mark.kwargs['label']!r}, which CLAIMS of its module does not state")


def digest(*paths: Path) -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()[:12]


def library_digest() -> str:
    return digest(*sorted(path for folder in LIBRARY for path in (ROOT / folder).rglob("*.py")))


def proof_of(item) -> dict | None:
    """What a test proves, without its parameters; None for a test without the mark."""
    mark = item.get_closest_marker("proves")
    if mark is None:
        return None
    claim = item.module.CLAIMS[mark.kwargs["label"]]
    test = f"{item.path.relative_to(ROOT).as_posix()}::{item.originalname}"
    return {**mark.kwargs, "statement": claim.statement, "paper": claim.paper, "test": test, "digest": digest(item.path)}


class Recorder:
    """Gathers what passed, test by test; a test with parameters has passed if it did for all of them."""

    def __init__(self):
        self.proofs, self.passed = {}, {}

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item):
        report = (yield).get_result()
        if proof := proof_of(item):
            self.proofs[proof["test"]] = proof
            self.passed[proof["test"]] = self.passed.get(proof["test"], True) and (report.passed or report.when != "call" and not report.failed)

    def pytest_sessionfinish(self):
        proofs = [{**proof, "passed": self.passed[test]} for test, proof in self.proofs.items()]
        record = {"library": library_digest(), "proofs": proofs}
        RECORD.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
