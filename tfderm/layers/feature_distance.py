"""How unlike the training images an image is, computed in the graph."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="tfderm")
class FeatureDistance(keras.layers.Layer):
    """Squared distance of features from the subspace in which those of the training images lie.

    The arithmetic of `tfderm.metrics.PrincipalSubspace.distance`; the weights, none of them trained, are its `mean`,
    `components` and `spread`, in this order.

    Args:
        num_components: dimensions of the subspace.

    Call arguments:
        features: (B, D).

    Returns:
        (B, 1), in units of `spread`.
    """

    def __init__(self, num_components, **kwargs):
        super().__init__(**kwargs)
        self.num_components = num_components

    def build(self, input_shape):
        width = input_shape[-1]
        self.mean = self.add_weight(shape=(width,), trainable=False, name="mean")
        self.components = self.add_weight(shape=(self.num_components, width), trainable=False, name="components")
        self.spread = self.add_weight(shape=(), initializer="ones", trainable=False, name="spread")

    def call(self, features):
        centred = features - self.mean
        within = ops.matmul(centred, ops.transpose(self.components))
        squares = ops.sum(ops.square(centred), axis=-1, keepdims=True)
        return (squares - ops.sum(ops.square(within), axis=-1, keepdims=True)) / self.spread

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 1)

    def get_config(self):
        return {**super().get_config(), "num_components": self.num_components}
