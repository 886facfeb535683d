"""The ledger: each claim of the paper, the test fixed for it before the run, and the verdict its record gives.

A claim's test is a quantity, one value per seed, that the claim says is positive. The verdict follows from Student's 95 %
interval for its mean: supported when the interval lies above 0, not supported when it lies below, else inconclusive.
It is void where the record cannot decide: no network of it has learned, or it is older than the test.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ib_tutorial.experiments.record import RECORDED, Record, load_record

LEVEL = 0.95


@dataclass(frozen=True)
class Finding:
    """What the paper says, and the quantity that decides it: `values(record)`, one per seed, positive if it holds.

    `values` returns none where no network of the record meets the test's condition, such as to have learned.
    """

    name: str
    experiment: str
    where: str
    statement: str
    test: str
    unit: str
    values: Callable[[Record], Sequence[float]]
    published: str = "a claim, without numbers in the text"
    comment: str = ""
    ready: Callable[[Record], bool] = lambda record: record.finished
    """Whether the record holds all that the test reads."""
    since: int = 1
    """The least format of a record that the test can be judged on."""


@dataclass(frozen=True)
class Verdict:
    """A claim and what one record says of it: mean and 95 % interval over n seeds, in the claim's unit.

    `reason` says why there is no mean: why the verdict is "void", or "not run yet".
    """

    finding: Finding
    record: Record | None
    mean: float
    low: float
    high: float
    n: int
    reason: str = ""

    @property
    def verdict(self) -> Literal["not run", "void", "supported", "not supported", "inconclusive"]:
        if self.record is None:
            return "not run"
        if self.n == 0:
            return "void"
        if self.low > 0:
            return "supported"
        return "not supported" if self.high < 0 else "inconclusive"


def interval(values: Sequence[float], level: float = LEVEL) -> tuple[float, float, float]:
    """Mean and Student's interval for it; infinitely wide for a single value."""
    from scipy.stats import t

    n = len(values)
    if n == 0:
        raise ValueError("there are no values; an interval needs at least one")
    mean = sum(values) / n
    if n == 1:
        return mean, -math.inf, math.inf
    spread = math.sqrt(sum((value - mean) ** 2 for value in values) / (n - 1) / n)
    half = float(t.ppf((1 + level) / 2, n - 1)) * spread
    return mean, mean - half, mean + half


def paired_differences(left: Sequence[float], right: Sequence[float], scale: float = 1.0) -> list[float]:
    """scale * (left - right), seed by seed."""
    return [scale * (a - b) for a, b in zip(left, right, strict=True)]


def judge(finding: Finding, record: Record | None) -> Verdict:
    """The verdict of a record that is ready; "not run" without one, "void" with the reason where the record cannot decide."""
    if record is None or not finding.ready(record):
        return without_values(finding, None, "not run yet")
    if record.format < finding.since:
        return without_values(
            finding, record, f"recorded before the test's own format {finding.since}, as format {record.format}"
        )
    try:
        values = list(finding.values(record))
    except (LookupError, TypeError, ValueError) as error:
        return without_values(
            finding, record, f"the record lacks what the test reads ({type(error).__name__}: {error})"
        )
    if not values:
        return without_values(finding, record, "no network meets the test's condition")
    return Verdict(finding, record, *interval(values), len(values))


def without_values(finding: Finding, record: Record | None, reason: str) -> Verdict:
    return Verdict(finding, record, math.nan, -math.inf, math.inf, 0, reason)


def ledger(
    findings: Iterable[Finding], folder: Path = RECORDED, profiles: Sequence[str] = ("paper", "reduced", "authors")
) -> list[Verdict]:
    """A verdict for each claim and each profile that was run; one "not run" where none was."""
    verdicts = []
    for finding in findings:
        paths = [folder / f"{finding.experiment}.{profile}.json" for profile in profiles]
        records = [record for record in map(load_record, filter(Path.exists, paths)) if finding.ready(record)]
        verdicts += [judge(finding, record) for record in records or [None]]
    return verdicts


def as_markdown(verdicts: Iterable[Verdict]) -> str:
    """The ledger as a Markdown table, a row per verdict."""
    head = ["Where", "Claim, and its test, fixed before the run", "Published", "Ours (95 % interval)", "Run", "Verdict"]
    lines = [head, ["---"] * len(head)]
    for v in verdicts:
        claim = f"**{v.finding.statement}** {v.finding.test}"
        ours = v.reason or f"{v.mean:+.2f} [{v.low:+.2f}, {v.high:+.2f}] {v.finding.unit}"
        lines.append([v.finding.where, claim, v.finding.published, ours, provenance(v.record), f"**{v.verdict}**"])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def provenance(record: Record | None) -> str:
    """One line that says which run a number came from."""
    if record is None:
        return "none"
    return (
        f"{record.profile}, {len(record.seeds)} seeds, {record.source['name']}, {record.device}, "
        f"{record.seconds / 60:.0f} min of computing, commit {record.commit}"
    )
