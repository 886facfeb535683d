"""The rendered book in headless Chromium, without a network. What is missing skips every test, and says so."""

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "_build" / "stored" / "_build" / "html"

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


def pytest_configure(config) -> None:
    config.addinivalue_line("markers", "flaky: of pytest-rerunfailures, which may be missing")


def pytest_collection_modifyitems(items) -> None:
    """A test whose browser died, or took too long, is tried again, and no other."""
    for item in items:
        item.add_marker(
            pytest.mark.flaky(reruns=2, only_rerun=["crashed", "has been closed", "Connection closed", "Timeout"])
        )


@pytest.fixture(scope="session")
def html() -> Path:
    if not (HTML / "index.html").exists():
        pytest.skip("NO PAGE WAS LOOKED AT: the book is not rendered; run `make test-browser`")
    return HTML


@pytest.fixture(scope="session")
def chromium():
    if CHROMIUM is None:
        pytest.skip("NO PAGE WAS LOOKED AT: there is no Chromium; run `make browser` as root, or install it")
    sync_api = pytest.importorskip("playwright.sync_api", reason="NO PAGE WAS LOOKED AT: run `make browser`")
    arguments = ["--disable-gpu", "--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND"]
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")  # Chromium refuses root otherwise
    with sync_api.sync_playwright() as playwright:
        browser = Chromium(lambda: playwright.chromium.launch(executable_path=CHROMIUM, args=arguments))
        yield browser
        browser.running.close()


class Chromium:
    """The browser of all tests, started anew where it has died, as it does on a busy machine."""

    def __init__(self, launch):
        self.launch, self.running = launch, launch()

    def new_context(self, **options):
        if not self.running.is_connected():
            self.running = self.launch()
        return self.running.new_context(**options)


ONE_TOKEN_OF_A_KIND = """() => {
    const kinds = new Set();
    for (const token of document.querySelectorAll("article pre span:not(:has(*))")) {
        let kind = "";
        for (let part = token; part && part.matches("article *"); part = part.parentElement)
            kind += ` ${part.tagName}.${part.className}.${part.style?.cssText}`;
        if (kinds.has(kind)) token.replaceWith(...token.childNodes);
        kinds.add(kind);
    }
}"""
"""Half of axe's time goes to the contrast of each token of the code. Its colours depend on the classes around it: one of a kind will do."""


class Visit:
    """A page of the book as a reader meets it, and what went wrong on the way."""

    def __init__(self, chromium, url: str, theme: str, width: int):
        self.complaints: list[str] = []
        self.context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
        self.context.add_init_script(
            f"localStorage.setItem('mode', '{theme}'); localStorage.setItem('theme', '{theme}')"
        )
        self.page = self.context.new_page()
        self.page.set_default_timeout(120_000)  # a busy machine is no failure
        self.page.on("request", self.asked_for)
        self.page.on("console", self.said)
        self.page.on("pageerror", lambda error: self.complaints.append(f"script error: {error}"))
        self.page.on("requestfailed", lambda request: self.complaints.append(f"not found: {request.url}"))
        self.page.goto(url, wait_until="load")
        self.page.evaluate("window.MathJax?.startup?.promise")  # until the equations stand

    def turn(self, theme: str) -> None:
        """Press the button of the themes until `theme` is there, and wait until every colour has arrived."""
        for _ in range(3):
            if self.page.evaluate("document.documentElement.dataset.mode") != theme:
                self.page.evaluate("document.querySelector('.theme-switch-button').click()")
        self.page.evaluate("Promise.allSettled(document.getAnimations().map((each) => each.finished))")
        assert self.page.evaluate("document.documentElement.dataset.theme") == theme

    def narrow(self, width: int = 390) -> None:
        """Make the window as narrow as a phone, and wait until it is drawn."""
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.evaluate("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")

    def faults(self, **options) -> list[str]:
        """What axe finds serious or critical on the page as it is now; `context=` restricts it to a part."""
        from axe_playwright_python.sync_playwright import Axe

        self.page.evaluate(ONE_TOKEN_OF_A_KIND)
        found = Axe().run(self.page, options={"preload": False, "resultTypes": ["violations"]}, **options)
        return [
            f"{violation['impact']}: {violation['help']} ({violation['id']}): {node['html'][:200]}"
            for violation in found.response["violations"]
            if violation["impact"] in ("serious", "critical")
            for node in violation["nodes"]
        ]

    def asked_for(self, request) -> None:
        if not request.url.startswith(("file:", "data:", "blob:")):
            self.complaints.append(f"asks for {request.url}")

    def said(self, message) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"console {message.type}: {message.text}")


@pytest.fixture
def visit(chromium, html):
    visits = []

    def go(page: str, theme: str = "light", width: int = 1280) -> Visit:
        visits.append(Visit(chromium, f"{html.as_uri()}/{page}", theme, width))
        return visits[-1]

    yield go
    for each in visits:
        each.context.close()
