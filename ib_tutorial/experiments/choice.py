"""A beta chosen for each seed on the held-out images of the other seeds, and what the choice is worth.

No seed is judged at a beta that its own networks have chosen. A choice serves one reading: what is judged with the noise on is chosen by
the held-out error with the noise on, and what is judged with the noise off by the one with the noise off.
"""

from typing import Any

from ib_tutorial.experiments.comparisons import by_seed, paired_differences
from ib_tutorial.experiments.record import Cell, Record, Row, crossed, rows_of

LEARNED = 0.40
"""A network has learnt its pictures if its training error, noise off, is at most this. Guessing has 0.90."""

CHOSEN_CLEAN, CHOSEN_NOISY = (
    f"The chosen beta is the one with the smallest held-out error, noise {reading}, averaged over the other seeds." for reading in ("off", "on")
)

LEARNT = f"Networks have learnt if their training error, noise off, is at most {LEARNED:.0%} at every seed; guessing errs on 90 %."

AT_CHOSEN = f"{LEARNT} The finding is void unless the networks of the smallest beta and those of the chosen betas have learnt."

SERVES = {"test_error": "validation_error", "test_error_noisy": "validation_error_noisy"}
"""By the error that is judged, the held-out error that its beta is chosen by."""


def cells(n_seeds: int) -> list[Cell]:
    """The last stage of an experiment: it trains nothing, and writes into the record which betas were chosen."""
    return crossed(chosen_by=SERVES.values(), of_seeds=[n_seeds])


def rows(record: Record, metric: str) -> list[Row]:
    """For each seed the beta that `metric` chooses, and whether it is the first or the last of its grid."""
    return [
        row
        for seed, beta in chosen(record, metric).items()
        for row in rows_of({"chosen_beta": beta}, seed=seed, edge=on_edge(record, beta))
    ]


def chosen(record: Record, metric: str, **which: Any) -> dict[int, float]:
    """For each seed the beta with the least mean of `metric` over the other seeds, and the smallest of those that tie.

    A single seed has no others, and chooses by its own held-out images. `which` are entries of the rows that are chosen from.

    Raises:
        ValueError: the record has no such metric.
    """
    betas = sorted(record.config["betas"])
    found = {(row["beta"], row["seed"]): row["value"] for row in record.select(metric=metric, **which) if "beta" in row}
    if not found:
        raise ValueError(f"the record has no {metric}; a beta is chosen on held-out images, so n_validation must not be 0")
    seeds = sorted({seed for _, seed in found})

    def least(among: list[int]) -> float:
        return min(betas, key=lambda beta: sum(found[beta, seed] for seed in among))

    return {seed: least([other for other in seeds if other != seed] or [seed]) for seed in seeds}


def on_edge(record: Record, beta: float) -> bool:
    """Whether a beta is the smallest or the largest of the grid, so that a better one may lie beyond."""
    return beta in (min(record.config["betas"]), max(record.config["betas"]))


def edges(record: Record) -> str:
    """One sentence for each reading, which says what was chosen and whether it lies on an edge of the grid."""
    sentences = []
    for reading, metric in (("off", "validation_error"), ("on", "validation_error_noisy")):
        betas = sorted(set(chosen(record, metric).values()))
        at_edge = [f"{beta:g}" for beta in betas if on_edge(record, beta)]
        names = " and ".join(f"{beta:g}" for beta in betas)
        where = f"edge of the grid: {' and '.join(at_edge)}" if at_edge else "no edge of the grid"
        sentences.append(f"With the noise {reading}, held-out images choose beta {names} ({where}).")
    return " ".join(sentences)


def learnt(record: Record) -> list[float]:
    """The betas, in rising order, at which every network has learnt its training pictures."""
    return [beta for beta in sorted(record.config["betas"]) if max(by_seed(record, "train_error", beta=beta)) <= LEARNED]


def gain(record: Record, metric: str) -> list[float]:
    """By seed, `metric` at the smallest beta minus at the chosen one, in percentage points; none where networks have not learnt."""
    return differences(record, metric, min(record.config["betas"]))


def rise(record: Record, metric: str) -> list[float]:
    """By seed, `metric` at the largest beta minus at the chosen one, in percentage points; none where networks have not learnt.

    Those at the largest beta need not have learnt: that they cannot is what a drastic rise means.
    """
    return differences(record, metric, max(record.config["betas"]))


def differences(record: Record, metric: str, beta: float) -> list[float]:
    """By seed, `metric` at beta minus at the chosen one, where the networks of the smallest beta and the chosen ones have learnt."""
    choice = chosen(record, SERVES[metric])
    if not {min(record.config["betas"]), *choice.values()} <= set(learnt(record)):
        return []
    at_chosen = [by_seed(record, metric, beta=own, seed=seed)[0] for seed, own in choice.items()]
    return paired_differences(by_seed(record, metric, beta=beta), at_chosen, 100.0)


def fall(record: Record, metric: str, scale: float = 1.0) -> list[float]:
    """By seed, `metric` at the smallest beta minus at the largest whose networks have learnt, times `scale`.

    None where networks of the smallest beta have not learnt, or where it is the only one.
    """
    betas = learnt(record)
    if len(betas) < 2 or betas[0] != min(record.config["betas"]):
        return []
    return paired_differences(by_seed(record, metric, beta=betas[0]), by_seed(record, metric, beta=betas[-1]), scale)
