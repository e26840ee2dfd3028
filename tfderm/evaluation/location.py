"""Do location maps show where the lesions are, or only where boxes were drawn? Both against lesion masks."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfderm.contract import ImageInput
from tfderm.datasets.corpus import Corpus, Record
from tfderm.evaluation.scores import LEVEL, REPEATS, Metric
from tfderm.metrics import bootstrap_sample
from tfderm.pipeline import location_maps
from tfderm.pipeline.input_pipeline import scaled_boxes
from tfderm.runtime import preprocess


def _mean_of_defined(values: np.ndarray) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else float("nan")


CORRELATION = Metric("Correlation with the lesion masks", _mean_of_defined, "", lower_is_better=False)

# Fewer cells than this make no correlation.
_SMALLEST_MAP = 12


def location_report(
    maps: Mapping[int, np.ndarray],
    corpus: Corpus,
    records: Sequence[Record],
    target: ImageInput,
    seed: int = 0,
) -> dict[str, Any] | None:
    """Correlation of predicted maps with lesion masks, beside that of the box-derived maps training aims at.

    Both are compared, cell by cell, with the share of the cell that the mask covers. The correlation is Pearson's,
    within a photograph, averaged over photographs that show a lesion and have both a mask and boxes. The
    targets know where every lesion is, the model has to find it: a model that finds all and learned boxes ends at the
    targets' own correlation, and only one that learned shape lies above.

    Args:
        maps: stride -> (N, ceil(height / stride), ceil(width / stride), 1), predicted.
        corpus: where the masks lie.
        records: the N photographs.
        target: the model's input.
        seed: of the resamples.

    Returns:
        `num_images`, `num_groups`, and `strides`: per stride with at least 12 cells `model`, `target` and the paired
        `difference`, each as {value, low, high, undefined}, with 95 % intervals over resampled patients. None where no
        photograph has both, or no map has enough cells.
    """
    rows = [index for index, record in enumerate(records) if record.mask and record.boxes]
    strides = [stride for stride, values in maps.items() if values[0].size >= _SMALLEST_MAP]
    if not rows or not strides:
        return None
    predicted, targets = (np.empty((len(rows), len(strides))) for _ in range(2))
    for place, index in enumerate(rows):
        record = records[index]
        mask = preprocess.load(corpus.root / record.mask, target, name=record.mask)[..., 0] / 255.0
        aims = location_maps(scaled_boxes(record, target.image_size)[1], target.image_size, strides)
        for column, (stride, aim) in enumerate(zip(strides, aims, strict=True)):
            share = covered_share(mask, stride)
            predicted[place, column] = _correlation(maps[stride][index, :, :, 0], share)
            targets[place, column] = _correlation(aim, share)
    groups = [records[index].group or records[index].image for index in rows]
    return {
        "num_images": len(rows),
        "num_groups": len(set(groups)),
        "strides": {
            str(stride): _compared(predicted[:, column], targets[:, column], groups, seed)
            for column, stride in enumerate(strides)
        },
    }


def covered_share(mask: np.ndarray, stride: int) -> np.ndarray:
    """Mean of `mask` (height, width) within each cell of a map; cells at the edge count only what is in the image."""
    height, width = mask.shape
    rows, columns = range(0, height, stride), range(0, width, stride)
    sums = np.add.reduceat(np.add.reduceat(mask, rows, axis=0), columns, axis=1)
    sizes = np.diff([*rows, height])[:, None] * np.diff([*columns, width])[None, :]
    return sums / sizes


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's correlation over cells; NaN where one of them is constant."""
    a, b = (values.astype(np.float64).ravel() - values.mean(dtype=np.float64) for values in (a, b))
    scale = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / scale) if scale > 0 else float("nan")


def _compared(model: np.ndarray, target: np.ndarray, groups: Sequence[str], seed: int) -> dict[str, Any]:
    both = np.where(np.isnan(model) | np.isnan(target), np.nan, 0)
    first, second = (
        bootstrap_sample(CORRELATION.function, (values + both,), groups, repeats=REPEATS, seed=seed)
        for values in (model, target)
    )
    return {
        "model": first.interval(LEVEL).to_json(),
        "target": second.interval(LEVEL).to_json(),
        "difference": (first - second).interval(LEVEL).to_json(),
    }
