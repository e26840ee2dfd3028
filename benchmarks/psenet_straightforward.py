"""PSENet as one writes it first, from the paper's words: the form that speed is compared with.

A stem of 32, 32 and 64 channels at half the size, and the branch that gives v projected at every cell before it is
averaged, as equation 3 is printed. The shipped form gives the projection the average instead, which is the same number.
"""

from functools import partial

import keras
from keras import ops

from tfderm.layers import ScoreRefine
from tfderm.layers.score_refine import _apply
from tfderm.models.convolution import convolution
from tfderm.models.normalization import image_input, normalize

MIDDLE_CHANNELS = (64, 64, 128, 128, 128, 128)
CHANNELS = 256


class LiteralScoreRefine(ScoreRefine):
    """v is the average of the third branch's output, which has as many cells as the map."""

    def score_and_locate(self, feature_map):
        features = ops.concatenate(
            [_apply(self.score_fine, feature_map), _apply(self.score_coarse, feature_map)], axis=-1
        )
        weights = ops.mean(_apply(self.score_weights, feature_map), axis=(1, 2))
        height, width = feature_map.shape[1:3]
        features = ops.reshape(features, (-1, height * width, self.features))
        score_map = ops.matmul(features, ops.reshape(weights, (-1, self.features, 1)))
        return ops.reshape(score_map, (-1, height, width, 1)), _apply(self.locate, feature_map)


def psenet_straightforward(image_size=(800, 1024)):
    """The network, with the inputs and outputs of `psenet`."""
    image = image_input(image_size)
    tensor = normalize(image)
    for index, (channels, strides) in enumerate([(32, 2), (32, 1), (64, 1)], start=1):
        tensor = convolution(tensor, channels, 3, name=f"stem_{index}", strides=strides)
    maps = []
    for stage, middle in enumerate(MIDDLE_CHANNELS, start=1):
        for block, strides in enumerate((2, 1), start=1):
            tensor = _bottleneck(tensor, f"stage{stage}_block{block}", middle, strides)
        maps.append(tensor)
    scores, location_maps = LiteralScoreRefine(name="score_refine")(maps[1:])
    severity = keras.layers.Dense(1, name="severity")(scores)
    named_maps = {f"location_map_{8 * 2**index}": values for index, values in enumerate(location_maps)}
    return keras.Model(image, {"severity": severity, **named_maps}, name="psenet_straightforward")


def _bottleneck(tensor, name, middle, strides):
    linear = partial(convolution, activation=False)
    shortcut = tensor
    if strides > 1:
        shortcut = linear(tensor, CHANNELS, 1, name=f"{name}_shortcut", strides=strides)
    tensor = convolution(tensor, middle, 1, name=f"{name}_reduce")
    tensor = convolution(tensor, middle, 3, name=f"{name}_conv", strides=strides)
    tensor = linear(tensor, CHANNELS, 1, name=f"{name}_expand")
    return keras.layers.ReLU(name=f"{name}_relu")(keras.layers.Add(name=f"{name}_add")([shortcut, tensor]))
