"""What the tests of the evaluation share: its command on small images, small networks, pixels of files."""

import concurrent.futures

import numpy as np
from flax import nnx
from PIL import Image

from experiments.evaluate.__main__ import main
from pconv_jax.checkpoints.orbax import Checkpoints
from pconv_jax.evaluation import worker_pool
from pconv_jax.models import PaperConfig
from pconv_jax.models.initialize import initialize


class InThisProcess:
    """A pool of processes without the processes."""

    def __init__(self, *_, initargs, **__):
        (worker_pool._pairs,) = initargs

    def submit(self, function, *arguments):
        future = concurrent.futures.Future()
        future.set_result(function(*arguments))
        return future

    def shutdown(self, **_):
        pass


SMALL = ["--image-size", "32", "--limit", "2"]


def evaluate(out, *flags):
    return main([*SMALL, "--out", str(out), *map(str, flags)])


def generator(folder, seed=0):
    """The folder of an untrained generator."""
    config = PaperConfig(widths=(4,))
    params, stats = nnx.split(initialize(lambda: config.build(rngs=nnx.Rngs(seed))), nnx.Param, nnx.BatchStat)[1:]
    with Checkpoints(folder / "checkpoints", metadata={"generator": vars(config)}) as checkpoints:
        checkpoints.save(1, {"generator": {"params": params, "stats": stats}})
    return folder


def colour(path):
    with Image.open(path) as image:
        return np.asarray(image)


def grey(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("L"))


def by_name(own, out, *more):
    folders = ["--dataset", "folder", "--data-dir", own / "images", "--masks", own / "masks", "--pair-by-name"]
    return main([*map(str, folders), "--methods", "mean", "--out", str(out), *map(str, more)])
