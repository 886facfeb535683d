"""Every deck, looked at in a browser at 1280 by 720: complete, quiet, and nothing outside its slide."""

from pathlib import Path

import pytest
from test_pages import RAW_TEX

ROOT = Path(__file__).resolve().parents[2]
DECKS = [f"{path.stem}.html" for path in sorted((ROOT / "book").glob("[01][0-9]_*.ipynb"))]

# What is on the slide that is shown, but for what a box scrolls, within the slide's own edges.
OUTSIDE = """() => {
    const slide = Reveal.getCurrentSlide(), edges = slide.getBoundingClientRect();
    const inside = ({left, right, top, bottom}) =>
        left >= edges.left && right <= edges.right - 32 && top >= edges.top && bottom <= edges.bottom - 20;
    return [...slide.querySelectorAll(":scope > *, p, li, table, figure > img, figcaption, pre, mjx-container > svg")]
        .filter((each) => !each.closest("aside, details[open]") && each.getClientRects().length)
        .filter((each) => !inside(each.getBoundingClientRect()))
        .map((each) => `${slide.querySelector("h1, h2, h3, .running")?.textContent}: ${each.outerHTML.slice(0, 90)}`);
}"""

DIRECTIVE = (
    r"/[`:]{3,}|\{(prf|math|exercise|solution|ref|eq|cite|numref|figure)\b[^}]*\}|:label:|slide_type/.test(text)"
)


@pytest.fixture
def deck(visit, html):
    if not (ROOT / "_build" / "slides").exists():
        pytest.skip("NO SLIDE WAS LOOKED AT: there are none; run `make test-browser`")

    def go(name):
        seen = visit(f"../../../slides/{name}")
        seen.page.set_viewport_size({"width": 1280, "height": 720})
        seen.page.wait_for_function("window.Reveal && Reveal.isReady()")
        return seen

    return go


def slides(page):
    """Show each slide in turn, with all that comes on it at a key."""
    for place in page.evaluate("Reveal.getSlides().map((slide) => Reveal.getIndices(slide))"):
        page.evaluate("({h, v}) => Reveal.slide(h, v, 99)", place)
        yield place


@pytest.mark.parametrize("name", DECKS)
def test_deck_is_complete_quiet_and_within_its_slides(deck, name):
    seen = deck(name)
    page = seen.page
    outside, small, empty = [], [], []
    for place in slides(page):
        outside += page.evaluate(OUTSIDE)
        if page.evaluate("parseFloat(Reveal.getCurrentSlide().style.fontSize)") < 18:
            small.append(place)
        if (
            page.evaluate(
                "[...Reveal.getCurrentSlide().children].filter((each) => !each.matches('aside, h2, h3, .running')).length"
            )
            == 0
        ):
            empty.append(place)
    assert not outside, "\n".join(outside)
    assert not small and not empty, f"too full to be read: {small}; nothing but a heading: {empty}"
    text = page.evaluate(
        "[...document.querySelectorAll('.slides *:not(script):not(pre):not(code)')].flatMap((e) => [...e.childNodes]).filter((n) => n.nodeType === 3 && !n.parentElement.closest('pre, code')).map((n) => n.data).join(' ')"
    )
    assert not page.evaluate(f"(text) => {DIRECTIVE}", text)
    assert not page.evaluate(RAW_TEX.replace('"article"', '".slides"'))
    assert not page.query_selector("mjx-merror"), "an equation has an error in it"
    written, rendered = (
        page.evaluate(f"document.querySelectorAll('.slides {each}').length")
        for each in (".math", ".math mjx-container")
    )
    assert rendered >= written > 0
    assert not seen.complaints, "\n".join(seen.complaints)


@pytest.mark.parametrize("name", DECKS)
def test_solutions_are_hidden_until_they_are_asked_for_and_then_scroll(deck, name):
    page = deck(name).page
    solved = page.locator(".slides details.solution")
    assert solved.count() >= 3
    assert page.locator(".slides details[open]").count() == 0
    for place in slides(page):
        answers = page.locator(".slides > section.present > section.present > details.solution")
        for each in answers.all():
            each.evaluate("(details) => { details.open = true; }")
            assert not page.evaluate(OUTSIDE), place
            fits = "(box) => { const edges = Reveal.getCurrentSlide().getBoundingClientRect(), {bottom, height} = box.getBoundingClientRect(); return bottom <= edges.bottom - 20 && height > 60; }"
            assert each.evaluate(fits), place


def test_a_slide_that_is_too_full_is_noticed(deck):
    page = deck(DECKS[0]).page
    assert not page.evaluate(OUTSIDE)
    page.evaluate("Reveal.getCurrentSlide().insertAdjacentHTML('beforeend', '<p style=\"height: 700px\">more</p>')")
    assert page.evaluate(OUTSIDE)


def test_keys_lead_from_slide_to_slide_and_a_solution_opens_at_one(deck):
    page = deck(DECKS[0]).page
    where = "() => { const {h, v} = Reveal.getIndices(); return [h, v ?? 0]; }"
    for key, place in (("ArrowRight", [1, 0]), ("ArrowRight", [2, 0]), ("ArrowDown", [2, 1]), ("ArrowLeft", [1, 0])):
        page.keyboard.press(key)
        assert page.evaluate(where) == place, key
    page.evaluate("""() => {
        const slide = document.querySelector("details.solution").closest("section"), {h, v} = Reveal.getIndices(slide);
        Reveal.slide(h, v);
        slide.querySelector("details.solution summary").focus();
    }""")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.parentElement.open")


def test_the_speaker_sees_the_notes_in_a_window_of_their_own(deck):
    seen = deck(DECKS[0])
    seen.page.evaluate(
        "() => { const {h, v} = Reveal.getIndices(document.querySelector('aside.notes').closest('section')); Reveal.slide(h, v); }"
    )
    with seen.context.expect_page() as opened:
        seen.page.keyboard.press("s")
    opened.value.wait_for_selector(".speaker-controls-notes .value p", timeout=20_000)
    assert "weather" in opened.value.inner_text(".speaker-controls-notes")


def test_a_deck_prints_one_slide_a_page(deck):
    seen = deck(DECKS[0])
    count = seen.page.evaluate("Reveal.getTotalSlides()")
    seen.page.goto(seen.page.url.split("#")[0] + "?print-pdf")
    seen.page.wait_for_selector(".pdf-page")
    assert seen.page.locator(".pdf-page").count() == count
    assert seen.page.pdf(prefer_css_page_size=True).count(b"/Type /Page\n") == count
