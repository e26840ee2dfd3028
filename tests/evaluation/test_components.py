"""Components of an evaluated run: errors, the constant beside them and agreement with the score, by hand."""

import csv
from dataclasses import replace

import fabricated
import keras
import numpy as np
import pytest

from tfderm.clinical.pasi import COMPONENT_LIMITS
from tfderm.contract import Output
from tfderm.datasets.corpus import Record
from tfderm.evaluation import evaluate
from tfderm.evaluation.components import component_report
from tfderm.evaluation.predictions import Predictions, read_predictions
from tfderm.evaluation.report import write_report
from tfderm.evaluation.wording import component_sentence, component_table
from tfderm.files import write_csv, write_json


def graded(name, **grades):
    return Record(f"{name}.png", patient_id=name, metadata={key: str(grade) for key, grade in grades.items()})


def test_report_by_hand():
    training = [graded("a", erythema=1), graded("b", erythema=2), graded("c", erythema=4), graded("d")]
    records = [graded("p", erythema=3), graded("q"), graded("r", erythema=0)]
    components = {
        "erythema": np.array([2.5, 4.0, 1.0]),
        "induration": np.array([1.0, 1.0, 0.0]),
        "desquamation": np.array([0.5, 1.0, 1.0]),
        "area": np.array([2.0, 3.0, 0.0]),
    }
    score = np.array([10.0, 16.0, 0.0])  # Composed: 4 * 2 = 8, 6 * 3 = 18, 2 * 0 = 0.
    names = ["p", "q", "r"]
    p = Predictions("severity", names, names, score, score, components=components)
    report = component_report(p, training, records)
    row = report["grades"]["erythema"]
    assert (row["num_images"], row["num_groups"]) == (2, 2)
    assert row["model"]["value"] == pytest.approx((0.5 + 1.0) / 2)
    assert row["constant"]["value"] == pytest.approx((1 + 2) / 2)  # The training median is 2.
    assert row["difference"]["value"] == pytest.approx(0.75 - 1.5)
    none = {"num_images": 0, "num_groups": 0, "model": None, "constant": None, "difference": None}
    assert report["grades"]["area"] == none
    assert report["composed"]["num_images"] == 3
    assert report["composed"]["difference"]["value"] == pytest.approx((2 + 2 + 0) / 3)
    text = component_table({"components": report})
    assert "0.75 (0.50 to 1.00)" in text and "no value" in text
    assert "by 1.33 (" in component_sentence({"components": report})


def test_a_model_without_components_has_no_report():
    p = Predictions("severity", ["p"], ["p"], np.zeros(1), np.zeros(1))
    assert component_report(p, [], [graded("p")]) is None
    assert component_table({}) == component_sentence({}) == ""


def component_model():
    """The fabricated model, and of the mean red r in 0..1: E = 8 r - 1, I = 2 r, D = 1, A = 6 r."""
    model = fabricated.severity_model()
    mean = model.get_layer("severity").input
    grades = {}
    for name, (slope, offset) in zip(COMPONENT_LIMITS, ((8, -1), (2, 0), (0, 1), (6, 0)), strict=True):
        layer = keras.layers.Dense(1, name=name)
        grades[name] = layer(mean)
        layer.set_weights([np.array([[slope]]), np.array([offset])])
    return keras.Model(model.input, {**model.output, **grades})


def test_evaluate_counts_graded_photographs_and_clips_as_clients_do(tmp_path):
    source = fabricated.write_corpus(tmp_path / "data", "severity")
    with open(source / "manifest.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    random = np.random.default_rng(3)
    for row in rows:
        row["erythema"] = int(random.integers(0, 5)) if random.random() < 0.6 else ""
        row["area"] = int(random.integers(0, 7))
    write_csv(source / "manifest.csv", list(rows[0]), rows)
    run = fabricated.write_run(tmp_path / "run", source, "severity")
    component_model().save(run.path / "model.keras")
    outputs = [Output(name, "component", (1,), (0.0, float(limit))) for name, limit in COMPONENT_LIMITS.items()]
    contract = replace(run.contract, outputs=(*run.contract.outputs, *outputs))
    write_json(run.path / "contract.json", contract.to_json())
    run = fabricated.Run(run.path)

    evaluate(run)
    result = fabricated.metrics_of(run)
    rows, colours = fabricated.held_out_rows(source, run)
    red = colours[:, 0]
    expected = {"erythema": np.clip(8 * red - 1, 0, 4), "induration": 2 * red, "desquamation": 1, "area": 6 * red}
    truth = np.array([float(row["erythema"] or np.nan) for row in rows])
    row = result["components"]["grades"]["erythema"]
    assert row["num_images"] == np.sum(~np.isnan(truth)) < len(rows)
    assert row["model"]["value"] == pytest.approx(np.nanmean(np.abs(truth - expected["erythema"])), abs=1e-5)
    with open(source / "manifest.csv", newline="") as file:
        training = [r["erythema"] for r in csv.DictReader(file) if run.splits[r["image"]] == "train" and r["erythema"]]
    constant = np.nanmean(np.abs(truth - np.median(np.array(training, float))))
    assert row["constant"]["value"] == pytest.approx(constant)
    assert result["components"]["grades"]["desquamation"]["num_images"] == 0
    composed = (expected["erythema"] + expected["induration"] + expected["desquamation"]) * expected["area"]
    score = np.clip(fabricated.SCALE * red - 1, 0, 72)
    difference = result["components"]["composed"]["difference"]
    assert difference["value"] == pytest.approx(np.abs(composed - score).mean(), abs=1e-4)
    assert difference["low"] < difference["value"] < difference["high"]
    predictions = read_predictions(run.path / "predictions.csv", run.recipe)
    np.testing.assert_allclose(predictions.components["erythema"], expected["erythema"], atol=1e-5)
    page = write_report(run).read_text()
    assert "Severity components" in page and component_sentence(result) in page
