import math
from dataclasses import replace

import pytest
from scipy.stats import ttest_1samp

from ib_tutorial.experiments import EXPERIMENTS, Finding, ledger
from ib_tutorial.experiments.ledger import as_markdown, interval, judge, paired_differences


def finding(values, **more):
    return Finding("f", "mnist_widths", "Fig. 0", "It holds.", "a > b", "points", lambda record: values, **more)


def test_the_interval_is_students():
    values = [0.3, 0.9, 0.4, 1.1]
    low, high = ttest_1samp(values, 0).confidence_interval(0.95)
    assert interval(values) == pytest.approx((0.675, low, high))
    assert interval([2.0]) == (2.0, -math.inf, math.inf)
    with pytest.raises(ValueError, match="no values"):
        interval([])


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ([1.0, 1.1, 0.9], "supported"),
        ([-1.0, -1.1, -0.9], "not supported"),
        ([1.0, -0.5, 0.4], "inconclusive"),
        ([3.0], "inconclusive"),
    ],
)
def test_verdicts(record_with_errors, values, verdict):
    assert judge(finding(values), record_with_errors()).verdict == verdict


def test_no_verdict_without_a_finished_record(record_with_errors, tmp_path):
    unfinished = record_with_errors(finished=False)
    assert judge(finding([1.0, 1.1]), None).verdict == judge(finding([1.0, 1.1]), unfinished).verdict == "not run"
    assert [v.verdict for v in ledger([finding([1.0, 1.1])], folder=tmp_path)] == ["not run"]
    assert "not run yet" in as_markdown(ledger([finding([1.0, 1.1])], folder=tmp_path))


def test_a_record_in_the_folder_is_judged(record_with_errors, tmp_path):
    record_with_errors().write(tmp_path / "mnist_widths.reduced.json")
    (verdict,) = ledger([finding([1.0, 1.1])], folder=tmp_path)
    assert verdict.verdict == "supported" and verdict.n == 2
    assert "+1.05 [" in as_markdown([verdict]) and "reduced, 3 seeds, mnist" in as_markdown([verdict])


def test_differences_are_paired():
    assert paired_differences([0.5, 0.2], [0.25, 0.1], scale=4.0) == pytest.approx([1.0, 0.4])
    with pytest.raises(ValueError):
        paired_differences([1.0], [1.0, 2.0])


def test_a_test_whose_condition_no_network_meets_is_void_and_says_so(record_with_errors):
    verdict = judge(finding([]), record_with_errors())
    assert verdict.verdict == "void" and verdict.n == 0
    assert "no network meets the test's condition" in as_markdown([verdict]) and "**void**" in as_markdown([verdict])


def test_a_record_older_than_the_test_is_void_and_says_so(record_with_errors):
    record = record_with_errors()
    assert judge(finding([1.0, 1.1], since=2), record).verdict == "supported"
    record.format = 1
    assert judge(finding([1.0, 1.1]), record).verdict == "supported"
    verdict = judge(finding([1.0, 1.1], since=2), record)
    assert verdict.verdict == "void" and verdict.n == 0
    assert "recorded before the test's own format 2, as format 1" in as_markdown([verdict])


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (lambda record: [record.rows[0]["of a newer version"]], "KeyError: 'of a newer version'"),
        (lambda record: [min(record.select(metric="of a newer version"))], "ValueError: min"),
        (lambda record: [record.select(metric="of a newer version")[0]["value"]], "IndexError: list index"),
    ],
)
def test_a_record_that_lacks_the_rows_of_a_test_is_void_and_says_what_it_lacks(record_with_errors, values, said):
    """One such record once ended the whole ledger with a traceback."""
    verdict = judge(replace(finding([]), values=values), record_with_errors())
    assert verdict.verdict == "void"
    assert f"the record lacks what the test reads ({said}" in as_markdown([verdict])


def test_no_committed_record_lacks_what_a_test_reads():
    """A test that reads what an older record has not says so by `since`: a mistake in a test must not pass for an old record."""
    verdicts = ledger(finding for module in EXPERIMENTS.values() for finding in module.FINDINGS)
    assert {v.finding.name: v.reason for v in verdicts if "lacks" in v.reason} == {}
