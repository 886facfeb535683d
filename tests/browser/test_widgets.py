"""The figures that a reader moves, moved: by the keyboard, on a phone, in both themes, and where no script runs."""

import re
from functools import cache

import numpy as np
import pytest
import torch

from data_gen import load
from ib_tutorial.examples import SOURCE, station_table
from ib_tutorial.information import (
    blahut_arimoto,
    gaussian_total_correlation,
    information_plane,
    kl_log_normal,
    kl_log_uniform,
    linear_vae,
    mutual_information,
)


def needle(flip):
    p_xy = station_table().sum((2, 3))
    kept, told = information_plane(p_xy, np.array([[1 - flip, flip]] * 4 + [[flip, 1 - flip]] * 4))
    return [flip, kept, told, mutual_information(p_xy) - told], (kept, told)


def price(beta):
    best = blahut_arimoto(SOURCE, beta)
    return [beta, best.i_xz, best.i_zy, best.i_zy - beta * best.i_xz], (best.i_xz, best.i_zy)


def correlation(rho, alpha):
    before = 0.04 * np.array([[1, rho], [rho, 1]])
    of_f, of_z = gaussian_total_correlation(before), gaussian_total_correlation(before + alpha**2 * np.eye(2))
    return [rho, of_f, alpha, of_z], (rho, of_z)


def cost(alpha, mu):
    alpha_, mu_, sigma = torch.tensor([alpha, mu, 0.716], dtype=torch.float64)
    least, at_one = (kl_log_normal(log_f, alpha_, mu_, sigma).item() for log_f in (mu_, torch.zeros_like(mu_)))
    return [alpha, mu, least, at_one, kl_log_uniform(alpha_, 0.7).item()], (mu, least)


@cache
def digits():
    images = load("mnist5k", "train").images[:4000, ..., 0] / 255
    return np.cov(images.reshape(-1, 14, 2, 14, 2).mean((2, 4)).reshape(-1, 196).T, bias=True)


def rates(beta):
    eighths = round(8 * np.log2(2 * beta))  # the slider's places, whose printed beta is rounded
    model = linear_vae(digits(), 16, 0.5 * 2 ** (eighths / 8), 0.1)
    return [beta, model.rates[0], model.rates[7], model.rate, model.distortion], None


WIDGETS = {
    "representations": needle,
    "lagrangian": price,
    "disentanglement": correlation,
    "information_dropout": cost,
    "autoencoder": rates,
}

DOT = """figure => {
    const [dot, picture] = ["circle", "svg[role=img]"].map(selector => figure.querySelector(selector));
    if (!dot) return null;
    const labels = [...picture.querySelectorAll("text")].filter(text => /^−?[0-9.]+$/.test(text.textContent));
    const read = (labels, place, at) => {
        const [first, last] = [labels[0], labels.at(-1)].map(
            text => [+text.textContent.replace("−", "-"), +text.getAttribute(place)]);
        return first[0] + (at - first[1]) / (last[1] - first[1]) * (last[0] - first[0]);
    };
    const [below, beside] = ["middle", "end"].map(
        anchor => labels.filter(text => text.getAttribute("text-anchor") === anchor));
    return [read(below, "x", +dot.getAttribute("cx")), read(beside, "y", +dot.getAttribute("cy") + 4)];
}"""

OUTSIDE = """figure => {
    const box = figure.querySelector("svg[role=img]").getBoundingClientRect();
    const within = ({left, right, top, bottom}) =>
        left >= box.left && right <= box.right && top >= box.top && bottom <= box.bottom;
    const texts = [...figure.querySelectorAll("svg[role=img] text")];
    const labels = texts.filter(text => text.hasAttribute("x")).map(text => text.getBoundingClientRect());
    const meet = labels.filter((one, i) => labels.some((other, j) => i < j && one.left < other.right &&
        other.left < one.right && one.top < other.bottom && other.top < one.bottom));
    return [texts.filter(text => !within(text.getBoundingClientRect())).map(text => text.textContent), meet.length];
}"""

COLOURS = """figure => ["line", "dashed", "dot", "bars", "text"].map(mark => {
    const element = figure.querySelector(mark === "text" ? "svg text" : `svg[role=img] .${mark}`);
    if (!element) return null;
    const style = getComputedStyle(element);
    return ["line", "dashed"].includes(mark) ? style.stroke : style.fill;
}).filter(colour => colour)"""


def numbers(text):
    return [float(number) for number in re.findall(r"-?\d+\.\d+", text.replace("−", "-"))]


def agree(figure, expected):
    """Words, dot and `aria-valuetext` say what the library computes for the place of the sliders."""
    places = [slider.get_attribute("aria-valuetext") for slider in figure.locator("input").all()]
    said, point = expected(*(numbers(place)[0] for place in places))
    assert numbers(figure.locator("output").inner_text()) == pytest.approx(said, abs=6e-4)
    if point:
        assert figure.evaluate(DOT) == pytest.approx(point, abs=2e-3)


def luminance(colour):
    channels = np.array([int(channel) / 255 for channel in re.findall(r"\d+", colour)[:3]])
    linear = np.where(channels <= 0.03928, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize("page", WIDGETS)
def test_the_keyboard_moves_it_and_it_says_what_the_library_computes(visit, page):
    seen = visit(f"book/{page}.html")
    (figure,) = seen.page.locator("figure.widget").all()
    agree(figure, WIDGETS[page])
    for slider in figure.locator("input").all():
        slider.focus()
        for keys in (["ArrowRight"] * 8, ["ArrowLeft"] * 3, ["Home"], ["PageUp"], ["End"]):
            before, drawn = figure.locator("output").inner_text(), figure.locator("svg[role=img]").inner_html()
            for key in keys:
                seen.page.keyboard.press(key)
            assert figure.locator("output").inner_text() != before
            assert figure.locator("svg[role=img]").inner_html() != drawn
            agree(figure, WIDGETS[page])
    assert not seen.complaints, "\n".join(seen.complaints)


def test_the_keyboard_reaches_it_and_a_screen_reader_hears_of_it(visit):
    page = visit("book/information_dropout.html").page
    first, second = page.locator("figure.widget input").all()
    first.focus()
    page.keyboard.press("Tab")
    assert second.evaluate("slider => slider === document.activeElement")
    assert page.get_by_label("noise scale α").count() == page.get_by_label("prior mean μ").count() == 1
    assert page.locator("figure.widget output").get_attribute("aria-live") == "polite"
    picture = page.locator("figure.widget").get_by_role("img").first
    assert picture.get_attribute("aria-label").startswith("Cost of one unit in nats against log f.")


@pytest.mark.parametrize("page", WIDGETS)
def test_it_is_accessible_and_its_colours_are_seen_in_either_theme(visit, page):
    seen = visit(f"book/{page}.html")
    seen.page.locator("figure.widget input").first.focus()
    for theme in ("light", "dark"):
        seen.turn(theme)
        seen.page.keyboard.press("ArrowRight")
        assert not seen.faults(context="figure.widget")
        ground = luminance(seen.page.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert (ground > 0.5) == (theme == "light")
        for colour in seen.page.locator("figure.widget").evaluate(COLOURS):
            darker, lighter = sorted((luminance(colour), ground))
            assert (lighter + 0.05) / (darker + 0.05) >= 3, (theme, colour)


@pytest.mark.parametrize("page", WIDGETS)
def test_it_fits_a_phone(visit, page):
    seen = visit(f"book/{page}.html", width=390)
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= 390
    outside, overlapping = seen.page.locator("figure.widget").evaluate(OUTSIDE)
    assert not outside and not overlapping


def test_it_follows_the_width_of_the_window(visit):
    page = visit("book/lagrangian.html").page
    page.set_viewport_size({"width": 390, "height": 800})
    page.wait_for_function("document.querySelector('figure.widget svg').clientWidth <= 390")
    agree(page.locator("figure.widget"), price)


@pytest.mark.parametrize("page", WIDGETS)
def test_without_scripts_it_says_where_to_look(chromium, html, page):
    context = chromium.new_context(java_script_enabled=False)
    without = context.new_page()
    without.goto(f"{html.as_uri()}/book/{page}.html")
    figure = without.locator("figure.widget")
    assert figure.locator(".legend").is_visible() and "Where no script runs" in figure.locator(".legend").inner_text()
    assert figure.locator("input, svg").count() == 0
    context.close()


def test_with_scripts_it_does_not_say_so(visit):
    assert not visit("book/lagrangian.html").page.locator("figure.widget .legend").is_visible()
