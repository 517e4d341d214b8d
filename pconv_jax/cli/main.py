"""The program `pconv-jax`: its commands, and the flags of those that have few."""

import dataclasses
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Optional

import tyro

from pconv_jax.checkpoints.bundled import DEFAULT_WEIGHTS
from pconv_jax.cli.detect_command import Detect
from pconv_jax.cli.finding import Finding
from pconv_jax.cli.flags import most_pixels
from pconv_jax.cli.inpaint_command import Inpaint
from pconv_jax.common.commands import command
from pconv_jax.common.errors import InputError
from pconv_jax.common.output_folder import check_output_folder

# ruff: noqa: UP045 - see `pconv_jax.cli.flags`


@dataclasses.dataclass(frozen=True)
class Undo:
    """Brings back the pixels of a photograph as they were before `inpaint --receipt`, to the bit; or all of a folder.

    Attributes:
        restored: the restored photograph, or a folder of them.
        out: the file to write, or a folder: one that exists, or a name that ends in a slash.
        receipt: the receipt, if it is not beside the photograph; the original pixels lie beside it.
        overwrite: replace files that already exist; otherwise they are skipped.
        max_megapixels: refuse photographs with more than so many million pixels, as `pconv-jax inpaint` does.
    """

    restored: tyro.conf.Positional[Path]
    out: Annotated[str, tyro.conf.arg(aliases=["-o"], metavar="PATH")]  # a Path would drop the slash at its end
    receipt: Optional[Path] = None
    overwrite: bool = False
    max_megapixels: Optional[float] = None

    def run(self) -> int:
        """Runs the command; returns the exit code."""
        max_pixels = most_pixels(self.max_megapixels)
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
        max_pixels = most_pixels(self.max_megapixels)
        if self.out.exists() and not self.out.is_dir():
            raise InputError(f"--out {self.out} is a file: give a folder for the results")
        check_output_folder(self.out)
        from pconv_jax.cli.page import open_page

        open_page(
            self.photographs,
            out=self.out.absolute(),  # the person at the browser does not know where the command was started
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
        return "interrupted; the same command starts over, as --overwrite replaces finished results too"
    return "interrupted; run the command again to resume: finished results are skipped"


@command(interrupted=_interrupted, subcommands=True)
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
