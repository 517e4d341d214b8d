"""Large images strip by strip."""

from collections.abc import Iterator

_STRIP = 2**21  # pixels that are processed together, so that no copy of a large image is needed


def strips(height: int, width: int, *, multiple: int = 1) -> Iterator[slice]:
    """Strips of rows of an image, small whatever its size, each beginning at a multiple of `multiple` px."""
    rows = multiple * max(1, _STRIP // (multiple * width))
    return (slice(top, top + rows) for top in range(0, height, rows))
