"""Opens the page with photographs that are named on the command line."""

import functools
import importlib.util
from collections.abc import Sequence
from pathlib import Path

from pconv_jax.cli.finding import Finding
from pconv_jax.cli.photographs import find_photographs
from pconv_jax.common.errors import InputError
from pconv_jax.common.extras import how_to_install
from pconv_jax.common.jax_start import prepare_jax
from pconv_jax.common.output import end_process, plain_text


def open_page(
    photographs: Sequence[Path],
    *,
    out: Path,
    port: int | None,
    browser: bool,
    weights: str,
    finding: Finding,
    best: bool,
    max_pixels: int | None,
) -> None:
    """Serves the page until Ctrl-C.

    Args:
        photographs: photographs to open, and folders of them.
        out: folder for the results.
        port: as for `page.run.serve`.
        browser: as for `page.run.serve`.
        weights: as for `restore_files`.
        finding: how damage is found.
        best: as for `Inpainter`.
        max_pixels: of a photograph, as for `read_photograph`.

    Raises:
        InputError: a package that the page needs is missing, a photograph does not exist, weights or detector cannot be
            loaded, or the port is taken.
    """
    missing = [name for name in ("starlette", "uvicorn") if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(f"the page needs {' and '.join(missing)}: {how_to_install('page')}")
    found = find_photographs(photographs, out, None) if photographs else None
    from pconv_jax.checkpoints.remembered import load_remembered
    from pconv_jax.inpainting.inpainter import Inpainter
    from pconv_jax.page.run import serve

    prepare_jax()
    finding.load()
    # `few_sizes` as in the command with one photograph.
    inpainter = Inpainter(load_remembered(weights, None), best=best, few_sizes=True)
    for sentence in found.passed_over if found else []:
        print(plain_text(sentence))
    status = serve(
        [root / name for root, name in found.photographs] if found else [],
        functools.partial(finding.look, max_pixels=max_pixels),
        inpainter,
        out=out,
        port=port,
        browser=browser,
        max_pixels=max_pixels,
    )
    # What XLA compiles in a thread would abort a process that ends as usual, and nobody needs it any more.
    end_process(status)
