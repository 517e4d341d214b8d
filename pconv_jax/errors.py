"""The one exception type that means "the caller can mend this"."""


class InputError(ValueError):
    """A mistake in what the user gave: its message is one sentence that names the value and the way out.

    Command lines print the message without a traceback and exit with a code other than 0.
    """
