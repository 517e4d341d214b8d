"""The parts of an image that are computed at once: windows, and batches of specks."""

from collections.abc import Sequence

from pconv_jax.inpainting.specks import BATCH, PATCH, Speck
from pconv_jax.inpainting.windows import Window

Part = Window | list[Speck]


def each_kind_first(parts: Sequence[Part]) -> list[Part]:
    """Parts in another order: one of each size leads, so that all programs are compiled at the same time.

    Args:
        parts: of one image.

    Returns:
        The same parts.
    """
    kinds = [part.size if isinstance(part, Window) else 0 for part in parts]
    first = {kind: at for at, kind in reversed(list(enumerate(kinds)))}
    return [parts[at] for at in sorted(range(len(parts)), key=lambda at: at != first[kinds[at]])]


def area_of(parts: Sequence[Part]) -> int:
    """Number of pixels that are computed.

    Args:
        parts: of one image.
    """
    return sum(part.area if isinstance(part, Window) else BATCH * PATCH**2 for part in parts)
