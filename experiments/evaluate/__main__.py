"""Scores methods side by side: `python -m experiments.evaluate --data ... --masks ... --methods ...`. Flags only."""

import sys
import warnings
from collections.abc import Sequence

import tyro

from experiments.evaluate.options import Options
from pconv_jax.errors import InputError


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code: 0, 2 for a user's mistake, 130 after Ctrl-C."""
    try:
        options = tyro.cli(
            Options,
            args=sys.argv[1:] if arguments is None else list(arguments),
            prog="python -m experiments.evaluate",
            description="Score models and classical methods on the same pairs of image and mask.",
        )
        from experiments.evaluate.evaluation import evaluate  # after the flags: `--help` need not wait for all of it

        with warnings.catch_warnings():
            warnings.showwarning = _show
            evaluate(options)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the same command goes on where it stopped", file=sys.stderr)
        return 130
    return 0


def _show(message: Warning | str, *_: object, **__: object) -> None:
    """A warning as one line, without the place in the code that it comes from."""
    print(f"warning: {message}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
