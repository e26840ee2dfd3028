"""The errors a user meets: one line that says what was expected, what was received and what to do."""


class TfdermError(Exception):
    """Base of every error tfderm raises on purpose. `exit_status` is what the command line returns."""

    exit_status = 2


class InputError(TfdermError, ValueError):
    """Wrong usage or unusable input (exit status 2)."""


class CheckFailed(TfdermError):
    """The work was done and its result does not hold (exit status 1)."""

    exit_status = 1


class Interrupted(TfdermError):
    """The work stopped in a state from which `--resume` continues (exit status 75)."""

    exit_status = 75
