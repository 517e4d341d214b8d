"""From flags to pairs, perceptual distances and FID."""

import contextlib
import os
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from experiments.evaluate.options import Options
from experiments.progress import progress_bar
from experiments.train.run_folder import read_settings
from pconv_jax.checkpoints.weights_file import load_generator_weights
from pconv_jax.common.errors import InputError
from pconv_jax.data import FolderSource, ImageSource, open_source
from pconv_jax.evaluation.fid import Fid
from pconv_jax.evaluation.mask_sets import MASK_SETS, open_masks
from pconv_jax.evaluation.methods import hash_arrays, open_methods, trained_path
from pconv_jax.evaluation.named_pairs import NamedPairs
from pconv_jax.evaluation.pairs import Pairs
from pconv_jax.evaluation.scoring import NamedDistance, NamedMethod
from pconv_jax.evaluation.seeded_pairs import SeededPairs

_NOT_REFINED = ("unrepaired", "mean")  # unless they are named: their holes have no content to refine
_MANY = 500  # number of images from which on a progress bar is shown


def open_pairs(options: Options) -> Pairs:
    """The pairs that the flags ask for.

    Raises:
        InputError: images or masks that are missing, or do not fit each other.
    """
    images: ImageSource
    if options.dataset == "folder" and options.data_dir is not None:
        split = "all" if options.pair_by_name else options.split
        images = FolderSource(options.data_dir, split, without=_mask_folders(options, options.data_dir))
        _warn_of_training_images(options, images)
    else:
        assert options.split != "all"  # `Options.check`
        _check_splits(options)
        images = open_source(options.dataset, options.split, splits=options.splits, data_dir=options.data_dir)
    if options.pair_by_name:
        assert isinstance(images, FolderSource)
        return NamedPairs(
            images,
            Path(options.masks).expanduser(),
            limit=options.limit,
            threshold=options.mask_threshold,
            invert=options.invert_mask,
            noise=options.noise,
            seed=options.seed,
            progress=bar_for_many,
        )
    masks = open_masks(
        options.masks,
        seed=options.seed,
        version=options.mask_version,
        threshold=options.mask_threshold,
        invert=options.invert_mask,
    )
    size = None if options.whole_images else options.image_size
    return SeededPairs(images, masks, size=size, limit=options.limit, noise=options.noise, seed=options.seed)


def _mask_folders(options: Options, images: Path) -> list[Path]:
    """Folders of masks, which are no photographs where they lie among the images: those asked for, and of the runs."""
    folders = [Path(settings["mask_dir"]) for _, settings in _trained(options) if settings.get("mask_dir")]
    asked = [] if options.masks in MASK_SETS else [Path(options.masks)]
    if options.pair_by_name:  # beside their images they are known by their names
        folders, asked = folders + asked, []
    home = images.expanduser().resolve()
    return [*asked, *(folder for folder in folders if folder.expanduser().resolve() != home)]


def _check_splits(options: Options) -> None:
    """Refuses a network that was trained on other splits of these images, so on some of those to be scored."""
    for path, settings in _trained(options):
        splits = settings.get("splits", "official")  # which runs of earlier versions had
        if settings.get("dataset") == options.dataset and splits != options.splits and options.split != "train":
            raise InputError(
                f"{path} was trained on --splits {splits} of {options.dataset}, which share images with the "
                f"{options.splits} {options.split} split: add --splits {splits}"
            )


def _warn_of_training_images(options: Options, scored: FolderSource) -> None:
    """Says which runs were trained on some of the images that are scored, wherever their folders begin."""
    home, files = scored.root.resolve(), _real_paths(scored)
    for path, settings in _trained(options):
        place = settings.get("data_dir") if settings.get("dataset") == "folder" else None
        root = Path(place or "").expanduser().resolve()
        if not place or not root.is_dir() or not (root.is_relative_to(home) or home.is_relative_to(root)):
            continue
        shared = len(files & _trained_on(root, settings))
        if shared:
            same = root == home and not options.pair_by_name
            warnings.warn(
                f"{path} was trained on {shared} of the {len(files)} images in {scored.root} that are scored here, so "
                f"its scores are too good: {'--split test scores the others' if same else 'score others'}",
                stacklevel=2,
            )


def _trained_on(root: Path, settings: Mapping[str, Any]) -> set[str]:
    """The images in a folder that a run trained on, or may have if it took only some; none if it has no splits now."""
    masks = settings.get("mask_dir")
    with warnings.catch_warnings(), contextlib.suppress(InputError):
        warnings.simplefilter("ignore")  # the run has told what it left out
        return _real_paths(FolderSource(root, "train", without=[Path(masks) if masks else None]))
    return set()


def _real_paths(source: FolderSource) -> set[str]:
    return {os.path.realpath(source.root / file) for file in source.files}


def _trained(options: Options) -> list[tuple[Path, dict[str, Any]]]:
    """The methods that are runs, checkpoints or files of weights, with the settings of each training behind them."""
    paths = (trained_path(name) for name in options.method_names)
    return [(path, settings) for path in paths if path is not None for settings in _trainings(path)]


def _trainings(path: Path, *, later: tuple[Path, ...] = ()) -> list[dict[str, Any]]:
    """The settings that a run, its checkpoints or a file of weights was trained with, as far as it tells.

    Those of networks that it is the mean of are among them, and those of what a run started from, if that is still
    where it was.
    """
    if path.is_file():
        about = load_generator_weights(path).about
        return [settings for settings in (about.get("settings"), *about.get("averaged_settings", ())) if settings]
    folder = path.resolve().parent if path.resolve().name == "checkpoints" else path
    if folder in later or not (folder / "config.json").is_file():
        return []
    settings = read_settings(folder)
    start = Path(settings.get("initial_weights") or "")
    before = _trainings(start, later=(*later, folder)) if start.name and start.exists() else []
    return [settings, *before]


def open_all_methods(options: Options) -> list[NamedMethod]:
    """The methods of the flags, each followed by itself with refined results, if that is asked for.

    Raises:
        InputError: a method or weights that cannot be opened, an unknown name in --refine, or nothing to refine.
    """
    methods = open_methods(options.method_names)
    if options.refine is None:
        return methods
    from pconv_jax.evaluation.refined import refined_method
    from pconv_jax.synthesis.refine import open_vgg

    assert options.vgg_weights is not None  # `Options.check`
    names = [method.name for method in methods]
    if unknown := [name for name in options.refine if name not in names]:
        raise InputError(f"--refine names {unknown[0]}, which is not among the methods: choose from {', '.join(names)}")
    wanted = options.refine or [name for name in names if name not in _NOT_REFINED]
    if not wanted:
        raise InputError(
            f"--refine without names leaves out {' and '.join(names)}, so nothing is refined: add a method, or give "
            f"--refine {' '.join(names)}"
        )
    vgg = open_vgg(options.vgg_weights, options.synthesis)
    together: list[NamedMethod] = []
    for method in methods:
        together += [method, refined_method(method, vgg, options.synthesis)] if method.name in wanted else [method]
    return together


def open_distances(options: Options) -> list[NamedDistance]:
    """The perceptual distances that the flags give weights for.

    Raises:
        InputError: missing weights or libraries, or squares that are too small.
    """
    found = []
    side = None if options.whole_images or options.pair_by_name else options.image_size  # of all images
    if options.vgg_weights is not None:
        from pconv_jax.evaluation.perceptual_distance import VggDistance
        from pconv_jax.models.vgg import deepest
        from pconv_jax.models.vgg_weights import resolve_weights

        # Random weights are always the same ones: pairs by name do not depend on the seed, but share a column.
        weights = resolve_weights(options.vgg_weights, seed=0, through=deepest(options.vgg_layers))
        vgg = VggDistance(weights, options.vgg_layers)
        if side is not None:
            vgg.check_size(side, side)
        found.append(NamedDistance(vgg.name, vgg, {"weights_sha256": hash_arrays(weights.params)}))
    if options.lpips_weights is not None:
        from pconv_jax.evaluation.lpips import open_lpips

        for lpips in open_lpips(options.lpips_weights):
            if side is not None:
                lpips.check_size(side, side)
            found.append(NamedDistance(lpips.name, lpips, {}))  # its name stands for particular weights only
    if options.dists_weights is not None:
        from pconv_jax.evaluation.dists import Dists

        dists = Dists(options.dists_weights)
        if side is not None:
            dists.check_size(side, side)
        found.append(NamedDistance(dists.name, dists, {}))  # as LPIPS
    return found


def open_fid(options: Options) -> Fid | None:
    """FID, if its weights are given."""
    return None if options.fid_weights is None else Fid(options.fid_weights)


def bar_for_many(title: str, count: int) -> Iterator[int]:
    """The numbers below `count`, with a progress bar if there are many."""
    if count < _MANY:
        yield from range(count)
        return
    with progress_bar(title, "img", total=count) as bar:
        for index in range(count):
            yield index
            bar.update()
