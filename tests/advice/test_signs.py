"""Which remarks are made, and what is said of what could not be looked at."""

import numpy as np
from evidences import config_with, dataset_of, evidence, images_of, rows_of

from experiment.advice.evidence import Evidence
from experiment.advice.signs import MOST_REMARKS, SIGNS, advise, as_lines, not_looked_at


def test_a_healthy_run_gets_no_advice():
    assert advise(evidence()) == [] and not_looked_at(evidence()) == {}


def test_a_run_of_all_illnesses_gets_the_gravest_remarks():
    images = np.zeros((50, 28, 28, 1), np.uint8)
    images[:40] = images_of(40) // 100
    ill = evidence(
        config_with(beta=500.0, likelihood="mse"),
        rows=rows_of([200.0, 120.0, 110.0, 112.0, 114.0, 117.0], [190.0, 115.0, 100.0, 95.0, 90.0, 85.0], steps=10),
        test={"active_units": [0], "rate_per_level": [0.0], "likelihood_variance": 1.0, "num_images": 30},
        dataset=dataset_of(images, test=images[:20]),
    )
    remarks = advise(ill)
    assert len(remarks) == MOST_REMARKS == 5
    words = ("almost black", "one colour", "copies", "beta is so large", "says hardly anything")
    assert all(word in remark.text for word, remark in zip(words, remarks, strict=True))


def test_of_remarks_with_one_flag_the_gravest_is_made():
    falling = rows_of([200.0, 160.0, 140.0, 125.0, 110.0], steps=20)
    remarks = advise(evidence(config_with(num_epochs=5), rows=falling))
    assert [remark.flag for remark in remarks] == ["--num_epochs 100"]  # of too few steps


def test_what_cannot_be_looked_at_is_named_with_the_reason():
    unseen = not_looked_at(Evidence(config_with(), [], {}, None))
    assert sum(map(len, unseen.values())) == len(SIGNS) - 1  # a Bernoulli has no variance to look at
    assert unseen["it has no metrics.jsonl"] == [
        "overfitting",
        "a validation loss that still falls",
        "a gap between training and validation",
    ]
    assert advise(Evidence(config_with(), [], {}, None)) == []


def test_a_remark_has_three_lines():
    (remark,) = advise(evidence(test={"num_images": 42}))
    assert as_lines([remark]) == [
        f"  {remark.text}",
        f"    seen in: {remark.evidence}",
        f"    mend: {remark.flag}",
    ]
