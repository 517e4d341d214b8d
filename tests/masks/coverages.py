"""What tests of film damage measure in a piece's coverage, `[H, W]` in [0, 1]."""

import cv2
import numpy as np


def thickest(coverage):
    """Of the cores, px."""
    core = np.pad(coverage >= 0.5, 1).astype(np.uint8)
    return 2 * cv2.distanceTransform(core, cv2.DIST_L2, cv2.DIST_MASK_PRECISE).max()
