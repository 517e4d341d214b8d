"""The command `pconv-jax detect`: its flags; the work is in `detecting`."""

import dataclasses
from pathlib import Path
from typing import Annotated, Optional

import tyro

from pconv_jax.cli.finding import Finding, FindingFlags, check_dilate
from pconv_jax.cli.flags import Photographs, most_pixels
from pconv_jax.cli.jobs import plan

# ruff: noqa: UP045 - see `pconv_jax.cli.flags`


@dataclasses.dataclass(frozen=True)
class Detect:
    """Finds scratches, hairs, creases and cracks, and writes masks, white = damage, for `inpaint --mask`.

    Attributes:
        images: photographs, and folders of them: PNG, JPEG, TIFF, WebP and others.
        out: the mask to write, .png, or a folder for masks: one that exists, or a name that ends in a slash. For more
            than one photograph it is a folder.
        finding: how damage is found.
        best: look three times, also enlarged and at half the size: finds more, at about a third more false alarms,
            in about four times the time.
        dilate: px by which detections are widened all around, 0 to 100, besides the 2 px that soft edges always get: 0
            is what the page calls 2 px, and Choice(dilate=2) in Python.
        probabilities: also write the probability of damage, 0 to 255: a PNG or JPEG file, or a folder where --out is
            one.
        preview: also write the photograph with what would be replaced in colour: a PNG or JPEG file, or a folder
            where --out is one.
        overwrite: replace masks that already exist; otherwise they are skipped.
        max_megapixels: refuse photographs with more than so many million pixels, as `pconv-jax inpaint` does.
        linear: the photographs are linear in light, as for `pconv-jax inpaint`.
    """

    images: Photographs
    out: Annotated[str, tyro.conf.arg(aliases=["-o"], metavar="PATH")]
    finding: FindingFlags = dataclasses.field(default_factory=Finding)
    best: bool = False
    dilate: int = 0
    probabilities: Optional[Path] = None
    preview: Optional[Path] = None
    overwrite: bool = False
    max_megapixels: Optional[float] = None
    linear: bool = False

    def run(self) -> int:
        """Runs the command; returns the exit code."""
        self.finding.check()
        check_dilate(self.dilate)
        max_pixels = most_pixels(self.max_megapixels)
        extras = [path for path in (self.probabilities, self.preview) if path is not None]
        work = plan(self.images, self.out, None, keep=self.finding.keep, extras=extras, overwrite=self.overwrite)
        from pconv_jax.cli.detecting import Extras, detect_files
        from pconv_jax.cli.summary import report
        from pconv_jax.common.jax_start import prepare_jax

        prepare_jax(keep_programs=False)  # they are, where `detect_files` says
        return report(
            detect_files(
                work.jobs,
                dataclasses.replace(self.finding, best=self.best),
                Extras(probabilities=self.probabilities, preview=self.preview),
                into_folder=work.into_folder,
                dilate=self.dilate,
                overwrite=self.overwrite,
                max_pixels=max_pixels,
                linear=self.linear,
            ),
            passed_over=work.passed_over,
        )
