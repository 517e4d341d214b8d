"""The one exception type that means "the caller can mend this"."""


class InputError(ValueError):
    """A mistake in what the user gave: its message is one sentence that names the value and the way out.

    Command lines print the message without a traceback and exit with a code other than 0.
    """


class TrainingError(RuntimeError):
    """Training cannot go on; its message is one sentence that says at which step, why, and what is left to use."""
