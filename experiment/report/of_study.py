"""The report of a study."""

from urllib.parse import quote

from experiment.report.page import grid_table, links, page, paragraph, picture, section, vector_graphic


def report_of_study(name, header, rows, remark, figures, pictures, runs):
    """report.html as text.

    Args: header and rows, of the table; remark, what is to be known of it; figures, of curves; pictures, paths; runs,
    names of runs whose own reports are beside this one.
    """
    sections = [
        section("Numbers", grid_table(header, rows), paragraph(remark)),
        section("Curves", *map(vector_graphic, figures)),
        section("Pictures", *map(picture, pictures)),
        section("Runs", links({run: f"../{quote(run)}/report.html" for run in runs})),
    ]
    return page(name, sections)
