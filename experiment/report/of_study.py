"""The report of a study."""

from urllib.parse import quote

from experiment.report.page import grid_table, links, page, paragraph, picture, section, vector_graphic


def report_of_study(name, header, rows, remark, figures, pictures, runs):
    """The report.html of a study, as text.

    Args:
        name: of the study.
        header: of the table.
        rows: of the table.
        remark: on the table.
        figures: the curves.
        pictures: paths.
        runs: names of runs; their own reports are in folders beside this one.
    """
    sections = [
        section("Numbers", grid_table(header, rows), paragraph(remark)),
        section("Curves", *map(vector_graphic, figures)),
        section("Pictures", *map(picture, pictures)),
        section("Runs", links({run: f"../{quote(run)}/report.html" for run in runs})),
    ]
    return page(name, sections)
