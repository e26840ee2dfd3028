"""One answer for an image and its mirror images, as a pair of layers around whatever lies between them."""

import keras
from keras import ops

_AXES = ((), (2,), (1,), (1, 2))  # as it is, left for right, top for bottom, both


@keras.saving.register_keras_serializable("tfderm")
class MirroredViews(keras.layers.Layer):
    """Append an image's three mirror images to the batch; `AverageOverViews` takes them together again.

    While training there is one view, the image itself: augmentation mirrors it at random, and what is learned from one
    view is averaged over all four afterwards.

    Call arguments:
        image: (B, H, W, C), any dtype.
        training: whether the model is being trained.

    Returns:
        (4 B, H, W, C), view by view, each of the whole batch; `image` while training.
    """

    def call(self, image, training=False):
        if training:
            return image
        return ops.concatenate([ops.flip(image, axis) if axis else image for axis in _AXES])

    def compute_output_shape(self, image_shape):
        return None, *image_shape[1:]


@keras.saving.register_keras_serializable("tfderm")
class AverageOverViews(keras.layers.Layer):
    """Mean of features over the views that `MirroredViews` made.

    Call arguments:
        features: (4 B, C) float.
        training: whether the model is being trained.

    Returns:
        (B, C); `features` while training.
    """

    def call(self, features, training=False):
        if training:
            return features
        return ops.mean(ops.reshape(features, (len(_AXES), -1, features.shape[-1])), axis=0)

    def compute_output_shape(self, features_shape):
        return None, *features_shape[1:]  # JAX cannot divide a batch of unknown size by four.


def average_upright(maps):
    """Mean over the views that `MirroredViews` made of maps (4 B, H, W, C), each turned back: (B, H, W, C)."""
    views = ops.reshape(maps, (len(_AXES), -1, *maps.shape[1:]))
    return sum(ops.flip(views[view], axis) if axis else views[view] for view, axis in enumerate(_AXES)) / len(_AXES)
