"""The flags of an evaluation of damage detectors."""

import dataclasses
from pathlib import Path
from typing import Literal

from experiments.datasets import DatasetOrData
from pconv_jax.checkpoints.bundled import DEFAULT_DETECTOR
from pconv_jax.common.errors import InputError
from pconv_jax.detection.damage_map import check_sensitivity
from pconv_jax.evaluation.metrics import SSIM_WINDOW
from pconv_jax.imaging.formats import IMAGE_SUFFIXES


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """Scores a damage detector and classical ones on photographs with damage laid over them.

    Attributes:
        dataset: where the photographs come from: those embedded in scikit-image (samples), any tree of images (folder),
            or a TensorFlow Datasets builder.
        data_dir: folder of the photographs, without damage.
        split: which of them; all of them only with dataset folder, one that was never trained on.
        damage_dir: folder of opacity maps; only those that training left out are used.
        hard_list: text file with the names of photographs that are hard to tell from damage: wires, branches, text;
            one a line, and lines that begin with # are remarks.
        weights: the bundled detector by its name, or a .safetensors file.
        sensitivity: of the detector, as `pconv-jax detect` takes it.
        best: as `pconv-jax detect` takes it.
        image_size: longest side of what is cut out of the middle of each photograph, px.
        enlarge: how many times as large photographs are seen, interpolated and with grain: as soft as scans of prints.
            Damage is as wide and as sharp as without.
        limit: how many photographs are damaged, evenly spaced; all if not given.
        undamaged_limit: how many are looked at without damage; as many as are damaged if not given.
        out: folder for the tables.
    """

    dataset: DatasetOrData = "samples"
    data_dir: Path | None = None
    split: Literal["train", "validation", "test", "all"] = "test"
    damage_dir: Path | None = None
    hard_list: Path | None = None
    weights: str = DEFAULT_DETECTOR
    sensitivity: float = 0.5
    best: bool = False
    image_size: int = 256
    enlarge: float = 1.0
    limit: int | None = None
    undamaged_limit: int | None = None
    out: Path = Path("runs/detection")

    def check(self) -> None:
        """Refuses values that make no sense.

        Raises:
            InputError: naming the flag, its value and what it may be.
        """
        counts = (
            ("--image-size", self.image_size, SSIM_WINDOW),
            ("--limit", self.limit, 1),
            ("--undamaged-limit", self.undamaged_limit, 1),
        )
        for flag, value, least in counts:
            if value is not None and value < least:
                raise InputError(f"{flag} is {value}, but it must be at least {least}")
        if not 1 <= self.enlarge <= self.image_size / 8:
            raise InputError(f"--enlarge is {self.enlarge:g}, but it must be from 1 to {self.image_size / 8:g}")
        check_sensitivity(self.sensitivity)
        if self.dataset == "folder" and self.data_dir is None:
            raise InputError("--dataset folder needs --data-dir, the folder that holds the photographs")
        if self.split == "all" and self.dataset != "folder":
            raise InputError(
                f"--split all goes with --dataset folder, but --dataset is {self.dataset}: choose one of its splits"
            )
        if self.hard_list is not None and not self.hard_list.is_file():
            raise InputError(f"--hard-list {self.hard_list} is not a file: give one with a name a line")
        self.hard_names()

    def hard_names(self) -> frozenset[str]:
        """The names on the hard list, without their suffixes.

        Raises:
            InputError: it is not text.
        """
        if self.hard_list is None:
            return frozenset()
        try:
            lines = self.hard_list.read_text(encoding="utf-8-sig").splitlines()
        except UnicodeDecodeError as error:
            raise InputError(f"--hard-list {self.hard_list} is not text in UTF-8: give names, one a line") from error
        names = (Path(line) for line in map(str.strip, lines) if line and not line.startswith("#"))
        return frozenset(name.stem if name.suffix.lower() in IMAGE_SUFFIXES else name.name for name in names)
