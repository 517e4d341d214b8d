"""From flags to pairs."""

from pathlib import Path

from experiments.evaluate.named_pairs import NamedPairs
from experiments.evaluate.options import Options
from experiments.evaluate.pairs import Pairs
from experiments.evaluate.seeded_pairs import SeededPairs
from pconv_jax.data import FolderSource, ImageSource, open_source
from pconv_jax.evaluation.mask_sets import open_masks


def open_pairs(options: Options) -> Pairs:
    """The pairs that the flags ask for.

    Raises:
        InputError: images or masks that are not there, or do not fit each other.
    """
    images: ImageSource
    if options.data == "folder" and options.data_dir is not None:
        split = "all" if options.pair_by_name else options.split
        images = FolderSource(options.data_dir, split)
    else:
        assert options.split != "all"  # `Options.check`
        images = open_source(options.data, options.split, data_dir=options.data_dir)
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
        )
    masks = open_masks(
        options.masks,
        seed=options.seed,
        version=options.mask_version,
        threshold=options.mask_threshold,
        invert=options.invert_mask,
    )
    return SeededPairs(
        images, masks, size=options.image_size, limit=options.limit, noise=options.noise, seed=options.seed
    )
