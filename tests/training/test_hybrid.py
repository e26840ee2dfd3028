"""Image, demographics and blood values through one fusion: which columns are read, and their way into the file."""

import json
from dataclasses import replace

import pytest

from tfderm import datasets
from tfderm.cli import main
from tfderm.datasets.corpus import Corpus, Record
from tfderm.errors import InputError
from tfderm.files import write_csv
from tfderm.recipes import get_recipe
from tfderm.run import Run
from tfderm.runtime.bundle import load_bundle

BLOOD = (
    "lab_c_reactive_protein", "lab_eosinophils_absolute", "lab_hemoglobin", "lab_immunoglobulin_e_total",
    "lab_uric_acid",
)  # fmt: skip
TINY = ["epochs=1", "image_size=(32,32)", "batch_size=16"]


def corpus(tmp_path, *metadata):
    """Two hundred photographs of two classes; metadata: number of the photograph -> columns."""
    records = [
        Record(
            f"{number}.png",
            label=("nv", "mel")[number % 2],
            metadata={k: v for one in metadata for k, v in one(number)},
        )
        for number in range(200)
    ]
    return Corpus("made", tmp_path, tuple(records), licence="none")


def test_an_open_name_takes_the_columns_that_can_be_learned_from(tmp_path, capsys):
    def common(number):
        return [("age", str(number)), ("lab_b", str(number)), ("lab_a", str(-number))]

    def others(number):
        yield "lab_always", "1"
        if number % 20 == 0 or number % 20 == 11:
            yield "lab_tenth", str(number)
        if number % 20 == 0 and number:
            yield "lab_rare", str(number)
        if number % 2:
            yield "lab_telling", str(number)

    recipe = replace(get_recipe("hybrid"), metadata=("lab_b", "age", "lab_*"), labels=("nv", "mel"))
    assert datasets.resolved(recipe, corpus(tmp_path, common, others)).metadata == (
        "lab_b",
        "age",
        "lab_a",
        "lab_tenth",
    )
    said = capsys.readouterr().err
    assert "does not read lab_always: always 1" in said
    assert "does not read lab_rare: known for 9 of 200 photographs" in said
    assert "does not read lab_telling: missingness leaks" in said


def test_without_blood_reports_the_way_to_attach_them_is_named(tmp_path):
    with pytest.raises(InputError, match=r"reads columns lab_\* and the data has none .* `tfderm labs attach`"):
        datasets.resolved(get_recipe("hybrid"), corpus(tmp_path, lambda number: [("age", str(number))]))


@pytest.mark.slow
def test_blood_values_reach_the_file_by_name(tmp_path, capsys):
    settings = [part for setting in TINY for part in ("--set", setting)]
    source = ["--data", "synthetic:inflammatory:80"]
    run = tmp_path / "run"
    assert main(["train", "hybrid", *source, "-o", str(run), *settings]) == 0
    assert main(["train", "hybrid", *source, "-o", str(run), *settings, "--resume"]) == 0
    columns = Run.open(run).contract.metadata
    assert tuple(column.name for column in columns) == ("age", "sex", "site", *BLOOD)
    assert {column.name: column.unit for column in columns}["lab_c_reactive_protein"] == "mg/L"
    assert main(["export", str(run), "-o", str(tmp_path / "bundle")]) == 0
    bundle = load_bundle(tmp_path / "bundle")
    assert {name: shape for name, (shape, _) in bundle.contract.inputs.items() if name != "image"} == {
        "metadata": (8,), "metadata_known": (8,)
    }  # fmt: skip
    drawn = datasets.load("synthetic:inflammatory:80")
    record = next(record for record in drawn.records if set(BLOOD) <= record.metadata.keys())
    row = {"image": record.image.rpartition("/")[2], **{name: record.metadata[name] for name in BLOOD}}
    write_csv(tmp_path / "patients.csv", list(row), [row])
    capsys.readouterr()
    answers = []
    for more in ([], ["--metadata", str(tmp_path / "patients.csv")]):
        assert main(["predict", str(tmp_path / "bundle"), str(drawn.path(record)), "--json", *more]) == 0
        answers.append(json.loads(capsys.readouterr().out)[str(drawn.path(record))]["probabilities"])
    assert answers[0] != answers[1]
