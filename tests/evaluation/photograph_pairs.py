"""Pairs of outputs and truths whose perceptual distances are known."""

import os

import numpy as np
import pytest
import scipy.ndimage


def pairs():
    """Output and truth, cut from photographs in scikit-image."""
    from skimage import data

    face, cat = data.astronaut() / 255, data.chelsea() / 255
    rng = np.random.default_rng(0)
    eye, shoulder, whiskers = face[:64, 180:244], face[100:228, 150:278], cat[50:147, 100:233]
    hole = shoulder.copy()
    hole[40:70, 50:90] = 0.5
    return {
        "blur 64": (scipy.ndimage.gaussian_filter(eye, (1.5, 1.5, 0)), eye),
        "noise 128": (np.clip(shoulder + rng.normal(0, 0.1, shoulder.shape), 0, 1), shoulder),
        "hole 128": (hole, shoulder),
        "shift 97x133": (np.roll(whiskers, 2, 1), whiskers),
        "other 32": (cat[100:132, 200:232], face[200:232, 200:232]),
    }


def folder_of_genuine_weights():
    """torchvision's weights, by which the distances are known; skips where there are none."""
    folder = os.environ.get("LPIPS_WEIGHTS")
    if not folder:
        pytest.skip("set LPIPS_WEIGHTS to a folder with torchvision's alexnet.npz and vgg16.npz")
    return folder
