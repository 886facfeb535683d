"""Every deck, looked at in a browser at 1280 by 720: complete, quiet, and nothing outside its slide."""

from pathlib import Path

import pytest
from test_pages import RAW_TEX
from toc import CHAPTERS

ROOT = Path(__file__).resolve().parents[2]
DECKS = [f"{path.stem}.html" for path in CHAPTERS]

# What of the slide that is shown is not within its edges; what drops down has edges and a scroll bar of its own.
OUTSIDE = """() => {
    const slide = Reveal.getCurrentSlide(), edges = slide.getBoundingClientRect();
    const inside = ({left, right, top, bottom}) =>
        left >= edges.left && right <= edges.right - 32 && top >= edges.top && bottom <= edges.bottom - 20;
    return [...slide.querySelectorAll(":scope > *, p, li, table, figure > img, figcaption, pre, mjx-container > svg")]
        .filter((each) => !each.closest("aside") && !each.parentElement.closest("details") && each.getClientRects().length)
        .filter((each) => !inside(each.getBoundingClientRect()))
        .map((each) => `${slide.querySelector("h1, h2, h3, .running")?.textContent}: ${each.outerHTML.slice(0, 90)}`);
}"""

# The same on every slide, with all that comes on it at a key.
ANYWHERE = f"""() => Reveal.getSlides().flatMap((slide) => {{
    const {{h, v}} = Reveal.getIndices(slide);
    Reveal.slide(h, v, 99);
    return ({OUTSIDE})();
}})"""

BELOW_ITS_SHEET = """() => [...document.querySelectorAll(".pdf-page")].flatMap((sheet) =>
    [...sheet.querySelectorAll("figure > img, figcaption, p, li, table")]
        .filter((each) => !each.closest("details, aside"))
        .filter((each) => each.getBoundingClientRect().bottom > sheet.getBoundingClientRect().bottom)
        .map((each) => each.outerHTML.slice(0, 90)))"""

UNREADABLE = """() => Reveal.getSlides().filter((slide) =>
    parseFloat(slide.style.fontSize) < 18 || ![...slide.children].some((each) => !each.matches("aside, h2, h3, .running"))
).map((slide) => slide.textContent.slice(0, 90))"""

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


@pytest.mark.parametrize("name", DECKS)
def test_deck_is_complete_quiet_and_within_its_slides_with_its_solutions_and_on_paper(deck, name):
    seen = deck(name)
    page = seen.page
    assert not (outside := page.evaluate(ANYWHERE)), "\n".join(outside)
    assert not (unreadable := page.evaluate(UNREADABLE)), f"too full to be read, or nothing but a heading: {unreadable}"
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
    solutions_are_hidden_until_they_are_asked_for_and_stay_on_the_slide(page)
    it_prints_each_slide_on_a_page_of_its_own(page)
    assert not seen.complaints, "\n".join(seen.complaints)


def solutions_are_hidden_until_they_are_asked_for_and_stay_on_the_slide(page):
    assert page.locator(".slides details.solution").count() >= 1
    assert page.locator(".slides details[open]").count() == 0
    page.evaluate("document.querySelectorAll('.slides details').forEach((details) => { details.open = true; })")
    assert not (outside := page.evaluate(ANYWHERE)), "\n".join(outside)
    assert page.locator(".slides details.solution[open] p").first.inner_text().strip()


def it_prints_each_slide_on_a_page_of_its_own(page):
    """The deck is loaded again, so that its solutions are closed."""
    count = page.evaluate("Reveal.getTotalSlides()")
    page.goto(page.url.split("#")[0] + "?print-pdf")
    page.wait_for_selector(".pdf-page")
    assert page.locator(".pdf-page").count() == count
    assert page.evaluate(BELOW_ITS_SHEET) == []


def test_a_slide_that_is_too_full_is_noticed(deck):
    page = deck("representations.html").page
    assert not page.evaluate(OUTSIDE)
    page.evaluate("Reveal.getCurrentSlide().insertAdjacentHTML('beforeend', '<p style=\"height: 700px\">more</p>')")
    assert page.evaluate(OUTSIDE)


def test_keys_lead_from_slide_to_slide_and_a_solution_opens_at_one(deck):
    page = deck("representations.html").page
    where = "() => { const {h, v} = Reveal.getIndices(); return [h, v ?? 0]; }"
    heights = page.evaluate("[...document.querySelectorAll('.slides > section')].map((s) => s.querySelectorAll('section').length)")
    tall = next(column for column, height in enumerate(heights) if column and height > 1)
    to_the_right = [("ArrowRight", [column, 0]) for column in range(1, tall + 1)]
    for key, place in (*to_the_right, ("ArrowDown", [tall, 1]), ("ArrowLeft", [tall - 1, 0])):
        before = page.evaluate(where)
        for _ in range(9):  # a key first shows what comes on the slide at a key
            page.keyboard.press(key)
            if page.evaluate(where) != before:
                break
        assert page.evaluate(where) == place, key
    page.evaluate("""() => {
        const slide = document.querySelector("details.solution").closest("section"), {h, v} = Reveal.getIndices(slide);
        Reveal.slide(h, v);
        slide.querySelector("details.solution summary").focus();
    }""")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.parentElement.open")


def test_the_speaker_sees_the_notes_in_a_window_of_their_own(deck):
    seen = deck("representations.html")
    seen.page.evaluate(
        "() => { const {h, v} = Reveal.getIndices(document.querySelector('aside.notes').closest('section')); Reveal.slide(h, v); }"
    )
    with seen.context.expect_page() as opened:
        seen.page.keyboard.press("s")
    opened.value.wait_for_selector(".speaker-controls-notes .value p", timeout=20_000)
    assert "weather" in opened.value.inner_text(".speaker-controls-notes")
