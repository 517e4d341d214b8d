"""One training of the detector, from its settings to its weights."""

from experiments.detector.config import Config
from experiments.detector.trainer import DetectorTrainer
from experiments.detector.validation import DetectorValidation
from experiments.train.data_record import Recorded, check_same_data, write_record
from experiments.train.experiment import check_run_folder, locked_run
from experiments.train.host_checks import check_data, check_hosts
from experiments.train.interface import Outcome
from experiments.train.loop import train
from experiments.train.memory import LESS, check_batch
from experiments.train.run_folder import read_settings, write_settings
from experiments.train.signals import exit_code, remembered_interrupts
from pconv_jax.common.jax_start import prepare_jax
from pconv_jax.common.memory import advising_on_memory
from pconv_jax.data import ImageSource, Split, open_source
from pconv_jax.data.opacity_maps import listed_maps
from pconv_jax.training.host_group import Group
from pconv_jax.training.hosts import joined


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
    with remembered_interrupts(), joined(config.hosts) as hosts, advising_on_memory(LESS):
        config.check()
        check_hosts(hosts, config)
        with locked_run(config.run.out, hosts):
            outcome = _train(config, hosts)
    if stopped := exit_code(outcome.signal, step=outcome.step, resumes=config.run.resume):
        return stopped
    if hosts.leads:
        export = f"python -m experiments.export {config.run.out} FILE.safetensors"
        print(f"trained {outcome.step} steps; `{export}` writes the weights")
    return 0


def _train(config: Config, hosts: Group) -> Outcome:
    resuming = hosts.leads and check_run_folder(config.run.out, resume=config.run.resume)
    if resuming:
        config.check_same_run(read_settings(config.run.out))
    hosts.check_shared(config.run.out)
    prepare_jax()
    data = config.data
    stem = max(config.network.widths[:1], default=0) / 4  # at half the resolution
    check_batch(data.batch_size, data.image_size, channels=3 + stem)
    splits: tuple[Split, ...] = ("train", "validation")
    sources: dict[str, ImageSource] = {
        split: open_source(
            data.dataset,
            split,
            data_dir=data.data_dir,
            limit=data.limit,
            seed=config.run.seed,
            without=[config.photographs.damage_dir],
        )
        for split in splits
    }
    print(f"data: {data.dataset}; photographs: {', '.join(f'{len(sources[split])} {split}' for split in splits)}")
    recorded: dict[str, Recorded] = {**sources}
    if config.photographs.damage_dir is not None:
        recorded["damage"] = listed_maps(config.photographs.damage_dir)
    check_data(hosts, sources.values(), damage=recorded["damage"].fingerprint() if "damage" in recorded else "")
    if resuming:
        check_same_data(config.run.out, recorded)
    trainer = DetectorTrainer(config, sources["train"])
    validation = DetectorValidation(config, sources["validation"])
    if hosts.leads:
        write_settings(config.run.out, config.to_json())
        write_record(config.run.out, recorded)
    print(f"detector: {trainer.parameters:,} parameters, crops of {data.image_size}x{data.image_size} px")
    return train(config.run, trainer, validation, batch_size=data.batch_size)
