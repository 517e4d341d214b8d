"""`python -m pconv_jax.cli`, where the script `pconv-jax` is not installed."""

import sys

from pconv_jax.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
