"""One window at its scales: what changes at one is carried to the next."""

import types

import numpy as np

from pconv_jax.synthesis import scales
from pconv_jax.synthesis.objective import Part
from pconv_jax.synthesis.settings import SynthesisSettings


def test_what_changes_at_one_scale_is_added_once_to_the_next(monkeypatch):
    added = iter([0.25, 0.0, 0.125])

    def descend(vgg, image, part, *, steps, settings):
        return types.SimpleNamespace(image=image + np.float32(next(added)) * part.hole)

    monkeypatch.setattr(scales, "descend", descend)
    parts = []
    for side in (4, 8, 16):
        hole = np.zeros((side, side, 1), np.float32)
        hole[:, side // 2 :] = 1
        parts.append(Part(np.full((side, side, 3), 0.25, np.float32), hole, {}))
    settings = SynthesisSettings(iterations=1, match_every=1)
    found = scales.refine_window(parts, None, settings, progress=lambda: None)
    np.testing.assert_array_equal(found[:, :8], 0.25)
    np.testing.assert_array_equal(found[:, 12:], 0.25 + 0.25 + 0.125)  # away from the edge, over which it is enlarged
