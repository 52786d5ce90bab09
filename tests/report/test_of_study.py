"""The report of a study, in a real browser: tables that sort, curves that go and come, links."""

from contextlib import closing

import pytest
from browser import browser, opened

from experiment.evaluation.seeds import Compared, summarise, table_of
from experiment.pictures.comparison import draw_curves, draw_heat_map
from experiment.report.of_study import report_of_study
from experiment.settings.axes import differences, groups_of

# name, latent_size, beta, ELBO: orders of text and of numbers differ.
RUNS = [("a", 10, 4.0, -99.5), ("b", 9, 1.0, -120.0), ("c", 9, 4.0, -8.25), ("d & <d>", 10, 1.0, -100.0)]


@pytest.fixture
def report(make_config, tmp_path, monkeypatch):
    """The path of a report; run b has none of its own."""
    monkeypatch.chdir(tmp_path)
    names = [name for name, *_ in RUNS]
    configs = [make_config(latent_size=size, beta=beta) for _, size, beta, _ in RUNS]
    rows = [
        {"split": "validation", "epoch": epoch, "elbo": -110.0 - epoch, "distortion": 85.0, "rate": 25.0}
        for epoch in (1, 2)
    ]
    groups = groups_of(names, configs, ("latent_size", "beta"))
    compared = [
        Compared(name, group, config, {"elbo": elbo, "active_units": [3], "num_images": 9}, rows)
        for (name, *_, elbo), group, config in zip(RUNS, groups, configs, strict=True)
    ]
    for name in ("a", "c", "d & <d>"):
        (tmp_path / "outputs" / name).mkdir(parents=True)
        (tmp_path / "outputs" / name / "report.html").write_text(name)
    charts = {"loss_curves": draw_curves(compared), "heat_map": draw_heat_map(compared, ("latent_size", "beta"))}
    table = table_of(summarise(compared))
    text = report_of_study("a study", compared, differences(configs), table, "a remark", charts, [])
    path = tmp_path / "outputs/study/report.html"
    path.parent.mkdir()
    path.write_text(text)
    return path


def column(page, table, index):
    return page.locator(f"table.grid >> nth={table}").locator(f"tbody td:nth-child({index})").all_inner_texts()


def test_tables_sort_by_the_heading_that_is_clicked_on(report):
    with opened(report) as shown:
        runs = shown.locator("table.grid >> nth=1")
        assert column(shown, 1, 1) == ["a", "b", "c", "d & <d>"]
        elbo = runs.locator("th button", has_text="ELBO")
        elbo.click()
        assert column(shown, 1, 4) == ["-120.00", "-100.00", "-99.50", "-8.25"]
        assert runs.locator("th[aria-sort=ascending]").inner_text().startswith("ELBO")
        elbo.press("Enter")  # from the keyboard
        assert column(shown, 1, 1) == ["c", "a", "d & <d>", "b"]
        assert runs.locator("th[aria-sort=descending]").count() == 1
        runs.locator("th button", has_text="latent_size").press("Space")
        assert column(shown, 1, 2) == ["9", "9", "10", "10"]
        means = shown.locator("table.grid >> nth=0")
        means.locator("th button").first.click()
        assert column(shown, 0, 1)[0] == "latent_size 9, beta 1" and column(shown, 0, 1)[3] == "latent_size 10, beta 4"
        assert shown.errors == []
        assert [url for url in shown.asked if not url.startswith(("file:", "data:"))] == []


def visible(page):
    """The runs whose curves are seen, in each of three panels."""
    return [[run for run in range(4) if page.locator(f"#curve-{run}-{panel}").is_visible()] for panel in range(3)]


def test_boxes_show_and_hide_the_curves_of_a_run(report):
    with opened(report) as shown:
        assert visible(shown) == [[0, 1, 2, 3]] * 3
        shown.get_by_role("checkbox", name="c", exact=True).uncheck()
        shown.get_by_role("checkbox", name="d & <d>").press("Space")
        assert visible(shown) == [[0, 1]] * 3
        everything = shown.get_by_role("checkbox", name="all", exact=True)
        assert not everything.is_checked()
        everything.check()
        assert visible(shown) == [[0, 1, 2, 3]] * 3
        everything.uncheck()
        assert visible(shown) == [[]] * 3 and shown.errors == []


def test_runs_lead_to_their_own_reports(report):
    with opened(report) as shown:
        links = shown.locator("td a")
        assert links.all_inner_texts() == ["a", "c", "d & <d>"]
        links.nth(2).click()
        assert shown.url.endswith("/outputs/d%20&%20%3Cd%3E/report.html") or "%26" in shown.url
        assert report.parent.parent.joinpath("d & <d>/report.html").read_text() == "d & <d>"


def test_the_page_is_read_without_scripts(report):
    with closing(browser().new_context(java_script_enabled=False)) as context:
        shown = context.new_page()
        shown.goto(report.as_uri())
        assert column(shown, 1, 4) == ["-99.50", "-120.00", "-8.25", "-100.00"]
        assert not shown.locator(".curves").is_visible(), "boxes that do nothing are not there"
        assert visible(shown) == [[0, 1, 2, 3]] * 3
        assert shown.get_by_text("10; 9").is_visible(), "what changed"
