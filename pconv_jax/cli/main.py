"""The command `pconv-jax`: its flags; the work is in `restoring`, `detecting`, `undo` and `info`."""

import dataclasses
import math
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Optional, Union

import tyro

from pconv_jax.checkpoints.bundled import DEFAULT_WEIGHTS
from pconv_jax.cli.fast_flags import Photographs
from pconv_jax.cli.finding import Finding, FindingFlags, check_dilate
from pconv_jax.cli.holes import HoleFlags, Holes
from pconv_jax.cli.jobs import plan
from pconv_jax.common.commands import command
from pconv_jax.common.errors import InputError

# ruff: noqa: UP007, UP045 - see `pconv_jax.cli.fast_flags`


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
        max_pixels = _max_pixels(self.max_megapixels)
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


@dataclasses.dataclass(frozen=True)
class Detect:
    """Finds scratches, hairs and creases in photographs, and writes masks, white = damage, for `inpaint --mask`.

    Attributes:
        images: photographs, and folders of them: PNG, JPEG, TIFF, WebP and others.
        out: the mask to write, .png, or a folder for masks: one that exists, or a name that ends in a slash. For more
            than one photograph it is a folder.
        finding: how damage is found.
        best: look three times, also enlarged and at half the size: finds more at about as many false alarms, in about
            four times the time.
        dilate: px by which detections are widened all around, 0 to 100, besides the 1 px that soft edges always get: 0
            is what the page calls 1 px, and Choice(dilate=1) in Python.
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
        max_pixels = _max_pixels(self.max_megapixels)
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


@dataclasses.dataclass(frozen=True)
class Undo:
    """Brings back a photograph as it was before `pconv-jax inpaint --receipt`, to the bit; or all of a folder.

    Attributes:
        restored: the restored photograph, or a folder of them.
        out: the file to write, or a folder: one that exists, or a name that ends in a slash.
        receipt: the receipt, if it is not beside the photograph; the original pixels lie beside it.
        overwrite: replace files that already exist; otherwise they are skipped.
        max_megapixels: refuse photographs with more than so many million pixels, as `pconv-jax inpaint` does.
    """

    restored: tyro.conf.Positional[Path]
    out: Annotated[str, tyro.conf.arg(aliases=["-o"], metavar="PATH")]  # as above
    receipt: Optional[Path] = None
    overwrite: bool = False
    max_megapixels: Optional[float] = None

    def run(self) -> int:
        """Runs the command; returns the exit code."""
        max_pixels = _max_pixels(self.max_megapixels)
        from pconv_jax.cli.summary import report
        from pconv_jax.cli.undo import undo

        return report(
            undo(self.restored, self.out, receipt=self.receipt, overwrite=self.overwrite, max_pixels=max_pixels)
        )


@dataclasses.dataclass(frozen=True)
class Page:
    """Opens a page in the browser on which photographs are restored; nothing leaves this machine.

    Attributes:
        photographs: photographs to open, and folders of them; more can be dropped on the page.
        out: folder for the results.
        port: port of 127.0.0.1 to serve the page on; by default 7411, or any that is free.
        browser: open the page in the browser; its address is printed in any case.
        weights: as for `pconv-jax inpaint`.
        detector: as for `pconv-jax inpaint`.
        infrared: as for `pconv-jax inpaint`.
        best: as for `pconv-jax inpaint`.
        max_megapixels: refuse photographs with more than so many million pixels, as `pconv-jax inpaint` does.
    """

    photographs: tyro.conf.Positional[tuple[Path, ...]] = ()
    out: Path = Path("restored")
    port: Optional[int] = None
    browser: bool = True
    weights: str = DEFAULT_WEIGHTS
    detector: str = Finding.detector
    infrared: bool = Finding.infrared
    best: bool = False
    max_megapixels: Optional[float] = None

    def run(self) -> int:
        """Runs the command; returns the exit code."""
        max_pixels = _max_pixels(self.max_megapixels)
        if self.out.exists() and not self.out.is_dir():
            raise InputError(f"--out {self.out} is a file: give a folder for the results")
        from pconv_jax.cli.page import open_page

        open_page(
            self.photographs,
            out=self.out,
            port=self.port,
            browser=self.browser,
            weights=self.weights,
            finding=Finding(detector=self.detector, infrared=self.infrared, best=self.best),
            best=self.best,
            max_pixels=max_pixels,
        )
        return 0


@dataclasses.dataclass(frozen=True)
class Info:
    """Shows versions, devices and the bundled weights."""

    def run(self) -> int:
        """Runs the command; returns the exit code."""
        from pconv_jax.cli.info import describe

        print(describe())
        return 0


def _max_pixels(megapixels: float | None) -> int | None:
    if megapixels is not None and not 0 < megapixels < math.inf:
        raise InputError(f"--max-megapixels is {megapixels}, but it must be a number above 0")
    return None if megapixels is None else round(megapixels * 1e6)


Command = (
    Annotated[Inpaint, tyro.conf.subcommand("inpaint", prefix_name=False)]
    | Annotated[Detect, tyro.conf.subcommand("detect", prefix_name=False)]
    | Annotated[Page, tyro.conf.subcommand("page", prefix_name=False)]
    | Annotated[Undo, tyro.conf.subcommand("undo", prefix_name=False)]
    | Annotated[Info, tyro.conf.subcommand("info", prefix_name=False)]
)


def _interrupted(arguments: Sequence[str]) -> str:
    if arguments[:1] == ["info"]:
        return "interrupted"
    if "--overwrite" in arguments:
        return "interrupted; finished results stay: run the command again for the others, as --overwrite skips none"
    return "interrupted; run the command again to resume: finished results are skipped"


@command(interrupted=_interrupted)
def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns 0, 1 if a photograph failed, 2 for a user's mistake, 130 after Ctrl-C."""
    # Like Ctrl-C, so that no half-written file stays behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    chosen: Inpaint | Detect | Page | Undo | Info = tyro.cli(
        Command,  # type: ignore[arg-type]
        args=arguments,
        prog="pconv-jax",
        description="Restores photographs damaged by irregular lines: scratches, creases, wires, strokes.",
    )
    return chosen.run()
