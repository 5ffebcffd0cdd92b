"""The page in headless Chromium: what its scripts show of the published campaigns."""

from __future__ import annotations

import csv
import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, ViewportSize, sync_playwright

from experiments.analysis.queueing.prediction import Question, answer_question
from experiments.analysis.summary import CampaignSummary, summarize_campaign
from experiments.records.campaign import Campaign, load_campaign
from experiments.records.description import Description
from experiments.records.folder import list_campaigns
from experiments.records.record import Record
from experiments.report.page.data import collect_page
from experiments.report.page.html import campaign_html, in_page_order, index_html
from tests.project import ROOT

pytestmark = pytest.mark.browser

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
# Colours differ by scheme, all else by view, and with more rows there are but more of the same elements.
ALL_RULES: dict[str, Any] = {}
COLOURS = {"runOnly": ["color-contrast"]}
VIEWS: tuple[tuple[str, Literal["light", "dark"], dict[str, Any]], ...] = (
    *(("loader=row_by_row_threaded", "light", ALL_RULES), ("campaign={smallest}", "dark", COLOURS)),
    *(("view=model", "dark", ALL_RULES), ("cell={key}", "light", ALL_RULES)),
)
PHONE: ViewportSize = {"width": 360, "height": 740}
DESKTOP: ViewportSize = {"width": 1240, "height": 900}
# Resolves when the page has begun to draw, at once where it is there already.
FOLLOW = """(fragment) => new Promise((done) => {
    if (new URL("#" + fragment, location).hash === location.hash) return done();
    addEventListener("hashchange", () => done(), { once: true });
    location.hash = fragment;
})"""


@pytest.fixture(scope="module")
def published() -> list[CampaignSummary]:
    return in_page_order([summarize_campaign(load_campaign(one)) for one in list_campaigns(ROOT / "results/published")])


@pytest.fixture(scope="module")
def data(published: list[CampaignSummary]) -> dict[str, Any]:
    return collect_page(published, ["" for _ in published]).to_values()


@pytest.fixture(scope="module")
def file(published: list[CampaignSummary], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "index.html"
    path.write_text(index_html(published), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium of this machine; tests skip without one, except in CI."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        if "CI" in os.environ:
            pytest.fail("CI needs chromium")
        pytest.skip("there is no Chromium to test with (Debian, Ubuntu: apt install chromium)")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=program, args=OPTIONS)


@dataclass
class Visit:
    """An open page, with what it said and asked for."""

    page: Page
    file: Path
    said: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def open(self, fragment: str = "") -> None:
        """Load the page at this address, as from a link elsewhere, and wait until it is drawn."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.file.as_uri()}#{fragment}")
        self.wait()

    def see(self, fragment: str = "") -> None:
        """Follow a link of the page itself, which takes a fifth of the time of loading it."""
        self.page.evaluate(FOLLOW, fragment)
        self.wait()

    def wait(self) -> None:
        self.page.wait_for_selector("body[data-drawn=yes]")

    def rows(self) -> list[list[str]]:
        """Return the texts of the table."""
        found: list[list[str]] = self.page.evaluate(
            "[...document.querySelectorAll('#table tbody tr')].map((row) => [...row.cells].map((one) => one.innerText))"
        )
        return found

    def column(self, name: str) -> list[str]:
        heads = self.page.eval_on_selector_all("#table thead th", "all => all.map((one) => one.innerText)")
        place = next(place for place, head in enumerate(heads) if head.strip(" ▲▼") == name)
        return [row[place] for row in self.rows()]

    def show_as(self, size: ViewportSize, scheme: Literal["light", "dark"]) -> None:
        """Have the page drawn anew for this window and these colours."""
        self.page.set_viewport_size(size)
        self.page.emulate_media(color_scheme=scheme)
        self.until(f"innerWidth === {size['width']} && matchMedia('(prefers-color-scheme: {scheme})').matches")
        # Before a frame the page hears of both.
        self.state("new Promise(requestAnimationFrame)")
        self.wait()

    def state(self, script: str) -> Any:
        return self.page.evaluate(script)

    def until(self, script: str) -> None:
        """Wait until it is true: the page's own policy forbids Playwright to do so inside of it."""
        deadline = time.monotonic() + 20
        while not self.state(script):
            assert time.monotonic() < deadline, script
            time.sleep(0.02)


def note(visit: Visit, message: ConsoleMessage) -> None:
    visit.said.append(f"{message.type}: {message.text}")


def ask(visit: Visit, request: Request) -> None:
    visit.requests.append(request.url)


def open_page(context: BrowserContext, file: Path) -> Visit:
    visit = Visit(context.new_page(), file)
    visit.page.on("console", lambda message: note(visit, message))
    visit.page.on("pageerror", lambda error: visit.said.append(str(error)))
    visit.page.on("request", lambda request: ask(visit, request))
    return visit


@pytest.fixture(scope="module")
def opened(browser: Browser, file: Path) -> Visit:
    visit = open_page(browser.new_context(viewport=DESKTOP, color_scheme="light"), file)
    visit.open()
    return visit


@pytest.fixture
def visit(opened: Visit) -> Iterator[Visit]:
    """The page on a desktop, at the place where the test before has left it; none may leave an error behind."""
    opened.said.clear()
    yield opened
    assert opened.said == []


@pytest.fixture
def in_light_again(visit: Visit) -> Iterator[None]:
    yield
    visit.show_as(DESKTOP, "light")


@pytest.mark.usefixtures("in_light_again")
def test_every_view_is_accessible_fits_a_phone_and_asks_for_nothing(visit: Visit, data: dict[str, Any]) -> None:
    rows_of = Counter(data["campaigns"][row["campaign"]]["name"] for row in data["rows"])
    smallest = min(rows_of, key=rows_of.__getitem__)
    for view, scheme, rules in VIEWS:
        visit.show_as(PHONE, scheme)
        visit.see(view.format(key=data["cells"][0]["key"], smallest=smallest))
        assert visit.state("document.documentElement.scrollWidth") == PHONE["width"], view
        assert "loader=" not in view or 0 < len(visit.rows()) < 80, view
        results = Axe().run(visit.page, options=rules)
        assert results.violations_count == 0, results.generate_report()
    assert {url.partition(":")[0] for url in visit.requests} <= {"file", "data", "about"}


def test_a_campaign_of_one_block_without_model_and_intervals_has_a_page_too(
    browser: Browser, tmp_path: Path, description: Description, make_record: Callable[..., Record]
) -> None:
    path = tmp_path / "report.html"
    visit = open_page(browser.new_context(), path)
    for records in ([make_record()], []):
        whole = summarize_campaign(Campaign(replace(description, repeats=1), records))
        path.write_text(campaign_html(whole), encoding="utf-8")
        visit.open()
        assert len(visit.rows()) == 4
        assert visit.page.locator("#charts svg").count() == (1 if records else 0)
        visit.see("view=model")
        assert "which the model needs" in visit.page.inner_text("#outside")
        visit.see("cell=none")
        assert "no wheel of aiopg" in visit.page.inner_text("#cell")
    assert visit.said == []
    visit.page.context.close()


def test_a_row_is_at_the_same_height_in_all_charts(
    browser: Browser, tmp_path: Path, description: Description, make_record: Callable[..., Record]
) -> None:
    path = tmp_path / "report.html"
    latency = replace(client, record_latency_s={"p99": 0.1}) if (client := make_record().client) else None
    records = [make_record(), make_record(description.cells[2].cell, client=latency)]
    path.write_text(campaign_html(summarize_campaign(Campaign(description, records))), encoding="utf-8")
    visit = open_page(browser.new_context(), path)
    visit.open()
    heights: list[list[float]] = visit.state(
        """['rate', 'p99_ms'].map((name) => [...document.querySelectorAll(`#charts .points_${name}_marks path`)]
        .map((one) => one.transform.baseVal[0].matrix.f))"""
    )
    # Of the row without a latency there is a gap.
    assert [len(each) for each in heights] == [2, 1]
    assert heights[1] == heights[0][1:]
    visit.page.context.close()


@pytest.mark.usefixtures("in_light_again")
def test_dark_mode_has_a_dark_ground_and_light_texts_in_charts(visit: Visit) -> None:
    visit.see()
    label = "getComputedStyle(document.querySelector('#charts svg .role-axis-label text')).fill"
    ground = "getComputedStyle(document.body).backgroundColor"
    assert (visit.state(ground), visit.state(label)) == ("rgb(255, 255, 255)", "rgb(27, 27, 27)")
    visit.page.emulate_media(color_scheme="dark")
    visit.until(f"{label} === 'rgb(232, 232, 232)'")
    assert visit.state(ground) == "rgb(22, 24, 28)"


def test_it_begins_with_the_answer_and_the_question_of_the_first_campaign(visit: Visit, data: dict[str, Any]) -> None:
    visit.see()
    first = data["campaigns"][0]
    sentences = visit.page.locator("#sentences li").all_inner_texts()
    assert sentences == [one.replace("`", "").replace("*", "") for one in first["answer"]]
    inside = [one for one in data["rows"] if one["campaign"] == 0 and one["experiment"] == first["first"]]
    shown = [one for one in inside if not one["upper_bound"]]
    assert len(visit.rows()) == len(shown)
    assert visit.page.inner_text("#count") == f"{len(shown)} of {len(inside)} rows shown."
    assert visit.page.locator("#charts svg").count() == 1
    visit.page.check("#bounds")
    assert len(visit.rows()) == len(inside)


def test_a_filter_leaves_only_its_rows_and_its_address_shows_the_same_again(visit: Visit) -> None:
    # All campaigns and experiments, so that every axis with several values has a filter.
    visit.see("campaign=*")
    pools = sorted(set(visit.column("pool size")), key=int)
    visit.page.click("#filters details[data-axis=poolsize] summary")
    for pool in pools[1:]:
        visit.page.click(f"#filters details[data-axis=poolsize] input[value='{pool}']")
    assert set(visit.page.locator("#filters details[data-axis=poolsize] summary").all_inner_texts()) == {
        f"pool size: 1 of {len(pools)}"
    }
    rows = visit.rows()
    assert rows
    assert "pool size: all" not in visit.page.inner_text("#filters")
    visit.open(str(visit.page.get_attribute("#permalink", "href")).removeprefix("#"))
    assert visit.rows() == rows


def test_the_table_is_sorted_by_keyboard_and_the_charts_with_it(visit: Visit) -> None:
    visit.see()
    name = "rows/s"
    before = visit.column(name)
    visit.page.focus(f"#table th button:text-is('{name}')")
    visit.page.keyboard.press("Enter")
    visit.page.keyboard.press("Enter")  # the heading keeps the focus
    visit.wait()
    after = visit.column(name)
    assert sorted(before) == sorted(after) != after
    values = [float(one.split()[0].replace(",", "")) for one in after if one[0].isdigit()]
    assert values == sorted(values, reverse=True)
    assert visit.page.get_attribute("#table th[aria-sort]", "aria-sort") == "descending"
    shown = visit.state("drawn.get('charts').result.view.data('source_0').map((one) => one.place)")
    rows = "[...document.querySelectorAll('#table tbody tr')].map((one) => +one.dataset.row)"
    # A row that cannot run here has no point.
    assert shown == visit.state(f"{rows}.filter((place) => data.rows[place].rate)")[:80]


def test_pointing_at_a_row_marks_it_in_all_charts_and_says_its_numbers(visit: Visit) -> None:
    visit.see()
    sizes = """() => [...document.querySelectorAll('#charts svg .mark-symbol path')]
        .filter((one) => one.getBBox().width > 12).length"""
    assert visit.state(sizes) == 0
    visit.page.locator("#charts svg .mark-symbol path").first.hover()
    visit.until(f"({sizes})() >= 3")
    tooltip = visit.page.inner_text("#vg-tooltip-element")
    for name in ("row", "rows/s", "ratio", "client CPU", "bottleneck", "runs", "disturbed"):
        assert name in tooltip


def test_what_is_shown_is_saved_as_csv_and_markdown(visit: Visit, tmp_path: Path) -> None:
    visit.see()
    for button, name in (("#csv", "t.csv"), ("#markdown", "t.md")):
        with visit.page.expect_download() as download:
            visit.page.click(button)
        download.value.save_as(tmp_path / name)
    rows = visit.rows()
    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as file:
        saved = list(csv.DictReader(file))
    assert [one["loader"] for one in saved] == [row[0] for row in rows]
    assert [float(one["rows/s"]) for one in saved if one["rows/s"]] == visit.state(
        "shownTable.rows.map((one) => one.rate?.[0]).filter((one) => one !== undefined)"
    )
    lines = (tmp_path / "t.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) == len(rows) + 2
    assert lines[2].startswith(f"| {rows[0][0]} |")


def test_a_cell_has_a_link_to_its_identity_runs_settings_and_command(visit: Visit, data: dict[str, Any]) -> None:
    visit.see()
    link = visit.page.locator("#table tbody a").first
    key = str(link.get_attribute("href")).removeprefix("#cell=")
    link.click()
    visit.wait()
    cells = [one for one in data["cells"] if one["key"] == key]
    text = visit.page.inner_text("#cell")
    assert key in text
    for cell in cells:
        assert cell["command"] in text
        assert f"{len(cell['runs'])} runs" in text
        assert {data["facts"][fact][0] for fact in cell["facts"]} >= {"Python", "PostgreSQL", "Settings", "Packages"}
        assert all(data["facts"][fact][1] in text for fact in cell["facts"])
    # A shorter key is a link, too.
    visit.see(f"cell={key.removeprefix('sha256:')[:12]}")
    assert visit.page.inner_text("#cell") == text
    visit.see("cell=nothing")
    assert "Unknown cell" in visit.page.inner_text("#cell")


def test_the_models_of_page_and_harness_predict_the_same(visit: Visit, published: list[CampaignSummary]) -> None:
    asked = [(1, 1.0, 1.0, 0.0), (20, 0.25, 1.0, 0.001), (50, 4.0, 2.5, 0.0), (140, 1.0, 16.0, 0.005)]
    families = [(whole.model, family) for whole in published for family in whole.model.bases]
    assert families
    for number, (model, family) in enumerate(families):
        for pool, client, server, rtt in asked:
            answer = answer_question(
                model, family, Question(pool, client, server, rtt), trips_per_row=model.bases[family].alone.trips
            )
            question = f"data.families[{number}], {{pool: {pool}, client: {client}, server: {server}, rtt: {rtt}}}"
            there = visit.state(f"predict({question})")
            bounds = {**answer.prediction.bounds.stations, "pool": answer.prediction.bounds.population}
            assert there["rate"] == pytest.approx(answer.prediction.rows_per_s, rel=1e-4)
            assert there["bounds"] == pytest.approx(bounds, rel=1e-4)
            assert there["limit"] == answer.prediction.limit
            assert len(visit.state(f"findUntested({question})")) == len(answer.unfounded)


def test_sliders_change_the_predictions_and_say_when_nothing_was_tested(visit: Visit) -> None:
    visit.see()
    visit.page.click("nav a[data-view=model]")
    visit.wait()
    limits = "[...document.querySelectorAll('#predictions tbody tr')].map((one) => one.cells[2].innerText)"
    assert visit.page.inner_text("#outside") == "Inside of what was tested."
    before = visit.state(limits)
    visit.page.focus("#client")
    visit.page.keyboard.press("Home")
    visit.wait()
    assert visit.state(limits) == ["Python" for _ in before] != before
    visit.page.focus("#rtt")
    visit.page.keyboard.press("End")
    visit.wait()
    assert "Outside of what was tested" in visit.page.inner_text("#outside")
    assert "round trip" in visit.page.inner_text("#outside")
    assert visit.state("document.activeElement.id") == "rtt"
    assert "rtt=0.02" in visit.page.url
    # The address is the view.
    table = visit.page.inner_text("#predictions")
    visit.open(visit.page.url.partition("#")[2])
    assert visit.page.inner_text("#predictions") == table


@pytest.mark.parametrize("across", ["rtt", "cores"])
def test_the_map_has_predictions_as_ground_and_measured_cells_as_points(visit: Visit, across: str) -> None:
    visit.see(f"view=model&over={across}")
    drawing = "drawn.get('map').result.view"
    values = visit.state(f"Object.values({drawing}.getState({{data: () => true}}).data).map((one) => one.length)")
    ground, note = 16 * 14, visit.page.inner_text("#map-note")
    assert ground in values
    measured = [int(word) for word in note.split() if word.isdigit()][:2]
    assert measured[0] > 0
    assert measured[1] > 0
    assert visit.page.locator("#map svg .mark-symbol.role-mark path").count() == sum(measured)


def test_the_data_is_what_the_harness_collects(visit: Visit, data: dict[str, Any]) -> None:
    there = visit.state("JSON.parse(document.getElementById('data').textContent)")
    folders = [{**one, "records": f"{one['name']}/runs.jsonl.xz"} for one in data["campaigns"]]
    assert there == json.loads(json.dumps({**data, "campaigns": folders}))
