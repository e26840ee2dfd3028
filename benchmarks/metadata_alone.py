"""What a run's metadata tells without its photographs: mean class recall of a logistic regression on both's folds.

    python benchmarks/metadata_alone.py runs/metanet-reproduction/rows/metanet/fold-?

The regression reads the run's columns of its training photographs (numbers and their squares, words one place each, and
what is known), classes weigh alike, and it answers for the photographs that the run was evaluated on.
"""

import argparse

import numpy as np
from sklearn.linear_model import LogisticRegression

from tfderm import datasets
from tfderm.evaluation.predictions import read_predictions
from tfderm.metrics import mean_class_recall
from tfderm.pipeline.metadata import encoded
from tfderm.run import Run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", metavar="RUN", type=Run.open)
    recalls = np.array([_recalls(run) for run in parser.parse_args().runs])
    for name, values in zip(("metadata alone", "the run"), 100 * recalls.T, strict=True):
        print(f"{name}: {values.mean():.1f} ± {values.std(ddof=1) if len(values) > 1 else 0:.1f} % mean class recall")


def _recalls(run: Run) -> tuple[float, float]:
    corpus = datasets.load(run.environment["data"]["source"])
    records = {record.image: record for record in datasets.select(corpus, run.recipe).records}
    learned = [image for image, split in run.splits.items() if split == "train"]
    labels = [run.recipe.labels.index(records[image].label) for image in learned]
    model = LogisticRegression(class_weight="balanced", max_iter=3000)
    model.fit(_features(run, [records[image] for image in learned]), labels)
    held_out = read_predictions(run.path / "predictions.csv", run.recipe)
    answers = model.predict(_features(run, [records[image] for image in held_out.images]))
    y_true = held_out.y_true.astype(int)
    return tuple(
        mean_class_recall(y_true, predicted, len(run.recipe.labels))
        for predicted in (answers, held_out.y_pred.argmax(axis=1))
    )


def _features(run: Run, records) -> np.ndarray:
    inputs, features = encoded(records, run.contract.metadata), []
    for column, value, known in zip(
        run.contract.metadata, inputs["metadata"].T, inputs["metadata_known"].T, strict=True
    ):
        features.append(known)
        if column.values:
            features += [known * (value == place) for place in range(len(column.values))]
        else:
            standard = known * (value - column.mean) / column.std
            features += [standard, standard**2]
    return np.stack(features, axis=1)


if __name__ == "__main__":
    main()
