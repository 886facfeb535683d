"""The comparisons that findings make: a metric seed by seed, the gain over a rival at each width, the beta that held-out images choose."""

from collections.abc import Sequence
from typing import Any

from ib_tutorial.experiments.record import Record

RIVALS = {"half": dict(stage="fixed", method="binary", p=0.5)}
"""Rivals that are not the final networks of a method, and the entries of their rows."""


def by_seed(record: Record, metric: str, **values: Any) -> list[float]:
    """One metric's values, in the order of the seeds."""
    rows = sorted(record.select(metric=metric, **values), key=lambda row: row["seed"])
    return [row["value"] for row in rows]


def paired_differences(left: Sequence[float], right: Sequence[float], scale: float = 1.0) -> list[float]:
    """scale * (left - right), seed by seed."""
    return [scale * (a - b) for a, b in zip(left, right, strict=True)]


def final_by_seed(record: Record, metric: str, method: str, width: float) -> dict[int, float]:
    """A metric at one width, by seed, of a method's final networks or of one of `RIVALS`. Some records have final networks only."""
    rows = record.select(metric=metric, width=width, **RIVALS.get(method, dict(method=method)))
    return {row["seed"]: row["value"] for row in rows if method in RIVALS or row.get("stage", "final") == "final"}


def final(record: Record, metric: str, method: str, width: float) -> list[float]:
    """The values of `final_by_seed`, in the order of the seeds."""
    return [value for _, value in sorted(final_by_seed(record, metric, method, width).items())]


def scales_of_twin(record: Record, width: float, seed: int, n_layers: int) -> tuple[float, ...]:
    """Per layer, the root of the mean alpha^2 that Information Dropout learned at this width and seed: the scale of its constant twin."""
    layers = range(1, n_layers + 1)
    return tuple(final_by_seed(record, f"alpha_squared_{k}", "information", width)[seed] ** 0.5 for k in layers)


def gains(record: Record, baseline: str) -> dict[float, list[float]]:
    """Per width, how many percentage points lower Information Dropout's test error (noise off) is than the baseline's.

    One value for each seed that has both: a record that is still growing may lack one of them.
    """
    found = {}
    for width in record.config["widths"]:
        theirs, ours = (final_by_seed(record, "test_error", method, width) for method in (baseline, "information"))
        found[width] = [100.0 * (theirs[seed] - ours[seed]) for seed in sorted(theirs.keys() & ours.keys())]
    return found


def learned_gains(record: Record, baseline: str, learned: float) -> dict[float, list[float]]:
    """The gains at the widths where no network of both methods has a training error above `learned`; none with fewer than two such widths."""
    by_width = {
        width: points
        for width, points in gains(record, baseline).items()
        if points
        and all(
            error <= learned
            for method in (baseline, "information")
            for error in final(record, "train_error", method, width)
        )
    }
    return by_width if len(by_width) > 1 else {}


def where_both_learned(learned: float) -> str:
    """The condition of `learned_gains`, for the test of a finding: a rival that has failed to train is no rival."""
    return (
        f"A width counts if every network of both methods has a training error of at most {learned:.0%} there. "
        "The finding is void if fewer than two widths count."
    )


def over_widths(curves: dict[float, list[float]]) -> list[float]:
    """By seed, the mean over the widths."""
    return [sum(values) / len(values) for values in zip(*curves.values(), strict=True)]


def small_minus_large(curves: dict[float, list[float]]) -> list[float]:
    """By seed, the value at the smallest width minus that at the largest; none without widths."""
    return paired_differences(curves[min(curves)], curves[max(curves)]) if curves else []


def chosen_beta(record: Record, metric: str = "validation_error") -> float:
    """The beta with the least mean of `metric` over the seeds; the smallest of those that tie.

    Raises:
        ValueError: the record has no such metric.
    """
    if not record.select(metric=metric):
        raise ValueError(
            f"the record has no {metric}; a beta is chosen on held-out images, so n_validation must not be 0"
        )
    return min(sorted(record.config["betas"]), key=lambda beta: sum(by_seed(record, metric, beta=beta)))
