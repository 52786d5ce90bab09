"""A report and its parts, as HTML that loads nothing from outside."""

import json
import re
from html import escape
from importlib.resources import files
from io import StringIO
from pathlib import Path
from string import Template

from matplotlib import rc_context

from experiment.report.explorer import as_url

MEDIA_TYPES = {".png": "image/png", ".gif": "image/gif"}
HOW_LIVE = (
    "The decoder itself runs in this page: the image is the mean of p(x|z) at the values of the sliders. The prior is "
    "{prior}, and the other units are those of the image that it begins with. Units are sorted by their rate, a mean "
    "over {num_images:,} test images."
)
HOW_GRID = (
    "This model is too large, or has too many levels, to run in a page: images were decoded beforehand, of the first "
    "test image with the {number} units of the most rate at {values} values each, in standard deviations of their "
    "priors, all combinations; it begins with those next to the image's own code. "
    "Rates are means over {num_images:,} test images."
)


def page(title, sections, script="explorer.js"):
    """The whole page, from a title, a list of sections, and the file whose code works on them."""
    source = files(__package__)
    template, style, *scripts = (
        source.joinpath(file).read_text(encoding="utf-8") for file in ("page.html", "page.css", "page.js", script)
    )
    return Template(template).substitute(
        style=style, script="".join(scripts), title=escape(title), sections="\n".join(sections)
    )


def section(title, *parts):
    return f"<section>\n<h2>{escape(title)}</h2>\n" + "\n".join(parts) + "\n</section>"


def paragraph(text):
    return f"<p>{escape(text)}</p>"


def advice(remark):
    """A remark on the run, from results.json: its text, its evidence and what mends it."""
    text, evidence, flag = (escape(remark[name]) for name in ("text", "evidence", "flag"))
    return f"<p><strong>{text}.</strong> Seen in: {evidence}. Mend: {flag}.</p>"


def card(rows):
    """A table of names and texts, (name, text) each. Nested dicts are written out."""
    lines = [f"<tr><th>{escape(str(name))}</th><td>{escape(spelled_out(value))}</td></tr>" for name, value in rows]
    return "<table>\n" + "\n".join(lines) + "\n</table>"


def spelled_out(value):
    """A value of the protocol as text; a dict with its names, a list with commas."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {spelled_out(each)}" for name, each in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "-" if value is None else str(value)


def numbers_table(rows):
    """A table of the Numbers from experiment.evaluation.results.numbers."""
    lines = [
        f"<tr{' class=detail' if row.is_detail else ''}><th>{escape(row.name)}</th>"
        f'<td class="number">{escape(row.number)}</td><td>{escape(row.words)}</td></tr>'
        for row in rows
    ]
    return "<table>\n" + "\n".join(lines) + "\n</table>"


def grid_table(header, rows, addresses=None):
    """A table of texts with a header line; a page with comparison.js sorts it by the columns that are clicked on.

    Args:
        header: a text for each column.
        rows: lists of texts.
        addresses: text -> address, of those that are links.
    """
    addresses = addresses or {}

    def shown(text):
        return f'<a href="{escape(addresses[text])}">{escape(text)}</a>' if text in addresses else escape(text)

    headings = [escape(cell).replace("_", "_<wbr>") for cell in header]  # names of settings may be long
    lines = ["<thead><tr>" + "".join(f'<th scope="col">{heading}</th>' for heading in headings) + "</tr></thead>"]
    lines += ["<tr>" + "".join(f"<td>{shown(cell)}</td>" for cell in row) + "</tr>" for row in rows]
    return '<div class="wide" tabindex="0"><table class="grid">\n' + "\n".join(lines) + "\n</table></div>"


def curve_switches(curves):
    """A box for each curve, from its number, name and colour; comparison.js shows them and acts on them."""
    boxes = [
        f'<label><input type="checkbox" checked name="curve-{number}"> '
        f'<span style="color: {colour}" aria-hidden="true">&#9632;</span> {escape(name)}</label>'
        for number, name, colour in curves
    ]
    everything = '<label><input type="checkbox" checked name="all"> all</label>'
    return f'<fieldset class="curves" hidden><legend>runs shown</legend>{everything}{"".join(boxes)}</fieldset>'


def picture(path):
    """A PNG or GIF file, embedded in the page."""
    address = as_url(Path(path).read_bytes(), MEDIA_TYPES[Path(path).suffix])
    name = escape(Path(path).name)
    return f'<figure><img src="{address}" alt="{name}"><figcaption>{name}</figcaption></figure>'


def vector_graphic(figure):
    """A matplotlib Figure as vector graphics (SVG)."""
    text = StringIO()
    with rc_context({"svg.hashsalt": "report"}):  # gives elements the same names in every run
        figure.savefig(text, format="svg", metadata={"Date": None})
    svg = text.getvalue()
    return f"<figure>{re.sub(r'^.*?(?=<svg)', '', svg, count=1, flags=re.DOTALL)}</figure>"


def explorer(data, num_images):
    """The latent explorer, from the data of experiment.report.explorer."""
    if data["kind"] == "live":
        words, (height, width) = (
            HOW_LIVE.format(prior=data["prior"], num_images=num_images),
            data["decoder"]["shape"][:2],
        )
    else:
        number, values = len(data["units"]), len(data["values"])
        words = HOW_GRID.format(number=number, values=values, num_images=num_images)
        height, width = data["height"], data["width"]
    text = json.dumps(data, allow_nan=False).replace("<", "\\u003c")  # no text in it may close the script element
    return (
        f'{paragraph(words)}\n<div class="explorer">\n<canvas width="{width}" height="{height}"></canvas>\n'
        f'<div class="controls"></div>\n<script type="application/json">{text}</script>\n</div>'
    )
