"""Interval and band in the graph equal those of the metric and the clinical definition, in NumPy and exact decimals."""

import keras
import numpy as np

from tfderm.clinical.pasi import SEVERITY_BANDS, severity_band
from tfderm.layers import SeverityInterval
from tfderm.metrics import ConformalIntervals

HALF_WIDTHS = {"mild": 1.5, "medium": 2.25, "severe": 6.5}
# Either side of every threshold and limit, and beyond them.
SCORES = np.array([-3, 0, 1, 4.999, 5, 5.001, 7, 9.999, 10, 10.001, 40, 71.9, 72, 80], np.float32)


def test_interval_and_band_equal_the_metric_and_the_definition():
    answers = SeverityInterval(list(HALF_WIDTHS.values()))(SCORES[:, None])
    interval, band = (np.asarray(answers[name]) for name in ("severity_interval", "severity_band"))
    clipped = np.clip(SCORES, 0, 72)
    low, high = ConformalIntervals(0.9, HALF_WIDTHS, dict.fromkeys(HALF_WIDTHS, 99)).bounds(clipped)
    np.testing.assert_allclose(interval, np.stack([low, high], axis=1), atol=1e-5)
    names = [name for name, _ in SEVERITY_BANDS]
    assert [names[int(index)] for index in band[:, 0]] == [severity_band(float(score)) for score in clipped]


def test_layer_survives_saving(tmp_path):
    severity = keras.Input((1,))
    model = keras.Model(severity, SeverityInterval([1, 2, 3], (0, 50))(severity))
    model.save(tmp_path / "model.keras")
    answers = keras.saving.load_model(tmp_path / "model.keras")(np.float32([[60], [7]]))
    np.testing.assert_allclose(answers["severity_interval"], [[47, 50], [5, 9]])
    np.testing.assert_allclose(answers["severity_band"], [[2], [1]])
