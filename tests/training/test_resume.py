"""A run killed at any moment and resumed is the same run: same losses, same weights."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from tfderm import models
from tfderm.run import Run

TIMEOUT = 300
EPOCHS = 12
SETTINGS = [
    f"epochs={EPOCHS}",
    "image_size=(32,32)",
    "batch_size=8",
    "model_options.filters=(8,16)",
    "pretraining=None",
]


def arguments(data, output, *more):
    return ["train", "cnd", "--data", str(data), "-o", str(output), "--set", *SETTINGS, *more]


def start(script: list[str], **options) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, *script], stderr=subprocess.PIPE, text=True, start_new_session=True, **options
    )


def finish(data, output, *more) -> None:
    script = [sys.executable, "-m", "tfderm", *arguments(data, output, *more)]
    subprocess.run(script, check=True, capture_output=True, timeout=TIMEOUT)


def history(run: Path) -> list[str]:
    """A line per epoch, and the header, without the seconds that the epoch took."""
    return [line.rpartition(",")[0] for line in (run / "history.csv").read_text().splitlines()]


def weights(run: Path) -> list[np.ndarray]:
    return [np.asarray(weight) for weight in models.load(Run.open(run).model_path).weights]


def wait_for_epochs(run: Path, count: int, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not (run / "history.csv").is_file() or len(history(run)) <= count:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.002)


@pytest.fixture(scope="module")
def uninterrupted(coloured, tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "whole"
    finish(coloured, run)
    return run


KILLED_BEFORE_THE_SECOND_RENAME = """
    import os, signal, sys
    from tfderm import files
    from tfderm.cli import main
    replace, checkpoints = os.replace, []
    def replace_or_die(source, target):
        if str(target).endswith("latest.npz"):
            checkpoints.append(target)
            if len(checkpoints) == 2:
                os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target)
    files.os.replace = replace_or_die
    main(sys.argv[1:])
"""


def test_resume_after_sigkill_gives_the_same_losses_and_weights(coloured, uninterrupted, tmp_path):
    run = tmp_path / "killed"
    between_epochs = start(["-m", "tfderm", *arguments(coloured, run)])
    wait_for_epochs(run, 2, between_epochs)
    os.killpg(between_epochs.pid, signal.SIGKILL)
    between_epochs.wait()
    epochs = len(history(run)) - 1

    script = textwrap.dedent(KILLED_BEFORE_THE_SECOND_RENAME)
    in_a_checkpoint = start(["-c", script, *arguments(coloured, run, "--resume")])
    in_a_checkpoint.communicate(timeout=TIMEOUT)
    assert in_a_checkpoint.returncode == -signal.SIGKILL
    assert list(run.glob("checkpoints/.latest*"))  # written, and never renamed
    assert epochs < len(history(run)) <= EPOCHS and not (run / "model.keras").exists()

    finish(coloured, run, "--resume")
    assert history(run) == history(uninterrupted)
    for resumed, whole in zip(weights(run), weights(uninterrupted), strict=True):
        np.testing.assert_array_equal(resumed, whole)
    assert not list(run.glob("**/.*"))


def test_the_same_seed_gives_the_same_run_and_another_does_not(coloured, uninterrupted, tmp_path):
    finish(coloured, tmp_path / "same")
    assert history(tmp_path / "same") == history(uninterrupted)
    finish(coloured, tmp_path / "other", "--seed", "1")
    assert history(tmp_path / "other") != history(uninterrupted)


def test_ctrl_c_exits_75_and_names_the_command_that_continues(coloured, uninterrupted, tmp_path):
    run = tmp_path / "stopped"
    # A shell that runs the tests in the background ignores Ctrl-C, and its children inherit that.
    process = start(
        ["-m", "tfderm", *arguments(coloured, run)],
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    wait_for_epochs(run, 1, process)
    process.send_signal(signal.SIGINT)
    message = process.communicate(timeout=TIMEOUT)[1]
    assert process.returncode == 75 and f"--resume -o {run}" in message
    finish(coloured, run, "--resume")
    assert history(run) == history(uninterrupted)
