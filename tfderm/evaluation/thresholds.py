"""From which probability on each label is said to be there, where an image may show several."""

from typing import Any

import numpy as np

from tfderm.evaluation.predictions import Predictions
from tfderm.evaluation.scores import LEVEL, REPEATS
from tfderm.evaluation.selective import Calibration
from tfderm.metrics import bootstrap_interval, exact_matches, f1, label_thresholds, precision_at, recall_at


def threshold_report(p: Predictions, calibration: Calibration, seed: int = 0) -> dict[str, Any]:
    """Thresholds chosen on other images, and what they give on these; intervals as in `tfderm.evaluation.scores.score`.

    Args:
        p: predicted labels.
        calibration: images to choose by; its `y_true` is (N, num_labels).
        seed: of the resamples.

    Returns:
        `chosen_on` (split, num_images); `labels`, per label the `threshold` of the largest F1 there, the `n` images
        here that show it, and `precision`, `recall` and `f1` here; `guessed`, the labels that no image there shows,
        whose threshold is 0.5; `exact`, the share of images here of which every label is told right.
    """
    options = {"repeats": REPEATS, "level": LEVEL, "seed": seed}
    thresholds = label_thresholds(calibration.y_true, calibration.probabilities).tolist()

    def row(index: int, threshold: float) -> dict[str, Any]:
        def interval(statistic):
            arrays = (p.y_true[:, index], p.y_pred[:, index])
            return bootstrap_interval(statistic, arrays, p.groups, **options).to_json()

        return {
            "threshold": threshold,
            "n": int(p.y_true[:, index].sum()),
            "precision": interval(lambda shown, scores: precision_at(scores, shown, threshold)),
            "recall": interval(lambda shown, scores: recall_at(scores, shown, shown.sum(), threshold)),
            "f1": interval(lambda shown, scores: f1(shown, scores >= threshold)),
        }

    exact = bootstrap_interval(exact_matches, (p.y_true, p.y_pred >= np.array(thresholds)), p.groups, **options)
    return {
        "chosen_on": {"split": calibration.split, "num_images": len(calibration.y_true)},
        "labels": {label: row(index, thresholds[index]) for index, label in enumerate(p.labels)},
        "guessed": [label for index, label in enumerate(p.labels) if not calibration.y_true[:, index].any()],
        "exact": exact.to_json(),
    }
