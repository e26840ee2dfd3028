"""Encoding and fusion of patient data, against the arithmetic written out in NumPy."""

import keras
import numpy as np
import pytest

from tfderm.layers import MetadataConcatenation, MetadataEncoding, MetadataGate

COLUMNS = [
    {"name": "age", "mean": 40.0, "std": 8.0},
    {"name": "site", "values": ["arm", "back", "leg"]},
]


def arrays(*values):
    return [np.array(value, np.float32) for value in values]


def test_encoding():
    metadata, known = arrays([[56, 2], [24, 0], [56, 1]], [[1, 1], [1, 0], [0, 1]])
    expected = [[2, 0, 0, 1, 1, 1], [-2, 0, 0, 0, 1, 0], [0, 0, 1, 0, 0, 1]]
    assert np.asarray(MetadataEncoding(COLUMNS)(metadata, known)).tolist() == expected


def test_what_is_unknown_has_no_value():
    layer = MetadataEncoding(COLUMNS)
    known = np.array([[0, 1]], np.float32)
    one, other = (np.asarray(layer(np.array([[age, 1]], np.float32), known)) for age in (0.0, 1e30))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("columns", [[], [{"name": "age"}], [{"name": "age", "mean": 1.0, "std": 0.0}]])
def test_columns_must_say_how(columns):
    with pytest.raises(ValueError, match="`columns` need"):
        MetadataEncoding(columns)


def fusion_arrays():
    random = np.random.default_rng(0)
    return random.standard_normal((2, 3, 4, 5)).astype("f4"), random.standard_normal((2, 6)).astype("f4")


def test_gate_multiplies_every_channel_by_a_share():
    maps, metadata = fusion_arrays()
    layer = MetadataGate(7)
    fused = np.asarray(layer(maps, metadata))
    first, first_bias, second, second_bias = layer.get_weights()
    hidden = np.maximum(metadata @ first + first_bias, 0)
    weights = 1 / (1 + np.exp(-(hidden @ second + second_bias)))
    np.testing.assert_allclose(fused, maps * weights[:, None, None, :], rtol=1e-5, atol=1e-6)


def test_concatenation_is_that_of_the_averages():
    """The mean over the widened maps is the image's averages beside the metadata's features."""
    maps, metadata = fusion_arrays()
    layer = MetadataConcatenation(7)
    fused = np.asarray(layer(maps, metadata))
    first, first_bias, second, second_bias = layer.get_weights()
    hidden = np.maximum(np.maximum(metadata @ first + first_bias, 0) @ second + second_bias, 0)
    expected = np.concatenate([maps.mean(axis=(1, 2)), hidden], axis=1)
    np.testing.assert_allclose(fused.mean(axis=(1, 2)), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("fusion", [MetadataGate, MetadataConcatenation])
def test_a_saved_model_holds_the_encoding(fusion, tmp_path):
    maps, values, known = keras.Input((3, 4, 5)), keras.Input((2,)), keras.Input((2,))
    fused = fusion(7)(maps, MetadataEncoding(COLUMNS)(values, known))
    model = keras.Model([maps, values, known], fused)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    inputs = [fusion_arrays()[0], *arrays([[56, 2], [24, 0]], [[1, 1], [1, 0]])]
    np.testing.assert_array_equal(np.asarray(model(inputs)), np.asarray(loaded(inputs)))
    assert loaded.output_shape == model.output_shape == fused.shape
