"""Choose Keras' backend and keep TensorFlow's start-up chatter off the terminal; call before importing Keras."""

import os


def start_keras(backend: str | None = None) -> None:
    """Use `backend`, or the one in $KERAS_BACKEND, or TensorFlow."""
    if backend:
        os.environ["KERAS_BACKEND"] = backend
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
