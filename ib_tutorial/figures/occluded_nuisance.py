"""Figures of the chapter `occluded_nuisance`: the picture's class and the digit's, read from one representation. Dots are seeds, bars Student's
95 % intervals of the mean."""

import math

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ib_tutorial.experiments import Record
from ib_tutorial.experiments.comparisons import by_seed
from ib_tutorial.figures.parts import legend
from ib_tutorial.figures.seeds import beta_axes, by_beta, means

NOISY, CLEAN = ("C0", "o"), ("C1", "s")


def against_beta(axis: Axes, record: Record, metric: str, label: str, style: tuple[str, str], scale=1.0, **line) -> None:
    """A metric of the Information Dropout networks, for each beta that has been run."""
    means(axis, by_beta(record, metric, scale, method="information"), label, *style, lw=1.4, **line)


def level(axis: Axes, record: Record, method: str, metric: str, label: str, color: str, dash: str, scale=1.0) -> None:
    """Mean over seeds of a method that has no beta, as a line across, shaded from the least seed to the greatest."""
    values = [scale * value for value in by_seed(record, metric, method=method)]
    axis.axhline(sum(values) / len(values), color=color, ls=dash, lw=1.4, label=label)
    axis.axhspan(min(values), max(values), color=color, alpha=0.12, lw=0)


def occluded_errors(record: Record) -> Figure:
    """Fig. 4: test error on the picture (above) and on the digit over it (below), against beta."""
    figure, (above, below) = plt.subplots(2, 1, figsize=(5.6, 6.8), sharex=True)
    against_beta(above, record, "test_error_noisy", "noise on (N)", NOISY, 100)
    against_beta(above, record, "test_error", "noise off (D)", CLEAN, 100)
    level(above, record, "none", "test_error", "network without noise", "0.35", "--", 100)
    above.set(ylabel="error on the picture (%)")
    against_beta(below, record, "nuisance_error_noisy", "noise on (N)", NOISY, 100)
    against_beta(below, record, "nuisance_error_clean", "noise off (D)", CLEAN, 100)
    level(below, record, "none", "nuisance_error_clean", "network without noise", "0.35", "--", 100)
    level(below, record, "raw image", "nuisance_error", "same reader, raw image", "C2", "-.", 100)
    guessing = 100 - 100 / record.config.get("classes", 10)
    below.axhline(guessing, color="C3", ls=":", label="guessing")
    below.set(ylabel="error on the digit (%)")
    beta_axes(record, above, below)
    figure.legend(*below.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def occluded_nats(record: Record) -> Figure:
    """What a reader proves about I(z;n), in nats (above), and its cross-entropy on training and on test images (below)."""
    figure, (above, below) = plt.subplots(2, 1, figsize=(5.6, 7.2), sharex=True)
    against_beta(above, record, "nuisance_information_noisy", "noise on (N)", NOISY)
    against_beta(above, record, "nuisance_information_clean", "noise off (D)", CLEAN)
    level(above, record, "none", "nuisance_information_clean", "network without noise", "0.35", "--")
    level(above, record, "raw image", "nuisance_information", "same reader, raw image", "C2", "-.")
    all_there_is = math.log(record.config.get("classes", 10))
    below.axhline(all_there_is, color="C3", ls=":", label="guessing")
    above.set(ylabel=f"I(z; n) is at least\n(nats, of {all_there_is:.2f})")
    above.set_ylim(bottom=0)
    for kind, style in (("noisy", NOISY), ("clean", CLEAN)):
        against_beta(below, record, f"nuisance_cross_entropy_{kind}", "", style)
        against_beta(below, record, f"nuisance_train_cross_entropy_{kind}", "", style, mfc="white", ls="--")
    below.set(ylabel="reader's cross-entropy (nats)", title="solid: test images; dashed: its training images")
    below.set_ylim(bottom=0)
    beta_axes(record, above, below)
    legend(figure, (above, below), ncols=2)
    return figure
