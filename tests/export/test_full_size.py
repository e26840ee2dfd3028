"""PSENet as the paper sizes it goes the whole way: a step of training, a bundle, its verification."""

import csv

import pytest

from tfderm.cli import main
from tfderm.datasets.synthetic.psoriasis import generate
from tfderm.files import read_json, write_csv


@pytest.mark.slow
def test_800_by_1024_trains_exports_and_verifies(tmp_path):
    manifest = generate(tmp_path / "photographs", num_patients=7, image_size=(800, 1024), seed=3)
    with open(manifest, newline="") as file:
        rows = list(csv.DictReader(file))
    one_each = list({row["patient_id"]: row for row in rows}.values())
    write_csv(manifest, list(one_each[0]), one_each)
    run = tmp_path / "run"
    steps = ["--set", "epochs=1", "batch_size=2"]
    assert main(["train", "psenet", "--data", str(manifest), "-o", str(run), *steps]) == 0
    assert main(["export", str(run)]) == 0
    assert main(["verify", str(run / "bundles" / "float32")]) == 0
    contract = read_json(run / "bundles" / "float32" / "contract.json")
    assert contract["image"]["image_size"] == [800, 1024]
    maps = [output["shape"] for output in contract["outputs"] if output["kind"] == "location_map"]
    assert maps == [[100, 128, 1], [50, 64, 1], [25, 32, 1], [13, 16, 1], [7, 8, 1]]
