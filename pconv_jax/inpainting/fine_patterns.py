"""Fine patterns, such as the dots of a printed screen, hatching or writing, which networks make a grey smear of.

Frequency selective reconstruction continues them better: it explains what is around a hole by few waves. It is slow, so
it is tried only where an image seems to repeat, on copies of the holes beside them, in green, and used where it wins.

References:
    Seiler et al., Resampling Images to a Regular Grid from a Non-Regular Subset of Pixel Positions Using Frequency
    Selective Reconstruction, IEEE Transactions on Image Processing 2015.
"""

from collections.abc import Callable

import numpy as np

from pconv_jax.common.opencv import opencv_xphoto

_LONGEST = 40  # px, at which an image may repeat
_GREEN = slice(1, 2)  # the channel that is looked at
_ROWS = 24  # of it, at least, if there are as many
_FEWEST = 50  # pixels that are compared
# Of the difference at some distance, that at a greater one: in screens up to 0.47; from 0.47 up in writing, which waves
# do not continue better. Of 1110 windows in a hundred photographs 14 have less, and the network continued them better.
_DIP = 0.5
_SAME = (2 / 255) ** 2  # mean squared difference that is none
_FINE = 0.01  # half the mean squared difference of neighbours over the variance: that of waves of 44 px
_REACH = 32  # px around holes that tell what repeats
# px down and right by which copies of the holes are laid beside them, and how many pixels of each are tried.
_MOVED = ((9, 13), (-13, 9), (-9, -13), (13, -9))
_TRIED = 200
_CONTEXT = 32  # px around holes that waves are fitted to
_AHEAD = 10**0.15  # times its squared error that of the network must be: 1.5 dB
_BEHIND = 2.0  # times the network's its squared error so far, from which on it is given up
_CLEAR = 0.03  # error of the network (root of the mean square) up to which it is good enough

Places = tuple[np.ndarray, np.ndarray]
"""Rows and columns of some pixels, `[P]` each."""


def continues_better(
    values: np.ndarray,
    valid: np.ndarray,
    holes: np.ndarray,
    network: Callable[[np.ndarray, Places], np.ndarray],
    *,
    within: tuple[slice, slice],
) -> bool:
    """Whether `by_frequencies` continues holes better than a network does, to judge by copies of the holes beside them.

    Args:
        values: float32 `[h, w, 3]` in [0, 1].
        valid: bool `[h, w]`, where values are known.
        holes: bool `[h, w]`, what is to be continued, nowhere valid.
        network: returns what the network makes of some pixels with so much valid, `[P, 3]`.
        within: rows and columns where it returns something.
    """
    values = values[..., _GREEN]
    if not _seems_to_repeat(values[..., 0], valid, _around(holes) & valid):
        return False
    inside = np.zeros_like(valid)
    inside[within] = valid[within]
    errors, count = np.zeros(2), 0
    for by in _MOVED:
        rows, columns = np.nonzero(_moved(holes, *by) & inside)
        if len(rows) < _FEWEST:
            return False
        first = max(0, len(rows) - _TRIED) // 2
        places = rows[first : first + _TRIED], columns[first : first + _TRIED]
        fewer = valid.copy()
        fewer[places] = False
        outputs = by_frequencies(values, fewer, places), network(fewer, places)[:, _GREEN]
        errors += [np.sum((output - values[places]) ** 2) for output in outputs]
        count += len(places[0])
        if errors[0] > _BEHIND * errors[1]:
            return False
    return bool(errors[0] * _AHEAD < errors[1] and errors[1] > _CLEAR**2 * count)


def by_frequencies(values: np.ndarray, valid: np.ndarray, places: Places) -> np.ndarray:
    """What frequency selective reconstruction makes of some pixels, in 256 levels.

    Args:
        values: float32 `[h, w, C]` in [0, 1].
        valid: bool `[h, w]`, where they are known.
        places: of the pixels to reconstruct, which are not valid.

    Returns:
        float32 `[P, C]`.

    Raises:
        InputError: OpenCV is installed without its extra modules.
    """
    xphoto = opencv_xphoto()
    channels = values.shape[2]
    starts = [max(0, int(side.min()) - _CONTEXT) for side in places]
    area = tuple(slice(start, int(side.max()) + 1 + _CONTEXT) for start, side in zip(starts, places, strict=True))
    own = tuple(side - start for start, side in zip(starts, places, strict=True))
    known = valid[area].astype(np.uint8) * np.uint8(255)
    levels = np.rint(255 * values[area]).clip(0, 255).astype(np.uint8)
    grey = bool((levels == levels[..., :1]).all())
    found = []
    # One by one, as OpenCV has the second and third follow the first.
    for channel in range(1 if grey else channels):
        layer = np.ascontiguousarray(levels[..., channel])
        result = layer.copy()
        xphoto.inpaint(layer, known, result, xphoto.INPAINT_FSR_FAST)
        found.append(result[own])
    return np.stack(found * (channels if grey else 1), axis=-1).astype(np.float32) / np.float32(255)


def _around(holes: np.ndarray) -> np.ndarray:
    import cv2

    side = 2 * _REACH + 1
    around: np.ndarray = cv2.dilate(holes.astype(np.uint8), np.ones((side, side), np.uint8)) > 0
    return around


def _moved(holes: np.ndarray, down: int, right: int) -> np.ndarray:
    moved = np.zeros_like(holes)
    height, width = holes.shape
    moved[max(0, down) : height + min(0, down), max(0, right) : width + min(0, right)] = holes[
        max(0, -down) : height - max(0, down), max(0, -right) : width - max(0, right)
    ]
    return moved


def _seems_to_repeat(layer: np.ndarray, valid: np.ndarray, near: np.ndarray) -> bool:
    """Whether pixels farther from each other are more alike than nearer ones, as in hardly any photograph.

    It is seen in some rows and columns of one colour.
    """
    for values, known, asked in ((layer, valid, near), (layer.T, valid.T, near.T)):
        every = max(1, len(values) // _ROWS)
        lines = values[::every], known[::every], (asked & known)[::every]
        if not _is_fine(*lines[:2]):
            continue
        counts, squares = _compared(*lines)
        enough = counts >= _FEWEST
        difference = squares[enough] / counts[enough]
        greatest = np.maximum.accumulate(difference)
        if ((difference[1:] < _DIP * greatest[:-1]) & (greatest[:-1] > _SAME)).any():
            return True
    return False


def _is_fine(layer: np.ndarray, valid: np.ndarray) -> bool:
    """Whether neighbours in rows differ as in patterns that repeat soon: large photographs are smoother."""
    count = np.count_nonzero(valid)
    if not count:
        return False
    seen = layer * valid
    variance = np.vdot(seen, seen) / count - (seen.sum() / count) ** 2
    steps = np.diff(layer) * (valid[:, 1:] & valid[:, :-1])
    return bool(np.vdot(steps, steps) > 2 * _FINE * variance * count)


def _compared(layer: np.ndarray, valid: np.ndarray, near: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compares pixels of a layer with those farther right, by Fourier transforms.

    Args:
        layer: float32 `[h, w]`.
        valid: bool `[h, w]`, where it is known.
        near: likewise, which of its pixels are compared.

    Returns:
        For distances from 1 px to the longest how many are compared, and the sum of their squared differences.
    """
    import cv2

    weights = np.stack([valid, near]).astype(np.float32)
    count = weights[0].sum()
    mean = np.vdot(layer, weights[0]) / count if count else 0.0
    values = layer - np.float32(mean)  # of large sums little would be left
    size = cv2.getOptimalDFTSize(layer.shape[1] + _LONGEST)
    once = weights * values
    spectra = np.fft.rfft(np.stack([weights, once, once * values]), size)
    (there, here), (there_once, here_once), (there_twice, here_twice) = spectra

    def back(spectrum: np.ndarray) -> np.ndarray:
        sums: np.ndarray = np.fft.irfft(spectrum.sum(axis=0), size)[1 : _LONGEST + 1]
        return sums

    here, here_once, here_twice = here.conj(), here_once.conj(), here_twice.conj()
    return back(here * there), back(here_twice * there + here * there_twice - 2 * here_once * there_once)
