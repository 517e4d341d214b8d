"""Runs a study: trains every variant with every seed, scores them together, writes table, plot and finding."""

import dataclasses
import time
from pathlib import Path
from typing import Any

from experiments.evaluate.command import evaluate
from experiments.evaluate.options import Options as EvaluationOptions
from experiments.studies.claims import STUDIES
from experiments.studies.options import Options
from experiments.studies.report import plot, tables
from experiments.studies.scores import StudyScores
from experiments.studies.study import BUDGETS, Budget, Study
from experiments.train import experiment
from experiments.train.config import Config
from experiments.train.run_folder import read_settings
from pconv_jax.common.atomic_write import atomic_write, write_json
from pconv_jax.common.errors import InputError
from pconv_jax.common.folder_lock import locked_folder
from pconv_jax.evaluation.score_table import read_facts


def run(options: Options) -> int:
    """Runs a study, or resumes it.

    In its folder: `runs/VARIANT-SEED` (the output of `python -m experiments.run`), `scores/CONDITION` (the output of
    `python -m experiments.evaluate`), `study.md`, `study.png` and `study.json`.

    Args:
        options: the flags.

    Returns:
        0, or 128 + the number of the signal that stopped training (after saving).

    Raises:
        InputError: something that the user can correct.
        TrainingError: a loss was no longer finite.
    """
    study, budget = STUDIES[options.study], _budget(options)
    out = options.out or Path("runs/studies") / f"{study.name}-{options.data}"
    started = time.monotonic()
    runs = {
        f"{variant.name}-{seed}": _config(
            options, budget, variant.changes, seed, out / "runs" / f"{variant.name}-{seed}"
        )
        for seed in range(budget.seeds)  # one seed of every variant first, so that they can be compared early
        for variant in study.variants
    }
    for config in runs.values():
        config.check()
    with locked_folder(out):
        return _run(options, study, budget, runs, out, started=started)


def _run(options: Options, study: Study, budget: Budget, runs: dict[str, Config], out: Path, *, started: float) -> int:
    for number, (name, config) in enumerate(runs.items(), 1):
        if (config.run.out / "report.json").exists():
            config.check_same_run(read_settings(config.run.out))
            continue
        print(f"\n== {study.name}: run {number} of {len(runs)}, {name}", flush=True)
        if code := experiment.run(config):
            return code
    results = _score(options, study, budget, runs, out)
    finding = study.finding(results)
    text = f"{study.claim}\n\n{finding}\n\n{tables(study, results)}\n"
    with atomic_write(out / "study.md") as unfinished:
        unfinished.write_text(text, encoding="utf-8")
    plot(study, results, out / "study.png")
    facts = {
        "study": study.name,
        "claim": study.claim,
        "finding": finding,
        "options": dataclasses.asdict(options),
        "budget": dataclasses.asdict(budget),
        "minutes_of_this_call": round((time.monotonic() - started) / 60, 1),
    }
    write_json(out / "study.json", facts)
    print(f"\n{text}\n  {out / 'study.md'}\n  {out / 'study.png'}")
    return 0


def _budget(options: Options) -> Budget:
    for name in ("steps", "seeds", "images"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise InputError(f"--{name} is {value}, but it must be at least 1")
    budget = BUDGETS[options.preset]
    settings = dict(budget.settings)
    if options.steps:
        every = min(settings["checkpoint_every"], options.steps)
        settings |= {"steps": options.steps, "checkpoint_every": every, "sample_every": options.steps}
    return Budget(settings, options.seeds or budget.seeds, options.images or budget.images)


def _config(options: Options, budget: Budget, changes: Any, seed: int, out: Path) -> Config:
    return Config().replace(
        **{
            "dataset": options.data,
            "data_dir": options.data_dir,
            "vgg_weights": options.vgg_weights,
            **budget.settings,
            **changes,
            "seed": seed,
            "out": out,
            "resume": True,
        }
    )


def _score(options: Options, study: Study, budget: Budget, runs: dict[str, Config], out: Path) -> StudyScores:
    rows, distance = {}, None
    for condition in study.conditions:
        folder = out / "scores" / condition.name
        print(f"\n== {study.name}: scores, {condition.name}", flush=True)
        rows[condition.name] = evaluate(
            EvaluationOptions(
                data=options.data,
                data_dir=options.data_dir,
                limit=budget.images,
                image_size=budget.settings["image_size"],
                masks=condition.masks,
                noise=condition.noise,
                methods=(*study.classical, *(f"{name}={config.run.out}" for name, config in runs.items())),
                vgg_weights=options.vgg_weights if "distance" in study.metrics else None,
                vgg_layers=options.vgg_layers,
                out=folder,
            )
        )
        distance = next(iter(read_facts(folder)["distances"]), None)
    return StudyScores(rows, tuple(each.name for each in study.variants), budget.seeds, study.classical, distance)
