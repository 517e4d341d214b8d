"""Examples made on the device: OpenCV's crops, the order of the host's batches, their distributions, any devices."""

import dataclasses
import functools
import itertools
import types

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from batches import DAMAGE, Ramp, Shades, first, rows, shades, training
from scipy import stats

from pconv_jax import data
from pconv_jax.common.errors import InputError
from pconv_jax.data import augmentation as by_host
from pconv_jax.data.crop import resize
from pconv_jax.data.on_device import DeviceExamples, chosen_batches, crop, examples, images, load_images
from pconv_jax.data.on_device.resize import resized
from pconv_jax.data.samples import photograph
from pconv_jax.training.sharding import Replicas

SIZE = 16


@functools.cache
def made(source_shape=(20, 30), count=10, **changes):
    """Examples of `Shades`, and the images they are made of."""
    kind = Ramp if count == 1 else Shades
    settings = {field.name for field in dataclasses.fields(data.Augmentation)}
    augmentation = data.Augmentation(**{name: value for name, value in changes.items() if name in settings})
    stored = load_images(kind(count, source_shape), largest_share=augmentation.crop_scale[1], limit=10**9)
    maker = DeviceExamples(
        image_size=SIZE,
        damage=dataclasses.replace(DAMAGE, noise=changes.get("noise", 0.0)),
        augmentation=augmentation,
        largest=stored.largest_crop(augmentation.crop_scale[1]),
    )
    return maker, stored


def batch(maker, stored, *, rows, seed=7):
    chosen = iter(chosen_batches(len(stored.start), batch_size=rows, seed=seed))
    found = jax.jit(maker)(stored, next(chosen))
    chosen.close()
    return {name: np.asarray(array) for name, array in found.items()}


@pytest.mark.parametrize(("low", "high", "share"), [(20, 48, 0.05), (49, 150, 1e-4)])
def test_squares_are_resized_as_opencv_does_but_for_one_level_in_few_pixels(low, high, share):
    image, size, largest = photograph("astronaut.png"), 48, 150
    pixels = np.concatenate([image.reshape(-1, 3), np.zeros((largest, 3), np.uint8)])
    rng = np.random.default_rng(0)
    sides = np.array([48, 96, 144, *rng.integers(low, high + 1, 30)], np.int32)
    sides = sides[(sides >= low) & (sides <= high)]
    corners = np.stack([rng.integers(0, 512 - side + 1, 2) for side in sides]).astype(np.int32)
    cut = functools.partial(resized, size=size, largest=largest)
    found = jax.jit(jax.vmap(cut, in_axes=(None, 0, None, 0)))(
        pixels, corners[:, 0] * 512 + corners[:, 1], jnp.int32(512), sides
    )
    places = zip(corners, sides, strict=True)
    expected = [resize(image[top : top + side, left : left + side], size) for (top, left), side in places]
    gap = np.abs(np.asarray(found).astype(int) - np.stack(expected))
    assert gap.max() <= 1
    assert (gap > 0).mean() < share
    assert not gap[sides == size].any()


def test_batches_show_the_images_in_the_order_of_the_host():
    maker, stored = made(count=10)
    iterator, chosen = iter(training(Shades(10))), iter(chosen_batches(10, batch_size=4, seed=7))
    program = jax.jit(maker)
    for _ in range(4):  # into the second epoch
        assert shades(jax.device_get(program(stored, next(chosen)))) == shades(next(iterator))
    assert chosen.get_state() == iterator.get_state() == {"next_index": 4}
    iterator.close()
    chosen.close()


def test_batches_depend_neither_on_hosts_nor_on_what_was_taken_before():
    whole = list(itertools.islice(iter(chosen_batches(10, batch_size=4, seed=7)), 6))
    halves = [list(itertools.islice(iter(chosen_batches(10, batch_size=4, seed=7, shard=(i, 2))), 6)) for i in (0, 1)]
    for name in ("image", "key"):
        joined = [np.concatenate([a[name], b[name]]) for a, b in zip(*halves, strict=True)]
        np.testing.assert_array_equal(joined, [each[name] for each in whole])
    later = iter(chosen_batches(10, batch_size=4, seed=7))
    later.set_state({"next_index": 5})
    np.testing.assert_array_equal(next(later)["key"], whole[5]["key"])
    assert len(np.unique(np.concatenate([each["key"] for each in whole]), axis=0)) == 24
    assert not np.array_equal(next(iter(chosen_batches(10, batch_size=4, seed=8)))["key"], whole[0]["key"])


@pytest.mark.parametrize("mapping", ["shard_map", "pmap"])
def test_examples_are_the_same_on_any_number_of_devices(mapping):
    maker, stored = made(source_shape=(40, 50), count=3, crop_scale=(0.3, 1.0), flip=True, noise=0.1)
    chosen = next(iter(chosen_batches(3, batch_size=8, seed=1)))
    expected = jax.jit(maker)(stored, chosen)

    def step(state, batch, constants):
        return jax.tree.map(lambda part: jax.lax.all_gather(part, "data"), maker(constants, batch)), {}

    replicas = Replicas(step, mapping=mapping)
    found = replicas.collect(replicas(replicas.replicate(jnp.zeros(())), chosen, replicas.replicate(stored))[0])
    for name, array in expected.items():
        np.testing.assert_array_equal(np.asarray(found[name]).reshape(array.shape), array)


def test_crops_have_the_sides_places_and_flips_of_the_host():
    maker, stored = made(source_shape=(60, 90), count=1, crop_scale=(0.3, 1.0), flip=True)
    ours = batch(maker, stored, rows=300)["image"] * 255
    host = rows(first(training(Ramp(1, (60, 90)), crop_scale=(0.3, 1.0), flip=True), 75))["image"] * 255
    for measure in (
        lambda image: image[:, :, 0, 0].mean(1),  # the row of the middle
        lambda image: image[:, 0, :, 1].mean(1),  # its column
        lambda image: image[:, -1, 0, 0] - image[:, 0, 0, 0],  # the side
        lambda image: image[:, 0, -1, 1] - image[:, 0, 0, 1],  # the side, negative where flipped
    ):
        assert stats.ks_2samp(measure(ours), measure(host)).pvalue > 1e-3


def test_a_crop_of_a_fixed_share_is_not_larger_than_what_is_read():
    stored = images.DeviceImages(*(np.array([value], np.int32) for value in (0, 0, 75, 75)))
    largest = stored.largest_crop(0.82)  # of 61.5 px in real numbers, a little less in float64, and 61.5 in float32
    _, side = crop.random_square(jax.random.key(0), jax.tree.map(jnp.asarray, stored), 0, (0.82, 0.82), largest=largest)
    assert largest == side == 61


def test_noise_is_gaussian_of_its_standard_deviation_and_clipped():
    maker, stored = made(count=256, noise=0.1)
    found = batch(maker, stored, rows=256)
    image, noisy = found["image"], found["noisy"]
    assert noisy.min() == 0 and noisy.max() == 1
    inside = (noisy - image)[(image[..., 0] > 0.45) & (image[..., 0] < 0.55)].ravel()[:5000]
    assert stats.kstest(inside / 0.1, "norm").pvalue > 1e-3
    assert set(np.unique(found["mask"])) == {0, 1}
    plain = batch(*made(count=256), rows=4)
    np.testing.assert_array_equal(plain["noisy"], plain["image"])


def test_grey_values_are_opencvs():
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    np.testing.assert_array_equal(crop.luminance(image), cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))


@pytest.mark.parametrize("change", ["recolored", "monochrome"])
def test_colours_have_the_distribution_of_the_host(change):
    image = np.full((2, 2, 3), (200, 120, 40), np.uint8)
    ours, host, options = crop.recolored, by_host._recolored, {}
    if change == "monochrome":
        ours, host, options = crop.monochrome, by_host._monochrome, {"share": 1.0}
    keys = jax.random.split(jax.random.key(0), 400)
    found = np.asarray(jax.jit(jax.vmap(lambda key: ours(key, jnp.asarray(image), **options)))(keys))[:, 0, 0]
    rng = np.random.default_rng(0)
    expected = np.stack([host(rng, image)[0, 0] for _ in range(400)])
    for channel in range(3):
        assert stats.ks_2samp(found[:, channel], expected[:, channel]).pvalue > 1e-3
    assert stats.ks_2samp(np.ptp(found, axis=1), np.ptp(expected, axis=1)).pvalue > 1e-3


def test_a_share_of_the_images_is_made_monochrome():
    image = np.full((1, 1, 3), (200, 120, 40), np.uint8)
    keys = jax.random.split(jax.random.key(0), 1000)
    found = np.asarray(jax.jit(jax.vmap(lambda key: crop.monochrome(key, image, share=0.2)))(keys))
    assert stats.binomtest(int((found != image).any((1, 2, 3)).sum()), 1000, 0.2).pvalue > 1e-3


@pytest.mark.parametrize("kind", ["centre", "random", "blocks", "lines"])
def test_each_kind_of_mask_is_drawn(kind):
    damage = data.Damage(masks=kind, line_shape="strokes")
    examples.check_damage(damage, 32)
    maker = DeviceExamples(image_size=32, damage=damage, augmentation=data.Augmentation(), largest=32)
    mask = np.asarray(jax.jit(maker.mask)(jax.random.key(0)))
    assert mask.shape == (32, 32, 1) and mask.dtype == np.float32
    assert set(np.unique(mask)) == {0, 1}
    if kind == "centre":
        np.testing.assert_array_equal(mask, damage.mask(np.random.default_rng(0), 32))


def test_images_of_any_size_lie_one_after_the_other():
    sizes = [(3, 5), (4, 2)]
    source = types.SimpleNamespace(images=[np.full((*size, 3), i, np.uint8) for i, size in enumerate(sizes)])
    mixed = type("Mixed", (), {"__len__": lambda self: 2, "__getitem__": lambda self, i: source.images[i]})()
    stored = load_images(mixed, largest_share=1.0, limit=100)
    assert stored.start.tolist() == [0, 15]
    assert (stored.height.tolist(), stored.width.tolist()) == ([3, 4], [5, 2])
    assert stored.pixels[:, 0].tolist() == [0] * 15 + [1] * 8 + [0] * 3
    assert stored.largest_crop(0.7) == 2


def test_images_that_do_not_fit_are_refused(monkeypatch):
    with pytest.raises(InputError, match=r"the first 3 of 5 training images take more than the 3\.4e-06 GiB that"):
        load_images(Shades(5), largest_share=1.0, limit=3700)
    monkeypatch.setattr(images, "MOST", 19)
    monkeypatch.setattr(Shades, "label", lambda self, index: f"grey {index}", raising=False)
    with pytest.raises(InputError, match="grey 0 has 30x20 px, and --augment-on-device takes crops of up to 19 px"):
        load_images(Shades(5), largest_share=1.0, limit=10**6)


def test_damage_of_the_host_alone_is_refused(tmp_path):
    with pytest.raises(InputError, match="are read and rotated by the host: leave out --augment-on-device, or --masks"):
        examples.check_damage(data.Damage(masks="folder", mask_dir=tmp_path), 64)
    with pytest.raises(InputError, match="lines of 500 px cannot be drawn on the device at 64x64 px"):
        examples.check_damage(data.Damage(line_thickness=(1, 500)), 64)
