"""Runs a study: chooses learning rates, trains every arm with every seed, scores them together, writes the page."""

import dataclasses
import itertools
import json
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from experiments.evaluate.command import evaluate
from experiments.evaluate.composites import composite_file
from experiments.evaluate.opening import open_distances, open_fid, open_pairs
from experiments.evaluate.options import Options as EvaluationOptions
from experiments.studies.claims import STUDIES
from experiments.studies.design import design, record
from experiments.studies.naturalness import unnaturalness
from experiments.studies.options import Options
from experiments.studies.plots import plot
from experiments.studies.primary import judge
from experiments.studies.report import PLOT, facts, page
from experiments.studies.scores import StudyScores
from experiments.studies.selection import Choice, choose, to_json, train_candidate, train_once
from experiments.studies.study import BUDGETS, SELECTION_SEED, Arm, Budget, Condition, Study
from experiments.train.config import Config
from pconv_jax.common.atomic_write import atomic_write, write_json
from pconv_jax.common.errors import InputError
from pconv_jax.common.folder_lock import locked_folder
from pconv_jax.common.jax_start import prepare_jax
from pconv_jax.data.decode import decode_image
from pconv_jax.data.samples import PHOTOGRAPHS
from pconv_jax.evaluation.methods import open_methods
from pconv_jax.evaluation.pairs import as_floats
from pconv_jax.evaluation.score_table import read_facts

Runs = Mapping[str, list[Config]]


def run(options: Options) -> int:
    """Runs a study, or resumes it.

    In its folder: `design.json`, written first; `selection/ARM-RATE` and `runs/ARM-SEED` (the output of `python -m
    experiments.run`), `scores/CONDITION` (the output of `python -m experiments.evaluate`), `study.md`, `study.png` and
    `study.json`.

    Args:
        options: the flags.

    Returns:
        0, or 128 + the number of the signal that stopped training (after saving).

    Raises:
        InputError: something that the user can correct.
        TrainingError: a loss was no longer finite.
    """
    study, budget = STUDIES[options.study], _budget(options)
    options = dataclasses.replace(options, vgg_layers=budget.vgg_layers)
    out = options.out or Path("runs/studies") / f"{study.name}-{options.dataset}"
    for arm, rate in itertools.product(study.arms, budget.learning_rates):
        _config(options, budget, arm, rate, 0, out / "runs" / arm.name).check()
    distances = _open_evaluations(options, study, budget, out)
    with locked_folder(out):
        record(out, design(study, budget, options, distances))
        return _run(options, study, budget, out)


def _run(options: Options, study: Study, budget: Budget, out: Path) -> int:
    started = time.monotonic()
    candidates = _candidates(options, study, budget, out)
    named = [(f"{arm} at {rate:g}", config) for arm, configs in candidates.items() for rate, config in configs.items()]
    if code := _train_all(study, "choosing learning rates", named, train_candidate):
        return code
    choices = _choices(study, budget, candidates)
    runs = _runs(options, study, budget, choices, out)
    # One seed of every arm first, so that they can be compared early.
    ordered = [config for configs in zip(*runs.values(), strict=True) for config in configs]
    if code := _train_all(study, "run", [(config.run.out.name, config) for config in ordered], train_once):
        return code
    scores = _score(options, study, budget, runs, out)
    # The embedded photographs alone are scored in tiles.
    judged = judge(study, scores, photographs=len(PHOTOGRAPHS["test"]) if options.dataset == "samples" else None)
    text = page(study, scores, judged, options=options, budget=budget, choices=choices, runs=runs)
    with atomic_write(out / "study.md") as unfinished:
        unfinished.write_text(text, encoding="utf-8")
    plot(study, scores, judged, out / PLOT)
    about = {
        "study": study.name,
        "claim": study.claim,
        "options": dataclasses.asdict(options),
        "budget": dataclasses.asdict(budget),
        **facts(judged, to_json(choices)),
        "minutes_of_this_call": round((time.monotonic() - started) / 60, 1),
    }
    write_json(out / "study.json", about)
    print(f"\n{text}\n  {out / 'study.md'}\n  {out / PLOT}")
    return 0


def _train_all(study: Study, what: str, named: list[tuple[str, Config]], train: Callable[[Config], int]) -> int:
    """Trains runs one after another; returns 0, or the code of the first that was stopped."""
    for number, (name, config) in enumerate(named, 1):
        print(f"\n== {study.name}: {what}, {number} of {len(named)}, {name}", flush=True)
        if code := train(config):
            return code
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
    if options.learning_rates is not None and not options.learning_rates:
        raise InputError("--learning-rates is empty: give one or more, or leave it out")
    rates = tuple(dict.fromkeys(options.learning_rates or budget.learning_rates))
    layers = options.vgg_layers or budget.vgg_layers
    if own := [layer for layer in layers if layer in settings["perceptual_layers"]]:
        raise InputError(
            f"--vgg-layers {own[0]} is a layer of the perceptual loss of preset {options.preset}, which would judge "
            f"itself: leave it out, or give others, such as {' '.join(budget.vgg_layers)}"
        )
    return Budget(settings, layers, rates, options.seeds or budget.seeds, options.images or budget.images)


def _config(options: Options, budget: Budget, arm: Arm, rate: float, seed: int, out: Path) -> Config:
    return Config().replace(
        **{
            "dataset": options.dataset,
            "data_dir": options.data_dir,
            "vgg_weights": options.vgg_weights,
            **budget.settings,
            **arm.changes,
            "learning_rate": rate,
            "seed": seed,
            "out": out,
            "resume": True,
        }
    )


def _candidates(options: Options, study: Study, budget: Budget, out: Path) -> dict[str, dict[float, Config]]:
    """Arm -> learning rate -> the run that it is judged by; none where there is one rate."""
    if len(budget.learning_rates) == 1:
        return {}
    return {
        arm.name: {
            # The report of a run scores test images, which have no part in the choice: one, as none is not offered.
            rate: _config(
                options, budget, arm, rate, SELECTION_SEED, out / "selection" / f"{arm.name}-{rate:g}"
            ).replace(test_images=1)
            for rate in budget.learning_rates
        }
        for arm in study.arms
        if arm.repeats is None
    }


def _choices(study: Study, budget: Budget, candidates: Mapping[str, Mapping[float, Config]]) -> dict[str, Choice]:
    (only, *_) = budget.learning_rates
    return {
        arm.name: choose(arm, candidates[arm.name]) if arm.name in candidates else Choice(only, {})
        for arm in study.arms
        if arm.repeats is None
    }


def _runs(options: Options, study: Study, budget: Budget, choices: Mapping[str, Choice], out: Path) -> Runs:
    """Arm -> its runs, seed by seed; an arm that repeats another has other seeds."""
    return {
        arm.name: [
            _config(
                options, budget, arm, choices[arm.repeats or arm.name].rate, seed, out / "runs" / f"{arm.name}-{seed}"
            )
            for seed in _seeds(arm, budget)
        ]
        for arm in study.arms
    }


def _seeds(arm: Arm, budget: Budget) -> range:
    first = budget.seeds if arm.repeats else 0
    return range(first, first + budget.seeds)


def _score(options: Options, study: Study, budget: Budget, runs: Runs, out: Path) -> StudyScores:
    rows, fids, distances = {}, {}, {}
    configs = [config for configs in runs.values() for config in configs]
    for condition in study.conditions:
        print(f"\n== {study.name}: scores, {condition.name}", flush=True)
        flags = _evaluation(options, study, budget, condition, configs, out)
        rows[condition.name] = _with_naturalness(evaluate(flags), flags)
        distances = read_facts(flags.out)["distances"]
        if options.fid_weights:
            fids[condition.name] = json.loads((flags.out / "summary.json").read_text(encoding="utf-8"))["fid"]
    seeds = {arm.name: tuple(_seeds(arm, budget)) for arm in study.arms}
    # LPIPS comes first where it was measured: primary comparisons are by it.
    names = sorted(distances, key=lambda name: not name.startswith("LPIPS"))
    return StudyScores(rows, seeds, study.classical, names, fids=fids)


def _open_evaluations(options: Options, study: Study, budget: Budget, out: Path) -> dict[str, Any]:
    """Opens all that scores need, before days of training and before the design is fixed: the distances' identities."""
    prepare_jax()
    evaluations = [_evaluation(options, study, budget, condition, (), out) for condition in study.conditions]
    for flags in evaluations:
        flags.check()
        open_methods(flags.method_names)
        open_pairs(flags)
    open_fid(evaluations[0])  # the weights are the same for all conditions
    return {each.name: each.identity for each in open_distances(evaluations[0])}


def _evaluation(
    options: Options, study: Study, budget: Budget, condition: Condition, configs: Iterable[Config], out: Path
) -> EvaluationOptions:
    return EvaluationOptions(
        dataset=options.dataset,
        data_dir=options.data_dir,
        limit=budget.images,
        image_size=budget.settings["image_size"],
        masks=condition.masks,
        noise=condition.noise,
        methods=(*study.classical, *(f"{config.run.out.name}={config.run.out}" for config in configs)),
        vgg_weights=options.vgg_weights,
        vgg_layers=budget.vgg_layers,
        lpips_weights=options.lpips_weights,
        fid_weights=options.fid_weights,
        save_composites=True,
        out=out / "scores" / condition.name,
    )


def _with_naturalness(rows: list[dict[str, Any]], flags: EvaluationOptions) -> list[dict[str, Any]]:
    """The rows with the column `naturalness`, from the composites that were saved."""
    pairs = open_pairs(flags)
    numbers = {pairs.key(index): index for index in range(len(pairs))}
    found = []
    for key, group in itertools.groupby(rows, lambda row: (row["image"], row["bucket"])):
        pair = pairs[numbers[key]]
        for row in group:
            composite = as_floats(decode_image(composite_file(flags.out, row["method"], *key)))
            found.append({**row, "naturalness": unnaturalness(composite, pair.truth, pair.mask)})
    return found
