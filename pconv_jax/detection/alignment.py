"""How an infrared channel lies over its photograph: scanners take the two one after the other, a few pixels apart."""

import dataclasses
import itertools

import numpy as np

from pconv_jax.common.errors import InputError

MOST = 12
"""Shift up to which a channel is aligned, px."""

_SIDE = 384  # of the windows in which the shift is measured, px
_WINDOWS = 5  # of them along each side, at most
_FINEST = 20  # parts of a pixel
_FINE, _COARSE = 1.0, 5.0  # Gaussians, px: what is smaller is noise, what is larger is shading
_LEAST = 0.12  # correlation that tells where a window lies
_AS_WELL = 0.95  # share of the best correlation from which on a fit within reach is as credible
_APART = 0.75  # px from what the others say beyond which a window is mistaken
_SPREAD = 3.0  # px from the median of shifts that are too large, likewise
_ENOUGH = 6  # windows that show how the shift changes over the image
_FEW = 3  # windows that agree by chance no more
_THIN = 0.02  # area of a triangle of windows, of the image's, below which it does not show that


@dataclasses.dataclass(frozen=True)
class Shift:
    """Where the pixels of an image are found in its infrared channel.

    Attributes:
        down: px by which to go down there, as factors of 1, row and column.
        right: px by which to go right, likewise.
        windows: number of windows that agree on it; 0 if nothing told, and the channel is left where it is.
    """

    down: tuple[float, float, float]
    right: tuple[float, float, float]
    windows: int

    def moved(self, channel: np.ndarray, rows: slice, columns: slice) -> np.ndarray:
        """The part of a channel that lies over a part of its image.

        Args:
            channel: `[H, W]`, uint8 or uint16.
            rows: of the image.
            columns: of the image.

        Returns:
            float32 `[rows, columns]`.
        """
        import cv2

        height, width = channel.shape
        top, left = max(0, rows.start - 2 * MOST), max(0, columns.start - 2 * MOST)
        source = channel[top : min(height, rows.stop + 2 * MOST), left : min(width, columns.stop + 2 * MOST)]
        (down, down_y, down_x), (right, right_y, right_x) = self.down, self.right
        down += down_y * rows.start + down_x * columns.start + rows.start - top
        right += right_y * rows.start + right_x * columns.start + columns.start - left
        matrix = np.array([[1 + right_x, right_y, right], [down_x, 1 + down_y, down]], np.float64)
        size = (columns.stop - columns.start, rows.stop - rows.start)
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(source.astype(np.float32), matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)

    def covered(self, shape: tuple[int, ...], rows: slice, columns: slice) -> np.ndarray:
        """Which pixels of a part of an image of a shape `[H, W]` its channel covers: bool `[rows, columns]`."""
        y = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None]
        x = np.arange(columns.start, columns.stop, dtype=np.float32)
        (down, down_y, down_x), (right, right_y, right_x) = self.down, self.right
        y, x = y + down + down_y * y + down_x * x, x + right + right_y * y + right_x * x
        return (y >= 0) & (y <= shape[0] - 1) & (x >= 0) & (x <= shape[1] - 1)


def no_shift() -> Shift:
    """The shift of a channel that lies where it should."""
    return Shift((0, 0, 0), (0, 0, 0), 0)


def measured_shift(image: np.ndarray, channel: np.ndarray) -> Shift:
    """Measures how an infrared channel is shifted, to a fraction of a pixel, by correlation in windows.

    What the two have in common is the damage, and what the dyes of the film absorb of infrared light.

    Args:
        image: one channel of the image, `[H, W]`, uint8 or uint16.
        channel: the infrared channel, `[H, W]`, uint8 or uint16.

    Returns:
        The shift, which may change evenly over the image.

    Raises:
        InputError: most windows agree on a shift of more than `MOST`, or hardly any of several on one.
    """
    from skimage.registration import phase_cross_correlation

    places, shifts, beyond = [], [], []
    for rows, columns in squares(*image.shape, side=_SIDE, most=_WINDOWS):
        pair = [_details(layer[rows, columns]) for layer in (image, channel)]
        if not all(layer.any() for layer in pair):
            continue
        found, error, _ = phase_cross_correlation(*pair, upsample_factor=_FINEST, normalization=None)
        if error >= np.sqrt(1 - _LEAST**2):
            continue
        if np.abs(found).max() > MOST:
            if not _fits_within_reach(*pair):
                beyond.append(found)
            continue
        places.append((1, (rows.start + rows.stop) / 2, (columns.start + columns.stop) / 2))
        shifts.append(-found)
    _check_reach(beyond, len(shifts))
    if not shifts:
        return no_shift()
    shift = _agreed(np.array(places), np.array(shifts), image.shape)
    if len(shifts) >= _ENOUGH and shift.windows < max(_FEW, len(shifts) / 5):
        raise InputError(
            f"its infrared channel does not lie evenly over the picture ({shift.windows} of {len(shifts)} parts agree "
            "on its shift): align the two first, or look for damage without infrared (--no-infrared)"
        )
    return shift


def _fits_within_reach(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two windows fit nearly as well where they can be aligned: a line fits anywhere along itself."""
    fits = np.fft.ifft2(np.fft.fft2(one) * np.conj(np.fft.fft2(other))).real
    near = np.ix_(*(np.abs(np.fft.fftfreq(length, 1 / length)) <= MOST for length in fits.shape))
    return bool(fits[near].max() >= _AS_WELL * fits.max())


def _check_reach(beyond: list[np.ndarray], within: int) -> None:
    """Refuses a channel that lies too far away: `beyond` are larger shifts, `within` is the number of others.

    Where nothing is in common, windows mistake one place or another for the same, but not all alike.
    """
    if not beyond:
        return
    middle = np.median(beyond, axis=0)
    agreeing = np.count_nonzero(np.abs(np.array(beyond) - middle).max(axis=1) <= _SPREAD)
    if agreeing > max(len(beyond) / 2, within, 1):
        raise InputError(
            f"its infrared channel is shifted by {np.abs(middle).max():.0f} px against the picture, and {MOST} px are "
            "the most that can be aligned: align the two first, or look for damage without infrared (--no-infrared)"
        )


def _agreed(places: np.ndarray, shifts: np.ndarray, shape: tuple[int, ...]) -> Shift:
    """The shift that most windows agree on: `places` are 1, row and column, `shifts` down and right."""
    middle = np.median(shifts, axis=0)
    alike = int(np.count_nonzero(np.abs(shifts - middle).max(axis=1) <= _APART))
    agreeing = _evenly_changing(places, shifts, shape)
    for _ in range(2):
        if np.count_nonzero(agreeing) < max(_ENOUGH, alike):
            break
        factors = np.linalg.lstsq(places[agreeing], shifts[agreeing])[0]
        agreeing = np.abs(shifts - places @ factors).max(axis=1) <= _APART
    else:
        if np.count_nonzero(agreeing) >= _ENOUGH:
            down, right = ((float(first), float(y), float(x)) for first, y, x in factors.T)
            return Shift(down, right, int(np.count_nonzero(agreeing)))
    return Shift((float(middle[0]), 0, 0), (float(middle[1]), 0, 0), alike) if alike else no_shift()


def _evenly_changing(places: np.ndarray, shifts: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The windows that agree with the shift that three of them show to change evenly, the three with most: bool."""
    best = np.zeros(len(places), bool)
    sides = places / np.array([1, *shape])
    for three in itertools.combinations(range(len(places)), 3):
        chosen = list(three)
        if abs(np.linalg.det(sides[chosen])) / 2 < _THIN:
            continue
        factors = np.linalg.solve(places[chosen], shifts[chosen])
        agreeing = np.abs(shifts - places @ factors).max(axis=1) <= _APART
        if np.count_nonzero(agreeing) > np.count_nonzero(best):
            best = agreeing
    return best


def squares(height: int, width: int, *, side: int, most: int) -> list[tuple[slice, slice]]:
    """Rows and columns of squares that cover an image, or are spread evenly over it: at most `most` along each side."""

    def starts(length: int) -> list[int]:
        count = min(most, -(-length // side))
        return np.linspace(0, max(0, length - side), count).astype(int).tolist() if count > 1 else [0]

    return [
        (slice(top, min(top + side, height)), slice(left, min(left + side, width)))
        for top in starts(height)
        for left in starts(width)
    ]


def _details(layer: np.ndarray) -> np.ndarray:
    """The details of a part of a channel, on a scale of ratios, fading out towards its borders."""
    import cv2

    values = layer.astype(np.float32)
    values = np.log(values + np.float32(0.02) * max(float(values.max()), 1.0))
    details = cv2.GaussianBlur(values, (0, 0), _FINE) - cv2.GaussianBlur(values, (0, 0), _COARSE)
    rows, columns = (np.hanning(length).astype(np.float32) for length in layer.shape)
    return details * rows[:, None] * columns
