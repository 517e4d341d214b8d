"""A window looked at once more, enlarged and mirrored: the network sees thin and faint damage better then.

Images are float32 `[H, W, C]`; `inside` is float32 `[H, W, 1]` of 0 and 1, where the photograph is.
"""

import numpy as np

SCALE = 1.5
"""How much larger; windows and margins are multiples of 2 px, so that they stay whole."""

_LEAST = 1e-7  # probability, and how near to 1: beyond, its log-odds say nothing


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


def combined(output: np.ndarray, larger: np.ndarray) -> np.ndarray:
    """What two looks at a window find together: the mean of their log-odds, and of their opacities.

    Args:
        output: `[H, W, 2]`: probability of damage, and opacity.
        larger: the same of the enlarged window, as the network gives it.

    Returns:
        `[H, W, 2]`.
    """
    import cv2

    odds, larger_odds = (_log_odds(each[..., 0]) for each in (output, larger))
    mirrored = np.dstack([larger_odds, larger[..., 1]])[:, ::-1]
    other = cv2.resize(mirrored, output.shape[1::-1], interpolation=cv2.INTER_AREA)
    mean = (odds + other[..., 0]) / 2
    return np.dstack([1 / (1 + np.exp(-mean)), (output[..., 1] + other[..., 1]) / 2])


def _log_odds(probability: np.ndarray) -> np.ndarray:
    clipped = np.clip(probability, _LEAST, 1 - _LEAST)
    return np.asarray(np.log(clipped / (1 - clipped)))
