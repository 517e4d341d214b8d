"""Small images are run whole by networks that see less in windows than in training."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from inpainter_examples import CONFIG, SMALL, damaged, untrained, whole

from pconv_jax import Inpainter
from pconv_jax.inpainting import window_pass
from pconv_jax.models import ContextEncoderConfig, LiuConfig, PaperConfig
from pconv_jax.models.fill import pyramid_fill
from pconv_jax.models.window import inpaint_window

NETWORKS = {
    "paper": (PaperConfig(widths=(4, 6)), (41, 58)),
    "liu": (LiuConfig(widths=(4, 6)), (41, 58)),
    "context encoder": (ContextEncoderConfig(widths=(4, 6, 8), bottleneck=10), (32, 32)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_holes_are_those_of_the_whole_image(name):
    config, size = NETWORKS[name]
    model = untrained(config)
    image, mask = damaged(*size)
    seen = (image * mask[..., None]).astype(np.float32) / 255
    inpainted = Inpainter(model)(seen, mask)  # of floating point, as even ground is not kept even then
    output, valid = model.raw(seen[None], mask[None, ..., None].astype(np.float32))
    filled = np.asarray(pyramid_fill(seen[None], mask[None, ..., None].astype(np.float32)))
    expected = np.where(valid != 0, output, filled).clip(0, 1)[0]
    np.testing.assert_allclose(inpainted[mask == 0], expected[mask == 0], atol=1e-5)
    np.testing.assert_array_equal(inpainted[mask == 1], seen[mask == 1])


def test_networks_that_know_where_an_image_ends_keep_their_windows(monkeypatch):
    monkeypatch.setattr(window_pass.WindowPass, "_whole", None)  # it would fail
    image, mask = damaged(60, 70)
    model = untrained(CONFIG)
    np.testing.assert_allclose(
        Inpainter(model)(image, mask)[mask == 0], whole(model, image, mask)[mask == 0].clip(0, 255), atol=1
    )


@pytest.mark.parametrize(
    ("config", "side", "times"),
    [
        (PaperConfig(widths=(4,)), 128, 1),  # the largest window
        (PaperConfig(widths=(4,)), 129, 0),
        (ContextEncoderConfig(widths=(4, 6, 8), bottleneck=10), 64, 1),  # twice its 32 px
        (ContextEncoderConfig(widths=(4, 6, 8), bottleneck=10), 65, 0),
    ],
)
def test_larger_images_are_not(monkeypatch, config, side, times):
    runs, run = [], window_pass.WindowPass._whole
    monkeypatch.setattr(window_pass.WindowPass, "_whole", lambda self: runs.append(1) or run(self))
    image, mask = damaged(side, 50)
    Inpainter(untrained(config), windows=SMALL)(image, mask)
    assert len(runs) == times


def test_a_region_away_from_all_holes_leaves_a_whole_image_as_it_is():
    image, mask = damaged(60, 60)
    mask[:] = 1
    mask[5:9, 5:40] = 0
    inpainter = Inpainter(untrained(PaperConfig(widths=(4,))))
    np.testing.assert_array_equal(inpainter(image, mask, region=np.s_[30:, :]), image)
    near = inpainter(image, mask, region=np.s_[:9, 39:])
    assert (near != image).any() and np.array_equal(near[mask == 1], image[mask == 1])


def test_symmetries_and_alpha_of_whole_images():
    inpainter = Inpainter(untrained(PaperConfig(widths=(4,))), best=True)
    image, mask = damaged(33, 47, channels=4)
    inpainted = inpainter(image, mask)
    np.testing.assert_array_equal(inpainted[mask == 1], image[mask == 1])
    np.testing.assert_array_equal(inpainter(image[:, ::-1], mask[:, ::-1])[:, ::-1], inpainted)
    np.testing.assert_array_equal(np.rot90(inpainter(np.rot90(image).copy(), np.rot90(mask).copy()), -1), inpainted)


def test_patches_of_a_batch_do_not_move_each_other():
    model = untrained(PaperConfig(widths=(4,)))
    network = model.config.build(rngs=nnx.Rngs(0))
    network.eval()
    rng = np.random.default_rng(0)
    image = jnp.asarray(rng.random((3, 32, 32, 3)), jnp.float32)
    mask, inside = np.ones((2, 3, 32, 32, 1), np.float32)
    mask[:, 14:18, 10:20] = 0
    inside[0, :9], inside[1, :, 27:] = 0, 0
    mask = mask * inside

    def run(*which):
        seen = (jnp.asarray(array)[jnp.asarray(which)] for array in (image * inside, mask, inside))
        first, second, third = seen
        coarse = jnp.zeros((len(which), 2, 2, 3))
        return inpaint_window(network, first, second, inside=third, coarse=coarse, margin=8)

    together = jax.jit(run, static_argnums=(0, 1, 2))(0, 1, 2)
    for index in range(3):
        np.testing.assert_allclose(together[index], run(index)[0], atol=1e-5)
