"""The data sets that `--dataset` takes, in every command; importing it loads no network."""

from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import tyro

from pconv_jax.data import DATASETS

if TYPE_CHECKING:
    Dataset: TypeAlias = str
    DatasetOrData: TypeAlias = str
else:  # the flag lists them
    Dataset = Literal[DATASETS]
    DatasetOrData = Annotated[Dataset, tyro.conf.arg(aliases=["--data"])]
    """For the commands in which the flag was once named `--data`."""
