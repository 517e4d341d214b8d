"""Random crops, mirror images and colours by JAX: the distributions of `data.Augmentation`."""

import jax
import jax.numpy as jnp

from pconv_jax.data.augmentation import Augmentation
from pconv_jax.data.on_device.images import DeviceImages
from pconv_jax.data.on_device.resize import resized

_GREY, _GREY_SHIFT = (9798, 19235, 3735), 15  # OpenCV's luminance in whole numbers


def random_crop(
    key: jax.Array, images: DeviceImages, image: jax.Array, augmentation: Augmentation, *, size: int, largest: int
) -> jax.Array:
    """Crops a random square of an image and augments it.

    Args:
        key: random key.
        images: the stored images.
        image: which of them, int32.
        augmentation: how images are varied.
        size: S, the side of the result in pixels.
        largest: the side of the largest square that is cropped from any image, px.

    Returns:
        uint8 `[S, S, 3]`.
    """
    crop, flip, colours, tones = jax.random.split(key, 4)
    first, side = random_square(crop, images, image, augmentation.crop_scale, largest=largest)
    square = resized(images.pixels, first, images.width[image], side, size=size, largest=largest)
    if augmentation.flip:
        square = jnp.where(jax.random.bernoulli(flip), square[:, ::-1], square)
    if augmentation.recolor:
        square = recolored(colours, square)
    if augmentation.monochrome:
        square = monochrome(tones, square, share=augmentation.monochrome)
    return square


def random_square(
    key: jax.Array, images: DeviceImages, image: jax.Array, crop_scale: tuple[float, float], *, largest: int
) -> tuple[jax.Array, jax.Array]:
    """A random square of an image.

    Args:
        key: random key.
        images: the stored images.
        image: which of them, int32.
        crop_scale: smallest and largest side, as a fraction of the image's shorter side; uniform.
        largest: the most that a side may have, px: in float32 the product may be rounded up where it is not in float64.

    Returns:
        Which of the stored pixels is its upper left one, and its side, px, both int32.
    """
    scale, place = jax.random.split(key)
    low, high = crop_scale
    height, width = images.height[image], images.width[image]
    share = low + (high - low) * jax.random.uniform(scale)
    side = jnp.clip(jnp.rint(jnp.minimum(height, width) * share).astype(jnp.int32), 1, largest)
    top, left = jax.random.randint(place, (2,), 0, jnp.stack([height, width]) - side + 1)
    return images.start[image] + top * width + left, side


def recolored(key: jax.Array, image: jax.Array) -> jax.Array:
    """Permutes the channels, and scales (0.4 to 1) and shifts each within 0..255.

    Args:
        key: random key.
        image: uint8 `[S, S, 3]`.

    Returns:
        uint8 `[S, S, 3]`.
    """
    gains, shifts, order = jax.random.split(key, 3)
    gain = jax.random.uniform(gains, (3,), minval=0.4, maxval=1.0)
    shift = jax.random.uniform(shifts, (3,)) * 255 * (1 - gain)
    return _bytes(image[..., jax.random.permutation(order, 3)] * gain[None, None, :] + shift[None, None, :])


def monochrome(key: jax.Array, image: jax.Array, *, share: float) -> jax.Array:
    """Makes a share of the images monochrome: half of those grey, half in a random tone such as sepia or cyan.

    Args:
        key: random key.
        image: uint8 `[S, S, 3]`.
        share: the probability, above 0.

    Returns:
        uint8 `[S, S, 3]`.
    """
    whether, toned, darks, lights, gammas = jax.random.split(key, 5)
    light = luminance(image)
    dark = jax.random.uniform(darks, (1, 3), minval=0.0, maxval=0.3)
    bright = jax.random.uniform(lights, (1, 3), minval=0.55, maxval=1.0)
    gamma = jax.random.uniform(gammas, (1, 3), minval=0.7, maxval=1.4)
    ramp = jnp.arange(256, dtype=jnp.int32)[:, None]
    tones = _bytes(255 * (dark + (bright - dark) * (ramp / 255) ** gamma))
    greys = jnp.broadcast_to(ramp.astype(jnp.uint8), tones.shape)
    print_ = jnp.where(jax.random.bernoulli(toned), tones, greys)[light]
    return jnp.where(jax.random.bernoulli(whether, share), print_, image)


def luminance(image: jax.Array) -> jax.Array:
    """The grey values `[S, S]`, 0..255, int32, of an image uint8 `[S, S, 3]`, as OpenCV has them."""
    red, green, blue = (weight * image[..., channel].astype(jnp.int32) for channel, weight in enumerate(_GREY))
    return (red + green + blue + (1 << _GREY_SHIFT - 1)) >> _GREY_SHIFT


def _bytes(values: jax.Array) -> jax.Array:
    return jnp.clip(jnp.rint(values), 0, 255).astype(jnp.uint8)
