"""Choose Keras' backend before anything imports Keras."""

import contextlib
import os
import sys


def start_keras(backend: str | None = None) -> None:
    """Import Keras on `backend`, or on the one in $KERAS_BACKEND, or on TensorFlow."""
    if backend:
        os.environ["KERAS_BACKEND"] = backend
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _silenced_stderr():
        import keras  # noqa: F401


@contextlib.contextmanager
def _silenced_stderr():
    """TensorFlow's C++ start-up messages ignore their own log level; an import that fails still raises."""
    sys.stderr.flush()
    saved = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
