"""Documents say what is there: links, listings, and lines that fit."""

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
PAGES = sorted([*PROJECT.glob("*.md"), *(PROJECT / "docs").glob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_lines_fit(page):
    """But for the tables of RESULTS.md, which are as wide as what they compare."""
    lines = page.read_text().splitlines()
    long = [line for line in lines if len(line) > 120 and not (page.name == "RESULTS.md" and line.startswith("|"))]
    assert long == []


def test_the_listing_of_the_training_step_is_the_code():
    (listing,) = re.findall(
        r"<!-- listing: train_step -->\n```python\n(.*?)```", (PROJECT / "docs/code.md").read_text(), re.S
    )
    assert listing in (PROJECT / "experiment/training/step.py").read_text()


def test_flags_in_documents_are_flags():
    from experiment.settings.config import flags

    known = {f"--{each.name}" for each in flags()} | {"--resume", "--seeds", "--help", "--no-evaluate", "--logdir"}
    known |= {"--doctor", "--jobs", "--member"}
    known |= {
        "--write",
        "--compare",
        "--mnist",
        "--check",
        "--workloads",
        "--rounds",
        "--count",
    }  # of benchmarks, and of ruff
    for page in PAGES:
        unknown = set(re.findall(r"(?<![\w-])--[a-z][a-z_-]+", page.read_text())) - known
        assert unknown <= {"--runs", "--ucmerced", "--binarized_mnist", "--digits", "--classes", "--fashion_mnist"}, (
            page.name
        )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tests_that_are_named_are_there(page):
    for file, name in re.findall(r"`([\w/]+\.py)::(\w+)`", page.read_text()):
        assert f"def {name}(" in (PROJECT / "tests" / file).read_text(), f"{file}::{name}"


def test_every_number_has_its_line_and_its_sentence():
    from experiment.evaluation.results import ROWS
    from experiment.report.of_run import SENTENCES, glossary

    page = (PROJECT / "docs/numbers.md").read_text()
    for key, (name, *_) in ROWS.items():
        shown = name.replace("|", "\\|")
        assert re.search(rf"^\| {re.escape(shown)} \| `{key}` \| ", page, re.MULTILINE), key
    of_every_run = {"elbo", "distortion", "rate"}
    with_another = {"beta_vae_score", "mig_sampled", "dci_completeness", "dci_informativeness", "png_bits_per_dim"}
    with_another |= {"frechet_floor"}
    assert set(SENTENCES) == set(ROWS) - of_every_run - with_another
    assert "Bayes' rule" in glossary({"bayes_accuracy": 0.9}) and "Bayes' rule" not in glossary({"elbo": -100.0})
