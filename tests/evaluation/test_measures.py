"""What is said of a run that reproduces a published one."""

import pytest

from experiment.evaluation.results import compare_with_published, table


@pytest.mark.parametrize("iw_bound, verdict", [(-86.85, "reached"), (-86.87, "not reached")])
def test_a_preset_says_which_number_was_to_be_expected(make_config, iw_bound, verdict):
    config = make_config(preset="vae_1l")
    test = {"num_images": 10_000, "iw_bound": iw_bound, "num_importance_samples": 5000, "iw_standard_error": 0.25}
    results = {"test": test, "protocol": {"unit": "nats"}} | compare_with_published(config, test)
    assert results["published"] == {
        "preset": "vae_1l",
        "source": "Burda et al. (2016), table 1",
        "metric": "iw_bound",
        "expected": -86.76,
        "tolerance": 0.1,
        "reached": verdict == "reached",
    }
    assert table(results)[-1] == (
        f"vae_1l, Burda et al. (2016), table 1: iw_bound -86.76 expected, tolerance 0.1: {verdict}"
    )


def test_other_runs_are_not_compared(make_config):
    assert compare_with_published(make_config(), {"iw_bound": -86.0}) == {}
    assert compare_with_published(make_config(preset="vae_1l"), {"elbo": -86.0}) == {}
