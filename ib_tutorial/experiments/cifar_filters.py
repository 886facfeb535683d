"""Figs 3b and 6: All-CNN-32 with Softplus units on CIFAR-10 at several shares of its filters.

Protocol of Fig. 3b. The methods in `tuned` choose the strength of their noise, at each share of the filters: binary dropout its drop
probability p, Information Dropout its beta. As in `mnist_widths`, each choice is made at the full number of epochs, by the error on held-out
training images, averaged over the selection seeds; a grid whose best value is its first or its last grows, and the rows say `edge` if it
stays there. With the chosen strength each seed trains a network, and the test images are read once. Binary dropout also runs untuned, at
p = 0.5, which is what the authors' code has. The methods in `controls` have fewer seeds. "binary_gated" is binary dropout with as many
parameters as Information Dropout, and takes binary dropout's p. Constant log-normal noise takes, layer by layer, the mean alpha^2 that
Information Dropout learned at that width and seed.

Protocol of Fig. 6. Nothing is chosen. Information Dropout has one beta at all shares of the filters, so that its networks differ in nothing
else: beta / N = 2e-5, what a nat weighs in the authors' code for Softplus units (beta = 1, N = 50,000).

The profile `authors` has the settings of the authors' code at the size of `reduced`: images standardised one by one and whitened, weight
decay 1e-3, 0.8 of the input kept, batch norm without a scale, a last layer of 10 -> 10 units, p = 0.5 and beta / N = 2e-5. Nothing is chosen.

The smallest effect that a run can detect is the half-width of its interval: Student's quantile times the standard deviation over seeds,
divided by the root of their number. The first record (40 epochs, three seeds, three shares of the filters) has standard deviations of 0.75,
0.78 and 0.67 percentage points for the findings on binary dropout, on few filters and on equal parameters. Eight seeds then detect 0.62 and
0.65 points; three seeds detect 1.7 points for the last. At p = 0.5 the spread is unknown; if it is as large, eight seeds detect the same. For
the four findings on Fig. 6, in their order, the standard deviations are 0.08 (a ratio), 300 nats per image, and 0.05 and 0.11 nats per unit,
at another beta. Three seeds detect 0.2, 740, 0.13 and 0.28 of these.

One thread without bfloat16 takes, for an epoch of 3,000 images, 4.4, 9.5 and 22 s at an eighth, a quarter and half of the filters with
Information Dropout, and 4.2, 6.9 and 17.5 s with binary dropout (measured on two epochs). So a `reduced` run takes 2.5 core-hours for the
choice and 0.8 for each growth of all grids, 4.8 for both methods and binary dropout at p = 0.5 at eight seeds, 1.8 for Fig. 6 and 1.8 for
the controls: 12 with one growth. `authors` takes 1.8.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from ib_tutorial.experiments import vision
from ib_tutorial.experiments.comparisons import (
    by_seed,
    learned_gains,
    over_widths,
    paired_differences,
    scales_of_twin,
    small_minus_large,
    where_both_learned,
)
from ib_tutorial.experiments.experiment import Context
from ib_tutorial.experiments.findings import finding
from ib_tutorial.experiments.mnist_widths import GRIDS, on_edge, selection, setting_of
from ib_tutorial.experiments.record import Cell, Record, Row, crossed, rows_of
from ib_tutorial.experiments.vision import kl_per_layer, mean_alpha_squared, splits, trained_all_cnn_32
from ib_tutorial.experiments.whitening import whitened
from ib_tutorial.training import evaluate

NAME = "cifar_filters"

TUNED = ("none", "binary", "binary_gated", "information")
"""The methods whose networks need no other network first."""

LEARNED = 0.40
"""A network has learned if its training error, noise off, is at most this; guessing has 0.90."""


@dataclass(frozen=True)
class Config:
    """The paper's settings where it states them (200 epochs, lr 0.05, drops at 80, 120 and 160, Softplus)."""

    data: str = "cifar10"
    preparation: Literal["standardised", "whitened"] = "standardised"
    n_train: int = 45_000
    n_validation: int = 5_000
    n_test: int = 10_000
    widths: tuple[float, ...] = (0.25, 0.5, 1.0)
    tuned: tuple[str, ...] = ("information", "binary")
    n_seeds: int = 3
    controls: tuple[str, ...] = ("none", "binary_gated", "log_normal")
    control_seeds: int = 3
    epochs: int = 200
    drops: tuple[int, ...] = (80, 120, 160)
    selection_seeds: int = 2
    growths: int = 3  # of a grid whose best value is its first or its last
    batch_size: int = 100
    weight_decay: float = 0.0  # the paper mentions none
    lr: float = 0.05
    betas: tuple[float, ...] = (0.1, 1.0, 10.0)
    drop_rates: tuple[float, ...] = (0.1, 0.2, 0.35)
    fixed_drop_rates: tuple[float, ...] = (0.5,)  # at `widths`, not chosen
    fixed_betas: tuple[float, ...] = (0.9,)  # Fig. 6, at `fixed_widths`: beta / N = 2e-5
    fixed_widths: tuple[float, ...] = (0.25, 0.5, 1.0)
    fixed_seeds: int = 3
    max_alpha: float = 0.7
    keep_input: float = 1.0
    variant: Literal["paper", "code"] = "paper"


REDUCED = dict(
    n_train=3_000, n_validation=5_000, widths=(0.125, 0.25), n_seeds=8, betas=(0.03, 0.1, 0.3), fixed_betas=(0.06,),
    fixed_widths=(0.125, 0.25, 0.5), epochs=60, drops=(36, 51), batch_size=50,
)  # fmt: skip

PROFILES: dict[str, dict] = {
    "smoke": dict(
        data="shapes32", n_train=64, n_validation=40, n_test=60, widths=(0.02, 0.04), n_seeds=2, control_seeds=1, epochs=1, drops=(),
        selection_seeds=1, growths=1, batch_size=32, betas=(0.1, 1.0), drop_rates=(0.25,), fixed_betas=(0.1,), fixed_widths=(0.02, 0.04),
        fixed_seeds=2,
    ),
    "quick": dict(
        data="mnist5k/2", n_train=600, n_validation=400, n_test=1_000, widths=(0.0417, 0.0833), n_seeds=2, control_seeds=2, epochs=5,
        drops=(3, 4), batch_size=25, betas=(0.01,), drop_rates=(0.1,), fixed_drop_rates=(), fixed_betas=(),
    ),
    "reduced": REDUCED,
    "paper": dict(),
    "authors": REDUCED | dict(
        preparation="whitened", tuned=("information",), betas=(0.06,), controls=("none",), n_seeds=3, fixed_betas=(), weight_decay=1e-3,
        keep_input=0.8, variant="code",
    ),
}  # fmt: skip


def source(settings: Config, root: Path | str | None) -> dict[str, str]:
    return vision.source(settings.data, root)


def stages(settings: Config) -> list[list[Cell]]:
    """The grid. Each stage needs the rows of those before it. A cell with a `growth` trains nothing if its grid need not grow."""
    choosing = [method for method in settings.tuned if len(getattr(settings, GRIDS[method])) > 1]  # else nothing to choose
    finals = []
    for seed in range(settings.n_seeds):
        controls = settings.controls if seed < settings.control_seeds else ()
        first = [method for method in (*settings.tuned, *controls) if method in TUNED]
        then = [method for method in controls if method not in TUNED]
        finals += [crossed(stage=["final"], seed=[seed], width=settings.widths, method=methods) for methods in (first, then)]
    seeds, fixed_seeds = range(settings.n_seeds), range(settings.fixed_seeds)
    return [
        *selection(settings, choosing),
        *finals,
        crossed(stage=["fixed"], seed=seeds, width=settings.widths, method=["binary"], p=settings.fixed_drop_rates),
        crossed(stage=["fixed"], seed=fixed_seeds, width=settings.fixed_widths, method=["information"], beta=settings.fixed_betas),
    ]


def run_cell(cell: Cell, context: Context[Config]) -> list[Row]:
    """Train one network and measure it: a validation error in the selection stages, test errors and nats in the others."""
    settings, earlier = context.settings, context.earlier
    method, width, seed = cell["method"], cell["width"], cell["seed"]
    chosen = setting_of(cell, earlier)
    if chosen is None:
        return rows_of({"not_needed": 0.0})
    prepared = whitened if settings.preparation == "whitened" else vision.standardised
    train, validation, test = splits(settings, context.root, context.device, seed, prepared)
    network, history = trained_all_cnn_32(
        method,
        train,
        settings,
        beta=chosen.get("beta") or 0.0,
        seed=seed,
        checkpoint=context.checkpoint(cell),
        width=width,
        activation="softplus",
        p=chosen.get("p") or 0.0,
        alphas=scales_of_twin(earlier, width, seed, n_layers=2) if method == "log_normal" else None,
        keep_input=settings.keep_input,
        variant=settings.variant,
    )
    if cell["stage"] == "selection":
        return rows_of({"validation_error": evaluate(network, *validation).error}, **chosen)

    on_test = evaluate(network, *test)
    measured = {
        "test_error": on_test.error,
        "test_error_noisy": evaluate(network, *test, noisy=True).error,
        "test_cross_entropy": on_test.cross_entropy,
        "train_error": evaluate(network, *train).error,
        "parameters": float(sum(p.numel() for p in network.parameters() if p.requires_grad)),
    }
    if method == "information":
        measured["train_kl"] = history[-1].kl
        measured["effective_beta"] = chosen["beta"] / settings.n_train
        scales = mean_alpha_squared(network, train.x)
        layers = kl_per_layer(network, test.x)[-len(scales) :]  # noise on the input comes first, and has no cost
        for layer, ((nats, units), alpha_squared) in enumerate(zip(layers, scales, strict=True), start=1):
            measured[f"kl_{layer}"] = nats
            measured[f"kl_per_unit_{layer}"] = nats / units
            measured[f"alpha_squared_{layer}"] = alpha_squared
    edge = cell["stage"] == "final" and on_edge(earlier, width, method)
    return rows_of(measured, **chosen, edge=edge)


def gains_where_learned(record: Record, baseline: str) -> dict[float, list[float]]:
    """The gains over the baseline at the shares of the filters where both have learned, in percentage points."""
    return learned_gains(record, baseline, LEARNED)


def nats(record: Record, metric: str) -> dict[float, list[float]]:
    """Per width, by seed, a metric of the Information Dropout networks of Fig. 6; of the final ones, where a record has no others."""
    own = record.select(stage="fixed", method="information")
    which = dict(stage="fixed" if own else "final", method="information")
    return {width: by_seed(record, metric, width=width, **which) for width in record.config["fixed_widths" if own else "widths"]}


def learned_nats(record: Record, metric: str) -> dict[float, list[float]]:
    """The same, if all these networks have learned; else none."""
    learned = all(error <= LEARNED for errors in nats(record, "train_error").values() for error in errors)
    return nats(record, metric) if learned else {}


def difference(left: dict[float, list[float]], right: dict[float, list[float]]) -> dict[float, list[float]]:
    return {width: paired_differences(left[width], right[width]) for width in left}


def spread(record: Record, layer: int) -> list[float]:
    """By seed, the largest total of a layer over the widths divided by the smallest."""
    return [max(values) / min(values) for values in zip(*learned_nats(record, f"kl_{layer}").values(), strict=True)]


error_finding = partial(
    finding, where="Fig. 3b", unit="percentage points of test error", condition=where_both_learned(LEARNED)
)
"""A finding of Fig. 3b, about test errors."""

nats_finding = partial(
    finding, since=2, condition=f"The finding is void if one of these networks has a training error above {LEARNED:.0%}."
)
"""A finding of Fig. 6, about the nats of Information Dropout's layers."""


@error_finding(
    statement="On CIFAR-10 Information Dropout is comparable to binary dropout or better.",
    unit="percentage points of test error, plus 1",
    comment="In the first record the choice was made after half of the epochs, and fell on the smallest beta on offer. In the "
    "first record of total_correlation, after 60 epochs, a beta a hundred times as large is better by more than three points.",
)
def no_worse_than_binary(record: Record) -> list[float]:
    """For each seed: the test error of binary dropout minus that of Information Dropout, averaged over the widths. The
    claim holds if this is above -1 percentage point. The value shown is the difference plus 1."""
    return [gain + 1.0 for gain in over_widths(gains_where_learned(record, "binary"))]


@error_finding(
    statement="The advantage is largest with few filters.",
    comment="In the first record the seeds disagree about the sign. At its chosen beta there is hardly any noise.",
)
def most_with_few_filters(record: Record) -> list[float]:
    """The advantage is the test error of binary dropout minus that of Information Dropout. For each seed: the advantage
    at the smallest share of filters minus that at the largest. The claim holds if this is above 0."""
    return small_minus_large(gains_where_learned(record, "binary"))


@error_finding(
    where="Fig. 3b, beyond the paper",
    statement="The advantage does not come from the extra parameters: it remains against binary dropout with as many.",
    published="not in the paper",
    comment="In the first record the gated rival is ahead on average at every seed. Its gate works at test time too, when the noise "
    "is off and the networks for alpha do nothing.",
)
def equal_parameters(record: Record) -> list[float]:
    """For each seed: the test error of binary dropout with a gate of equal size minus that of Information Dropout,
    averaged over the widths. The claim holds if this is above 0."""
    return over_widths(gains_where_learned(record, "binary_gated"))


@nats_finding(
    where="Fig. 6a",
    statement="The information transmitted by a layer varies little with the number of filters.",
    unit="ratio below 2",
)
def total_constant(record: Record) -> list[float]:
    """For each seed and layer: divide the largest total among the widths by the smallest. The claim holds if the larger
    of the two layers' ratios is below 2. The value shown is 2 minus that ratio."""
    return [2 - max(pair) for pair in zip(spread(record, 1), spread(record, 2), strict=True)]


@nats_finding(
    where="Fig. 6a",
    statement="The second noise layer transmits less in total than the first.",
    unit="nats per image",
)
def second_layer_less_in_total(record: Record) -> list[float]:
    """For each seed: the nats of the first layer minus those of the second, averaged over the widths. The claim holds
    if this is above 0."""
    return over_widths(difference(learned_nats(record, "kl_1"), learned_nats(record, "kl_2")))


@nats_finding(where="Fig. 6b", statement="The second noise layer transmits more per unit.", unit="nats per unit")
def second_layer_more_per_unit(record: Record) -> list[float]:
    """For each seed: the nats per unit of the second layer minus those of the first, averaged over the widths. The
    claim holds if this is above 0."""
    return over_widths(difference(learned_nats(record, "kl_per_unit_2"), learned_nats(record, "kl_per_unit_1")))


@nats_finding(where="Fig. 6b", statement="With fewer filters, each unit transmits more.", unit="nats per unit")
def fewer_filters_more_per_unit(record: Record) -> list[float]:
    """For each seed: the nats per unit at the smallest share of filters minus those at the largest, averaged over the
    two layers. The claim holds if this is above 0."""
    layers = (small_minus_large(learned_nats(record, f"kl_per_unit_{layer}")) for layer in (1, 2))
    return [(a + b) / 2 for a, b in zip(*layers, strict=True)]


@error_finding(
    statement="On CIFAR-10 Information Dropout has a lower error than binary dropout at p = 0.5, the authors' rival.",
    since=2,
)
def beats_half(record: Record) -> list[float]:
    """For each seed: the test error of binary dropout at p = 0.5 minus that of Information Dropout, averaged over the
    widths. The claim holds if this is above 0."""
    return over_widths(gains_where_learned(record, "half"))


@error_finding(statement="The advantage over binary dropout at p = 0.5 is largest with few filters.", since=2)
def half_most_with_few_filters(record: Record) -> list[float]:
    """The advantage is the test error of binary dropout at p = 0.5 minus that of Information Dropout. For each seed:
    the advantage at the smallest share of filters minus that at the largest. The claim holds if this is above 0."""
    return small_minus_large(gains_where_learned(record, "half"))


FINDINGS = (
    no_worse_than_binary,
    most_with_few_filters,
    equal_parameters,
    total_constant,
    second_layer_less_in_total,
    second_layer_more_per_unit,
    fewer_filters_more_per_unit,
    beats_half,
    half_most_with_few_filters,
)
