"""Windows looked at once more, enlarged and mirrored, and what the looks at an image find together.

The network sees thin and faint damage better when it is enlarged, and broad damage when it is made smaller. Images are
float32 `[H, W, C]`; `inside` is float32 `[H, W, 1]` of 0 and 1, where the photograph is.
"""

import numpy as np

SCALE = 1.5
"""How much larger; windows and margins are multiples of 2 px, so that they stay whole."""

_LEAST = 1e-6  # probability, and how near to 1: beyond, its log-odds say nothing


def enlarged(image: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A window larger by `SCALE`, mirrored.

    Args:
        image: the window.
        inside: where the photograph is: what lies elsewhere has no part in the values at its edge.

    Returns:
        The same two, larger.
    """
    import cv2

    height, width = (round(SCALE * side) for side in image.shape[:2])
    weighted = cv2.resize(np.dstack([image * inside, inside])[:, ::-1], (width, height), interpolation=cv2.INTER_LINEAR)
    share = weighted[..., -1:]
    larger_inside = (share >= 0.5).astype(np.float32)
    return np.divide(weighted[..., :-1], share, out=np.zeros_like(weighted[..., :-1]), where=share > 0), larger_inside


def combined(output: np.ndarray, larger: np.ndarray, smaller: np.ndarray) -> np.ndarray:
    """What three looks at a window find: the mean of the plain look and the surer of the others, in log-odds.

    Args:
        output: `[H, W, 2]`: probability of damage, and opacity.
        larger: the same of the enlarged window, as the network gives it.
        smaller: log-odds of damage by the look at half the size, `[h, w]`: as much of the window as lies in the image.

    Returns:
        `[h, w, 2]`: the probability; the opacity is the mean of the first two.
    """
    import cv2

    mirrored = np.dstack([log_odds(larger[..., 0]), larger[..., 1]])[:, ::-1]
    other = cv2.resize(mirrored, output.shape[1::-1], interpolation=cv2.INTER_AREA)
    height, width = smaller.shape
    output, other = output[:height, :width], other[:height, :width]
    mean = (log_odds(output[..., 0]) + np.maximum(other[..., 0], smaller)) / 2
    return np.dstack([1 / (1 + np.exp(-mean)), (output[..., 1] + other[..., 1]) / 2])


def doubled(smaller: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """A map `[h, w]` of an image at half its size, at the image's own, `shape`."""
    import cv2

    height, width = smaller.shape
    return cv2.resize(smaller, (2 * width, 2 * height), interpolation=cv2.INTER_LINEAR)[: shape[0], : shape[1]]


def log_odds(probability: np.ndarray) -> np.ndarray:
    """Log-odds of probabilities, those next to 0 and 1 cut off."""
    clipped = np.clip(probability, _LEAST, 1 - _LEAST)
    return np.asarray(np.log(clipped / (1 - clipped)))
