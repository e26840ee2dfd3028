"""A run killed at any moment and resumed is the same run: same losses, same weights."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tfderm import models
from tfderm.run import Run

TIMEOUT = 300
SETTINGS = ["epochs=4", "image_size=(64,80)", "batch_size=8", "model_options.width=0.125", "augmentation.rotation=5"]


def command(data, output, *more):
    return [
        sys.executable, "-m", "tfderm", "train", "psenet:demo", "--data", str(data), "-o", str(output),
        "--set", *SETTINGS, *more,
    ]  # fmt: skip


def finish(arguments: list[str]) -> None:
    subprocess.run(arguments, check=True, capture_output=True, timeout=TIMEOUT)


def history(run: Path) -> list[str]:
    return (run / "history.csv").read_text().splitlines()


def variables(run: Path) -> list[np.ndarray]:
    return [np.asarray(variable) for variable in models.load(Run.open(run).model_path).variables]


@pytest.fixture(scope="module")
def uninterrupted(psoriasis, tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "whole"
    finish(command(psoriasis, run))
    return run


def kill_when(process, condition):
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_resume_after_sigkill_gives_the_same_losses_and_weights(psoriasis, uninterrupted, tmp_path):
    run = tmp_path / "killed"
    moments = [
        lambda: (run / "history.csv").is_file() and len(history(run)) >= 2,  # between two epochs
        lambda: any(run.glob("checkpoints/.latest*")),  # while a checkpoint is being written
    ]
    resume = []
    for moment in moments:
        process = subprocess.Popen(
            command(psoriasis, run, *resume), stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        kill_when(process, moment)
        assert not (run / "model.keras").exists()
        resume = ["--resume"]
    finish(command(psoriasis, run, "--resume"))
    assert history(run) == history(uninterrupted)
    for resumed, whole in zip(variables(run), variables(uninterrupted), strict=True):
        np.testing.assert_array_equal(resumed, whole)
    assert not list(run.glob("**/.*"))


def test_the_same_seed_gives_the_same_run_and_another_does_not(psoriasis, uninterrupted, tmp_path):
    finish(command(psoriasis, tmp_path / "same"))
    assert history(tmp_path / "same") == history(uninterrupted)
    finish(command(psoriasis, tmp_path / "other", "--seed", "1"))
    assert history(tmp_path / "other") != history(uninterrupted)


def test_ctrl_c_exits_75_and_names_the_command_that_continues(psoriasis, uninterrupted, tmp_path):
    run = tmp_path / "stopped"
    process = subprocess.Popen(
        command(psoriasis, run),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell that runs the tests in the background ignores Ctrl-C, and its children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + TIMEOUT
    while not (run / "history.csv").is_file() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    message = process.communicate(timeout=TIMEOUT)[1]
    assert process.returncode == 75 and f"--resume -o {run}" in message
    finish(command(psoriasis, run, "--resume"))
    assert history(run) == history(uninterrupted)
