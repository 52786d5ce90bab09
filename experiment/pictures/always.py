"""The pictures of every run: name -> Figure. Every picture shows means of the likelihood, never logits."""

from functools import partial

import numpy as np
import tensorflow as tf

from experiment.pictures.captions import labels_for, likelihood_of, posterior_of, prior_of
from experiment.pictures.codes import by_level, straight
from experiment.pictures.plots import heat_colours, image_grid, in_colour, loss_curve, unit_rates
from experiment.settings.words import describe_loss, groups_of, level_names, name_of
from experiment.training.preprocessing import make_batch
from image_data.splits import take
from models.catalog import PRIORS
from models.distributions import repeat_rows
from models.noise import Stream, noise_seed

COLUMNS = 10
INTERPOLATION_PAIRS = 5
MAX_LABELS = 40  # rows of the picture of classes
RESAMPLED_ROWS = 5
TEMPERATURES = (0.25, 0.5, 0.7, 0.85, 1.0)


def draw_always(model, config, test, binary_test, left_out):
    """The pictures of every run: samples, reconstructions and interpolations.

    A conditional model also has a row of samples per class, a top-down hierarchy further pictures of its levels.

    Args:
        model: with the weights to evaluate.
        config: its Config.
        test: the Split of the original test images.
        binary_test: the same Split as the model sees it.
        left_out: a LeftOut, for pictures that cannot be drawn.

    Returns:
        A dict of file names (without suffix) and Figures.
    """
    drawings = {
        "samples": lambda: draw_samples(model, config, test),
        "reconstructions": lambda: draw_reconstructions(model, config, test, binary_test),
    }
    if len(test.images) > 1:
        drawings["interpolation"] = lambda: draw_interpolation(model, config, test, binary_test)
    if config.traits.is_conditional:
        drawings["classes"] = lambda: draw_classes(model, config, test)
    if config.traits.has_levels and config.traits.is_top_down:
        drawings["temperatures"] = lambda: draw_temperatures(model, config, test)
        drawings["top_levels"] = lambda: draw_top_levels(model, config, binary_test)
        for group in groups_of(config)[1:]:  # of the top level nothing is kept
            drawings[f"resampled_{group.name.split()[0]}"] = partial(draw_resampled, model, config, binary_test, group)
        if any(len(group.shape) > 1 for group in groups_of(config)):
            drawings["rate_maps"] = lambda: draw_rate_maps(model, config, binary_test)
    return draw_each(drawings, left_out)


def draw_samples_alone(model, config, left_out):
    """The pictures that need no data set: samples and, of a model that is given classes, a row per class."""
    drawings = {"samples": lambda: draw_samples(model, config, None)}
    if config.traits.is_conditional:
        drawings["classes"] = lambda: draw_classes(model, config, None)
    return draw_each(drawings, left_out)


def draw_charts(config, rows, units, left_out):
    """The charts of a run: the rate (KL) of every unit and, if it was trained, its loss curve.

    Args:
        config: of the run.
        rows: of metrics.jsonl.
        units: the Units of the model.
        left_out: a LeftOut, for charts that cannot be drawn.

    Returns:
        A dict of file names (without suffix) and Figures.
    """
    drawings = {"unit_rates": lambda: draw_unit_rates(config, units)}
    if rows:
        drawings["loss_curve"] = lambda: draw_loss_curve(config, rows)
    return draw_each(drawings, left_out)


def draw_each(drawings, left_out):
    """Names and functions -> names and Figures, without those that failed."""
    figures = {name: left_out.attempt(f"picture {name}", draw) for name, draw in drawings.items()}
    return {name: figure for name, figure in figures.items() if figure}


def draw_samples(model, config, split):
    """config.grid images from random codes; labels are the classes in turn, or the attributes of real images."""
    labels, given = labels_for(config.grid, config, split)
    images = model.sample(config.grid, noise_seed(config.seed, Stream.SAMPLES), labels).numpy()
    num_columns = min(COLUMNS, config.grid)
    num_rows = -(-config.grid // num_columns)
    blank = np.ones((num_rows * num_columns - config.grid, *images.shape[1:]), images.dtype)
    rows = np.concatenate([images, blank]).reshape(num_rows, num_columns, *images.shape[1:])
    return image_grid(
        rows, f"{name_of(config)}: samples\nmeans of {likelihood_of('z', config)}, z ~ {prior_of(config)}{given}"
    )


def draw_reconstructions(model, config, split, binary_split, split_name="test"):
    """Images of a split, the binarised images that the model saw, and its reconstructions."""
    first = take(split, slice(COLUMNS))
    batch = make_batch(binary_split.images[:COLUMNS], first.labels)
    reconstructions = model.reconstruct(batch, noise_seed(config.seed, Stream.RECONSTRUCTIONS)).numpy()
    originals = make_batch(first.images, None).images.numpy()
    rows = {f"{split_name} image": originals, "binarised": batch.images.numpy(), "reconstruction": reconstructions}
    if config.binarization != "dynamic":
        del rows["binarised"]
    title = f"{name_of(config)}: reconstructions\nmeans of {likelihood_of('z', config)}, z ~ q({posterior_of(config)})"
    return image_grid(np.stack(list(rows.values())), title, list(rows))


def draw_interpolation(model, config, test, binary_test):
    """Straight lines between the posterior means of pairs of test images, beside the images themselves."""
    num_pairs = min(INTERPOLATION_PAIRS, len(binary_test.images) // 2)
    ends = take(binary_test, slice(2 * num_pairs))
    pairs = make_batch(ends.images, ends.labels)

    def between(ends):
        along = straight(ends[::2].numpy(), ends[1::2].numpy(), np.linspace(0.0, 1.0, COLUMNS))
        return tf.constant(along.reshape(num_pairs * COLUMNS, *along.shape[2:]))

    labels = None if pairs.labels is None else between(pairs.labels)
    images = model.decode(tuple(map(between, model.encode(pairs))), labels).mean.numpy()
    originals = (test.images[: 2 * num_pairs] / np.float32(255)).reshape(num_pairs, 2, *images.shape[1:])
    rows = [originals[:, :1], images.reshape(num_pairs, COLUMNS, *images.shape[1:]), originals[:, 1:]]
    moved = "z and label y" if config.traits.is_conditional else "z"
    title = f"{name_of(config)}: interpolation between pairs of test images, first and last column\n"
    title += f"{moved} on a straight line between the posterior means"
    return image_grid(np.concatenate(rows, axis=1), title)


def draw_classes(model, config, split):
    """A row for each label and a column for each z: what the label changes, and what stays.

    Where an image has several labels (attributes), each row switches one on, on top of the attributes that most images
    have.
    """
    names = config.label_names[:MAX_LABELS]
    rows = np.eye(len(config.label_names), dtype=np.float32)[: len(names)]
    given = "one label a row"
    if config.has_attributes:
        rows = np.maximum(rows, split.labels.mean(axis=0) > 0.5)
        given = "one attribute more a row, on top of the most common ones"
    seed = noise_seed(config.seed, Stream.CLASSES)  # the same in every row, so that a column keeps its style
    images = [model.sample(COLUMNS, seed, np.tile(labels, (COLUMNS, 1))).numpy() for labels in rows]
    if len(names) < len(config.label_names):
        given += f", the first {len(names)} of {len(config.label_names)}"
    depends_on_y = config.traits.has_levels or PRIORS[config.prior].needs_labels
    shared = "the same noise in every row" if depends_on_y else "shared by the rows"
    title = f"{name_of(config)}: {given}, one z a column\nmeans of p(x|z,y), z ~ {prior_of(config)}, {shared}"
    return image_grid(np.stack(images), title, list(names))


def draw_loss_curve(config, rows):
    """The loss curve over epochs, from the rows of metrics.jsonl."""
    by_split = {name: [row for row in rows if row["split"] == name] for name in ("train", "validation")}
    names = level_names(len(rows[0]["rate_per_level"]))
    steps_per_epoch = steps_of_epoch(rows)

    def arrays(split, *wanted):
        found = {name: np.array([row[name] for row in by_split[split]]) for name in wanted}
        found["epoch"] = np.array([row["step"] for row in by_split[split]]) / steps_per_epoch
        return found

    def by_level(split, name):
        return dict(zip(names, np.array([row[name] for row in by_split[split]]).T, strict=True))

    return loss_curve(
        arrays("train", "loss", "distortion") | {"rates": by_level("train", "rate_per_level")},
        arrays("validation", "elbo", "loss")
        | {
            "rates": by_level("validation", "rate_per_level"),
            "active_units": by_level("validation", "active_units"),
        },
        f"{name_of(config)}: loss = {describe_loss(config)}",
    )


def steps_of_epoch(rows):
    """Steps of an epoch, from the rows of metrics.jsonl: a validation row ends one."""
    return next((row["step"] / row["epoch"] for row in rows if row["split"] == "validation"), 1)


def draw_unit_rates(config, units):
    """The rate (KL) of every unit, for each level."""
    return unit_rates(
        by_level(config, units.rates),
        by_level(config, units.is_active),
        f"{name_of(config)}: rate (KL) of every unit, mean over {units.num_images:,} test images",
    )


def draw_temperatures(model, config, split):
    """Samples: a row for each temperature, a column for each draw of noise."""
    labels, given = labels_for(COLUMNS, config, split)
    seed = noise_seed(config.seed, Stream.SAMPLES)
    rows = [model.sample(COLUMNS, seed, labels, temperature).numpy() for temperature in TEMPERATURES]
    title = f"{name_of(config)}: samples, standard deviations of every prior times the temperature\n"
    title += f"means of {likelihood_of('z', config)}, the same noise in each column{given}"
    return image_grid(np.stack(rows), title, [f"temperature {temperature:g}" for temperature in TEMPERATURES])


def draw_top_levels(model, config, binary_test):
    """Test images decoded from their top k codes, a row for each k; lower levels take the means of their priors."""
    batch = make_batch(*take(binary_test, slice(COLUMNS))[:2])
    codes = model.encode(batch)
    names = level_names(model.num_levels)
    rows = {"test image": batch.images.numpy()}
    for group in groups_of(config):
        name = " to ".join(dict.fromkeys([names[0], names[group.last]]))
        rows[f"from {name}"] = model.decode(codes[: group.last + 1], batch.labels).mean.numpy()
    title = f"{name_of(config)}: reconstructions from the top levels only\nlower levels are the means of their priors"
    return image_grid(np.stack(list(rows.values())), title, list(rows))


def draw_resampled(model, config, binary_test, group):
    """What a Group of levels adds: test images keep the levels above; it and those below are drawn from priors."""
    batch = make_batch(*take(binary_test, slice(RESAMPLED_ROWS))[:2])
    names = level_names(model.num_levels)
    codes, labels = repeat_rows((model.encode(batch)[: group.first], batch.labels), COLUMNS - 1)
    seed = noise_seed(config.seed, Stream.LEVELS)
    images = model.sample(len(batch.images) * (COLUMNS - 1), seed, labels, codes=codes).numpy()
    grid = images.reshape(len(batch.images), COLUMNS - 1, *images.shape[1:])
    grid = np.concatenate([batch.images.numpy()[:, np.newaxis], grid], axis=1)
    kept = " to ".join(dict.fromkeys([names[0], names[group.first - 1]]))
    drawn = " to ".join(dict.fromkeys([names[group.first], names[-1]]))
    title = f"{name_of(config)}: what {group.name} adds\n"
    title += f"first column: test image; {kept} kept, {drawn} drawn from the prior"
    return image_grid(grid, title)


def draw_rate_maps(model, config, binary_test):
    """Where the information about test images is: the rate (KL) of every pixel of the levels that are maps.

    Levels of one shape are added up. Colours go from 0 to the largest value of a row.
    """
    batch = make_batch(*take(binary_test, slice(COLUMNS))[:2])
    latents = model(batch, noise_seed(config.seed, Stream.LEVELS)).latents
    height, width, _ = config.image_shape
    rows = {"test image": in_colour(batch.images.numpy())}
    for group in groups_of(config):
        if len(group.shape) == 1:
            continue
        maps = sum(latent.rate_per_unit.numpy().sum(axis=-1) for latent in latents[group.first : group.last + 1])
        enlarged = maps.repeat(height // maps.shape[1], axis=1).repeat(width // maps.shape[2], axis=2)
        total, shape = maps.sum(axis=(1, 2)).mean(), "x".join(map(str, group.shape[:2]))
        rows[f"{group.name}, {shape}: {total:,.0f} nats, to {maps.max():.1f}"] = heat_colours(enlarged)
    title = f"{name_of(config)}: where the information is\nrate (KL) of every pixel of a level's map, black is 0; "
    title += "means of an image, and the largest value of a pixel"
    return image_grid(np.stack(list(rows.values())), title, list(rows))
