"""The evaluation from its flags to its tables and pictures."""

import itertools
import os
from collections.abc import Sequence
from typing import Any

from experiments.evaluate.composites import composite_file, fid_of_methods, save_composites
from experiments.evaluate.leftovers import fids_before, remove_leftovers
from experiments.evaluate.opening import bar_for_many, open_all_methods, open_distances, open_fid, open_pairs
from experiments.evaluate.options import Options
from experiments.evaluate.pictures import draw
from experiments.evaluate.report import report
from experiments.progress import progress_bar
from pconv_jax.common.atomic_write import atomic_write, write_json
from pconv_jax.common.folder_lock import locked_folder
from pconv_jax.common.jax_start import prepare_jax
from pconv_jax.common.versions import package_versions
from pconv_jax.evaluation.pairs import Pairs
from pconv_jax.evaluation.refined import SUFFIX
from pconv_jax.evaluation.score_table import UNDECODABLE, ScoreTable, finished
from pconv_jax.evaluation.scoring import NamedDistance, NamedMethod
from pconv_jax.evaluation.summary import summarise
from pconv_jax.evaluation.times import append_times, median_costs
from pconv_jax.evaluation.worker_pool import ScoringTask, score_tasks


def evaluate(options: Options) -> list[dict[str, Any]]:
    """Scores what the flags ask for and is not scored yet, then writes tables and pictures.

    Files in `options.out`: `scores.csv` (a row for each pair and method), `times.csv` (time and peak memory of each),
    `benchmark.json` (what they were scored on), `summary.json`, `summary.md`, and `best_median_worst_NAME.png` for each
    method.

    Args:
        options: the flags.

    Returns:
        All rows of the folder's table, except those of methods that an earlier command left unfinished.

    Raises:
        InputError: something that the user can correct.
    """
    options.check()
    prepare_jax()
    with locked_folder(options.out):
        return _evaluate(options)


def _evaluate(options: Options) -> list[dict[str, Any]]:
    # What fails quickly comes first, then what reads every image.
    methods = open_all_methods(options)
    distances, fid = open_distances(options), open_fid(options)
    pairs = open_pairs(options)
    identities = {each.name: each.identity for each in distances}
    table = ScoreTable(options.out, pairs, identities, progress=bar_for_many)
    for method in methods:
        table.add_method(method.name, method.identity)
    scored = {row["method"] for row in table.rows}
    # A killed command may leave the new method's scores beside the old one's composites, so before the first score.
    remove_leftovers(options.out, [method.name for method in methods if method.name not in scored])
    fids = fids_before(options.out)
    table.start()
    sha = table.facts["sha256"]
    print(f"benchmark {sha[:12]}: {len(pairs)} pairs of {options.dataset} images and masks {options.masks}")
    if pairs.note:
        print(f"note: {pairs.note}")
    if table.rows and "raw_whole_l1" not in table.rows[0]:
        print(f"note: {options.out} was started by an older version, so raw output is not scored: choose another --out")
    _score(pairs, methods, table, options, distances)
    rows, left_out = finished(table.finish(), len(pairs))
    summary = summarise(rows)
    if fid:
        fids |= fid_of_methods(fid, pairs, [method.name for method in methods], options.out)
    fids = {name: fids[name] for name in dict.fromkeys(row["method"] for row in rows) if name in fids}
    with atomic_write(options.out / "summary.md") as unfinished:
        unfinished.write_text(report(rows, summary, table.facts, fids), encoding="utf-8", errors=UNDECODABLE)
    versions = package_versions("jax", "numpy", "opencv-contrib-python-headless", "scikit-image", "pillow")
    facts = {"benchmark": table.facts, "versions": versions, **({"fid": fids} if fids else {})}
    write_json(options.out / "summary.json", {**facts, **summary.to_json()})
    pictures = draw(pairs, methods, rows, options.out)
    print(f"\n{summary.table('hole')}\n\nThe whole image, raw output and differences: {options.out / 'summary.md'}")
    costs = median_costs(options.out)
    times = ", ".join(f"{method} {cost.seconds:.2g} s" for method, cost in costs.items())
    print(f"median time of an image, classical methods {options.workers or os.cpu_count()} at a time: {times}")
    peaks = [f"{method} {cost.peak_mib:.2g}" for method, cost in costs.items() if cost.peak_mib is not None]
    if peaks:
        print(f"median growth of the peak memory by an image, MiB: {', '.join(peaks)}")
    if left_out:
        print(f"left out, because an earlier command did not score it on all pairs: {', '.join(left_out)}")
    for path in (*(options.out / name for name in ("scores.csv", "summary.json", "summary.md")), *pictures):
        print(f"  {path}")
    return rows


def _score(
    pairs: Pairs,
    methods: Sequence[NamedMethod],
    table: ScoreTable,
    options: Options,
    distances: Sequence[NamedDistance],
) -> None:
    done = {(row["image"], row["bucket"], row["method"]) for row in table.rows}
    save = options.save_composites or options.fid_weights is not None or options.refine is not None

    def is_done(index: int, name: str) -> bool:
        # An earlier command scored it, but may not have kept its composite.
        number, bucket = pairs.key(index)
        saved = not save or composite_file(options.out, name, number, bucket).exists()
        return saved and (number, bucket, name) in done

    tasks: list[ScoringTask] = []
    for method in methods:
        left = [index for index in range(len(pairs)) if not is_done(index, method.name)]
        size = 1 if method.name.endswith(SUFFIX) else options.batch_size  # refining an image takes many seconds
        tasks += [ScoringTask(method, left[at : at + size]) for at in range(0, len(left), size)]
    count = sum(len(task.indices) for task in tasks)
    workers = options.workers or os.cpu_count() or 1
    total = len(methods) * len(pairs)
    with progress_bar("scoring", "img", total=total, done=total - count) as bar:
        for scored in score_tasks(pairs, tasks, workers=workers, distances=distances, keep=save):
            if save:
                save_composites(pairs, scored.rows[0]["method"], scored.composites, options.out)
            new = [(row["image"], row["bucket"], row["method"]) not in done for row in scored.rows]
            rows = list(itertools.compress(scored.rows, new))
            table.append(rows)
            append_times(options.out, rows, list(itertools.compress(scored.costs, new)))
            bar.update(len(scored.rows))
