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
SENTENCES = {  # of the numbers that not every run has
    "iw_bound": "The IW bound comes nearer to log p(x) than the ELBO, by K samples of z for each image.",
    "bits_per_dim": "Bits per dim are the nats of an image, in bits, for each value of its 8-bit pixels.",
    "mutual_information": "I(x; z) is the part of the rate that tells images apart.",
    "marginal_kl": "KL(q(z)||p(z)) is the rest of it: how far the codes of all images together are from the prior.",
    "marginal_kl_at_least": "KL at least is a lower bound of the same, from the means and variances of codes.",
    "reconstruction_mse": "MSE is the mean squared error of reconstructions.",
    "reconstruction_psnr": "PSNR is the same error in decibels.",
    "reconstruction_ssim": "SSIM is how alike images and reconstructions are in structure; 1 is equal.",
    "reconstruction_ms_ssim": "MS-SSIM is the same at several scales.",
    "webp_bits_per_dim": "Lossless WebP and PNG are the bits that the same images need as files.",
    "jpeg_psnr": "JPEG is given about as many bits for an image as the codes of the model need.",
    "frechet_distance": "The Frechet distance of samples is to be read beside its floor, that of held-out images.",
    "linear_probe_accuracy": "The linear probe predicts classes from codes by logistic regression.",
    "label_accuracy": "q(y|x) is the model's own classifier, which saw few labels.",
    "bayes_accuracy": "Bayes' rule takes the label that makes the image most likely.",
    "classifier_accuracy": "The classifier learns from real images alone.",
    "recognised": "Recognised are generated images that it takes for what was asked; smooth ones are easier than real.",
    "mig_histogram": "MIG is how much more a factor's best unit knows of it than the second best.",
    "factor_vae_score": "FactorVAE and beta-VAE scores tell which factor was held fixed from the codes.",
    "dci_disentanglement": "DCI is whether a unit serves one factor, a factor needs one, and codes predict factors.",
    "sap": "SAP is the gap between a factor's two best units in predicting it.",
    "modularity": "Modularity is whether each unit knows of one factor only.",
}


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
            *map(paragraph, [*verdict(results), *left_out_of(results), glossary(results["test"])]),
        ),
        *([section("Advice", *map(advice, results["advice"]))] if results["advice"] else []),
        section("Rates and curves", *map(vector_graphic, charts)),
        section("Pictures", *map(picture, pictures)),
        section("Protocol", card(results["protocol"].items())),
        section("Run", card(lines)),
    ]
    return page(f"{name}: {name_of(config)}", sections)


def glossary(test):
    """What the numbers of a run mean, a sentence each, and where more is said."""
    sentences = [sentence for key, sentence in SENTENCES.items() if key in test]
    return " ".join([GLOSSARY, *sentences, "docs/numbers.md in the project says more of each."])
