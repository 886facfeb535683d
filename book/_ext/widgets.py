"""A Sphinx extension: figures that the reader moves with sliders, without a kernel.

    :::{widget} noisy-needle
    :name: fig-move-needle
    :alt: What the figure shows, for those who do not see it.

    The caption.

    What to look at where no script runs.
    :::

Whatever such a figure can show is computed here, by the library's own functions, at every place where its sliders can
stand, and goes into the page as a table; `_static/widgets.js` looks it up and draws it, and knows no formula. Nats.
To add one: write the function that makes its `Widget`, put it into `WIDGETS`, and its cell into the chapter.
"""

import inspect
import itertools
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

import ib_tutorial
from data_gen import load
from ib_tutorial.examples import P_X, SOURCE, station_table
from ib_tutorial.information import (
    entropy,
    gaussian_total_correlation,
    information_curve,
    information_plane,
    kl_log_normal,
    kl_log_uniform,
    linear_vae,
    mutual_information,
)


@dataclass(frozen=True)
class Slider:
    """A slider: the values on which it can stand, and the place of the first one in `values`."""

    label: str
    symbol: str
    values: tuple[float, ...]
    start: int


@dataclass(frozen=True)
class Axis:
    """An axis from the first tick to the last."""

    label: str
    ticks: tuple[float, ...]


@dataclass(frozen=True)
class Series:
    """Points (x, y) that are drawn. They are a function of the sliders that its parameters name."""

    mark: Literal["line", "dashed", "dot", "bars"]
    label: str  #: in the key; a mark without one is left out of it
    points: Callable


@dataclass(frozen=True)
class Widget:
    sliders: dict[str, Slider]
    x: Axis
    y: Axis
    series: tuple[Series, ...]
    says: Callable  #: the point's values in words, a function of sliders too


def steps(first: float, last: float, step: float) -> tuple[float, ...]:
    """Evenly spaced values from `first` to `last`, both included. They are products, which have less rounding than a sum of steps."""
    return tuple((first + step * np.arange(round((last - first) / step) + 1)).round(6).tolist())


def noisy_needle() -> Widget:
    """The station's needle, turned over with some probability, in the information plane."""
    p_xy = station_table().sum((2, 3))
    needle, everything = np.arange(8) // 4, mutual_information(p_xy)

    def at(flip):
        return information_plane(p_xy, np.eye(2)[needle] * (1 - 2 * flip) + flip)

    def says(flip):
        kept, told = at(flip)
        return (
            f"Turned over with probability {flip:.2f}, the needle keeps I(x;z) = {kept:.3f} nats of the reading and "
            f"tells I(z;y) = {told:.3f} nats of the weather; I(x;y|z) = {everything - told:.3f} nats are lost."
        )

    return Widget(
        {"flip": Slider("probability that the needle is turned over", "probability", steps(0, 1, 0.01), 15)},
        Axis("I(x;z), nats kept of the reading", steps(0, 0.7, 0.1)),
        Axis("I(z;y), nats about the weather", steps(0, 0.2, 0.05)),
        (
            Series("dashed", "the ceiling I(x;y)", lambda: [(0, everything), (0.7, everything)]),
            Series("line", "the path of the noisy needle", lambda: [at(r**2 / 2) for r in steps(0, 1, 0.02)]),
            Series("dot", "", lambda flip: [at(flip)]),
        ),
        says,
    )


def price() -> Widget:
    """The receptionist's information curve, and the price that picks a point of it."""
    betas = steps(0.02, 1, 0.01)
    best = dict(zip(betas, information_curve(SOURCE, betas), strict=True))
    curve = [(entropy(P_X), mutual_information(SOURCE)), *((best[beta].i_xz, best[beta].i_zy) for beta in betas)]

    def says(beta):
        kept, told = best[beta].i_xz, best[beta].i_zy
        return (
            f"At the price β = {beta:.2f} the best message keeps I(x;z) = {kept:.3f} nats of the patient and tells "
            f"I(z;y) = {told:.3f} nats of the illness: income minus cost is {told - beta * kept:.3f} nats."
        )

    return Widget(
        {"beta": Slider("price β, in nats of y per nat of x", "β", betas, betas.index(0.25))},
        Axis("I(x;z), nats kept of the input", steps(0, 1.6, 0.2)),
        Axis("I(z;y), nats about the task", steps(0, 0.4, 0.1)),
        (
            Series("line", "information curve", lambda: curve),
            Series(
                "dashed",
                "its tangent, of slope β",
                lambda beta: [(x, best[beta].i_zy + beta * (x - best[beta].i_xz)) for x in (0, 1.6)],
            ),
            Series("dot", "", lambda beta: [(best[beta].i_xz, best[beta].i_zy)]),
        ),
        says,
    )


def diluted_correlation() -> Widget:
    """Total correlation of two units against the correlation of their log f, before and after the noise."""
    spread, everywhere = 0.2, steps(0, 0.98, 0.01)

    def total_correlation(rho, alpha):
        return gaussian_total_correlation(spread**2 * np.array([[1, rho], [rho, 1]]) + alpha**2 * np.eye(2))

    return Widget(
        {
            "rho": Slider("correlation ρ of log f₁ and log f₃", "ρ", steps(0, 0.95, 0.05), 16),
            "alpha": Slider("noise scale α", "α", steps(0, 0.7, 0.05), 0),
        },
        Axis("correlation ρ of log f₁ and log f₃", steps(0, 1, 0.2)),
        Axis("total correlation, nats", steps(0, 1.6, 0.4)),
        (
            Series("line", "of log z", lambda alpha: [(rho, total_correlation(rho, alpha)) for rho in everywhere]),
            Series("dashed", "of log f", lambda: [(rho, total_correlation(rho, 0)) for rho in everywhere]),
            Series("dot", "", lambda rho, alpha: [(rho, total_correlation(rho, alpha))]),
        ),
        lambda rho, alpha: (
            f"At the correlation ρ = {rho:.2f} the total correlation of log f is {total_correlation(rho, 0):.3f} nats; "
            f"with noise of the scale α = {alpha:.2f} that of log z is {total_correlation(rho, alpha):.3f} nats."
        ),
    )


def unit_cost() -> Widget:
    """What a noisy unit pays under either prior, against log f."""
    cap, sigma, everywhere = 0.7, 0.716, steps(-3, 1.5, 0.125)

    def softplus(log_f, alpha, mu):
        return kl_log_normal(*torch.tensor([log_f, alpha, mu, sigma], dtype=torch.float64)).item()

    def relu(alpha):
        return kl_log_uniform(torch.tensor(alpha, dtype=torch.float64), cap).item()

    return Widget(
        {
            "alpha": Slider("noise scale α", "α", steps(0.05, 0.7, 0.05), 5),
            "mu": Slider("prior mean μ", "μ", steps(-1.5, 0.5, 0.25), 4),
        },
        Axis("log f(x)", steps(-3, 1.5, 0.5)),
        Axis("cost of one unit, nats", steps(0, 8, 2)),
        (
            Series("dashed", "ReLU, above the cap", lambda alpha: [(-3, relu(alpha)), (1.5, relu(alpha))]),
            Series("line", "Softplus", lambda alpha, mu: [(u, softplus(u, alpha, mu)) for u in everywhere]),
            Series("dot", "", lambda alpha, mu: [(mu, softplus(mu, alpha, mu))]),
        ),
        lambda alpha, mu: (
            f"At the noise scale α = {alpha:.2f} and the prior mean μ = {mu:.2f} a Softplus unit pays at least "
            f"{softplus(mu, alpha, mu):.3f} nats, at log f = μ, and {softplus(0, alpha, mu):.3f} nats at f = 1; "
            f"a ReLU unit pays {relu(alpha):.3f} nats above the cap, whatever f is."
        ),
    )


def latent_rates() -> Widget:
    """The rate of each latent of the linear VAE of the digits."""
    images = torch.as_tensor(load("mnist5k", "train").images[:4000]).permute(0, 3, 1, 2).double() / 255
    cov = torch.cov(torch.nn.functional.avg_pool2d(images, 2).flatten(1).T, correction=0).numpy()
    betas = tuple((0.5 * 2 ** (np.arange(41) / 8)).tolist())
    models = {beta: linear_vae(cov, n_latents=16, beta=beta, noise_variance=0.1) for beta in betas}

    def says(beta):
        rates = models[beta].rates
        return (
            f"At β = {beta:.2f}, {(rates > 0).sum()} of 16 latents are used. The first pays {rates[0]:.3f} nats, "
            f"the eighth {rates[7]:.3f}; together R = {models[beta].rate:.3f} nats, and D = {models[beta].distortion:.3f} nats."
        )

    return Widget(
        {"beta": Slider("weight β (eight steps double it)", "β", betas, 8)},
        Axis("latent", steps(0, 18, 2)),
        Axis("rate, nats", steps(0, 1.6, 0.4)),
        (Series("bars", "", lambda beta: list(enumerate(models[beta].rates.tolist(), start=1))),),
        says,
    )


WIDGETS = {
    "noisy-needle": noisy_needle,
    "price": price,
    "diluted-correlation": diluted_correlation,
    "unit-cost": unit_cost,
    "latent-rates": latent_rates,
}


def printed(text: str) -> str:
    """The text with minus signs for the hyphens before numbers, and none before a zero."""
    return re.sub(r"-(?=\d)", "−", re.sub(r"-(?=0\.0+(?!\d))", "", text))


def labelled(ticks: tuple[float, ...]) -> list[tuple[float, str]]:
    """The ticks with their labels, which have as many digits as the longest needs."""
    digits = max(len(f"{tick:g}".partition(".")[2]) for tick in ticks)
    return [(tick, printed(f"{tick:.{digits}f}")) for tick in ticks]


def tables(widget: Widget) -> dict:
    """All that a widget can show, in the form that widgets.js reads: each series, and the words, frame by frame.

    `of` are the numbers of the sliders that it depends on; the frames stand in the order of their places, the last fastest.
    """
    names = list(widget.sliders)

    def tabulated(function) -> dict:
        of = list(inspect.signature(function).parameters)
        places = itertools.product(*(widget.sliders[name].values for name in of))
        return {"of": [names.index(name) for name in of], "frames": [function(*place) for place in places]}

    def drawn(series: Series) -> dict:
        table = tabulated(series.points)
        table["frames"] = [np.round(points, 4).tolist() for points in table["frames"]]
        return {"mark": series.mark, "label": series.label, **table}

    says = tabulated(widget.says)
    says["frames"] = [printed(sentence) for sentence in says["frames"]]
    return {
        "sliders": [
            {"label": s.label, "values": [printed(f"{s.symbol} = {value:.2f}") for value in s.values], "start": s.start}
            for s in widget.sliders.values()
        ],
        "x": {"label": widget.x.label, "ticks": labelled(widget.x.ticks)},
        "y": {"label": widget.y.label, "ticks": labelled(widget.y.ticks)},
        "series": [drawn(series) for series in widget.series],
        "says": says,
    }


class Move(SphinxDirective):
    """A figure, so that it has a number and a name; its picture is drawn by the script, its legend shown without one."""

    required_arguments = 1
    has_content = True
    option_spec: ClassVar = {"name": directives.unchanged_required, "alt": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        (name,) = self.arguments
        if missing := self.option_spec.keys() - self.options.keys():
            raise self.error(f"the widget {name!r} needs, below its first line, :{': and :'.join(sorted(missing))}:")
        if name not in WIDGETS:
            raise self.error(f"there is no widget {name!r} in book/_ext/widgets.py; there are: {', '.join(WIDGETS)}")
        for path in (Path(__file__), *Path(ib_tutorial.__file__).parent.glob("information/*.py")):
            self.env.note_dependency(str(path))
        content = {"name": name, "alt": self.options["alt"], **tables(WIDGETS[name]())}
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
        picture = nodes.raw("", f'<script type="application/json" class="widget-tables">{text}</script>', format="html")
        caption, *legend = self.parse_content_to_nodes()
        figure = nodes.figure("", picture, nodes.caption("", "", *caption.children), nodes.legend("", *legend))
        figure["classes"].append("widget")
        self.set_source_info(figure)
        self.add_name(figure)
        return [figure]


def setup(app) -> dict:
    app.add_directive("widget", Move)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
