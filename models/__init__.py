"""The mathematics: distributions, networks, models, bounds, objectives. No files, no clocks, no plots, no argparse."""
