"""Real textures and faces through upstream's builders."""

import numpy as np
from official_archives import opened

from pconv_jax import data


class TestReal:
    def test_textures(self, shared):
        sources = opened("dtd", shared / "data/dtd")
        assert [len(source) for source in sources.values()] == [400, 400, 400]
        assert "400 test images, officially 1880" in sources["test"].note
        images = [sources["train"][i] for i in range(0, 400, 25)]
        assert min(min(image.shape[:2]) for image in images) >= 200
        assert np.mean([image.std() for image in images]) > 20  # textures, and no grey fill

    def test_faces(self, shared):
        sources = opened("celeb_a", shared / "data/celeba")
        assert sum(map(len, sources.values())) == 10_000
        chosen = data.open_source("celeb_a", "train", data_dir=shared / "data/celeba", limit=64, seed=3)
        assert len(chosen) == 64 and chosen[63].shape == (109, 89, 3)
        batches = data.eval_batches(
            sources["test"],
            image_size=64,
            batch_size=16,
            seed=0,
            damage=data.Damage(line_count=(2, 4), line_thickness=(1, 3), noise=0),
            limit=32,
        )
        seen = np.concatenate([batch["image"] for batch in batches])
        assert seen.shape == (32, 64, 64, 3)
        skin = seen[:, 24:40, 24:40].mean(axis=(0, 1, 2))  # the middle of an aligned face: red above green above blue
        assert skin[0] > skin[1] > skin[2]
