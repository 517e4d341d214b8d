"""The paper's figures 1 to 7, from a run or from weights and images: `python -m experiments.paper_figures`."""

from experiments.paper_figures.command import draw as draw
from experiments.paper_figures.options import Flags as Flags
