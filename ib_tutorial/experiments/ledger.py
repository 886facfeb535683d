"""The ledger: each claim of the paper, the test fixed for it before the run, and the verdict its record gives.

A claim's test is a quantity, one value per seed, that the claim says is positive. The verdict follows from Student's 95 %
interval for its mean: supported when the interval lies above 0, not supported when it lies below, else inconclusive.
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
    """What the paper says, and the quantity that decides it: `values(record)`, one per seed, positive if it holds."""

    name: str
    experiment: str
    where: str
    statement: str
    test: str
    unit: str
    values: Callable[[Record], Sequence[float]]
    published: str = "a claim, without numbers in the text"
    comment: str = ""


@dataclass(frozen=True)
class Verdict:
    """A claim and what one record says of it: mean and 95 % interval over n seeds, in the claim's unit."""

    finding: Finding
    record: Record | None
    mean: float
    low: float
    high: float
    n: int

    @property
    def verdict(self) -> Literal["not run", "supported", "not supported", "inconclusive"]:
        if self.record is None:
            return "not run"
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
    """The verdict of a finished record; "not run" without one, inconclusive where no network meets the test's conditions."""
    if record is None or not record.finished:
        return Verdict(finding, None, math.nan, math.nan, math.nan, 0)
    values = list(finding.values(record))
    if not values:
        return Verdict(finding, record, math.nan, -math.inf, math.inf, 0)
    return Verdict(finding, record, *interval(values), len(values))


def ledger(
    findings: Iterable[Finding], folder: Path = RECORDED, profiles: Sequence[str] = ("paper", "reduced")
) -> list[Verdict]:
    """A verdict for each claim and each profile that was run; one "not run" where none was."""
    verdicts = []
    for finding in findings:
        paths = [folder / f"{finding.experiment}.{profile}.json" for profile in profiles]
        records = [load_record(path) for path in paths if path.exists()]
        verdicts += [judge(finding, record) for record in records or [None]]
    return verdicts


def as_markdown(verdicts: Iterable[Verdict]) -> str:
    """The ledger as a Markdown table, a row per verdict."""
    head = ["Where", "Claim, and its test, fixed before the run", "Published", "Ours (95 % interval)", "Run", "Verdict"]
    lines = [head, ["---"] * len(head)]
    for v in verdicts:
        claim = f"**{v.finding.statement}** {v.finding.test}"
        ours = f"{v.mean:+.2f} [{v.low:+.2f}, {v.high:+.2f}] {v.finding.unit}"
        if v.n == 0:
            ours = "no network meets the test's condition" if v.record else "not run yet"
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
