"""Mean absolute error of two severity runs on the same held-out photographs, and their paired difference.

    python benchmarks/paired_severity.py RUN OTHER

Both runs are evaluated already. The interval resamples patients (or lesions), for both runs the same.
"""

import argparse

import numpy as np

from tfderm.evaluation.predictions import read_predictions
from tfderm.metrics import mean_absolute_error, paired_difference
from tfderm.run import Run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs=2, metavar="RUN", type=Run.open)
    first, second = (read_predictions(run.path / "predictions.csv", run.recipe) for run in parser.parse_args().runs)
    if list(first.images) != list(second.images) or not np.array_equal(first.y_true, second.y_true):
        parser.error("the runs were evaluated on different photographs.")
    errors = [mean_absolute_error(first.y_true, run.y_pred) for run in (first, second)]
    difference = paired_difference(mean_absolute_error, first.y_true, first.y_pred, second.y_pred, first.groups)
    interval = f"({difference.low:+.2f} to {difference.high:+.2f})"
    print(f"{errors[0]:.2f} against {errors[1]:.2f}, difference {difference.value:+.2f} {interval}")


if __name__ == "__main__":
    main()
