"""The ledger: each claim of the paper, the test fixed for it before the run, and the verdict its record gives.

A claim's test is a quantity, one value per seed, that the claim says is positive. The verdict follows from Student's 95 %
interval for its mean: supported if the interval lies above 0, not supported if it lies below, else inconclusive.
It is void if the record cannot decide, because no network of it has learned or because it is older than the test.

A ledger makes many tests, and the more tests there are, the more of them decide by chance. So it says beside each verdict whether the
verdict stands after Holm's correction over all tests that it judges. It also says the regime, that is, how far the networks were trained.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, stdev
from types import MappingProxyType
from typing import Literal

from ib_tutorial.catalogue import RECORDED
from ib_tutorial.experiments.findings import Finding
from ib_tutorial.experiments.record import Record, load_record

LEVEL = 0.95


@dataclass(frozen=True)
class Verdict:
    """A claim and what one record says of it: mean and 95 % interval over n seeds, in the claim's unit.

    `reason` says why there is no mean: why the verdict is "void", or "not run yet". `p` is the two-sided p-value of Student's t-test that the
    mean is 0; it is below 0.05 if the interval does not hold 0. `stands` says whether a verdict of a ledger stands after Holm's
    correction. It is None if nothing was decided, and outside a ledger.
    """

    finding: Finding
    record: Record | None
    mean: float = math.nan
    low: float = -math.inf
    high: float = math.inf
    n: int = 0
    reason: str = ""
    p: float = math.nan
    stands: bool | None = None

    @property
    def verdict(self) -> Literal["not run", "void", "supported", "not supported", "inconclusive"]:
        if self.record is None:
            return "not run"
        if self.n == 0:
            return "void"
        if self.low > 0:
            return "supported"
        return "not supported" if self.high < 0 else "inconclusive"

    @property
    def regime(self) -> str:
        return "" if self.record is None else self.finding.regime(self.record)


def interval(values: Sequence[float], level: float = LEVEL) -> tuple[float, float, float]:
    """Mean and Student's interval for it, which is infinitely wide for a single value. Raises ValueError where there is no value."""
    from scipy.special import stdtrit  # Student's quantile: `scipy.stats` takes a second to import, in every chapter

    mean = fmean(values)
    if len(set(values)) == 1:  # without a spread
        return (mean, -math.inf, math.inf) if len(values) == 1 else (mean, mean, mean)
    half = float(stdtrit(len(values) - 1, (1 + level) / 2)) * standard_error(values)
    return mean, mean - half, mean + half


def p_value(values: Sequence[float]) -> float:
    """Two-sided p-value of Student's t-test that the mean is 0. It is 1 for a single value, which tells nothing."""
    from scipy.special import stdtr  # Student's distribution function

    if len(set(values)) == 1:
        return 1.0 if len(values) == 1 or values[0] == 0 else 0.0
    return 2 * float(stdtr(len(values) - 1, -abs(fmean(values)) / standard_error(values)))


def standard_error(values: Sequence[float]) -> float:
    """Of the mean of at least two values: their standard deviation over the root of their number."""
    return stdev(values) / math.sqrt(len(values))


def holm(p_values: Sequence[float], level: float = LEVEL) -> list[bool]:
    """Which tests of a family reject, by Holm's step-down method (1979): with probability `level` none of them does so by chance.

    The smallest p-value of m is compared with (1 - level) / m, the next one with (1 - level) / (m - 1), and so on to the first that fails.
    """
    rejected = [False] * len(p_values)
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda place: p_values[place])):
        if p_values[place] > (1 - level) / (len(p_values) - rank):
            break
        rejected[place] = True
    return rejected


def judge(finding: Finding, record: Record | None) -> Verdict:
    """The verdict of a record that is ready. It is "not run" without such a record, and "void", with the reason, if the record cannot decide."""
    if record is None or not finding.ready(record):
        return Verdict(finding, None, reason="not run yet")
    if record.format < finding.since:
        old = f"the record has format {record.format}, and the test needs format {finding.since}"
        return Verdict(finding, record, reason=old)
    try:
        values = list(finding.values(record))
    except (LookupError, TypeError, ValueError) as error:
        lacks = f"the record lacks what the test reads ({type(error).__name__}: {error})"
        return Verdict(finding, record, reason=lacks)
    if not values:
        return Verdict(finding, record, reason="no network meets the test's condition")
    return Verdict(finding, record, *interval(values), len(values), p=p_value(values))


def ledger(
    findings: Iterable[Finding], folder: Path = RECORDED, profiles: Sequence[str] = ("paper", "reduced", "authors")
) -> list[Verdict]:
    """A verdict for each claim and each profile that was run, or one that says "not run". Those with values are one family of tests."""
    verdicts: list[Verdict] = []
    for finding in findings:
        paths = [folder / f"{finding.experiment}.{profile}.json" for profile in profiles]
        records = [record for record in map(load_record, filter(Path.exists, paths)) if finding.ready(record)]
        verdicts += [judge(finding, record) for record in records] or [judge(finding, None)]
    rejects = iter(holm([v.p for v in verdicts if v.n]))
    return [replace(v, stands=next(rejects) if v.n else None) for v in verdicts]


def as_markdown(verdicts: Iterable[Verdict], chapters: Mapping[str, str] = MappingProxyType({})) -> str:
    """The verdicts as a Markdown table with a row for each: claim, verdict, measurement, and what limits it.

    Where a claim has several records, each measurement begins with the profile of its record.

    Test, published value and run are in a <details> element below the claim.

    Args:
        verdicts: those of `ledger` or of `judge`.
        chapters: for the name of an experiment, the label of its chapter. The place in the paper then links to it.
    """
    lines = [["Claim", "Verdict", "Ours, with its 95 % interval", "But"], ["---"] * 4]
    verdicts = list(verdicts)
    records_of = Counter(v.finding.name for v in verdicts)
    for v in verdicts:
        label = chapters.get(v.finding.experiment)
        where = f"{{ref}}`{v.finding.where} <{label}>`" if label else v.finding.where
        folded = [f"Test: {v.finding.test}", f"Published: {v.finding.published}."]
        if v.record is not None:
            folded.append(". ".join(filter(None, (f"Run: {provenance(v.record)}", v.regime))) + ".")
        claim = f"{v.finding.statement} ({where}) <details><summary>Test and run</summary>{' '.join(folded)}</details>"
        ours = v.reason or f"{signed(v.mean)} [{signed(v.low)}, {signed(v.high)}] {v.finding.unit}"
        if v.record is not None and records_of[v.finding.name] > 1:
            ours = f"`{v.record.profile}`: {ours}"
        lines.append([claim, f"**{v.verdict}**", ours, limits(v)])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def signed(value: float) -> str:
    """A number with its sign: two decimals below a hundred, and none above, where thousands are set apart."""
    return f"{value:+.2f}" if abs(value) < 100 else f"{value:+,.0f}"


def plan_as_markdown(findings: Iterable[Finding]) -> str:
    """The statements as a Markdown list, each with its test, fixed before the run, in a <details> element."""
    return "\n".join(
        f"1. **{finding.statement}** <details><summary>How we test it</summary>{finding.test}</details>" for finding in findings
    )


def limits(verdict: Verdict) -> str:
    """What a reader must know beside a verdict: whether chance may have made it, and the finding's own comment."""
    chance = "It does not stand after Holm's correction." if after_holm(verdict) == "no" else ""
    return " ".join(filter(None, (chance, verdict.finding.comment)))


def after_holm(verdict: Verdict) -> str:
    """ "yes" or "no" of a verdict that decides; empty where nothing was decided."""
    decided = verdict.verdict in ("supported", "not supported") and verdict.stands is not None
    return ("yes" if verdict.stands else "no") if decided else ""


def provenance(record: Record | None) -> str:
    """One line that says which run a number came from."""
    if record is None:
        return "none"
    return (
        f"{record.profile}, {len(record.seeds)} seeds, {record.source['name']}, {record.device}, "
        f"{record.seconds / 60:.0f} min of computing, commit {record.commit}"
    )
