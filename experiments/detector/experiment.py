"""One training of the detector, from its settings to its weights."""

from experiments.detector.config import Config
from experiments.detector.trainer import DetectorTrainer
from experiments.detector.validation import DetectorValidation
from experiments.train.experiment import check_run_folder
from experiments.train.loop import train
from experiments.train.run_folder import read_settings
from experiments.train.signals import exit_code
from pconv_jax.common.atomic_write import write_json
from pconv_jax.common.jax_start import prepare_jax
from pconv_jax.common.memory import advising_on_memory
from pconv_jax.data import open_source


def run(config: Config) -> int:
    """Trains as configured, or resumes.

    Fails fast if the photographs, the damage or the output folder are unavailable.

    Args:
        config: settings of the run.

    Returns:
        0, or 128 + the number of the signal that stopped it (after saving).

    Raises:
        InputError: a mistake in settings, data or the output folder.
        TrainingError: a loss was no longer finite, or a file could not be written.
        MemoryError: the devices have too little memory.
    """
    with advising_on_memory("choose a smaller --batch-size or --image-size, or fewer --widths"):
        return _run(config)


def _run(config: Config) -> int:
    config.check()
    if check_run_folder(config.run.out, resume=config.run.resume):
        config.check_same_run(read_settings(config.run.out))
    prepare_jax()
    data = config.data
    training, validating = (
        open_source(data.dataset, split, data_dir=data.data_dir, limit=data.limit, seed=config.run.seed)
        for split in ("train", "validation")
    )
    print(f"data: {data.dataset}; photographs: {len(training)} train, {len(validating)} validation")
    trainer = DetectorTrainer(config, training)
    validation = DetectorValidation(config, validating)
    write_json(config.run.out / "config.json", config.to_json())
    print(f"detector: {trainer.parameters:,} parameters, crops of {data.image_size}x{data.image_size} px")
    outcome = train(config.run, trainer, validation, batch_size=data.batch_size)
    if stopped := exit_code(outcome.signal, step=outcome.step):
        return stopped
    export = f"python -m experiments.export {config.run.out} FILE.safetensors"
    print(f"trained {outcome.step} steps; `{export}` writes the weights")
    return 0
