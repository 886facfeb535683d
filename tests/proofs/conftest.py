"""Collects what the tests of this folder prove; with --record-proofs it writes the book's list of them."""

import hashlib
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RECORD = ROOT / "book" / "proofs.json"
LIBRARY = ("ib_tutorial/information", "ib_tutorial/nn")


SLOW = {
    "test_a_minimiser_keeps_least_of_those_as_good_and_is_best_of_those_that_keep_as_little",
    "test_a_minimum_on_samples_is_optimistic",
    "test_a_proper_prior_charges_for_which_units_are_zero",
    "test_a_weighted_gaussian_has_the_generating_function_of_the_formula",
    "test_at_the_contraction_coefficient_no_encoder_beats_a_constant",
    "test_both_problems_have_the_same_least_value_at_the_same_encoder",
    "test_every_encoder_lies_under_the_line",
    "test_no_encoder_tells_more_than_which_image_it_was_and_the_rest_of_a_bill_is_misfit",
    "test_no_reader_has_a_bound_above_the_information_and_the_posterior_reaches_it",
    "test_no_sufficient_function_of_the_reading_keeps_less_than_the_posterior_map",
    "test_the_corrected_estimate_is_right_on_average",
    "test_the_cost_under_the_log_normal_prior_with_symbols",
    "test_the_limit_for_a_standard_normal_pre_activation",
    "test_the_log_uniform_prior_charges_the_same_however_far_the_units_spread",
    "test_the_loss_of_a_fixed_network_is_unbiased",
    "test_the_mean_square_of_a_truncated_normal",
    "test_the_variance_of_log_normal_noise",
    "test_what_a_step_gains",
    "test_what_is_told_contracts_from_layer_to_layer",
}
"""Tests over half a second of CPU. They are marked from here: a module that changes has its proofs recorded anew."""


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
        if item.originalname in SLOW:
            item.add_marker(pytest.mark.slow)
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
