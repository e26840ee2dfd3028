"""BN-Inception, also called GoogLeNet-v2.

Ioffe and Szegedy, "Batch Normalization", ICML 2015, figure 5: GoogLeNet whose 5x5 convolutions became two 3x3, with
batch normalisation after every convolution. This is the network of the published weights (Caffe's, also for PyTorch):
its first convolution is a plain one where the paper's is separable, and the pooled branches of 4c and 4d have 128
channels where the paper prints 96. Layers carry the names of those files.
"""

from functools import partial

import keras

from tfderm.models.backbones.head import average_head
from tfderm.models.convolution import average_pool, convolution, max_pool

STRIDES = (2, 4, 8, 16, 32)

# Per module: 1x1; 3x3 reduction, 3x3; double 3x3 reduction, double 3x3; pooling, channels after it. Without a 1x1
# branch the 3x3 branches have stride 2 and the pooling passes through.
_MODULES = {
    "3a": (64, (64, 64), (64, 96), ("avg", 32)),
    "3b": (64, (64, 96), (64, 96), ("avg", 64)),
    "3c": (0, (128, 160), (64, 96), ("max", 0)),
    "4a": (224, (64, 96), (96, 128), ("avg", 128)),
    "4b": (192, (96, 128), (96, 128), ("avg", 128)),
    "4c": (160, (128, 160), (128, 160), ("avg", 128)),
    "4d": (96, (128, 192), (160, 192), ("avg", 128)),
    "4e": (0, (128, 192), (192, 256), ("max", 0)),
    "5a": (352, (192, 320), (160, 224), ("avg", 128)),
    "5b": (352, (192, 320), (192, 224), ("max", 128)),
}


def inception_bn_backbone(image, kernel_regularizer=None):
    """Feature maps of a normalised image.

    Args:
        image: float tensor (B, height, width, 3).
        kernel_regularizer: applied to every convolution kernel.

    Returns:
        Five tensors at strides of about 2, 4, 8, 16 and 32 (two poolings do not pad) with 64, 192, 320, 608 and 1024
        channels: the last map of each size.
    """

    block = partial(convolution, padding="symmetric", regularizer=kernel_regularizer)

    def module(tensor, name, pointwise, single, double, pooling):
        strides = 1 if pointwise else 2
        branches = [block(tensor, pointwise, 1, name=f"{name}_1x1")] if pointwise else []
        reduced = block(tensor, single[0], 1, name=f"{name}_3x3_reduce")
        branches.append(block(reduced, single[1], 3, name=f"{name}_3x3", strides=strides))
        reduced = block(tensor, double[0], 1, name=f"{name}_double_3x3_reduce")
        first = block(reduced, double[1], 3, name=f"{name}_double_3x3_1")
        branches.append(block(first, double[1], 3, name=f"{name}_double_3x3_2", strides=strides))
        kind, channels = pooling
        if kind == "avg":
            pooled = average_pool(tensor, f"{name}_pool")
        else:
            pooled = keras.layers.MaxPooling2D(3, strides, padding="same", name=f"{name}_pool")(tensor)
        branches.append(block(pooled, channels, 1, name=f"{name}_pool_proj") if channels else pooled)
        return keras.layers.Concatenate(name=f"{name}_output")(branches)

    maps = [block(image, 64, 7, name="conv1_7x7_s2", strides=2)]
    tensor = block(max_pool(maps[0], "pool1_3x3_s2"), 64, 1, name="conv2_3x3_reduce")
    maps.append(block(tensor, 192, 3, name="conv2_3x3"))
    tensor = max_pool(maps[1], "pool2_3x3_s2")
    for name, (pointwise, *branches) in _MODULES.items():
        if not pointwise:
            maps.append(tensor)
        tensor = module(tensor, f"inception_{name}", pointwise, *branches)
    return [*maps, tensor]


def inception_bn_head(tensor, num_classes):
    """Logits (B, num_classes) from the last map."""
    return average_head(tensor, num_classes, "last_linear")


def inception_bn_state_dict(tensors):
    """The published file for this network, which has no biases beside batch normalisation and reads RGB, not BGR."""
    first = "conv1_7x7_s2.weight"
    if first not in tensors or tensors[first].ndim != 4:
        return tensors, ""
    adapted = {**tensors, first: tensors[first][:, ::-1]}
    for name, tensor in tensors.items():
        convolution_name = name.removesuffix(".bias")
        mean = f"{convolution_name}_bn.running_mean"
        if convolution_name != name and mean in tensors and tensors[mean].shape == tensor.shape:
            adapted[mean] = tensors[mean] - tensor  # (x + b) - m = x - (m - b)
            del adapted[name]
    return adapted, ""
