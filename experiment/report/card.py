"""The model card: the README.md beside the weights of a run, with the header that model hubs read.

Reference: Mitchell et al. (2019), Model Cards for Model Reporting.
"""

import json

from experiment.evaluation.results import compare_with_published, heading, left_out_of, numbers, verdict
from experiment.evaluation.seeds import numbers_of, title_of
from experiment.files.checkpoints import weights_path
from experiment.files.names import command_line
from experiment.report.page import spelled_out
from experiment.settings.combine import flags_of
from experiment.settings.datasets import DATASETS
from experiment.settings.words import describe_levels, describe_network, remarks_on

# What the protocol says of a machine's folders is not for others; what the numbers are of stands above them.
NOT_SHOWN = {"command", "weights", "first_weights", "unit", "model", "dataset"}
USE = """\
```python
import matplotlib.pyplot as plt
import numpy as np
from experiment.api import load

model = load("{name}")
images = model.sample({num_images}{labels})  # {shape}, from 0 to 1
plt.imsave("samples.png", np.hstack(images){grey})
```"""


def model_card(name, config, results):
    """The model card of a run, as text. It names no folder of the machine.

    Args:
        name: of the run, as its folder in model_ckpts/.
        config: its Config.
        results: the content of results.json, or of a record of it.
    """
    compared = results | compare_with_published(config, results["test"])
    height, width, channels = config.image_shape
    parts = [
        _header(name, config, results),
        f"# {name}",
        f"A {_kind(config)}, trained on {config.dataset}: {DATASETS[config.dataset].source}. Images of {height} x "
        f"{width} x {channels}, {_latents(config)}, {describe_network(config)}, likelihood {config.likelihood}.",
        *_labels(config),
        "## Numbers",
        f"{heading(compared)}.",
        "\n".join(["| | | |", "|---|---:|---|", *map(_row, numbers(compared))]),
        *verdict(compared),
        *left_out_of(compared),
        "## Protocol",
        "\n".join(f"- {key.replace('_', ' ')}: {spelled_out(value)}" for key, value in _protocol(results)),
        "## Training",
        f"```\n{_command(config)}\n```",
        "## Use",
        "In the folder of the project that made it, with this folder as "
        f"`model_ckpts/{name}/` and `{weights_path('', config)}` in it:",
        _use(name, config),
        "## Limits",
        "\n".join(f"- {sentence}" for sentence in _limits(config, results)),
    ]
    return "\n\n".join(parts) + "\n"


def _header(name, config, results):
    """The YAML header. Texts are written as JSON, which is YAML too."""
    measured = numbers_of(results["test"])
    binarization, split = config.binarization, results["protocol"]["split"]
    lines = [
        "---",
        "license: mit  # of the program; weights that are made of images of yours are yours to license",
        "library_name: keras",
        "tags:",
        *(f"- {tag}" for tag in dict.fromkeys(["variational-autoencoder", "vae", config.model, "tensorflow"])),
        *(["datasets:", f"- {config.dataset}"] if config.dataset != "folder" else []),
        "metrics:",
        *(f"- {key}" for key in measured),
        "model-index:",
        f"- name: {json.dumps(name)}",
        "  results:",
        "  - task:",
        "      type: image-generation",
        "    dataset:",
        f"      type: {config.dataset}",
        f"      name: {json.dumps(f'{config.dataset}, binarisation {binarization}')}",
        f"      split: {json.dumps(split)}",
        "    metrics:",
    ]
    for key, value in measured.items():
        lines += [f"    - type: {key}", f"      name: {json.dumps(title_of(key))}", f"      value: {value}"]
    return "\n".join([*lines, "---"])


def _kind(config):
    words = ["conditional"] * config.traits.is_conditional + ["hierarchical"] * config.traits.has_levels
    return " ".join([*words, "variational autoencoder"])


def _latents(config):
    levels = f", levels {describe_levels(config)}" if config.traits.has_levels else ""
    return f"{config.num_units} latent units{levels}"


def _labels(config):
    """The names of the labels, as code: what a user calls them is no markup."""
    names = json.dumps(config.label_names, ensure_ascii=False)
    return ("Labels, in order:", f"```json\n{names}\n```") if config.label_names else ()


def _row(number):
    name = f"of which {number.name.removeprefix('of ')}" if number.is_detail else number.name
    cells = [cell.replace("|", "\\|") for cell in (name, number.number, number.words)]
    return f"| {' | '.join(cells)} |"


def _protocol(results):
    return [
        (key, value) for key, value in results["protocol"].items() if key not in NOT_SHOWN and value not in (None, "")
    ]


def _command(config):
    return " ".join([command_line("python", "assignment.py"), *flags_of(config)])


def _use(name, config):
    """The listing that draws samples: one for each label, or ten."""
    num_images = len(config.label_names) or 10
    return USE.format(
        name=name,
        labels=f", labels=range({num_images})" if config.label_names else "",
        num_images=num_images,
        grey='[..., 0], cmap="gray", vmin=0, vmax=1' if config.image_shape[-1] == 1 else "",
        shape=f"[{num_images}, {', '.join(map(str, config.image_shape))}]"
        + (", one of each label" if config.label_names else ""),
    )


def _limits(config, results):
    height, width, _ = config.image_shape
    yield "It makes images like those that it was trained on, and the numbers hold for such images alone."
    yield f"Its images are {height} x {width} pixels; other sizes need another model."
    yield "What is drawn are the means of p(x|z): they are smoother than the images are."
    yield "The numbers are of one run with one seed; other seeds differ, and so do other machines in the last digits."
    if config.limit:
        yield f"It was trained on the first {config.limit:,} images alone."
    if num_unreadable := results["protocol"].get("unreadable_images_left_out"):
        yield f"{num_unreadable:,} images that could not be read were left out."
    yield from (f"{remark[0].upper()}{remark[1:]}." for remark in remarks_on(config))
