"""One experiment from its settings to its report."""

import contextlib
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from experiments.train.config import Config
from experiments.train.data_record import (
    VGG,
    Recorded,
    RecordedWeights,
    check_same_data,
    is_recorded,
    write_record,
)
from experiments.train.host_checks import check_data, check_hosts, check_vgg_weights
from experiments.train.interface import Outcome
from experiments.train.loop import train
from experiments.train.memory import LESS, check_memory
from experiments.train.report import write_report
from experiments.train.run_folder import read_settings, resumable, write_settings
from experiments.train.signals import exit_code, remembered_interrupts
from experiments.train.trainer import Trainer
from experiments.train.validation import Validation
from pconv_jax.checkpoints.folder_names import check_folder_names
from pconv_jax.checkpoints.saved_steps import only_unfinished, saved_steps
from pconv_jax.common.errors import InputError
from pconv_jax.common.folder_lock import is_unused, locked_folder
from pconv_jax.common.jax_start import prepare_jax
from pconv_jax.common.memory import advising_on_memory
from pconv_jax.data import SPLITS, ImageSource, open_source
from pconv_jax.losses import check_vgg
from pconv_jax.models.vgg import VGG16, deepest
from pconv_jax.models.vgg_weights import resolve_weights
from pconv_jax.training.host_group import Group
from pconv_jax.training.hosts import joined

_TRIED_MASKS = 20


@dataclasses.dataclass(frozen=True)
class _Trained:
    """How training ended, and what the report needs."""

    outcome: Outcome
    test: ImageSource
    facts: Mapping[str, Any]


def run(config: Config) -> int:
    """Trains as configured, or resumes, then scores the test split and writes the report.

    Fails fast if data, weights or the output folder are unavailable.

    Args:
        config: settings of the run.

    Returns:
        0, or 128 + the number of the signal that stopped it (after saving).

    Raises:
        InputError: a mistake in settings, data, weights or the output folder.
        TrainingError: a loss was no longer finite, or a file could not be written.
        MemoryError: the devices have too little memory.
    """
    with contextlib.ExitStack() as held:
        held.enter_context(remembered_interrupts())
        with joined(config.hosts) as hosts, advising_on_memory(LESS):
            config.check()
            check_hosts(hosts, config)
            held.enter_context(locked_run(config.run.out, hosts))
            trained = _train(config, hosts)
        outcome = trained.outcome
        if stopped := exit_code(outcome.signal, step=outcome.step, resumes=config.run.resume):
            return stopped
        if hosts.leads:  # the others have left
            with advising_on_memory(LESS), resumable(config.run.out, lambda: outcome.step):
                write_report(config, trained.test, outcome, trained.facts)
    return 0


def _train(config: Config, hosts: Group) -> _Trained:
    resuming = hosts.leads and check_run_folder(config.run.out, resume=config.run.resume)
    if resuming:
        check_settings(config)
    hosts.check_shared(config.run.out)
    prepare_jax()
    check_memory(config, config.train_config(1 + config.optimizer.warmup))
    config.damage.check_files()
    _check_masks(config)
    sources = open_sources(config)
    masks = config.damage.files()
    vgg = open_vgg(config)
    recorded: dict[str, Recorded] = {**sources, **({"masks": masks} if masks else {}), **recorded_vgg(vgg)}
    check_data(hosts, sources.values(), damage=masks.fingerprint() if masks else "")
    check_vgg_weights(hosts, vgg)
    if resuming:
        check_same_data(config.run.out, recorded)
    if vgg is not None and (layers := config.losses.layers) is not None:
        print(f"features of {', '.join(layers)} of VGG16 with weights: {vgg.source}")
    trainer = Trainer(config, sources["train"], vgg)
    if resuming:
        check_steps(config.run.out, trainer.total_steps)
    validation = Validation(config, sources["validation"])
    if hosts.leads:
        write_settings(config.run.out, config.to_json())
        write_record(config.run.out, recorded)
    generator, discriminator = trainer.parameters
    widest = trainer.config.generator.widest_line()
    reach = "leaves no pixel empty" if widest is None else f"closes lines up to {widest} px"
    print(
        f"generator: {config.network.generator}, {trainer.config.generator.describe()}, {generator:,} parameters, "
        + reach
        + (f"; discriminator: {discriminator:,} parameters" if discriminator else "")
    )
    outcome = train(config.run, trainer, validation, batch_size=config.data.batch_size)
    facts = {
        "images": {split: len(source) for split, source in sources.items()},
        "data_note": sources["test"].note,
        "parameters": {"generator": generator, "discriminator": discriminator},
        "vgg_weights": vgg.source if vgg else None,
    }
    return _Trained(outcome, sources["test"], facts)


def _check_masks(config: Config) -> None:
    """Refuses masks that cannot be drawn, such as those of a folder without holes, and those that leave nothing."""
    size = config.data.image_size
    masks = (config.damage.mask(np.random.default_rng(seed), size) for seed in range(_TRIED_MASKS))
    if not any(mask.any() for mask in masks):
        raise InputError(
            f"{_TRIED_MASKS} masks of {size}x{size} px left no valid pixel: give thinner lines (--line-thickness), "
            "fewer of them (--line-count), or larger images (--image-size)"
        )


def locked_run(out: Path, hosts: Group) -> contextlib.AbstractContextManager[None]:
    """The lock on the folder of a run, if checkpoints can be saved there: host 0 holds it for all of them."""
    check_folder_names(out)
    return locked_folder(out) if hosts.leads else contextlib.nullcontext()


def check_run_folder(out: Path, *, resume: bool) -> bool:
    """Refuses an output folder that holds something else, or a run that is not to be resumed.

    Args:
        out: the folder.
        resume: whether a run there is to be continued.

    Returns:
        Whether it holds a run.

    Raises:
        InputError: it cannot be used.
    """
    has_settings = (out / "config.json").exists()
    if has_settings and not resume:
        raise InputError(f"{out} holds a run already: add --resume to continue it, or choose another --out")
    unfinished = only_unfinished(out / "checkpoints")  # if the folder was removed while they were written
    if not has_settings and not is_unused(out, besides=["checkpoints"] if unfinished else []):
        raise InputError(f"{out} is not empty and holds no run: choose another --out")
    return has_settings


def check_steps(out: Path, total_steps: int) -> None:
    """Refuses to resume a run that has taken more steps than it is to take.

    Raises:
        InputError: its record would say that it took fewer.
    """
    taken = max(saved_steps(out / "checkpoints"), default=0)
    if taken > total_steps:
        raise InputError(
            f"--resume would end the run in {out} after {total_steps} steps, but it has taken {taken}: give --steps "
            f"{taken} or more, or another --out"
        )


def open_sources(config: Config) -> dict[str, ImageSource]:
    """Opens every split of the data set and says what is in it."""
    data = config.data
    sources: dict[str, ImageSource] = {
        split: open_source(
            data.dataset,
            split,
            splits=data.splits,
            data_dir=data.data_dir,
            limit=data.limit,
            seed=config.run.seed,
            without=[config.damage.mask_dir],
        )
        for split in SPLITS
    }
    counts = ", ".join(f"{len(source)} {split}" for split, source in sources.items())
    print(f"data: {data.dataset} at {data.image_size}x{data.image_size} px; images: {counts}")
    if note := sources["train"].note:
        print(f"note: {note}")
    return sources


def check_finished(config: Config) -> None:
    """Refuses to take the results of a run for those of other settings, or of other weights of VGG16.

    Raises:
        InputError: naming what differs.
    """
    check_settings(config)
    if is_recorded(config.run.out, VGG):
        check_same_data(config.run.out, recorded_vgg(open_vgg(config)), only=VGG)


def check_settings(config: Config) -> None:
    """Refuses to continue a run with other settings; weights of VGG16 may lie elsewhere if the run recorded which.

    Raises:
        InputError: naming every setting that differs.
    """
    moved = ("vgg_weights",) if is_recorded(config.run.out, VGG) else ()
    config.check_same_run(read_settings(config.run.out), also_free=moved)


def recorded_vgg(vgg: VGG16 | None) -> dict[str, Recorded]:
    """The weights of VGG16 as they are recorded; nothing if there are none."""
    return {} if vgg is None else {VGG: RecordedWeights(vgg.fingerprint())}


def open_vgg(config: Config) -> VGG16 | None:
    """Loads the VGG16 weights of the losses; None if no loss compares features."""
    losses, source = config.losses, config.network.vgg_weights
    if losses.layers is None:
        return None
    vgg = resolve_weights(
        source,
        seed=config.run.seed,
        through=deepest(losses.layers),
        random_preprocessing=losses.vgg_preprocessing or "caffe",
    )
    check_vgg(losses, vgg.preprocessing, f"--vgg-weights {source}")
    return vgg
