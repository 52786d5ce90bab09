"""All signs, the gravest first, and the remarks that they make on a run."""

from experiment.advice import curves, images, model
from experiment.advice.evidence import Sign, needs_images, needs_results, needs_test

MOST_REMARKS = 5

LEVELS = needs_test("rate", "rate_per_level", "active_units")
SIGNS = (
    Sign("values in another range", images.is_dark, needs_images),
    Sign("images of one colour", images.is_constant, needs_images),
    Sign("inverted digits", images.is_inverted, needs_images),
    Sign("copies between splits", images.has_copies, images.lacks_for_copies),
    Sign("too large a beta", model.has_much_beta, LEVELS),
    Sign("a level that says nothing", model.is_empty, LEVELS),
    Sign("a wrong variance", model.has_wrong_variance, model.lacks_variance),
    Sign("no epoch better than the first weights", curves.keeps_first, needs_results),
    Sign("overfitting", curves.is_overfit, curves.lacks_validations),
    Sign("too few steps", curves.has_few_steps, curves.lacks_steps),
    Sign("a validation loss that still falls", curves.is_still_falling, curves.lacks_validations),
    Sign("a gap between training and validation", curves.has_gap, curves.lacks_validations),
    Sign("samples far from the data", model.is_far_from_prior, model.lacks_distance),
    Sign("few active units", model.has_few_active, LEVELS),
    Sign("few training images", images.is_few, needs_images),
    Sign("few test images", model.has_few_test_images, needs_test("num_images", "elbo_standard_error")),
)


def advise(evidence):
    """The gravest remarks on a run, at most MOST_REMARKS. Of those that the same mends only the gravest is made."""
    remarks = {}
    for sign in SIGNS:
        remark = None if sign.lacks(evidence) else sign.look(evidence)
        if remark:
            is_flag = remark.flag.startswith("--")
            remarks.setdefault(remark.flag.split()[0] if is_flag else remark.flag, remark)
    return list(remarks.values())[:MOST_REMARKS]


def not_looked_at(evidence):
    """What is missing to look for some illnesses, each with those illnesses: a dict of lists."""
    unseen = {}
    for sign in SIGNS:
        if reason := sign.lacks(evidence):
            unseen.setdefault(reason, []).append(sign.illness)
    return unseen


def as_lines(remarks):
    """Remarks as lines of text, each with its evidence and what mends it."""
    return [
        line
        for text, evidence, flag in remarks
        for line in (f"  {text}", f"    seen in: {evidence}", f"    mend: {flag}")
    ]
