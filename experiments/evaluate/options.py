"""Flags of the evaluation."""

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

import tyro

from experiments.datasets import DatasetOrData
from pconv_jax.common.errors import InputError
from pconv_jax.data import Splits, check_splits
from pconv_jax.evaluation.mask_sets import MASK_SETS
from pconv_jax.evaluation.methods import is_path
from pconv_jax.imaging.masks import MASK_THRESHOLD
from pconv_jax.synthesis.settings import DEFAULT_SETTINGS, SynthesisSettings


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """What to score, on what damage, and where to write it.

    Attributes:
        dataset: where the images come from: those embedded in scikit-image (samples), any tree of images (folder), or
            a TensorFlow Datasets builder.
        data_dir: folder of the images (dataset folder), or of the archives or prepared records (TFDS data sets).
        split: which images; all of them only with dataset folder.
        splits: of a TFDS data set: official, or merged, those of preset paper (dtd, oxford_flowers102).
        limit: number of images, the first ones of the split; all if not given.
        image_size: side to which the largest square in the middle of each image is resized, px; smaller images are
            enlarged.
        whole_images: score whole images at their own sizes in place of squares.
        masks: the damage: lines (buckets by thickness), ratios (six bins of hole ratio, holes at the border or not),
            regions (the centre, half as wide as the image; a random pattern; random blocks), or a folder of mask files,
            in which white is hole.
        pair_by_name: every image of the folder has a mask of its own name and size in the mask folder (photo_mask.png
            and the like if that is the folder of the images); all images are scored, at their own size.
        mask_version: version of the lines, ratios or regions; older versions stay as they are.
        mask_threshold: grey value, 1 to 255, from which on a pixel of a mask file is white.
        invert_mask: mask files mark holes black, not white.
        noise: standard deviation of Gaussian noise on the input, for pixel values in [0, 1].
        seed: seed of masks and noise; with the version it determines every pair of image and mask.
        methods: unrepaired, mean, ns, telea, biharmonic, fill, fsr_fast, fsr_best (seconds to minutes an image),
            shift_map, patchmatch; names of bundled weights, such as faithful; or files of weights and folders of runs
            and checkpoints, as PATH or NAME=PATH; separated by blanks or commas. Names and files of weights may
            end in +best, as --best of `pconv-jax inpaint`.
        refine: which of the methods, by their names in tables, are scored once more with their results refined, named
            NAME + synthesis; without names all of them but unrepaired and mean. Needs VGG weights; keeps composites.
        synthesis: how they are refined.
        batch_size: pairs that a worker gets at once, and that are saved at once; no score depends on it.
        workers: processes for the classical methods; one for each core if not given.
        vgg_weights: a file of VGG16 weights, "download" or "random", for the perceptual distance, which is left out
            without them, and for the refinement.
        vgg_layers: VGG16 layers whose features it compares.
        lpips_weights: torchvision's ImageNet weights of AlexNet or VGG16, as .npz or .safetensors, for LPIPS; or a
            folder with `alexnet`, `vgg16` or both in either format.
        dists_weights: torchvision's ImageNet weights of VGG16, as .npz or .safetensors, or a folder with `vgg16` in
            either format, for DISTS.
        fid_weights: the original file of Inception weights, for FID over all pairs (extra `perceptual`); it compares
            sets of images, says little of fewer than thousands, and keeps the composites.
        save_composites: keep every composite, as composites/METHOD/BUCKET/NUMBER.png.
        out: folder for everything that is written; scores of the same pairs that it already holds are kept.
    """

    dataset: DatasetOrData = "samples"
    data_dir: Path | None = None
    split: Literal["train", "validation", "test", "all"] = "test"
    splits: Splits = "official"
    limit: int | None = None
    image_size: int = 64
    whole_images: bool = False
    masks: str = "lines"
    pair_by_name: bool = False
    mask_version: int = 1
    mask_threshold: int = MASK_THRESHOLD
    invert_mask: Annotated[bool, tyro.conf.arg(aliases=["--invert-masks"])] = False
    noise: float = 0.0
    seed: int = 0
    methods: tuple[str, ...] = ("unrepaired", "mean", "ns", "telea", "biharmonic")
    refine: tuple[str, ...] | None = None
    synthesis: SynthesisSettings = DEFAULT_SETTINGS
    batch_size: int = 16
    workers: int | None = None
    vgg_weights: str | None = None
    vgg_layers: tuple[str, ...] = ("block1_pool", "block2_pool")
    lpips_weights: Path | None = None
    dists_weights: Path | None = None
    fid_weights: Path | None = None
    save_composites: bool = False
    out: Path = Path("runs/evaluation")

    def check(self) -> None:
        """Refuses values that make no sense, before anything is prepared or written.

        Raises:
            InputError: naming the flag, its value and what it may be.
        """
        for name in ("limit", "image_size", "batch_size", "workers", "mask_threshold"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"--{name.replace('_', '-')} is {value}, but it must be at least 1")
        if self.mask_threshold > 255:
            raise InputError(f"--mask-threshold is {self.mask_threshold}, but it must be at most 255, which is white")
        if not 0 <= self.noise < 1:
            raise InputError(f"--noise is {self.noise}, but it must be at least 0 and below 1")
        if self.seed < 0:
            raise InputError(f"--seed is {self.seed}, but it must be at least 0")
        if self.dataset == "folder" and self.data_dir is None:
            raise InputError("--dataset folder needs --data-dir, the folder that holds the images")
        check_splits(self.dataset, self.splits)
        if self.split == "all" and self.dataset != "folder":
            raise InputError(
                f"--split all goes with --dataset folder, but --dataset is {self.dataset}: choose one of its splits"
            )
        if self.pair_by_name and self.masks in MASK_SETS:
            raise InputError("--pair-by-name needs the folder of the masks: give --masks DIR")
        if self.pair_by_name and self.dataset != "folder":
            raise InputError(
                f"--pair-by-name goes with --dataset folder, but --dataset is {self.dataset}: its images have no name"
            )
        if self.refine is not None and self.vgg_weights is None:
            raise InputError("--refine needs --vgg-weights: give a file of VGG16, or download")
        self.synthesis.check()
        self._check_needed()
        if not self.method_names:
            raise InputError("--methods is empty: name at least one, such as ns or the folder of a run")

    def _check_needed(self) -> None:
        """Refuses flags that would change nothing without another.

        Raises:
            InputError: naming both.
        """
        plain = type(self)()
        if self.refine is None and self.synthesis != plain.synthesis:
            raise InputError("the --synthesis flags go with --refine, which is not given: leave them out, or add it")
        if self.vgg_weights is None and self.vgg_layers != plain.vgg_layers:
            raise InputError("--vgg-layers goes with --vgg-weights, which is not given: leave it out, or add them")
        if self.image_size != plain.image_size and (self.whole_images or self.pair_by_name):
            other = "--whole-images" if self.whole_images else "--pair-by-name"
            raise InputError(f"--image-size goes with squares, but {other} takes images whole: leave one of them out")

    @property
    def method_names(self) -> tuple[str, ...]:
        """The methods, one by one; a path that exists may have commas."""
        parts = ((names,) if is_path(names) else names.split(",") for names in self.methods)
        return tuple(name for names in parts for name in names if name)
