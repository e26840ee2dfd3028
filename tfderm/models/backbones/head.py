"""The head that most networks share: one fully connected layer on averages."""

import keras


def average_head(tensor, num_classes, name, dropout=0.0):
    """Average over the map, dropout where there is some, one fully connected layer.

    Args:
        tensor: (B, H, W, C).
        num_classes: number of logits, or of scores.
        name: of the fully connected layer.
        dropout: share of the averages set to 0 while training.

    Returns:
        Logits, (B, num_classes).
    """
    tensor = keras.layers.GlobalAveragePooling2D(name="average")(tensor)
    if dropout:
        tensor = keras.layers.Dropout(dropout, name="dropout")(tensor)
    return keras.layers.Dense(num_classes, dtype=keras.config.floatx(), name=name)(tensor)
