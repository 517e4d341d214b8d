"""The command `pconv-jax inpaint`: its flags; the work is in `restoring`."""

import dataclasses
from typing import Annotated, Literal, Optional, Union

import tyro

from pconv_jax.checkpoints.bundled import DEFAULT_WEIGHTS
from pconv_jax.cli.flags import Photographs, most_pixels
from pconv_jax.cli.holes import HoleFlags, Holes
from pconv_jax.cli.jobs import plan
from pconv_jax.common.errors import InputError

# ruff: noqa: UP007, UP045 - see `pconv_jax.cli.flags`


@dataclasses.dataclass(frozen=True)
class Inpaint:
    """Restores a photograph, several, or folders of them; only pixels in holes change.

    Attributes:
        images: photographs, and folders of them: PNG, JPEG, TIFF, WebP and others.
        out: the file to write, or a folder for the results: one that exists, or a name that ends in a slash. For more
            than one photograph it is a folder.
        holes: where the damage is.
        weights: bundled weights by their name (see `pconv-jax info`), a .safetensors file, or the folder of a training
            run.
        best: average the network over the mirror images and quarter turns of what it sees: a little closer to the
            original, in eight times the time. Where damage is to be found, it is looked for three times.
        keep_detail: keep the detail that shows through half-transparent damage; opaque damage is replaced as usual.
        refine: with --vgg-weights, give broad holes texture after the network; takes 10 to 20 s of one core for
            each window.
        vgg_weights: a file of VGG16 or VGG19 weights, or "download" for VGG16's; only used to refine.
        grain: give inpainted pixels the grain of their surroundings: all of it (auto), or a share of it, from 0 to 1.
        overwrite: replace results that already exist; otherwise they are skipped.
        max_megapixels: refuse photographs and masks with more than so many million pixels. Without it, those with more
            than 500 are refused, and those that need more memory than is available.
        compare: write a before/after image beside each result.
        quality: quality of JPEG and WebP results, 1 to 100, where 100 means lossless WebP. Without it a result is
            compressed as its photograph was: JPEG with the same tables and chroma sampling, lossless stays lossless.
        linear: the photographs are linear in light, as raw scans of 16 bits are; if their profile says so, no flag
            is needed.
        receipt: write a receipt (JSON) and what was there before beside each result, for `pconv-jax undo`; none for
            photographs without damage.
        estimate: print how good each result is expected to be, by width of the damage; takes two to
            three times as long.
    """

    images: Photographs
    out: Annotated[str, tyro.conf.arg(aliases=["-o"], metavar="PATH")]  # a Path would drop the slash at its end
    holes: HoleFlags = dataclasses.field(default_factory=Holes)
    weights: str = DEFAULT_WEIGHTS
    best: bool = False
    keep_detail: bool = False
    refine: bool = False
    vgg_weights: Optional[str] = None
    grain: Union[Literal["auto"], float, None] = None
    overwrite: bool = False
    max_megapixels: Optional[float] = None
    compare: bool = False
    quality: Optional[int] = None
    linear: bool = False
    receipt: bool = False
    estimate: bool = False

    def run(self) -> int:
        """Runs the command; returns the exit code."""
        if self.quality is not None and not 1 <= self.quality <= 100:
            raise InputError(f"--quality is {self.quality}, but it must lie between 1 and 100")
        if self.refine and self.vgg_weights is None:
            raise InputError("--refine needs --vgg-weights: give a file of VGG16 or VGG19, or download")
        if self.vgg_weights is not None and not self.refine:
            raise InputError("--vgg-weights goes with --refine: leave it out, or add --refine")
        if isinstance(self.grain, float) and not 0 <= self.grain <= 1:
            raise InputError(f"--grain is {self.grain}, but it must be auto, or lie between 0 and 1")
        max_pixels = most_pixels(self.max_megapixels)
        self.holes.check()
        if self.keep_detail:
            self._check_detail()
        work = plan(self.images, self.out, self.holes, keep=self.holes.finding.keep, overwrite=self.overwrite)
        # Not above: JAX takes a second to load, which --help and errors in the flags need not wait for.
        from pconv_jax.cli.restoring import restore_files
        from pconv_jax.cli.summary import report
        from pconv_jax.common.jax_start import prepare_jax

        prepare_jax(keep_programs=False)  # they are, where `restore_files` says
        return report(
            restore_files(
                work.jobs,
                self.holes,
                weights=self.weights,
                best=self.best,
                keep_detail=self.keep_detail,
                refine_with=self.vgg_weights,
                grain=1.0 if self.grain == "auto" else self.grain or 0.0,
                overwrite=self.overwrite,
                max_pixels=max_pixels,
                compare=self.compare,
                quality=self.quality,
                linear=self.linear,
                receipt=self.receipt,
                estimate=self.estimate,
            ),
            passed_over=work.passed_over,
        )

    def _check_detail(self) -> None:
        """Refuses flags that --keep-detail makes no sense with."""
        if self.holes.mask_alpha or self.holes.mask_color is not None:
            raise InputError(
                "--keep-detail needs what the damage looks like, which was erased or painted over: give --mask MASK or "
                "--mask auto"
            )
        if self.estimate:
            raise InputError(
                "--estimate expects damage that nothing shows through: leave it out, or leave out --keep-detail"
            )
