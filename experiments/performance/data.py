"""Suite `data`: images a second of the input pipeline by stage and number of workers, and how long training waits.

The files are the embedded photographs saved as JPEGs; they are cropped and damaged as in the preset `samples`.
"""

import contextlib
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from tqdm import tqdm

from experiments.performance.device_examples import device_row, device_table
from experiments.performance.options import Options
from experiments.performance.table import Cell, Table
from experiments.performance.timing import Timing
from experiments.train.batches import training_batches
from experiments.train.config import Config
from experiments.train.experiment import open_sources, open_vgg
from experiments.train.loop import train
from experiments.train.presets import PRESETS
from experiments.train.trainer import Trainer
from experiments.train.validation import Validation
from pconv_jax import masks
from pconv_jax.common.progress import progress_options
from pconv_jax.data import FolderSource, ImageSource, open_source, pipeline
from pconv_jax.data.samples import PHOTOGRAPHS, photograph

_JPEG_QUALITY = 90  # about that of a camera
STAGES = ("decode", "crop", "mask", "noise", "batch")
REST, WHOLE = "Grain, random generators", "all, in one thread"


def run(options: Options) -> list[Table]:
    """Measures the pipeline alone, then under training."""
    with tempfile.TemporaryDirectory() as folder:
        photographs = Path(folder, "photographs")
        write_photographs(photographs)
        preset = PRESETS["samples"].replace(steps=options.steps, checkpoint_every=options.steps)
        files = preset.replace(dataset="folder", data_dir=photographs)
        sizes = dict.fromkeys((preset.data.image_size, *options.image_sizes))
        large = [files.replace(image_size=size, batch_size=options.batch_sizes[-1]) for size in sizes]
        return [
            _stages_table(large, options.repeats),
            _workers_table(large, options),
            device_table([device_row("JPEG files", each, _training_images(each), options.repeats) for each in large]),
            _training_table({"in memory": preset, "JPEG files": files}, Path(folder, "runs"), options.repeats),
        ]


def write_photographs(root: Path) -> None:
    """Saves the embedded photographs as JPEG files, in a folder for each split."""
    from PIL import Image

    for split, names in PHOTOGRAPHS.items():
        (root / split).mkdir(parents=True)
        for name in names:
            Image.fromarray(photograph(name)).save((root / split / name).with_suffix(".jpg"), quality=_JPEG_QUALITY)


def by_stage(config: Config, repeats: int) -> dict[str, Timing]:
    """Seconds an image in each stage, with the whole pipeline in one thread.

    Args:
        config: settings of a run on a folder of images.
        repeats: number of rounds; each shows every image equally often.

    Returns:
        Timings of the `STAGES` in use, of `REST` and of `WHOLE`.
    """
    source = _training_images(config)
    rounds: list[dict[str, float]] = []
    with _in_one_thread(), _clocks() as seconds, _opened(config, source) as batches:
        for _ in range(1 + repeats):
            seconds.clear()
            whole = _seconds(batches, len(source))
            rounds.append({**seconds, REST: whole - sum(seconds.values()), WHOLE: whole})
    images = len(source) * config.data.batch_size
    stages = [stage for stage in (*STAGES, REST, WHOLE) if stage in rounds[0]]
    return {stage: Timing(tuple(found[stage] / images for found in rounds[1:])) for stage in stages}


def by_workers(config: Config, workers: tuple[int, ...], repeats: int) -> dict[int, Timing]:
    """Seconds an image by number of workers.

    Args:
        config: settings of a run.
        workers: numbers of worker processes; 0 means threads of this one.
        repeats: number of rounds; each times every number of workers once.

    Returns:
        The timing of each number of workers.
    """
    source = _training_images(config)
    seconds: dict[int, list[float]] = {number: [] for number in workers}
    with contextlib.ExitStack() as stack:
        opened = {number: stack.enter_context(_opened(config.replace(workers=number), source)) for number in workers}
        title = f"workers, {config.data.image_size} px"
        for index in tqdm(range(1 + repeats), desc=title, unit="round", **progress_options()):
            for number, batches in opened.items():
                ready = _max_prefetched(number)
                _seconds(batches, ready)
                taken = _seconds(batches, len(source)) / len(source)
                # Waits until its buffers are full again, so that its work is not charged to the next one.
                time.sleep(1.5 * ready * taken)
                if index:
                    seconds[number].append(taken / config.data.batch_size)
    return {number: Timing(tuple(found)) for number, found in seconds.items()}


def _stages_table(configs: list[Config], repeats: int) -> Table:
    rows: list[dict[str, Cell]] = []
    for config in configs:
        timings = by_stage(config, repeats)
        rows += [
            {
                "stage": stage,
                "size": config.data.image_size,
                "images/s": 1 / timing.median,
                "% of the time": timing.over(timings[WHOLE]).median * 100,
                "± %": timing.spread * 100,
            }
            for stage, timing in timings.items()
        ]
    return Table(f"Input pipeline by stage, JPEG files, batches of {configs[0].data.batch_size}", rows)


def _workers_table(configs: list[Config], options: Options) -> Table:
    rows: list[dict[str, Cell]] = []
    for config in configs:
        timings = by_workers(config, options.workers, options.repeats)
        first = timings[options.workers[0]]
        rows += [
            {
                "workers": "threads" if number == 0 else str(number),
                "size": config.data.image_size,
                "images/s": 1 / timing.median,
                "± %": timing.spread * 100,
                "times the first": first.over(timing).median,
            }
            for number, timing in timings.items()
        ]
    title = f"Input pipeline by workers, JPEG files, batches of {configs[0].data.batch_size}"
    return Table(title, rows, ("threads: of the training process, without worker processes.",))


def _training_table(configs: dict[str, Config], out: Path, repeats: int) -> Table:
    rows = [_training_row(name, config, out / name.split()[-1], repeats) for name, config in configs.items()]
    config = PRESETS["samples"]
    return Table(
        f"Training on the embedded photographs: generator {config.network.generator}, {config.data.image_size} px, "
        f"batches of {config.data.batch_size}",
        rows,
        ("pipeline: alone, on the same cores, before and after training. Goals: 3 times and more; below 2 %.",),
    )


def _training_row(name: str, config: Config, out: Path, repeats: int) -> dict[str, Cell]:
    config = config.replace(out=out)
    out.mkdir(parents=True)
    source = _training_images(config)
    before = _alone(config, source, repeats)
    with contextlib.redirect_stdout(sys.stderr):  # messages of the run
        sources = open_sources(config)
        trainer = Trainer(config, sources["train"], open_vgg(config))
        validation = Validation(config, sources["validation"])
        outcome = train(config.run, trainer, validation, batch_size=config.data.batch_size)
    # Not None: the folder is fresh, so steps were taken.
    assert outcome.images_per_second is not None
    assert outcome.data_wait is not None
    alone = Timing((*before, *_alone(config, source, repeats)))
    return {
        "images": name,
        "training images/s": outcome.images_per_second,
        "pipeline images/s": 1 / alone.median,
        "± %": alone.spread * 100,
        "times training": 1 / alone.median / outcome.images_per_second,
        "% of training waiting": outcome.data_wait * 100,
    }


def _alone(config: Config, source: ImageSource, repeats: int) -> list[float]:
    """Seconds an image, a number each round."""
    with _opened(config, source) as batches:
        _seconds(batches, _max_prefetched(config.data.workers))
        return [_seconds(batches, len(source)) / (len(source) * config.data.batch_size) for _ in range(repeats)]


def _training_images(config: Config) -> ImageSource:
    return open_source(config.data.dataset, "train", splits=config.data.splits, data_dir=config.data.data_dir)


@contextlib.contextmanager
def _opened(config: Config, source: ImageSource) -> Iterator[Iterator[Any]]:
    batches = iter(training_batches(config, source))
    try:
        yield batches
    finally:
        batches.close()


def _seconds(batches: Iterator[Any], count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        next(batches)
    return time.perf_counter() - start


def _max_prefetched(workers: int) -> int:
    """Upper bound of the number of prefetched batches: each process has three buffers."""
    return 3 * pipeline._AHEAD * max(workers, 1)


def _in_one_thread() -> contextlib.AbstractContextManager[Any]:
    """Makes batches in the calling thread, so that no stage waits for another."""
    return mock.patch.multiple(pipeline, _THREADS=0, _AHEAD=0)


@contextlib.contextmanager
def _clocks() -> Iterator[dict[str, float]]:
    """Adds up the seconds of the library's functions, without those of other stages that they call."""
    seconds: dict[str, float] = defaultdict(float)
    inside = [0.0]

    def clock(stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            inside.append(0.0)
            start = time.perf_counter()
            result = function(*args, **kwargs)
            taken = time.perf_counter() - start
            seconds[stage] += taken - inside.pop()
            inside[-1] += taken
            return result

        return timed

    stages = (
        ("decode", FolderSource, "__getitem__"),
        ("crop", pipeline._Example, "_crop"),
        ("mask", masks, "random_lines"),
        ("noise", pipeline._Example, "_draw_noise"),
        ("noise", pipeline._Batch, "_add_noise"),
        ("batch", pipeline._Batch, "__call__"),
    )
    with contextlib.ExitStack() as stack:
        for stage, owner, name in stages:
            stack.enter_context(mock.patch.object(owner, name, clock(stage, getattr(owner, name))))
        yield seconds
