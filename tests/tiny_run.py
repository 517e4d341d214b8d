"""A training run of seconds, as flags of the command."""

import pathlib

STEPS = 7
TINY = (
    "--dataset samples --image-size 16 --widths 4 8 --discriminator-widths 4 8 --perceptual-layers block1_conv1 "
    f"--batch-size 8 --compare --ema 0.5 --steps {STEPS} --checkpoint-every 3 --sample-every 4 --validation-images 4 "
    "--test-images 6"
).split()
# The pixel loss alone, so that no discriminator is compiled.
ALONE = ("--adversarial-weight", "0", "--perceptual-weight", "0", "--learning-rate", "1e-3")


def tiny(folder: pathlib.Path, *more: str) -> list[str]:
    """Flags of a run of seconds."""
    return [*TINY, "--out", str(folder), *more]
