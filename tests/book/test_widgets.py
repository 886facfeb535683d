"""The figures that a reader moves: their tables say what the library computes, and every theory chapter has one."""

import itertools
import json
import re
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from sphinx.cmd.build import main as sphinx
from torch.distributions import Normal, kl_divergence

from data_gen import load
from ib_tutorial import figures
from ib_tutorial.information import blahut_arimoto, entropy

ROOT = Path(__file__).resolve().parents[2]
WITH_WIDGET = ("representations", "lagrangian", "disentanglement", "information_dropout", "autoencoder")
THEORY = [ROOT / "book" / f"{chapter}.ipynb" for chapter in WITH_WIDGET]
CELL = re.compile(r"^:::\{widget\} (\S+)\n:name: (\S+)\n:alt: (.+)\n\n(.+)\n\n(.+)\n:::$", re.MULTILINE)


@pytest.fixture(scope="module")
def widgets():
    """The module book/_ext/widgets.py."""
    sys.path.insert(0, str(ROOT / "book" / "_ext"))
    import widgets

    return widgets


@pytest.fixture(scope="module")
def made(widgets):
    """Each widget, with its tables as they stand in a page."""
    each = {name: make() for name, make in widgets.WIDGETS.items()}
    return {name: (widget, json.loads(json.dumps(widgets.tables(widget)))) for name, widget in each.items()}


def code(path):
    return "\n".join(cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "code")


def table_of(path, name):
    """A table as the first cell that makes it leaves it, run by itself."""
    cells = [cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    space = {"np": np, "figures": figures}
    exec(next(cell for cell in cells if f"\n{name} = " in cell), space)
    return space[name]


def numbers(text):
    """The numbers of a sentence that have decimals."""
    return [float(number) for number in re.findall(r"-?\d+\.\d+", text.replace("−", "-"))]


def frame(widget, table, **places):
    """Found by trying every place of the sliders that the table depends on, in order."""
    names = [list(widget.sliders)[i] for i in table["of"]]
    every = list(itertools.product(*(widget.sliders[name].values for name in names)))
    assert len(every) == len(table["frames"])
    (row,) = [i for i, place in enumerate(every) if np.allclose(place, [places[name] for name in names], atol=1e-9)]
    return table["frames"][row]


def shows(made, name, said, point, **places):
    """The words hold `places` and then `said`; the last series, a dot or bars, holds `point`."""
    widget, tables = made[name]
    assert numbers(frame(widget, tables["says"], **places)) == pytest.approx(
        [*(round(place, 2) for place in places.values()), *said], abs=6e-4
    )
    drawn = frame(widget, next(s for s in tables["series"] if s["mark"] in ("dot", "bars")), **places)
    assert np.allclose(drawn, point, atol=6e-5)


def h(p):
    return -p * np.log(p) - (1 - p) * np.log(1 - p) if 0 < p < 1 else 0.0


@pytest.mark.slow
@pytest.mark.parametrize("flip", [0, 0.15, 0.37, 0.5, 0.93, 1])
def test_the_noisy_needle_is_two_flips_in_a_row(made, flip):
    kept, told = np.log(2) - h(flip), np.log(2) - h(0.25 * (1 - flip) + 0.75 * flip)
    everything = np.log(2) - (h(0.1) + h(0.4)) / 2
    shows(made, "noisy-needle", [kept, told, everything - told], [(kept, told)], flip=flip)


@pytest.mark.parametrize("beta", [0.02, 0.11, 0.25, 0.46, 0.56, 0.57, 1])
def test_the_price_picks_the_optimum_and_its_tangent_touches_there(made, widgets, beta):
    best = blahut_arimoto(widgets.SOURCE, beta)
    gained = entropy(widgets.SOURCE.sum(0)) - best.lagrangian
    widget, tables = made["price"]
    shows(made, "price", [best.i_xz, best.i_zy, gained], [(best.i_xz, best.i_zy)], beta=beta)
    curve, tangent = (frame(widget, tables["series"][i], beta=beta) for i in (0, 1))
    assert tangent == [pytest.approx((x, gained + beta * x), abs=6e-4) for x in (0, 1.6)]
    assert all(y <= gained + beta * x + 6e-4 for x, y in curve)


@pytest.mark.parametrize(("rho", "alpha"), [(0, 0), (0.8, 0), (0.8, 0.2), (0.95, 0.05), (0.35, 0.7)])
def test_the_total_correlation_is_that_of_the_diluted_correlation(made, rho, alpha):
    diluted = rho * 0.2**2 / (0.2**2 + alpha**2)
    of_f, of_z = (-0.5 * np.log(1 - r**2) for r in (rho, diluted))
    widget, tables = made["diluted-correlation"]
    words = frame(widget, tables["says"], rho=rho, alpha=alpha)
    assert numbers(words) == pytest.approx([rho, of_f, alpha, of_z], abs=6e-4)
    assert "−" not in words, "a total correlation of minus zero"
    dot = frame(widget, tables["series"][2], rho=rho, alpha=alpha)
    assert np.allclose(dot, [(rho, of_z)], atol=6e-5)


@pytest.mark.parametrize(("alpha", "mu"), [(0.05, -1.5), (0.3, -0.5), (0.7, 0), (0.45, 0.5)])
def test_the_units_pay_the_divergences(made, alpha, mu):
    def softplus(log_f):
        return kl_divergence(Normal(torch.tensor(log_f), alpha), Normal(torch.tensor(float(mu)), 0.716)).item()

    said = [softplus(float(mu)), softplus(0.0), np.log(0.7 / alpha)]
    shows(made, "unit-cost", said, [(mu, said[0])], alpha=alpha, mu=mu)
    widget, tables = made["unit-cost"]
    curve = frame(widget, tables["series"][1], alpha=alpha, mu=mu)
    assert np.allclose(curve, [(x, softplus(x)) for x, _ in curve], atol=6e-5)


@pytest.mark.parametrize("beta", [0.5, 1, 2, 2**2.5, 16])
def test_the_latents_rates_are_half_the_log_of_eigenvalue_over_level(made, beta):
    images = load("mnist5k", "train").images[:4000, ..., 0] / 255
    blocks = images.reshape(-1, 14, 2, 14, 2).mean((2, 4)).reshape(-1, 196)
    eigenvalues = np.linalg.eigvalsh(np.cov(blocks.T, bias=True))[::-1]
    rates = [max(0, 0.5 * np.log(value / (0.1 * beta))) for value in eigenvalues[:16]]
    error = sum(min(value, 0.1 * beta) for value in eigenvalues[:16]) + eigenvalues[16:].sum()
    distortion = 98 * np.log(2 * np.pi * 0.1) + error / 0.2
    said = [rates[0], rates[7], sum(rates), distortion]
    shows(made, "latent-rates", said, list(enumerate(rates, 1)), beta=beta)
    widget, tables = made["latent-rates"]
    used = sum(rate > 0 for rate in rates)
    assert f" {used} of 16 latents" in frame(widget, tables["says"], beta=beta)


def test_the_settings_are_those_of_the_chapters(widgets):
    spread, costs, digits = map(code, THEORY[2:])
    assert "station = station_table(fresh=0.1, weak=0.4)" in code(THEORY[0])
    assert np.array_equal(widgets.station_table(), widgets.station_table(fresh=0.1, weak=0.4))
    assert np.allclose(table_of(THEORY[1], "p_xy"), widgets.SOURCE)
    assert "\nspread = 0.2\n" in spread
    assert "figures.unit_costs(max_alpha=0.7, mu=-0.441, sigma=0.716)" in costs
    assert 'n_images = {"smoke": 400}.get(profile, 4000)\n' in digits
    assert "n_pixels, n_latents, noise_variance = x.shape[1], 16, 0.1\n" in digits


def test_every_theory_chapter_has_one_widget_and_asks_for_a_prediction_first(widgets):
    shown = []
    for path in THEORY:
        page = "\n\n".join(cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "markdown")
        ((name, label, alt, caption, fallback),) = CELL.findall(page)
        question = page.split("\n\n:::{widget}")[0].split("\n\n")[-1]
        assert "**Predict, then move" in question and question.endswith("?"), question
        assert label.startswith("fig-move-") and len(caption) > 40
        assert len(alt.split()) >= 8 and alt.endswith(".")
        assert fallback.startswith("Where no script runs, as in Colab, ")
        shown.append(name)
    assert shown == list(widgets.WIDGETS)


def test_whatever_is_drawn_lies_within_the_axes(made):
    """But for lines, which the script cuts off."""
    for widget, tables in made.values():
        for series in tables["series"]:
            if series["mark"] in ("dot", "bars"):
                x, y = np.concatenate(series["frames"]).T
                assert widget.x.ticks[0] <= x.min() and x.max() <= widget.x.ticks[-1]
                assert widget.y.ticks[0] <= y.min() and y.max() <= widget.y.ticks[-1]


@pytest.fixture
def rendered(tmp_path):
    """A page with one widget, and what Sphinx says about it."""

    def render(directive):
        (tmp_path / "conf.py").write_text(
            f"import sys\nsys.path.insert(0, {str(ROOT / 'book' / '_ext')!r})\nextensions = ['myst_parser', 'widgets']\n"
            "myst_enable_extensions = ['colon_fence', 'dollarmath']\nnumfig = True\n",
            encoding="utf-8",
        )
        (tmp_path / "index.md").write_text(f"# Page\n\nSee {{numref}}`fig-move`.\n\n{directive}\n", encoding="utf-8")
        said = tmp_path / "said"
        status = sphinx(["-q", "-W", "--keep-going", "-w", str(said), str(tmp_path), str(tmp_path / "html")])
        return status, said.read_text(encoding="utf-8"), (tmp_path / "html" / "index.html").read_text(encoding="utf-8")

    return render


def test_a_widget_is_a_numbered_figure_with_its_tables_and_a_fallback(rendered, made):
    status, said, html = rendered(
        ":::{widget} noisy-needle\n:name: fig-move\n:alt: a < b\n\nThe *caption*.\n\nNo script.\n:::"
    )
    assert status == 0, said
    assert "Fig. 1" in html and re.search(r'<figure class="widget[^>]* id="fig-move"', html)
    assert re.search(r'<span class="caption-text">The <em>caption</em>', html)
    assert re.search(r'<div class="legend">\s*<p>No script.</p>', html)
    (tables,) = re.findall(r'<script type="application/json" class="widget-tables">(.*?)</script>', html)
    assert json.loads(tables) == {"name": "noisy-needle", "alt": "a < b", **made["noisy-needle"][1]}


@pytest.mark.parametrize(
    ("directive", "reason"),
    [
        (
            ":::{widget} noisy\n:name: fig-move\n:alt: a\n\nB.\n:::",
            "there is no widget 'noisy' .*: noisy-needle, price",
        ),
        (":::{widget} price\n:name: fig-move\n\nB.\n:::", "the widget 'price' needs, below its first line, :alt:"),
    ],
)
def test_a_widget_that_cannot_be_made_says_why(rendered, directive, reason):
    status, said, _ = rendered(directive)
    assert status and re.search(reason, said), said
