"""Small configurations of the paper's network."""

import dataclasses

from pconv_jax.models import PAPER_PRESETS, PaperConfig

SMALL = PaperConfig(widths=(4, 6), norm_each_conv=True)
PLAIN = PaperConfig(widths=(4, 6), convolution="plain")
LETTER = PaperConfig(widths=(4, 6), norm_each_conv=False)
PAPER = dataclasses.replace(PAPER_PRESETS["paper"], widths=(4, 6))
