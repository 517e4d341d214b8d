"""Where the holes of a photograph are: in a mask file, in its transparency, in a colour, or where damage is found."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional, Union

import numpy as np
import tyro

from pconv_jax.cli.finding import Finding, FindingFlags, check_dilate
from pconv_jax.common.errors import InputError
from pconv_jax.detection.damage_map import dilated
from pconv_jax.imaging import Photograph, read_hole, read_size
from pconv_jax.imaging.edges import is_tight, paint_edge
from pconv_jax.imaging.masks import MASK_THRESHOLD, resized_hole
from pconv_jax.imaging.mistaken_masks import marks_most, shows_photograph
from pconv_jax.imaging.pixels import eight_bits

if TYPE_CHECKING:
    from pconv_jax.common.programs import KeptPrograms

# ruff: noqa: UP007, UP045, RUF036 - see `pconv_jax.cli.flags`

_AUTO = "auto"
_OPAQUE = 0.5  # share of full opacity below which a pixel counts as erased


@dataclasses.dataclass(frozen=True, kw_only=True)
class Holes:
    """Where the holes of a photograph are found: by exactly one of the first three, or --auto, or it and a mask.

    Attributes:
        mask: a mask file of the same size, white = hole, for all photographs; or a folder of masks, each with the name
            of its photograph and any suffix, or with _mask, _mask001 or .mask after the name. "auto" finds the damage;
            a file of that name is ./auto, and one named None is ./None.
        mask_alpha: transparent pixels (less than 50 % opaque) are the damage; the result has no transparency.
        mask_color: pixels of this colour are holes: red, green and blue, 0 to 255; of 16 bits, the nearest. So are the
            soft edges of such paint, as far as they are measured.
        mask_tolerance: how far each channel may be from that colour, 0 to 255; try 40 in a JPEG, of which few pixels
            have exactly that colour.
        invert_mask: mask files mark holes black, not white.
        mask_threshold: grey value, 1 to 255, from which on a pixel of a mask file is white.
        resize_mask: a mask of another size is resized, if it has the shape of the photograph: what touches a hole is
            hole. Otherwise it is refused.
        auto: find damage in addition to what a mask marks; without a mask it is the same as --mask auto.
        finding: how damage is found.
        dilate: px by which holes are widened all around, 0 to 100, for masks that do not quite cover the damage; what
            is found is always widened by 2 px more.
    """

    mask: Annotated[Optional[str], tyro.conf.arg(aliases=["-m"], metavar="PATH")] = None  # a Path would drop the ./
    mask_alpha: bool = False
    mask_color: Union[None, tuple[int, int, int]] = None
    mask_tolerance: int = 0
    invert_mask: bool = False
    mask_threshold: int = MASK_THRESHOLD
    resize_mask: bool = False
    auto: bool = False
    finding: FindingFlags = dataclasses.field(default_factory=Finding)
    dilate: int = 0

    @property
    def file(self) -> Path | None:
        """The mask file or folder of masks that is given, if one is."""
        return None if self.mask in (None, _AUTO) else Path(self.mask)

    @property
    def finds(self) -> bool:
        """Whether damage is looked for."""
        return self.auto or self.mask == _AUTO

    def check(self) -> None:
        """Refuses values out of range, and flags that contradict each other.

        Raises:
            InputError: none or several of the flags that say where the holes are, or a value out of its range.
        """
        given = [self.file is not None, self.mask_alpha, self.mask_color is not None]
        if not any(given) and not self.finds:
            raise InputError(
                "where are the holes? give one of --mask MASK, --mask-alpha, --mask-color R G B and --mask auto, which "
                "finds the damage"
            )
        if sum(given) > 1:
            names = ("--mask", "--mask-alpha", "--mask-color")
            first, *_, last = (name for name, is_given in zip(names, given, strict=True) if is_given)
            raise InputError(f"{first} and {last} both say where the holes are: give one of them")
        if self.finds:
            self.finding.check()
        elif self.finding != Finding():
            raise InputError(
                "--sensitivity, --min-size, --tones, --keep, --max-damage, --detector and --no-infrared go with --mask "
                "auto: leave them out"
            )
        if self.mask_color is not None and not all(0 <= value <= 255 for value in self.mask_color):
            raise InputError(f"--mask-color {self.mask_color} must be red, green and blue from 0 to 255")
        if not 0 <= self.mask_tolerance <= 255:
            raise InputError(f"--mask-tolerance is {self.mask_tolerance}, but it must lie between 0 and 255")
        if not 1 <= self.mask_threshold <= 255:
            raise InputError(f"--mask-threshold is {self.mask_threshold}, but it must lie between 1 and 255")
        check_dilate(self.dilate)
        if self.file is None and (self.invert_mask or self.resize_mask or self.mask_threshold != MASK_THRESHOLD):
            raise InputError("--invert-mask, --mask-threshold and --resize-mask go with --mask MASK: leave them out")
        if self.mask_color is None and self.mask_tolerance:
            raise InputError("--mask-tolerance goes with --mask-color R G B: leave it out")

    def check_sizes(self, image: Path, mask: Path | None, *, max_pixels: int | None = None) -> None:
        """Refuses a mask of another size by the headers alone, before anything is decoded.

        Args:
            image: the file of the photograph.
            mask: the file of its mask, if the holes come from one.
            max_pixels: of each, as for `read_photograph`.

        Raises:
            InputError: the sizes differ, and masks are not to be resized; or a header cannot be read.
        """
        if mask is None:
            return
        own, size = (read_size(file, max_pixels=max_pixels) for file in (image, mask))
        # Which side is which is only sure once they are decoded.
        if sorted(size) != sorted(own) and not self.resize_mask:
            raise InputError(_other_size(mask, size, own))

    def find(
        self,
        photograph: Photograph,
        mask: Path | None,
        *,
        image: Path,
        notes: list[str],
        keep: Path | None = None,
        linear: bool = False,
        max_pixels: int | None = None,
        programs: "KeptPrograms | None" = None,
    ) -> np.ndarray:
        """The holes of a photograph.

        Args:
            photograph: as it was read.
            mask: the file of its mask, if the holes come from one.
            image: the file of the photograph, beside which its infrared channel may be.
            notes: as for `Finding.look`.
            keep: the file that marks what to leave alone, if damage is looked for.
            linear: whether the photograph is linear in light, even if it does not say so.
            max_pixels: of the mask, as for `read_hole`.
            programs: as for `Finding.look`.

        Returns:
            bool `[H, W]`, True = hole.

        Raises:
            InputError: a mask of another size or shape, no alpha channel, or no pixel that is valid.
        """
        if mask is not None:
            hole = read_hole(
                mask,
                threshold=self.mask_threshold,
                invert=self.invert_mask,
                max_pixels=max_pixels,
                advice="--mask-threshold {}",
            )
            if hole.shape != photograph.pixels.shape[:2]:
                hole = self._resized(hole, photograph.pixels.shape[:2], mask)
            self._check_marked(hole, photograph, mask, notes, max_pixels)
        elif self.mask_alpha:
            if photograph.alpha is None:
                raise InputError("has no alpha channel to take the holes from: erase the damage and save it as PNG")
            hole = ~opaque(photograph.alpha)
        elif self.mask_color is None:
            hole = np.zeros(photograph.pixels.shape[:2], bool)
        else:
            hole = _of_color(photograph.pixels, self.mask_color, self.mask_tolerance)
            if edge := paint_edge(photograph.pixels, hole, self.mask_color):
                notes.append(f"the paint has edges of {edge} px, which are replaced as well")
                hole = dilated(hole, edge)
        hole = dilated(hole, self.dilate)
        if self.finds:
            found = self.finding.look(
                photograph, image, linear=linear, notes=notes, max_pixels=max_pixels, programs=programs
            )
            hole = hole | self.finding.hole(found, keep, notes=notes, dilate=self.dilate, max_pixels=max_pixels)
        if mask is not None and self.dilate <= 98 and is_tight(photograph.pixels, hole):
            wider = self.dilate + 2
            notes.append(f"the damage seems to reach beyond the mask, and its edges would stay: try --dilate {wider}")
        if hole.all():
            raise InputError(f"the holes leave no valid pixel: {self._ways_to_smaller_holes()}")
        return hole

    def _check_marked(
        self, hole: np.ndarray, photograph: Photograph, mask: Path, notes: list[str], max_pixels: int | None
    ) -> None:
        """Refuses a copy of the photograph as its mask, and notes what marks more than damage usually is."""
        if shows_photograph(mask, hole, photograph.pixels, max_pixels=max_pixels):
            raise InputError(
                f"the mask {mask} shows the photograph, perhaps a copy that was painted on: give such a copy as the "
                "photograph, with --mask-color and the colour of the paint, or a mask in which only the damage is white"
            )
        if most := marks_most(hole):
            way = "leave --invert-mask out" if self.invert_mask else "give --invert-mask"
            notes.append(f"the mask marks {most} of the photograph: {way} if it is the other part that is damaged")

    def _ways_to_smaller_holes(self) -> str:
        """What would leave valid pixels, with the flags that are given."""
        smaller = ["a smaller --dilate"] if self.dilate else []
        if self.file is not None:
            return " or ".join(["use a smaller mask", "--invert-mask", *smaller])
        if self.mask_alpha:
            return " or ".join(["erase only the damage", *smaller])
        if self.mask_color is not None:
            tolerance = ["a smaller --mask-tolerance"] if self.mask_tolerance else []
            return " or ".join(["use another --mask-color", *tolerance, *smaller])
        return " or ".join(["use a lower --sensitivity", *smaller])

    def _resized(self, hole: np.ndarray, shape: tuple[int, ...], mask: Path) -> np.ndarray:
        (height, width), (own_height, own_width) = hole.shape, shape
        if not self.resize_mask:
            raise InputError(_other_size(mask, (width, height), (own_width, own_height)))
        if not _same_shape((width, height), (own_width, own_height)):
            raise InputError(_other_size(mask, (width, height), (own_width, own_height)))
        return resized_hole(hole, own_height, own_width)

    def if_nothing_is_marked(self) -> str:
        """What to look at where no hole is found."""
        if self.finds:
            return "no damage was found; see --sensitivity"
        if self.mask is not None:
            return "white marks damage in a mask; see --invert-mask and --mask-threshold"
        return "see --mask-tolerance" if self.mask_color is not None else "erase the damage to transparency"


_WHERE = "where the damage is, by one of --mask, --mask-alpha and --mask-color; --mask auto finds it."
HoleFlags = Annotated[tyro.conf.OmitArgPrefixes[Holes], tyro.conf.arg(help=_WHERE)]
"""A group of flags, with its heading."""


def _other_size(mask: Path, size: tuple[int, int], own: tuple[int, int]) -> str:
    (width, height), (own_width, own_height) = size, own
    shape, advice = (", or give --resize-mask", "") if _same_shape(size, own) else ("", ", which is another shape")
    return (
        f"the mask {mask} has {width}x{height} pixels and the photograph {own_width}x{own_height}{advice}: save it in "
        f"that size{shape}"
    )


def _same_shape(size: tuple[int, int], own: tuple[int, int]) -> bool:
    """Whether two sizes are of one shape, but for what sides lose that are rounded to whole pixels."""
    (width, height), (own_width, own_height) = size, own
    return abs(width * own_height - height * own_width) <= max(width + height, own_width + own_height)


def _of_color(pixels: np.ndarray, color: tuple[int, int, int], tolerance: int) -> np.ndarray:
    hole = np.ones(pixels.shape[:2], bool)
    for channel, wanted in enumerate(color):
        layer = pixels if pixels.ndim == 2 else pixels[..., channel]  # grey is three equal channels
        hole &= np.abs(eight_bits(layer).astype(np.int32) - wanted) <= tolerance
    return hole


def opaque(alpha: np.ndarray) -> np.ndarray:
    """Which pixels count as opaque.

    Args:
        alpha: `[H, W]`, uint8 or uint16, 0 = transparent.

    Returns:
        bool `[H, W]`.
    """
    return alpha >= _OPAQUE * np.iinfo(alpha.dtype).max
