"""`python -m pconv_jax`, where the script `pconv-jax` is not on the path."""

import sys

from pconv_jax.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
