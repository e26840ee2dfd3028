"""A detector from training to boxes that train another model, and a run that stops and goes on."""

from dataclasses import replace

import pytest

from tfderm import datasets
from tfderm.cli import main
from tfderm.datasets.manifest import write_manifest
from tfderm.errors import Interrupted
from tfderm.models.faster_rcnn import FasterRCNNTraining
from tfderm.recipes import get_recipe
from tfderm.training import fit, train

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def recipe():
    options = {"width": 0.125, "anchor_sizes": [4, 8, 16, 24, 32], "proposals_per_level": 64, "num_proposals": 32}
    small = replace(get_recipe("lesion_detector:demo"), image_size=(32, 40), batch_size=8, epochs=2)
    return replace(small, model_options=options)


@pytest.fixture(autouse=True)
def uncompiled(monkeypatch):
    """XLA would take longer to compile than these runs take."""
    compile_ = FasterRCNNTraining.compile
    monkeypatch.setattr(FasterRCNNTraining, "compile", lambda self, *a: compile_(self, *a, jit_compile=False))


def history(run):
    """A line per epoch, and the header, without the seconds that the epoch took."""
    return [line.rpartition(",")[0] for line in (run / "history.csv").read_text().splitlines()]


def test_a_stopped_run_goes_on_as_if_it_had_not_and_its_boxes_train_psenet(psoriasis, recipe, tmp_path, monkeypatch):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    train(recipe, data=str(psoriasis), output=whole)

    epoch_of = fit._epoch

    def stop_in_the_second(model, training, validation, epoch, *arguments):
        if epoch == 1:
            raise KeyboardInterrupt
        return epoch_of(model, training, validation, epoch, *arguments)

    monkeypatch.setattr(fit, "_epoch", stop_in_the_second)
    with pytest.raises(Interrupted, match="after 1 of 2 epochs"):
        train(recipe, data=str(psoriasis), output=stopped)
    monkeypatch.setattr(fit, "_epoch", epoch_of)
    train(recipe, data=str(psoriasis), output=stopped, resume=True)
    assert history(stopped) == history(whole)

    corpus = datasets.load(psoriasis)
    unmarked = replace(
        corpus, records=tuple(replace(r, boxes=None, image_size=None, mask=None) for r in corpus.records)
    )
    folder = tmp_path / "unmarked"
    write_manifest(folder, unmarked)
    (folder / "images").symlink_to(psoriasis.parent / "images")
    assert main(["detect", str(whole), "--data", str(folder), "-o", str(folder / "b.json"), "--confidence", "0"]) == 0
    assert all(record.boxes is not None for record in datasets.load(folder).records)
    small = ["--set", "epochs=1", "image_size=(32,40)", "batch_size=8", "model_options.width=0.125"]
    assert main(["train", "psenet:demo", "--data", str(folder), "-o", str(tmp_path / "psenet"), *small]) == 0
    assert "location_map" in history(tmp_path / "psenet")[0]
