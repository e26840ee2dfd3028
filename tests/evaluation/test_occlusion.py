"""What an answer rests on: only covers that hide what a network reads make its class less probable."""

import keras
import numpy as np
import pytest

from tfderm.evaluation.occlusion import occlusion_map

HEIGHT, WIDTH = 24, 48
READ = slice(8, 12), slice(40, 44)


def reader(metadata_weight=0.0):
    """A network whose first class is the likelier the brighter `READ` is; a metadata input speaks for the second."""
    image, known = keras.Input((HEIGHT, WIDTH, 3), name="image"), keras.Input((1,), name="metadata_known")
    rows, columns = READ
    read = keras.layers.Cropping2D(((rows.start, HEIGHT - rows.stop), (columns.start, WIDTH - columns.stop)))(image)
    seen = keras.layers.Concatenate()([keras.layers.GlobalAveragePooling2D()(read), known])
    head = keras.layers.Dense(2, activation="softmax", name="probabilities")
    model = keras.Model({"image": image, "metadata_known": known}, {"probabilities": head(seen)})
    head.set_weights([np.array([[0.01, 0]] * 3 + [[0, metadata_weight]], np.float32), np.zeros(2, np.float32)])
    return model


@pytest.fixture
def photograph():
    image = np.full((1, HEIGHT, WIDTH, 3), 40, np.uint8)
    image[(0, *READ)] = 240
    return image


def test_the_map_is_where_a_cover_hides_what_is_read(photograph):
    found = occlusion_map(reader(), {"image": photograph, "metadata_known": np.zeros((1, 1), np.float32)})
    assert found.shape == (12, 24, 1)
    # A cover is 6 by 12 pixels around the centre of a cell of 2 by 2, so those from rows 3 to 6 and columns 17 to 23
    # touch rows 8 to 11 and columns 40 to 43; that over rows 8 to 13 and columns 39 to 47 hides all.
    touched = np.zeros((12, 24), bool)
    touched[3:7, 17:24] = True
    np.testing.assert_array_equal(found[..., 0] > 1e-3, touched)
    assert found[5, 22, 0] == 1


def test_the_other_inputs_stay_as_they_are(photograph):
    """With the metadata the answer is the second class, which gains by every cover, so that nothing speaks for it."""
    inputs = {"image": photograph, "metadata_known": np.ones((1, 1), np.float32)}
    assert occlusion_map(reader(metadata_weight=100.0), inputs).max() == 0
    assert occlusion_map(reader(metadata_weight=0.0), inputs).max() == 1
