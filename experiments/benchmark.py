"""The old name of `python -m experiments.performance`, kept for this version."""

import sys

from experiments.performance.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
