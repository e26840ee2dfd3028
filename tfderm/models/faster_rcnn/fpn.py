"""Feature pyramid (Lin et al., CVPR 2017, section 3)."""

import keras


def feature_pyramid(feature_maps, channels, kernel_regularizer=None):
    """Merge a backbone's maps from the coarsest down, and add one coarser map for the largest anchors.

    Args:
        feature_maps: tensors (B, H_k, W_k, C_k), finest first, each half the size of the one before, rounded up.
        channels: of every map of the pyramid.
        kernel_regularizer: applied to every convolution kernel.

    Returns:
        len(feature_maps) + 1 tensors (B, H_k, W_k, channels), finest first; the last one is the coarsest subsampled.
    """

    def convolution(tensor, name, kernel_size):
        return keras.layers.Conv2D(
            channels,
            kernel_size,
            padding="same",
            kernel_initializer="glorot_uniform",
            kernel_regularizer=kernel_regularizer,
            name=name,
        )(tensor)

    merged = None
    pyramid = []
    for level in reversed(range(len(feature_maps))):
        lateral = convolution(feature_maps[level], f"fpn_lateral_{level}", 1)
        if merged is not None:
            upsampled = keras.layers.UpSampling2D(2, name=f"fpn_upsample_{level}")(merged)
            # A side that was rounded up comes back one cell too long.
            spare = [(0, up - own) for up, own in zip(upsampled.shape[1:3], lateral.shape[1:3], strict=True)]
            if any(after for _, after in spare):
                upsampled = keras.layers.Cropping2D(spare, name=f"fpn_crop_{level}")(upsampled)
            lateral = keras.layers.Add(name=f"fpn_add_{level}")([lateral, upsampled])
        merged = lateral
        pyramid.insert(0, convolution(merged, f"fpn_output_{level}", 3))
    coarsest = keras.layers.MaxPooling2D(1, strides=2, padding="same", name="fpn_subsample")(pyramid[-1])
    return [*pyramid, coarsest]
