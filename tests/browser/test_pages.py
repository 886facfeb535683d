"""Every page of the book, looked at in a browser: accessible, complete, readable on a phone, and quiet."""

from pathlib import Path

import pytest
from sphinx_external_toc.parsing import parse_toc_yaml

ROOT = Path(__file__).resolve().parents[2]
PAGES = [f"{page}.html" for page in parse_toc_yaml(ROOT / "_toc.yml")] + ["search.html", "genindex.html"]

RAW_TEX = r"""() => {
    const text = document.querySelector("article").cloneNode(true);
    text.querySelectorAll("pre, code, script, style, mjx-container").forEach(element => element.remove());
    return text.textContent.match(/\\[a-zA-Z]+\{|\\\(|\\\[|\$\$|\\(alpha|beta|log|mid|varepsilon|mathcal)\b/g) ?? [];
}"""

OUTSIDE = """() => {
    const widest = document.documentElement.clientWidth;
    return document.documentElement.scrollWidth <= widest ? [] : [...document.querySelectorAll("article :not(pre *)")]
        .filter(element => element.getBoundingClientRect().right > widest + 1)
        .slice(0, 5).map(element => element.outerHTML.slice(0, 120));
}"""


@pytest.mark.parametrize("page", PAGES)
def test_page_is_accessible_in_both_themes_complete_quiet_and_fits_a_phone(visit, page):
    """It is loaded once: typesetting its equations takes as long as the rules of a theme."""
    seen = visit(page)
    for theme in ("light", "dark"):
        seen.turn(theme)
        assert not (faults := seen.faults()), "\n".join([theme, *faults])
    if seen.page.query_selector("article"):
        assert not seen.page.evaluate(RAW_TEX)
    assert not seen.page.query_selector("mjx-merror"), "an equation has an error in it"
    seen.narrow()
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= 390, "\n".join(seen.page.evaluate(OUTSIDE))
    assert not seen.complaints, "\n".join(seen.complaints)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_page_has_the_readers_theme_from_the_start(visit, theme):
    seen = visit("book/representations.html", theme)
    assert seen.page.evaluate("document.documentElement.dataset.theme") == theme
    assert not seen.complaints and not seen.faults()


SCROLLING = """() => {
    const [inline, tables] = ["mjx-container.wide-inline", ".pst-scrollable-table-container"].map((which) =>
        [...document.querySelectorAll(`article ${which}`)].filter((box) => box.scrollWidth > box.clientWidth));
    for (const box of [...inline, ...tables]) box.scrollLeft = 20;
    return [inline, tables].map((boxes) => boxes.map((box) => [box.scrollLeft, box.tabIndex]));
}"""


@pytest.mark.parametrize("width", [390, 1280])
def test_what_is_wider_than_a_phone_scrolls_in_itself_and_the_keyboard_reaches_it(visit, width):
    seen = visit("book/errata.html", width=width)
    assert seen.page.evaluate(SCROLLING) == ([[[20, 0]], [[20, 0]]] if width == 390 else [[], []])
    seen.narrow()
    assert seen.page.evaluate(SCROLLING) == [[[20, 0]], [[20, 0]]]
    seen.narrow(1280)
    assert not seen.page.query_selector(".wide-inline")


def test_equations_are_rendered(visit):
    page = visit("book/lagrangian.html").page
    written, rendered = (
        len(page.query_selector_all(f"article {selector}")) for selector in (".math", ".math mjx-container")
    )
    assert rendered >= written > 20


def test_what_is_missing_is_noticed(visit):
    """The checks above can fail: a page with one fault of each kind."""
    seen = visit("book/index.html")
    assert not seen.faults()
    seen.page.evaluate(
        r"""() => {
            const article = document.querySelector("article");
            article.innerHTML += '<pre><span class="k">def</span> f: <span class="k">pass</span></pre>';
            article.innerHTML += '<p>left \\frac{1}{2}</p><img src="missing.png"><div style="width: 900px">wide</div>';
            fetch("https://example.org/font.woff2").catch(() => {});
            console.error("broken");
        }"""
    )
    seen.page.wait_for_timeout(300)
    for theme in ("light", "dark"):
        seen.turn(theme)
        (fault,) = [each for each in seen.faults() if "image-alt" in each]
        assert "missing.png" in fault
    for unseen in ("article p", "article pre .k"):
        style = seen.page.add_style_tag(content=f"html[data-theme=dark] {unseen} {{color: #333}}")
        assert any("color-contrast" in fault for fault in seen.faults()), f"{unseen} cannot be seen in the dark"
        style.evaluate("style => style.remove()")
    seen.narrow()
    assert seen.page.evaluate(RAW_TEX) == ["\\frac{"]
    assert seen.page.evaluate("document.documentElement.scrollWidth") > 390
    for fault in ("asks for https://example.org", "console error: broken", "not found: file:"):
        assert any(fault in complaint for complaint in seen.complaints), fault


def test_the_file_that_is_opened_leads_to_the_front_page(html, chromium):
    page = chromium.new_context().new_page()
    page.goto((html / "index.html").as_uri())
    page.wait_for_url("**/book/index.html")
    page.close()


def test_search_finds_without_a_network(visit):
    page = visit("search.html?q=bottleneck").page
    page.wait_for_selector("#search-results li a")
    assert "bottleneck" in page.inner_text("#search-results").lower()


def test_a_reference_is_previewed_on_hover_and_on_focus(visit):
    page = visit("book/errata.html").page
    link = page.locator("article table a.reference.internal").nth(1)
    link.focus()
    page.wait_for_selector(".tippy-box", state="visible")
    assert len(page.inner_text(".tippy-box")) > 40


def test_the_first_stop_of_the_keyboard_skips_to_the_content(visit):
    page = visit("book/errata.html").page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#main-content"


SHIFT = """async () => {
    for (let y = 0; y < document.documentElement.scrollHeight; y += 800) {
        scrollTo(0, y);
        await new Promise(after => setTimeout(after, 30));
    }
    return await new Promise(found => {
        let total = 0;
        new PerformanceObserver(list => list.getEntries().forEach(entry => { total += entry.value; }))
            .observe({type: "layout-shift", buffered: true});
        setTimeout(() => found(total), 300);
    });
}"""


def test_the_longest_page_paints_soon_and_keeps_its_place(visit, html, record_property):
    """The times are a report. The bounds are generous, since the machine may be busy: the goals are 1 s and 0.1."""
    longest = max((html / "book").glob("*.html"), key=lambda path: path.stat().st_size)
    page = visit(f"book/{longest.name}").page
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime") / 1000
    shift = page.evaluate(SHIFT)
    record_property("first contentful paint, s", paint)
    record_property("layout shift", shift)
    print(f"{longest.name}: first contentful paint {paint:.2f} s, layout shift {shift:.3f}")
    assert paint < 10 and shift < 0.5


def test_images_have_their_size_and_wait_until_they_are_near(visit):
    page = visit("book/limits.html").page
    images = page.evaluate("[...document.querySelectorAll('article img')].map((i) => [i.loading, i.getAttribute('width'), i.naturalWidth])")
    assert len(images) > 3 and images[0][0] == "auto" and all(loading == "lazy" for loading, _, _ in images[1:])
    assert all(width and (natural == 0 or int(width) == natural) for _, width, natural in images)


def test_the_site_carries_only_what_its_pages_load(html):
    size = sum(path.stat().st_size for path in (html / "_static").rglob("*") if path.is_file())
    assert size < 12e6, f"_static has {size / 1e6:.1f} MB"
