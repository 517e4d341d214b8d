"""Whether holes are of the kind that weights were trained on."""

import contextlib
import contextvars
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pconv_jax.common.callers import callers_level
from pconv_jax.common.errors import WideHolesWarning

if TYPE_CHECKING:
    from pconv_jax.checkpoints.remembered import RememberedGenerator
    from pconv_jax.checkpoints.trained import TrainedGenerator

_THIN = 1 / 8  # of the shorter side of an image; the regions of training masks are broader
_REGIONS = {"centre": "the centre of images", "random": "random regions", "blocks": "blocks"}

_as_intended = contextvars.ContextVar("_as_intended", default=False)


@contextlib.contextmanager
def holes_as_intended() -> Iterator[None]:
    """Inside, the caller is not warned of holes; in this thread alone, where all threads share filters of warnings."""
    before = _as_intended.set(True)
    try:
        yield
    finally:
        _as_intended.reset(before)


def warn_of_other_holes(generator: "TrainedGenerator | RememberedGenerator", width: float, side: int) -> None:
    """Warns the caller of `Inpainter` if holes are wider than the weights know, or lines where they know regions.

    Args:
        generator: the weights.
        width: of the widest hole, px; 0 if there is none.
        side: the shorter one of the image, px.
    """
    if _as_intended.get():
        return
    limit, regions = generator.thickest_line, _REGIONS.get(generator.training_masks or "")
    found = f"holes are about {width:.0f} px across, and these weights were trained on"
    if limit is not None and width > 1.5 * limit:  # where two lines cross, a hole is 1.4 times as wide
        said = f"{found} lines up to {limit} px: the middle of wider ones comes out smooth"
    elif limit is None and regions and width < _THIN * side:
        said = f"{found} {regions}, not on lines: choose weights for lines, which pconv-jax info lists"
    else:
        return
    warnings.warn(said, WideHolesWarning, stacklevel=callers_level())
