"""The evaluation from its flags to its tables and pictures."""

import importlib.metadata
import itertools
import os
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.evaluate.distances import (
    NamedDistance,
    add_distances,
    composite_file,
    fid_of_methods,
    open_distances,
    open_fid,
    save_composites,
)
from experiments.evaluate.methods import PACKAGES, Named, open_methods
from experiments.evaluate.opening import open_pairs
from experiments.evaluate.options import Options
from experiments.evaluate.pairs import Pairs
from experiments.evaluate.pictures import draw
from experiments.evaluate.table import ScoreTable, finished
from experiments.evaluate.work import Part, scored
from experiments.train.logs import progress_bar
from pconv_jax.common.atomic_write import atomic_write, write_json
from pconv_jax.common.cache import enable_compilation_cache
from pconv_jax.evaluation.baselines import CLASSICAL_METHODS
from pconv_jax.evaluation.scoring import REGIONS
from pconv_jax.evaluation.statistics import Summary, difference, interval, markdown, summarise

_PACKAGES = ("jax", "numpy", "opencv-python-headless", "scikit-image", "pillow")
_GAIN = "hole_psnr"  # what models and classical methods are compared by, image by image


def evaluate(options: Options) -> list[dict[str, Any]]:
    """Scores what the flags ask for and is not scored yet, then writes tables and pictures.

    Files in `options.out`: `scores.csv` (a row a pair and method), `benchmark.json` (what they were scored on),
    `summary.json`, `summary.md`, and `best_median_worst_NAME.png` for each method.

    Args:
        options: the flags.

    Returns:
        All rows of the folder's table, but those of methods that an earlier command left unfinished.

    Raises:
        InputError: something the user can mend.
    """
    options.check()
    enable_compilation_cache()
    # First what is told in a moment, then what looks at every image.
    methods = open_methods(options.method_names)
    distances, fid = open_distances(options), open_fid(options)
    pairs = open_pairs(options)
    table = ScoreTable(options.out, pairs, {each.name: each.identity for each in distances})
    for method in methods:
        table.add_method(method.name, method.identity)
    table.start()
    sha = table.benchmark["sha256"]
    print(f"benchmark {sha[:12]}: {len(pairs)} pairs of {options.data} images and masks {options.masks}")
    if pairs.note:
        print(f"note: {pairs.note}")
    _score(pairs, methods, table, options, distances)
    rows, left_out = finished(table.finish(), len(pairs))
    summary = summarise(rows)
    fids = fid_of_methods(fid, pairs, [method.name for method in methods], options.out) if fid else {}
    text = report(rows, summary, table.benchmark, fids)
    with atomic_write(options.out / "summary.md") as unfinished:
        unfinished.write_text(text)
    versions = {name: importlib.metadata.version(name) for name in _PACKAGES}
    facts = {"benchmark": table.benchmark, "versions": versions, **({"fid": fids} if fids else {})}
    write_json(options.out / "summary.json", {**facts, **summary.to_json()})
    pictures = draw(pairs, methods, rows, options.out)
    print(f"\n{summary.table('hole')}\n\nThe same over the whole image, and differences: {options.out / 'summary.md'}")
    if left_out:
        print(f"left out, because an earlier command did not score it on all pairs: {', '.join(left_out)}")
    for path in (*(options.out / name for name in ("scores.csv", "summary.json", "summary.md")), *pictures):
        print(f"  {path}")
    return rows


def report(
    rows: Sequence[Mapping[str, Any]], summary: Summary, benchmark: Mapping[str, Any], fids: Mapping[str, float]
) -> str:
    """The tables of an evaluation in Markdown: means with intervals, then models against classical methods.

    Args:
        rows: the scores.
        summary: their means.
        benchmark: contents of `benchmark.json`.
        fids: method -> FID, where the weights were given.

    Returns:
        Markdown.
    """
    versions = {key: value for identity in benchmark["methods"].values() for key, value in identity.items()}
    used = ", ".join(f"{name} {versions[name]}" for name in PACKAGES if name in versions)
    parts = [
        f"Benchmark `{benchmark['sha256'][:16]}`: {benchmark['images']['count']} images of "
        f"{benchmark['images']['data']}, size {benchmark['images']['size']}; masks {benchmark['masks']['kind']}; noise "
        f"{benchmark['noise']['sigma']:g}. Composites, rounded to 8 bits; in brackets 95 % bootstrap intervals over "
        f"images.{f' {used}.' if used else ''}"
    ]
    if benchmark["note"]:
        parts.append(f"Images: {benchmark['note']}.")
    parts += [f"**{name.capitalize()}**\n\n{summary.table(region)}" for region, name in REGIONS.items()]
    methods = list(next(iter(summary.means.values())))
    models = [method for method in methods if method not in CLASSICAL_METHODS]
    classical = [method for method in methods if method in CLASSICAL_METHODS]
    if models and classical:
        lines = [["bucket", "model", *(f"over {other}" for other in classical)]]
        title = "**PSNR in the hole, dB, model less classical method, image by image**"
        for bucket, model in itertools.product(summary.means, models):
            gains = [difference(rows, model, other, _GAIN, bucket=bucket) for other in classical]
            lines.append([bucket, model, *(interval(gain, 2) for gain in gains)])
        parts.append(f"{title}\n\n{markdown(lines, text=2)}")
    if fids:
        lines = [["method", "FID"], *([method, f"{fid:.2f}"] for method, fid in fids.items())]
        parts.append(f"**FID over all {benchmark['pairs']} pairs**\n\n{markdown(lines)}")
    return "\n\n".join(parts) + "\n"


def _score(
    pairs: Pairs,
    methods: Sequence[Named],
    table: ScoreTable,
    options: Options,
    distances: Sequence[NamedDistance],
) -> None:
    done = {(row["image"], row["bucket"], row["method"]) for row in table.rows}
    save = options.save_composites or options.fid_weights is not None

    def is_done(index: int, name: str) -> bool:
        # An earlier command scored it, but may not have kept its composite.
        number, bucket = pairs.key(index)
        saved = not save or composite_file(options.out, name, number, bucket).exists()
        return saved and (number, bucket, name) in done

    todo: list[Part] = []
    for method in methods:
        left = [index for index in range(len(pairs)) if not is_done(index, method.name)]
        todo += [(method.name, left[at : at + options.batch_size]) for at in range(0, len(left), options.batch_size)]
    count = sum(len(part) for _, part in todo)
    workers = options.workers or os.cpu_count() or 1
    total = len(methods) * len(pairs)
    keep = save or bool(distances)
    with progress_bar("scoring", "img", total=total, done=total - count) as bar:
        for part in scored(pairs, methods, todo, workers=workers, keep=keep):
            add_distances(pairs, part, distances)
            if save:
                save_composites(pairs, part, options.out)
            table.append([row for row in part.rows if (row["image"], row["bucket"], row["method"]) not in done])
            bar.update(len(part.rows))
