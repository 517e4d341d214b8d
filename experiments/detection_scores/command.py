"""The evaluation from its flags to its tables."""

import csv
from pathlib import Path

from experiments.detection_scores.options import Options
from experiments.detection_scores.scores import score
from experiments.detection_scores.tables import report, table_rows
from pconv_jax.common.atomic_write import atomic_write
from pconv_jax.common.errors import InputError
from pconv_jax.common.folder_lock import locked_folder
from pconv_jax.common.jax_start import prepare_jax
from pconv_jax.data import FolderSource, ImageSource, open_source
from pconv_jax.detection.detector import Detector


def evaluate(options: Options) -> str:
    """Scores the detectors, prints the tables, and writes `detection.csv` and `detection.md` to `options.out`.

    Args:
        options: the flags, checked.

    Returns:
        The tables in Markdown.

    Raises:
        InputError: photographs, damage or weights that cannot be read, or an output folder that cannot be written.
    """
    prepare_jax()
    with locked_folder(options.out):
        return _evaluate(options)


def _evaluate(options: Options) -> str:
    detector = Detector.from_pretrained(options.weights, best=options.best)
    source = _photographs(options)
    _check_hard(options, source)
    scored = score(options, source, detector)
    size, damage = options.image_size, "drawn pieces" if options.damage_dir is None else "drawn pieces and opacity maps"
    looks = " The detector looks three times (--best)." if options.best else ""
    larger = "" if options.enlarge == 1 else f", enlarged {options.enlarge:g} times, with grain"
    about = f"{len(scored.names)} photographs of {options.dataset}, at most {size}x{size} px{larger}; {damage}.{looks}"
    tables = report(scored, options.hard_names(), about=about)
    rows = table_rows(scored)
    with (
        atomic_write(options.out / "detection.csv") as temporary,
        # Names of files may be no text in UTF-8: they are written as they are.
        temporary.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    with atomic_write(options.out / "detection.md") as temporary:
        temporary.write_text(tables, encoding="utf-8")
    print(tables)
    return tables


def _check_hard(options: Options, source: ImageSource) -> None:
    """Refuses a list of other photographs. Some may be of another split."""
    names = {Path(source.label(index)).stem for index in range(len(source))}
    if (hard := options.hard_names()) and not names & hard:
        raise InputError(
            f"--hard-list {options.hard_list} names none of the photographs: give names such as {min(names)}"
        )


def _photographs(options: Options) -> ImageSource:
    if options.dataset == "folder" and options.data_dir is not None:
        return FolderSource(options.data_dir, options.split, without=[options.damage_dir])
    assert options.split != "all"  # `Options.check`
    return open_source(options.dataset, options.split, data_dir=options.data_dir)
