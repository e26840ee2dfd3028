"""Choose Keras' backend before anything imports Keras."""

import logging
import os

from tfderm.native_messages import silenced_native_messages


def start_keras(backend: str | None = None) -> None:
    """Import Keras on `backend`, or on the one in $KERAS_BACKEND, or on TensorFlow."""
    if backend:
        os.environ["KERAS_BACKEND"] = backend
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with silenced_native_messages():  # TensorFlow's start-up messages ignore their own log level.
        import keras  # noqa: F401
    # TensorFlow warns of each new model that one process predicts with.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
