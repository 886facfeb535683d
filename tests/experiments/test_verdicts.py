import math
from dataclasses import replace

import pytest
from scipy.stats import t, ttest_1samp

from ib_tutorial.experiments import EXPERIMENTS, Finding, ledger
from ib_tutorial.experiments.comparisons import paired_differences
from ib_tutorial.experiments.findings import training_errors
from ib_tutorial.experiments.verdicts import (
    as_markdown,
    holm,
    interval,
    judge,
    p_value,
    plan_as_markdown,
)


def finding(values, **more):
    return Finding("f", "mnist_widths", "Fig. 0", "It holds.", "a > b", "points", lambda record: values, **more)


def test_the_interval_is_students():
    values = [0.3, 0.9, 0.4, 1.1]
    low, high = ttest_1samp(values, 0).confidence_interval(0.95)
    assert interval(values) == pytest.approx((0.675, low, high))
    assert interval([2.0]) == (2.0, -math.inf, math.inf)
    with pytest.raises(ValueError, match="at least one"):
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


def test_two_records_of_one_claim_are_told_apart(record_with_errors, tmp_path):
    record_with_errors().write(tmp_path / "mnist_widths.reduced.json")
    assert "`reduced`" not in as_markdown(ledger([finding([1.0, 1.1])], folder=tmp_path))
    replace(record_with_errors(), profile="paper").write(tmp_path / "mnist_widths.paper.json")
    both = as_markdown(ledger([finding([1.0, 1.1])], folder=tmp_path)).splitlines()[2:]
    assert ["`paper`: +1.05" in both[0], "`reduced`: +1.05" in both[1]] == [True, True]


def test_large_numbers_are_written_without_decimals(record_with_errors):
    assert "+2,650 [+2,6" in as_markdown([judge(finding([2600.0, 2700.0, 2650.0, 2651.0, 2649.0]), record_with_errors())])


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
    assert "the record has format 1, and the test needs format 2" in as_markdown([verdict])


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


@pytest.mark.slow
def test_no_committed_record_lacks_what_a_test_reads():
    """A test that reads what an older record has not says so by `since`: a mistake in a test must not pass for an old record."""
    verdicts = ledger(finding for module in EXPERIMENTS.values() for finding in module.FINDINGS)
    assert {v.finding.name: v.reason for v in verdicts if "lacks" in v.reason} == {}


def test_holm_by_hand():
    """Four tests at 5 %: the thresholds are 0.0125, 0.0167, 0.025 and 0.05 from the smallest p-value on, up to the first that fails."""
    assert holm([0.04, 0.012, 0.001, 0.03]) == [False, True, True, False]
    assert holm([0.013, 0.001, 0.001, 0.001]) == [True, True, True, True]  # alone it would need 0.0125; it comes last
    assert holm([0.02, 0.02, 0.02, 0.02]) == [False] * 4
    assert holm([0.05]) == [True] and holm([]) == []


def test_the_p_value_is_students_and_agrees_with_the_interval():
    values = [0.3, 0.9, 0.4, 1.1]
    n, mean = 4, 0.675
    t_by_hand = mean / (math.sqrt(sum((x - mean) ** 2 for x in values) / (n - 1)) / math.sqrt(n))
    assert p_value(values) == pytest.approx(2 * t.sf(t_by_hand, n - 1)) == pytest.approx(ttest_1samp(values, 0).pvalue)
    assert p_value([-value for value in values]) == p_value(values)
    low = interval(values, level=1 - p_value(values))[1]
    assert low == pytest.approx(0.0, abs=1e-9)
    assert (p_value([2.0]), p_value([0.0, 0.0]), p_value([1.0, 1.0, 1.0])) == (1.0, 1.0, 0.0)


def test_a_verdict_that_chance_may_have_made_says_so_in_the_ledger(record_with_errors, tmp_path):
    """Each verdict was once shown as if its test had been the only one."""
    record_with_errors().write(tmp_path / "mnist_widths.reduced.json")
    strong, weak = finding([1.0, 1.001, 0.999, 1.0]), finding([1.0, 1.3, 1.9])
    undecided = finding([1.0, -0.5, 0.4])
    alone = ledger([weak], folder=tmp_path)
    together = ledger([strong, weak, undecided, undecided], folder=tmp_path)
    assert 0.05 > alone[0].p > 0.05 / 3 and [v.stands for v in alone] == [True]
    assert [v.stands for v in together] == [True, False, False, False]
    chance = "It does not stand after Holm's correction."
    assert [chance in line for line in as_markdown(together).splitlines()[2:]] == [False, True, False, False]
    assert chance not in as_markdown([judge(weak, record_with_errors())])


def test_the_verdict_comes_second_and_what_a_reader_may_skip_is_folded(record_with_errors):
    claim = replace(finding([1.0, 1.1]), comment="A map that never looked scores 0.71.")
    cells = as_markdown([judge(claim, record_with_errors())], {"mnist_widths": "ch-mnist-widths"}).splitlines()[2].split(" | ")
    assert cells[1] == "**supported**" and cells[3] == "A map that never looked scores 0.71. |"
    shown, folded = cells[0].split("<details>")
    assert claim.statement in shown and "<ch-mnist-widths>" in shown
    assert claim.test in folded and claim.published in folded and "commit" in folded


def test_a_list_of_tests_shows_the_statements_and_folds_the_tests():
    (line,) = plan_as_markdown([finding([1.0])]).splitlines()
    shown, folded = line.split("<details>")
    assert finding([1.0]).statement in shown and finding([1.0]).test in folded


def test_no_verdict_without_its_regime(record_with_errors):
    """Large caps once "hurt" networks that had not learnt to train with them."""
    record = record_with_errors()
    assert judge(finding([1.0, 1.1]), record).regime == "no training error recorded"
    record.rows += [dict(metric="train_error", value=value, seed=0) for value in (0.01, 0.03)]
    assert judge(finding([1.0, 1.1]), record).regime == "learnt to a training error of 2.0% on average and 3.0% at most"
    record.rows.append(dict(metric="test_error", value=0.1, seed=0, edge=True))
    assert "training error of 2.0%" in as_markdown([judge(finding([1.0, 1.1]), record)])
    assert judge(finding([1.0, 1.1]), record).regime.endswith("a chosen setting is on the edge of its grid")
    assert judge(finding([1.0]), None).regime == ""
    own = replace(finding([1.0, 1.1]), regime=lambda record: "trained to 3 nats")
    assert "trained to 3 nats" in as_markdown([judge(own, record)])


def test_a_choice_by_fewer_seeds_than_the_record_has_marks_no_edge(record_with_errors):
    record = record_with_errors()
    record.rows += [dict(metric="train_error", value=0.1, seed=0)]
    record.rows += [dict(chosen_by="validation_error", of_seeds=2, seed=0, edge=True, metric="chosen_beta", value=0.1)]
    assert "edge" not in training_errors(record)
    record.rows[-1]["of_seeds"] = len(record.seeds)
    assert "edge of its grid" in training_errors(record)
