"""Score refine module of PSENet (paper 1, figure 2, equation 3)."""

import math

import keras
from keras import ops

STATISTICS = ("max", "mean", "sum")


@keras.saving.register_keras_serializable("tfderm")
class ScoreRefine(keras.layers.Layer):
    """Turn each map of a feature pyramid into one severity score and one lesion location map.

    Per map M (B, H, W, C), with weights shared by all maps:

    - scoring head, three sibling branches that begin with a pointwise convolution: a 3x3 and a 5x5 branch are
      concatenated to F (B, H, W, `features`); the third, averaged over the map, gives v (B, `features`);
      the score map is O[i, j] = F[i, j] . v (equation 3);
    - locating head: location map D (B, H, W, 1) in 0..1;
    - refined map R = O * D, element-wise.

    The score of a map is the weighted sum of max(R), mean(R) and sum(R): three weights per map, the only ones that
    the maps do not share.

    Args:
        features: channels of F and v; even. The paper's is 256.
        bottleneck: channels after the pointwise convolutions.
        depthwise: 3x3 and 5x5 convolutions see one channel each, and a pointwise convolution follows them.
        location_prior: value of D at initialisation, in (0, 1), as in Lin et al. (focal loss).
        kernel_regularizer: applied to every convolution kernel.

    Call arguments:
        feature_maps: list of float tensors (B, H_k, W_k, C) with the same C.

    Returns:
        Scores (B, number of maps), and the list of location maps (B, H_k, W_k, 1).

    Raises:
        ValueError: `features` is odd, `location_prior` is outside (0, 1), or the maps differ in channels.

    Reference:
        Li et al., PSENet, AAAI 2020, section "Score Refine Module".
    """

    def __init__(
        self, features=256, bottleneck=64, depthwise=False, location_prior=0.1, kernel_regularizer=None, **kwargs
    ):
        super().__init__(**kwargs)
        if features < 2 or features % 2:
            raise ValueError(f"`features` must be even and positive. Received: features={features}")
        if not 0 < location_prior < 1:
            raise ValueError(f"`location_prior` must be in (0, 1). Received: location_prior={location_prior}")
        self.features = features
        self.bottleneck = bottleneck
        self.depthwise = depthwise
        self.location_prior = location_prior
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

        def branch(name, kernel_size, filters, activation):
            first = self._convolution(f"{name}_pointwise", bottleneck, 1, "relu")
            if not depthwise or kernel_size == 1:
                return [first, self._convolution(name, filters, kernel_size, activation)]
            return [
                first,
                self._depthwise_convolution(f"{name}_depthwise", kernel_size),
                self._convolution(name, filters, 1, activation),
            ]

        self.score_fine = branch("score_fine", 3, features // 2, "relu")
        self.score_coarse = branch("score_coarse", 5, features // 2, "relu")
        self.score_weights = branch("score_weights", 1, features, None)
        self.locate = branch("locate", 3, bottleneck, "relu") + [
            self._convolution("location", 1, 1, "sigmoid", bias=math.log(location_prior / (1 - location_prior)))
        ]

    def _convolution(self, name, filters, kernel_size, activation, bias=0.0):
        return keras.layers.Conv2D(
            filters,
            kernel_size,
            padding="same",
            activation=activation,
            kernel_initializer="he_normal",
            bias_initializer=keras.initializers.Constant(bias),
            kernel_regularizer=self.kernel_regularizer,
            dtype=self.dtype_policy,
            name=name,
        )

    def _depthwise_convolution(self, name, kernel_size):
        return keras.layers.DepthwiseConv2D(
            kernel_size,
            padding="same",
            depthwise_initializer=keras.initializers.RandomNormal(stddev=1 / kernel_size),
            depthwise_regularizer=self.kernel_regularizer,
            dtype=self.dtype_policy,
            name=name,
        )

    def build(self, input_shape):
        channels = {shape[-1] for shape in input_shape}
        if len(channels) != 1:
            raise ValueError(f"Shared weights need maps of equal channels. Received: channels={sorted(channels)}")
        for branch in (self.score_fine, self.score_coarse, self.score_weights, self.locate):
            shape = input_shape[0]
            for layer in branch:
                layer.build(shape)
                shape = layer.compute_output_shape(shape)
        self.combination = self.add_weight(
            name="combination", shape=(len(input_shape), len(STATISTICS)), initializer=_CombinationInitializer()
        )

    def call(self, feature_maps):
        scores, location_maps = [], []
        for index, feature_map in enumerate(feature_maps):
            score_map, location_map = self.score_and_locate(feature_map)
            scores.append(ops.matmul(self.statistics(score_map * location_map), self.combination[index][:, None]))
            location_maps.append(location_map)
        return ops.concatenate(scores, axis=-1), location_maps

    def score_and_locate(self, feature_map):
        """Score map O and location map D, each (B, H, W, 1), of one feature map (B, H, W, C)."""
        features = ops.concatenate(
            [_apply(self.score_fine, feature_map), _apply(self.score_coarse, feature_map)], axis=-1
        )
        # The last convolution of this branch is pointwise and linear, so it commutes with the average over the map and
        # is applied to one cell in place of all.
        pointwise, project = self.score_weights
        weights = project(ops.mean(pointwise(feature_map), axis=(1, 2), keepdims=True))
        height, width = feature_map.shape[1:3]
        weights = ops.reshape(weights, (-1, self.features, 1))
        score_map = ops.matmul(ops.reshape(features, (-1, height * width, self.features)), weights)
        return ops.reshape(score_map, (-1, height, width, 1)), _apply(self.locate, feature_map)

    @staticmethod
    def statistics(refined_map):
        """Max, mean and sum over a refined map (B, H, W, 1): (B, 3).

        The sum is divided by the square root of the number of cells, a constant that its weight absorbs: without it
        an optimizer step that suits the weight of the mean moves the score of a 100x128 map 12,800 times as far.
        """
        cells = refined_map.shape[1] * refined_map.shape[2]
        return ops.concatenate(
            [
                ops.max(refined_map, axis=(1, 2)),
                ops.mean(refined_map, axis=(1, 2)),
                ops.sum(refined_map, axis=(1, 2)) / math.sqrt(cells),
            ],
            axis=-1,
        )

    def get_config(self):
        return {
            **super().get_config(),
            "features": self.features,
            "bottleneck": self.bottleneck,
            "depthwise": self.depthwise,
            "location_prior": self.location_prior,
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }


def _apply(layers, tensor):
    for layer in layers:
        tensor = layer(tensor)
    return tensor


@keras.saving.register_keras_serializable("tfderm")
class _CombinationInitializer(keras.initializers.Initializer):
    """Equal shares for max and mean, a tenth of that for the sum, whose values are larger."""

    def __call__(self, shape, dtype=None):
        return ops.broadcast_to(ops.convert_to_tensor([0.5, 0.5, 0.05], dtype=dtype or "float32"), shape)
