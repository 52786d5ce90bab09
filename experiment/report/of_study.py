"""The report of a study."""

from urllib.parse import quote

from matplotlib.colors import to_hex

from experiment.evaluation.seeds import compared_numbers, numbers_of, shown_value, title_of
from experiment.files.names import REPORT_FILE, Run
from experiment.pictures.plots import colours_of
from experiment.report.page import (
    card,
    curve_switches,
    grid_table,
    page,
    paragraph,
    picture,
    section,
    vector_graphic,
)
from experiment.settings.axes import rows_of, short


def report_of_study(name, compared, different, table, remark, charts, pictures):
    """The report.html of a study, as text.

    Args:
        name: of the study.
        compared: its runs as Compared; their own reports are in folders beside this one.
        different: the settings in which they differ: name -> the value of each run.
        table: header and rows, of the means over seeds.
        remark: on the table.
        charts: name -> Figure.
        pictures: paths.
    """
    colours = colours_of(run.group for run in compared)
    switches = curve_switches(
        [(number, run.name, to_hex(colours[run.group])) for number, run in enumerate(compared) if run.rows]
    )
    curves = charts.get("loss_curves")
    changed = {
        setting: "; ".join(dict.fromkeys(short(value, joint=",") for value in values))
        for setting, values in different.items()
    }
    (_, *keys), rows = table
    others = [figure for chart, figure in charts.items() if chart != "loss_curves"]
    sections = [
        section("What changed between the runs", card(changed.items()) if changed else paragraph("No setting.")),
        section("Numbers", grid_table(["settings", *keys], rows), paragraph(remark)),
        section("Runs", grid_table(*_rows_of(compared, different), _reports_of(compared))),
        *([section("Curves", switches, vector_graphic(curves))] if curves else []),
        section("Charts", *map(vector_graphic, others)),
        section("Pictures", *map(picture, pictures)),
    ]
    return page(name, sections, script="comparison.js")


def _rows_of(compared, different):
    """The header and the rows of a table: a run, the settings that differ, and its numbers."""
    keys = compared_numbers(compared)
    header = ["run", *different, *map(title_of, keys)]
    rows = []
    for run, settings in zip(compared, rows_of(different, len(compared)), strict=True):
        numbers = numbers_of(run.test)
        rows.append([_label_of(run), *settings, *(shown_value(key, numbers[key]) for key in keys)])
    return header, rows


def _label_of(run):
    return f"{run.name} *" if run.group.endswith(" *") else run.name


def _reports_of(compared):
    """Label -> address of the runs' own reports, where there are any."""
    found = [run for run in compared if (Run(run.name).outputs / REPORT_FILE).is_file()]
    return {_label_of(run): f"../{quote(run.name)}/{REPORT_FILE}" for run in found}
