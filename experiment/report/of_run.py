"""The report of a run."""

from experiment.evaluation.results import heading, left_out_of, numbers, verdict
from experiment.report.page import (
    advice,
    card,
    explorer,
    numbers_table,
    page,
    paragraph,
    picture,
    section,
    vector_graphic,
)
from experiment.settings.words import name_of

GLOSSARY = (
    "The distortion is -log p(x|z), what describing the image takes once z is known; the rate is KL(q(z|x) || p(z)), "
    "the information that z holds of an image; the ELBO is minus their sum. A nat is 1.44 bits. A unit is active where "
    "images move it: where its posterior mean has a variance above 0.01."
)


def report_of_run(name, config, lines, results, charts, pictures, units, explorer_data):
    """The report.html of a run, as text.

    Args:
        name: of the run.
        config: its Config.
        lines: of the audit.
        results: the content of results.json.
        charts: Figures.
        pictures: paths of PNG and GIF files.
        units: the Units of the model.
        explorer_data: the data of the latent explorer, or None.
    """
    sections = [
        *([section("Look into the latent space", explorer(explorer_data, units.num_images))] if explorer_data else []),
        section(
            "Numbers",
            paragraph(heading(results)),
            numbers_table(numbers(results)),
            *map(paragraph, [*verdict(results), *left_out_of(results), GLOSSARY]),
        ),
        *([section("Advice", *map(advice, results["advice"]))] if results["advice"] else []),
        section("Rates and curves", *map(vector_graphic, charts)),
        section("Pictures", *map(picture, pictures)),
        section("Protocol", card(results["protocol"].items())),
        section("Run", card(lines)),
    ]
    return page(f"{name}: {name_of(config)}", sections)
