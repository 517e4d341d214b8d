"""The step of the damage detector: losses by hand, what does not count, replicas, the average."""

import functools

import jax
import numpy as np
import optax
import pytest
from detectors import PIXELWISE, pale_detector

from pconv_jax.common.errors import InputError
from pconv_jax.models.detector import DetectorConfig
from pconv_jax.training.detection import (
    DetectorLosses,
    DetectorTrainConfig,
    detector_loss,
    detector_step,
    init_detector_state,
    jaccard,
)
from pconv_jax.training.optimizer import AdamConfig
from pconv_jax.training.sharding import AXIS, Replicas

CONFIG = DetectorTrainConfig(
    detector=DetectorConfig(widths=(4, 6), blocks=(0, 1)),
    losses=DetectorLosses(jaccard_weight=0.5),
    optimizer=AdamConfig(learning_rate=1e-3, ema=0.9),
)


def batch(seed, images=4, size=8):
    rng = np.random.default_rng(seed)
    truth = rng.choice(3, (images, size, size, 1), p=(0.7, 0.2, 0.1)).astype(np.uint8)
    truth[0] = 0  # one without damage, and one with little: sums over an image differ from those over all
    truth[1] *= truth[1] != 1
    truth[1, 2, 3] = 1
    return {
        "image": rng.integers(0, 256, (images, size, size, 3), np.uint8),
        "opacity": rng.integers(0, 256, (images, size, size, 1), np.uint8),
        "truth": truth,
    }


@functools.partial(jax.jit, static_argnums=2)
def _losses(params, batch, config):
    return jax.shard_map(
        lambda params, batch: detector_loss(params, batch, config),
        mesh=jax.sharding.Mesh(np.array(jax.devices()[:1]), (AXIS,)),
        in_specs=(jax.sharding.PartitionSpec(), jax.sharding.PartitionSpec(AXIS)),
        out_specs=jax.sharding.PartitionSpec(),
        check_vma=False,
    )(params, batch)


def losses(data, **weights):
    """Of the detector of pale pixels."""
    config = DetectorTrainConfig(detector=PIXELWISE, losses=DetectorLosses(**weights))
    total, metrics = _losses(pale_detector(gain=10 * np.log(3), opacity=0.75).params, data, config)
    assert total == metrics["detector_loss"]
    return {name: float(value) for name, value in metrics.items()}


def tiny():
    """Logits ln 3, ln 3, 0 and -9 ln 3, so probabilities 3/4, 3/4, 1/2 and almost 0; opacity 3/4 everywhere."""
    image = np.zeros((1, 2, 2, 3), np.uint8)
    image[0, 0], image[0, 1, 0] = 255, 255  # the third counts as unseen
    truth = np.array([1, 0, 2, 0], np.uint8).reshape(1, 2, 2, 1)
    opacity = np.array([255, 0, 7, 0], np.uint8).reshape(1, 2, 2, 1)
    return {"image": image, "opacity": opacity, "truth": truth}


def test_losses_by_hand():
    # Probabilities 3/4 (damaged), 3/4 (clean), unseen, 3^-9 (clean).
    found = losses(tiny(), cross_entropy_weight=2.0, jaccard_weight=3.0, opacity_weight=4.0, damaged_pixel_weight=3.0)
    faint = 3.0**-9
    entropy = (3 * np.log(4 / 3) + np.log(4) + np.log(1 + faint)) / 5
    few = faint / (1 + faint)
    miss = 1 - (0.75 + 16) / (0.75 + 0.75 + few + 1 - 0.75 + 16)
    assert found["cross_entropy"] == pytest.approx(entropy, rel=1e-4)
    assert found["jaccard_loss"] == pytest.approx(miss, rel=1e-4)
    assert found["opacity_error"] == pytest.approx(0.25, rel=1e-4)
    assert found["detector_loss"] == pytest.approx(2 * entropy + 3 * miss + 4 * 0.25, rel=1e-4)
    assert found["jaccard"] == pytest.approx(1 / 2, rel=1e-2)  # one of two was rightly found


def test_weights_by_default():
    entropy = (3 * np.log(4 / 3) + np.log(4) + np.log(1 + 3.0**-9)) / 5
    assert losses(tiny())["cross_entropy"] == pytest.approx(entropy, rel=1e-4)
    defaults = DetectorLosses()
    assert (defaults.cross_entropy_weight, defaults.jaccard_weight, defaults.opacity_weight) == (1, 0, 0.25)


def test_unseen_pixels_change_nothing():
    before = losses(tiny())
    for value in (0, 128, 230):
        data = tiny()
        data["image"][0, 1, 0], data["opacity"][0, 1, 0] = value, value
        assert losses(data) == before
    assert losses({**tiny(), "truth": np.full((1, 2, 2, 1), 2, np.uint8)})["detector_loss"] == 0


def test_an_image_without_damage_in_which_nothing_is_found():
    data = {name: np.zeros_like(array) for name, array in tiny().items()}
    found = losses(data)
    assert found["opacity_error"] == 0 and found["jaccard"] == 1
    assert found["jaccard_loss"] < 1e-4 and found["cross_entropy"] < 1e-4


def test_jaccard_by_hand_for_each_image():
    found = np.array([[1, 0.5, 0, 0], [0, 0, 0, 0], [0, 1, 1, 0]], np.float32)
    damaged = np.array([[1, 1, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]], np.float32)
    np.testing.assert_allclose(jaccard(found, damaged), [1.5 / 2, 1, 0], atol=1e-3)
    np.testing.assert_allclose(jaccard(found, damaged, smoothing=2.0), [3.5 / 4, 1, 2 / 5], rtol=1e-6)


@functools.cache
def replicas_of(devices, mapping):
    return Replicas(functools.partial(detector_step, CONFIG), mapping=mapping, devices=jax.devices()[:devices])


def run(batches, *, devices=1, mapping="shard_map"):
    replicas, history = replicas_of(devices, mapping), []
    state, nothing = replicas.replicate(init_detector_state(CONFIG, seed=0)), replicas.replicate(())
    for data in batches:
        state, metrics = replicas(state, data, nothing)
        history.append({name: float(value) for name, value in replicas.collect(metrics).items()})
    return replicas.collect(state), history


@pytest.fixture(scope="module")
def on_one_device():
    return run([batch(seed) for seed in range(3)])


@pytest.mark.parametrize("mapping", ["shard_map", "pmap"])
def test_two_devices_take_the_steps_of_one(on_one_device, mapping):
    state, history = run([batch(seed) for seed in range(3)], devices=2, mapping=mapping)
    for a, b in zip(jax.tree.leaves(on_one_device[0]), jax.tree.leaves(state), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-5)
    for a, b in zip(on_one_device[1], history, strict=True):
        assert b == pytest.approx(a, rel=1e-4)


def test_metrics_and_the_average(on_one_device):
    state, history = on_one_device
    assert set(history[0]) == {
        *("detector_loss", "cross_entropy", "jaccard_loss", "opacity_error", "jaccard", "detector_gradient_norm")
    }
    assert history[0]["detector_loss"] == pytest.approx(
        history[0]["cross_entropy"] + 0.5 * history[0]["jaccard_loss"] + 0.25 * history[0]["opacity_error"], rel=1e-5
    )
    assert int(state.step) == 3 and state.released is state.average
    assert state.replace(average=None).released is state.params
    start = init_detector_state(CONFIG, seed=0)
    after, _ = run([batch(0)])
    for first, latest, average in zip(*map(jax.tree.leaves, (start.params, after.params, after.average)), strict=True):
        np.testing.assert_allclose(average, 2 / 11 * first + 9 / 11 * latest, rtol=1e-5, atol=1e-7)


def test_the_first_step_is_adams(on_one_device):
    """Each parameter moves by the learning rate against its gradient."""
    start, (after, _) = init_detector_state(CONFIG, seed=0), run([batch(0)])
    moved = optax.tree.norm(jax.tree.map(lambda a, b: a - b, after.params, start.params), ord="inf")
    assert moved == pytest.approx(1e-3, rel=1e-3)


def test_parameters_depend_on_the_seed_and_no_average_is_kept_unless_asked_for():
    first, *others = (jax.tree.leaves(init_detector_state(CONFIG, seed=seed).params) for seed in (0, 1, 2**32))
    for other in others:
        assert any(not np.array_equal(a, b) for a, b in zip(first, other, strict=True))
    assert init_detector_state(DetectorTrainConfig(detector=PIXELWISE), seed=0).average is None


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"cross_entropy_weight": -1.0}, "cross_entropy_weight=-1.0 must be finite and at least 0"),
        ({"jaccard_weight": float("nan")}, "jaccard_weight=nan"),
        ({"opacity_weight": float("inf")}, "opacity_weight=inf"),
        ({"damaged_pixel_weight": -0.1}, "damaged_pixel_weight=-0.1"),
        ({"cross_entropy_weight": 0.0, "jaccard_weight": 0.0}, "are both 0: nothing would be learnt"),
    ],
)
def test_weights_that_make_no_sense(values, match):
    with pytest.raises(InputError, match=match):
        DetectorLosses(**values).check()
    DetectorLosses().check()
