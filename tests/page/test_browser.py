"""The page in a real browser: asks for nothing, fits a phone, prints whole, passes axe-core in each theme."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

PAGES = ("rich", "example", "merge", "bad day")
VIEWS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 360, "height": 740}, "color_scheme": "light"},
    "small phone": {"viewport": {"width": 320, "height": 640}, "color_scheme": "dark"},
}
A4 = {"width": 695, "height": 1024}
"""CSS pixels inside the margins."""
Opener = Callable[..., "Page"]


@pytest.fixture
def opened(browser: Browser, pages: dict[str, Path]) -> Iterator[Opener]:
    """Opens a page in a view of its own, and holds it to silence: no console line, no error, no request."""
    contexts, heard = [], []

    def open_page(name: str, **view: Any) -> Page:
        context = browser.new_context(**view)
        contexts.append(context)
        address = pages[name].as_uri()
        page = context.new_page()
        page.on("console", lambda message: heard.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: heard.append(f"error: {error}"))
        page.on("request", lambda request: heard.append(request.url) if request.url != address else None)
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert heard == []


def unfold(page: Page) -> None:
    """Open every <details>."""
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")


def violations(page: Page, axe: str) -> list[str]:
    """What axe-core finds, all of its rules; one line each."""
    page.evaluate(f"() => {{ {axe} }}")
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    assert found["passes"], "axe-core looked at nothing"
    return [f"{each['id']}: {node['html'][:200]}" for each in found["violations"] for node in each["nodes"]]


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_folded_or_unfolded(opened: Opener, axe: str, name: str, view: str) -> None:
    """Contrast, labels, landmarks, headings: in both themes and on a phone."""
    page = opened(name, **VIEWS[view])
    if "phone" not in view:  # what is folded has the same colours at any width
        assert violations(page, axe) == []
    unfold(page)
    assert violations(page, axe) == []


@pytest.mark.parametrize("view", ["phone", "small phone"])
@pytest.mark.parametrize("name", PAGES)
def test_a_phone_scrolls_only_down(opened: Opener, name: str, view: str) -> None:
    """Wide tables and charts scroll inside their own frames."""
    page = opened(name, **VIEWS[view])
    width = VIEWS[view]["viewport"]["width"]
    for step in (lambda: None, lambda: unfold(page)):
        step()
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.evaluate("document.body.scrollWidth") <= width


@pytest.mark.parametrize("name", PAGES)
def test_what_is_too_wide_can_be_reached(opened: Opener, name: str) -> None:
    """Nothing lies outside the screen but in a frame that scrolls, and that the keyboard can reach."""
    page = opened(name, **VIEWS["phone"])
    unfold(page)
    lost = page.evaluate(
        """() => [...document.querySelectorAll('body *:not(svg *)')].filter(each => {
            const box = each.getBoundingClientRect();
            return box.width > 1 && box.right > innerWidth + 1 && !each.closest('.scroll[tabindex="0"]');
        }).map(each => each.outerHTML.slice(0, 200))"""
    )
    assert lost == []


@pytest.mark.parametrize("name", PAGES)
def test_print_shows_everything_on_a4(opened: Opener, axe: str, name: str) -> None:
    """What is folded on the screen is on the paper, and nothing is wider than it, also from a dark screen."""
    page = opened(name, viewport=A4, color_scheme="dark")
    page.emulate_media(media="print")
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    hidden = page.evaluate(
        """() => [...document.querySelectorAll('details > :not(summary)')]
            .filter(each => !each.checkVisibility({ contentVisibilityAuto: true }) || !each.offsetHeight)
            .map(each => each.outerHTML.slice(0, 200))"""
    )
    assert page.evaluate("document.querySelectorAll('details:not([open])').length") > 0
    assert hidden == []
    wide = page.evaluate(
        """() => [...document.querySelectorAll('body *')].filter(each => {
            const box = each.getBoundingClientRect();
            return box.width > 1 && box.right > innerWidth + 1;
        }).map(each => each.outerHTML.slice(0, 200))"""
    )
    assert wide == []
    assert page.evaluate("getComputedStyle(document.querySelector('td')).color") == "rgb(27, 31, 36)"
    assert violations(page, axe) == []


@pytest.mark.parametrize("name", PAGES)
def test_without_javascript_it_is_the_same_page(opened: Opener, name: str) -> None:
    """Verdicts, tables and charts are there, and a fold opens."""
    plain = opened(name, java_script_enabled=False, **VIEWS["light"])
    full = opened(name, **VIEWS["light"])
    assert plain.inner_text("body") == full.inner_text("body")
    fold = plain.locator(".verdicts details").first
    inside = fold.locator("ul").first
    assert not inside.is_visible()
    fold.locator("summary").click()
    assert inside.is_visible()


@pytest.mark.parametrize("name", PAGES)
def test_dark_is_dark_down_to_the_charts(opened: Opener, name: str) -> None:
    """Paper and ink of every picture come from the page."""

    def colors(page: Page) -> tuple[str, set[str]]:
        return (
            page.evaluate("getComputedStyle(document.body).backgroundColor"),
            set(
                page.evaluate(
                    "[...document.querySelectorAll('svg text')].map(each => getComputedStyle(each).fill)"
                )
            ),
        )

    light, dark = (colors(opened(name, **VIEWS[view])) for view in ("light", "dark"))
    assert light[0] != dark[0]
    assert not light[1] & dark[1]
