"""What the figures of all experiments share: every seed, Student's 95 % interval of their mean, and what a nat weighs."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter

from ib_tutorial.experiments import Record
from ib_tutorial.experiments.comparisons import by_seed
from ib_tutorial.experiments.verdicts import interval


def means(
    axis: Axes, by_place: Mapping[Any, Sequence[float]], label: str, color: str, marker: str, least: int = 3, **line
) -> None:
    """Means over seeds joined by a line, a dot for each seed, an interval where there are `least` seeds or more; empty places are left out.

    Of two seeds Student's interval is 25 standard errors long, and would set the axis.
    """
    found = {place: values for place, values in by_place.items() if values}
    stats = {place: interval(values) for place, values in found.items()}
    axis.plot(
        list(stats), [mean for mean, _, _ in stats.values()], color=color, marker=marker, ms=5, label=label, **line
    )
    for place, values in found.items():
        mean, low, high = stats[place]
        axis.plot([place] * len(values), values, ".", color=color, alpha=0.5, ms=4)
        if len(values) >= least:
            axis.errorbar(
                place, mean, yerr=[[mean - low], [high - mean]], fmt="none", ecolor=color, elinewidth=1.2, capsize=2.5
            )


def by_beta(record: Record, metric: str, scale: float = 1.0, **chosen) -> dict[float, list[float]]:
    """The seeds' values of a metric, times `scale`, at each beta that has been run, in rising order. `chosen` are other fields of the rows."""
    found = {beta: by_seed(record, metric, beta=beta, **chosen) for beta in sorted(record.config["betas"])}
    return {beta: [scale * value for value in values] for beta, values in found.items() if values}


def beta_axes(record: Record, top: Axes, bottom: Axes) -> None:
    """beta below, on a logarithmic axis, and what a nat weighs, beta / N, above."""
    n = record.config["n_train"]
    bottom.set(xscale="log", xlabel="β")
    weights = top.secondary_xaxis("top", functions=(lambda beta: beta / n, lambda weight: weight * n))
    weights.xaxis.set_minor_formatter(NullFormatter())
    weights.set_xlabel(f"effective β: β / {n:,}")
