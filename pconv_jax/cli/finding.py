"""How damage is found where nobody has marked it: flags, and the holes that follow."""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import numpy as np
import tyro

from pconv_jax.checkpoints.bundled import DEFAULT_DETECTOR
from pconv_jax.common.errors import InputError
from pconv_jax.detection.damage_map import BYTES_A_PIXEL, Choice, DamageMap, Tones, check_sensitivity
from pconv_jax.imaging import Photograph, find_infrared, read_hole
from pconv_jax.imaging.limits import check_memory
from pconv_jax.imaging.linear import is_linear
from pconv_jax.imaging.masks import share

if TYPE_CHECKING:
    from pconv_jax.common.programs import KeptPrograms
    from pconv_jax.detection.detector import Detector


# ruff: noqa: UP045 - see `pconv_jax.cli.flags`

_INFRARED = "its infrared channel tells where damage is; with --no-infrared the detector does"
_MANY = 400  # places a megapixel: real damage has up to 200, in old prints
_FEWEST = 50  # places from which on these are counted


class TooMuchDamage(InputError):
    """More of a photograph seems damaged than is allowed.

    Attributes:
        hole: what seems damaged, bool `[H, W]`.
    """

    def __init__(self, sentence: str, hole: np.ndarray):
        """Takes what to say and what was found."""
        super().__init__(sentence)
        self.hole = hole


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """How damage is found.

    Attributes:
        sensitivity: above 0 and below 1: how faint the damage may be that is found; the higher, the more is taken for
            damage. Try 0.9 for prints that are known to be scratched.
        min_size: leave detections of fewer pixels alone; at least 1.
        tones: find damage that is paler than what is around it, darker, or both.
        keep: leave alone what is white in this mask file; or a folder of them, each with the name of its photograph.
        max_damage: refuse a photograph of which more than this seems damaged, such as 20% or 0.2: it may show
            wires or rain.
        detector: the bundled detector by its name, or a .safetensors file.
        infrared: use the infrared channel of a scan, where it has one or a file NAME_ir.tif lies beside it.
        best: as for `Detector`; the commands set it by flags of their own.
    """

    sensitivity: float = Choice.sensitivity
    min_size: int = Choice.min_size
    tones: Tones = "both"
    keep: Optional[Path] = None
    max_damage: str = "20%"
    detector: str = DEFAULT_DETECTOR
    infrared: bool = True
    best: tyro.conf.Suppress[bool] = False

    def check(self) -> None:
        """Refuses values out of range.

        Raises:
            InputError: naming the flag, its value and what it may be.
        """
        check_sensitivity(self.sensitivity)
        if self.min_size < 1:
            raise InputError(f"--min-size is {self.min_size} px, but it must be at least 1")
        if self.keep is not None and not self.keep.exists():
            raise InputError(f"--keep {self.keep} does not exist: give a mask file, or a folder of them")
        self.most()

    def most(self) -> float:
        """The greatest share of a photograph that may be damaged.

        Raises:
            InputError: not a share.
        """
        text = self.max_damage.strip()
        try:
            value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            value = float("nan")
        if not 0 < value <= 1:
            raise InputError(f"--max-damage is {self.max_damage}, but it must be a share such as 20% or 0.2")
        return value

    def load(self, *, programs: "KeptPrograms | None" = None) -> None:
        """Loads the detector, so that one that cannot be used is reported once and not for each photograph.

        Args:
            programs: as for `Detector`.

        Raises:
            InputError: no such detector, or it cannot be read.
        """
        _detector(self.detector, self.best, programs)

    def look(
        self,
        photograph: Photograph,
        path: Path,
        *,
        linear: bool,
        notes: list[str],
        max_pixels: int | None = None,
        progress: Callable[[int, int], object] | None = None,
        programs: "KeptPrograms | None" = None,
    ) -> DamageMap:
        """The map of a photograph's damage: by its infrared channel, if it has one, or by the detector.

        Args:
            photograph: as it was read.
            path: of its file.
            linear: whether it is linear in light, even if it does not say so.
            notes: to which a sentence is added if an infrared channel tells the damage.
            max_pixels: of an infrared file beside it, as for `read_photograph`; if given, memory is not checked.
            progress: as for `Detector`.
            programs: as for `load`.

        Returns:
            The map.

        Raises:
            InputError: an infrared channel that cannot be used, or too little memory for the detector.
        """
        if self.infrared and (infrared := find_infrared(photograph, path, max_pixels=max_pixels)) is not None:
            from pconv_jax.detection.infrared import infrared_damage

            found = infrared_damage(photograph.pixels, infrared)
            if photograph.alpha is not None:
                found.probability[photograph.alpha == 0] = 0  # as with the detector
            notes.append(_INFRARED)
            return found
        if max_pixels is None:
            height, width = photograph.pixels.shape[:2]
            check_memory(str(path), (width, height), bytes_a_pixel=BYTES_A_PIXEL)
        look = _detector(self.detector, self.best, programs)
        return look(photograph.as_array, linear=linear or is_linear(photograph), progress=progress)

    def hole(
        self,
        found: DamageMap,
        keep: Path | None,
        *,
        notes: list[str],
        dilate: int = 0,
        max_pixels: int | None = None,
    ) -> np.ndarray:
        """What of a map is to be inpainted.

        Args:
            found: the map.
            keep: the file that marks what to leave alone, if there is one.
            notes: those of `look`; a sentence is added if there is so much that it may be something else.
            dilate: px by which detections are widened all around, besides the two that soft edges need.
            max_pixels: of that file, as for `read_hole`.

        Returns:
            bool `[H, W]`, True = damage.

        Raises:
            TooMuchDamage: more seems damaged than is allowed.
            InputError: the region to keep has another size.
        """
        region = None if keep is None else read_hole(keep, max_pixels=max_pixels, advice=None)
        if region is not None and region.shape != found.probability.shape:
            (height, width), (own_height, own_width) = region.shape, found.probability.shape
            raise InputError(
                f"--keep {keep} has {width}x{height} pixels and the photograph {own_width}x{own_height}: save it in "
                "that size"
            )
        choice = Choice(sensitivity=self.sensitivity, min_size=self.min_size, tones=self.tones)
        hole = found.hole(choice, keep=region)
        damaged, places = share(hole), _places_a_megapixel(hole)
        if dilate:
            hole = found.hole(dataclasses.replace(choice, dilate=choice.dilate + dilate), keep=region)
        if damaged > self.most():
            raise TooMuchDamage(
                f"{damaged:.2%} of it seems damaged, more than --max-damage {self.max_damage}: look at "
                "`pconv-jax detect --preview`, and lower --sensitivity, mark what to --keep, or raise --max-damage",
                hole,
            )
        if places > _MANY and _INFRARED not in notes:
            notes.append(
                f"damage was found in {places:,.0f} places a megapixel, as in pictures of stars, text or texture: look "
                "at `pconv-jax detect --preview`, and lower --sensitivity, give --tones dark to leave what is pale, or "
                "mark what to --keep"
            )
        return hole


def _places_a_megapixel(hole: np.ndarray) -> float:
    """How many pieces a hole has; 0 if too few to tell."""
    import cv2

    pieces = cv2.connectedComponents(hole.astype(np.uint8), connectivity=8)[0] - 1
    return pieces * 1e6 / hole.size if pieces >= _FEWEST else 0.0


FindingFlags = Annotated[tyro.conf.OmitArgPrefixes[Finding], tyro.conf.arg(help="how damage is found.")]
"""A group of flags, with its heading."""


def check_dilate(dilate: int) -> None:
    """Refuses a number of px by which holes cannot be widened.

    Raises:
        InputError: naming it, and what it may be.
    """
    if not 0 <= dilate <= 100:
        raise InputError(f"--dilate is {dilate} px, but it must lie between 0 and 100")


@functools.lru_cache(maxsize=1)
def _detector(weights: str, best: bool, programs: "KeptPrograms | None") -> "Detector":
    from pconv_jax.checkpoints.remembered import load_remembered_detector
    from pconv_jax.common.jax_start import prepare_jax
    from pconv_jax.detection.detector import Detector

    prepare_jax(keep_programs=programs is None)
    return Detector(load_remembered_detector(weights, programs), best=best, programs=programs)
