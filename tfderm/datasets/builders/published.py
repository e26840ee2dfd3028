"""What the builders share: a set read from its publisher's folder by `tfderm.datasets.publishers`."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import tensorflow_datasets as tfds

from tfderm.datasets.corpus import Corpus


class PublishedSet(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """One split, `train`, of everything; splits by patient or lesion are the user's (`tfderm data split`).

    Features: `image`, as the publisher encoded it; `label`; `image_id`; `patient_id` and `lesion_id`, empty where the
    publisher gives none; and `COLUMNS` of the metadata as text, empty for unknown. Columns that are known only with the
    diagnosis are left out. `read` reads the publisher's folder.
    """

    VERSION = tfds.core.Version("1.0.0")
    COLUMNS: ClassVar[tuple[str, ...]] = ("age", "sex", "site")
    LABELS: ClassVar[tuple[str, ...]] = ()
    read: ClassVar[Callable[[Path], Corpus]]

    def _info(self) -> tfds.core.DatasetInfo:
        text = ("image_id", "patient_id", "lesion_id", *self.COLUMNS)
        features = {
            "image": tfds.features.Image(shape=(None, None, 3)),
            "label": tfds.features.ClassLabel(names=self.LABELS) if self.LABELS else tfds.features.Text(),
            **{name: tfds.features.Text() for name in text},
        }
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("image", "label"),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        return {"train": self._generate_examples(self.read(Path(dl_manager.manual_dir)))}

    def _generate_examples(self, corpus: Corpus) -> Iterator[tuple[int, dict[str, Any]]]:
        for number, record in enumerate(corpus.records):
            if record.label is None:
                continue
            yield (
                number,
                {
                    "image": corpus.path(record),
                    "label": record.label,
                    "image_id": Path(record.image).stem,
                    "patient_id": record.patient_id or "",
                    "lesion_id": record.lesion_id or "",
                    **{name: record.metadata.get(name, "") for name in self.COLUMNS},
                },
            )
