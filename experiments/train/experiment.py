"""One experiment from its settings to its report."""

import json
import signal
import sys

from experiments.train.config import Config
from experiments.train.loop import Loop
from experiments.train.report import write_report
from pconv_jax.common.atomic_write import write_json
from pconv_jax.common.cache import enable_compilation_cache
from pconv_jax.common.errors import InputError
from pconv_jax.data import SPLITS, ImageSource, open_source
from pconv_jax.models import widest_closed_line
from pconv_jax.models.vgg import VGG16, deepest
from pconv_jax.models.vgg_weights import resolve_weights


def run(config: Config) -> int:
    """Trains as configured, or goes on with it, then scores the test split and writes the report.

    Whatever can fail for want of data, weights or a free folder fails before training starts.

    Args:
        config: settings of the run.

    Returns:
        0, or 128 + the number of the signal that stopped it (after saving).

    Raises:
        InputError: something the user can mend.
        TrainingError: a loss was no longer finite.
    """
    config.check()
    _check_folder(config)
    enable_compilation_cache()
    sources = open_sources(config)
    vgg = open_vgg(config)
    loop = Loop(config, sources, vgg)
    write_json(config.out / "config.json", config.to_json())
    generator, discriminator = loop.parameters
    widest = widest_closed_line(config.generator_config)
    reach = "leaves no pixel empty" if widest is None else f"closes lines up to {widest} px"
    kind = "over a fill" if config.generator == "pyramid" else f"{config.convolution} convolutions"
    print(
        f"generator: {config.generator}, {kind}, {generator:,} parameters, {reach}; "
        f"discriminator: {discriminator:,} parameters"
    )
    outcome = loop.run()
    if outcome.signal:
        name = signal.Signals(outcome.signal).name
        print(f"stopped by {name} and saved at step {outcome.step}; --resume goes on from there", file=sys.stderr)
        return 128 + outcome.signal
    facts = {
        "images": {split: len(source) for split, source in sources.items()},
        "data_note": sources["test"].note,
        "parameters": {"generator": generator, "discriminator": discriminator},
        "vgg_weights": vgg.source if vgg else None,
    }
    write_report(config, sources["test"], outcome, facts)
    return 0


def _check_folder(config: Config) -> None:
    """Refuses an output folder that holds something else, or a run with other settings."""
    if not config.out.exists():
        return
    if not config.out.is_dir():
        raise InputError(f"--out {config.out} is not a folder: name another")
    settings = config.out / "config.json"
    if settings.exists() and not config.resume:
        raise InputError(f"{config.out} holds a run already: add --resume to go on with it, or name another --out")
    if settings.exists():
        config.check_same_run(json.loads(settings.read_text()))
    elif any(config.out.iterdir()):
        raise InputError(f"{config.out} is not empty and holds no run: name another --out")


def open_sources(config: Config) -> dict[str, ImageSource]:
    """Opens every split of the data set and says what is in it."""
    sources: dict[str, ImageSource] = {
        split: open_source(config.dataset, split, data_dir=config.data_dir, limit=config.limit, seed=config.seed)
        for split in SPLITS
    }
    counts = ", ".join(f"{len(source)} {split}" for split, source in sources.items())
    print(f"data: {config.dataset} at {config.image_size}x{config.image_size} px; images: {counts}")
    if note := sources["train"].note:
        print(f"note: {note}")
    return sources


def open_vgg(config: Config) -> VGG16 | None:
    """Loads the weights of the perceptual loss and says where they come from; None if that loss is off."""
    if not config.perceptual_weight:
        return None
    vgg = resolve_weights(config.vgg_weights, seed=config.seed, through=deepest(config.perceptual_layers))
    print(f"perceptual loss on {', '.join(config.perceptual_layers)} of VGG16 with weights: {vgg.source}")
    return vgg
