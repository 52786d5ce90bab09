"""The parts of a report."""

import json
import re

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from experiment.evaluation.results import Number
from experiment.report import page


def test_text_of_users_is_text():
    html = page.page("<b>$title", [page.card([("a & b", {"x": None, "y": "<i>"})]), page.paragraph("$script </p>")])
    assert "<title>&lt;b&gt;$title</title>" in html
    assert "<th>a &amp; b</th><td>x -, y &lt;i&gt;</td>" in html
    assert "<p>$script &lt;/p&gt;</p>" in html


def test_numbers_are_rows():
    html = page.numbers_table([Number("ELBO", "-1.50", "nats"), Number("of z", "0.10", "nats, 2 active units", True)])
    assert '<tr><th>ELBO</th><td class="number">-1.50</td><td>nats</td></tr>' in html
    assert html.count("class=detail") == 1


def test_pictures_are_within_the_page(tmp_path):
    Image.fromarray(np.zeros((2, 3), np.uint8)).save(tmp_path / "a.png")
    html = page.picture(tmp_path / "a.png")
    assert 'src="data:image/png;base64,' in html and "<figcaption>a.png</figcaption>" in html


def test_curves_are_lines():
    figure = Figure()
    figure.subplots().plot([0, 1], [2, 3])
    html = page.vector_graphic(figure)
    assert html.startswith("<figure><svg") and "<!DOCTYPE" not in html


def test_data_cannot_end_its_element():
    data = {"kind": "grid", "units": [], "values": [], "width": 1, "height": 1, "labels": ["</script><script>alert(1)"]}
    html = page.explorer(data, 9)
    (text,) = re.findall('<script type="application/json">(.*?)</script>', html)
    assert json.loads(text) == data
