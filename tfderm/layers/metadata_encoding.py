"""Patient data as a network reads it."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("tfderm")
class MetadataEncoding(keras.layers.Layer):
    """Standardise numbers, give every word a place of its own, and say of every column whether it is known.

    What is unknown is 0 in all of its places, whatever number stands for it in the input.

    Args:
        columns: for every column {"name"} with {"values": words} or {"mean", "std"}, as
            `tfderm.contract.MetadataColumn` describes it; kept in the saved model.

    Call arguments:
        metadata: (B, number of columns) float: the number, or the position of the word in `values`.
        known: (B, number of columns) float, 1 or 0.

    Returns:
        (B, F): of each column its number or its words, then for each column whether it is known.

    Raises:
        ValueError: there is no column, or one has neither words nor a positive deviation.
    """

    def __init__(self, columns, **kwargs):
        super().__init__(**kwargs)
        if not columns or not all(column.get("values") or column.get("std", 0) > 0 for column in columns):
            raise ValueError(f"`columns` need `values`, or `mean` and a positive `std`. Received: columns={columns}")
        self.columns = [
            {"name": column["name"], "values": list(column["values"])}
            if column.get("values")
            else {"name": column["name"], "mean": column["mean"], "std": column["std"]}
            for column in columns
        ]

    def call(self, metadata, known):
        parts = []
        for index, column in enumerate(self.columns):
            value, mask = metadata[:, index : index + 1], known[:, index : index + 1]
            if "values" in column:
                places = ops.arange(len(column["values"]), dtype=self.compute_dtype)[None]
                # Positions are whole numbers: within one half of a place is that place.
                encoded = ops.cast(ops.abs(value - places) < 0.5, self.compute_dtype)
            else:
                encoded = (value - column["mean"]) / column["std"]
            parts.append(ops.where(mask > 0.5, encoded, ops.zeros_like(encoded)))
        return ops.concatenate([*parts, known], axis=-1)

    def compute_output_shape(self, metadata_shape, known_shape=None):
        width = sum(len(column.get("values", " ")) for column in self.columns)
        return (metadata_shape[0], width + len(self.columns))

    def get_config(self):
        return {**super().get_config(), "columns": self.columns}
