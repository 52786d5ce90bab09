"""Nothing that fails late costs the report: a run whose parts fail one after the other."""

import json

from conftest import QUICK

from experiment.evaluation import measures
from experiment.evaluation.measures import Measure


def test_a_run_whose_late_parts_fail_has_its_report(cli, few_frames, tmp_path, monkeypatch):
    def fail(*_):
        raise ValueError("not for this <data>")

    monkeypatch.setitem(measures.MEASURES, "linear probe", Measure(fail))
    monkeypatch.setattr("experiment.pictures.always.draw_interpolation", fail)
    monkeypatch.setattr("experiment.pictures.requested.draw_traversals", fail)
    monkeypatch.setattr("experiment.run.explorer_data", fail)
    code, out, _ = cli(*QUICK, "--evaluate", "--iw_samples", "2", "--traverse", "0")
    assert code == 0
    folder = tmp_path / "outputs/digits_vae"
    results = json.loads((folder / "results.json").read_text())
    reason = "ValueError: not for this <data>"
    parts = ["picture interpolation", "--traverse", "linear probe", "latent explorer"]
    assert results["left_out"] == dict.fromkeys(parts, reason)
    assert {"elbo", "iw_bound", "mutual_information"} <= results["test"].keys(), "the rest is measured"
    assert (folder / "samples.png").is_file() and not (folder / "interpolation.png").exists(), "and drawn"
    report = (folder / "report.html").read_text()
    for part in parts:
        assert out.count(f"left out: {part} ({reason})") == 2, "when it fails, and at the end"
        assert f"left out: {part} (ValueError: not for this &lt;data&gt;)" in report
