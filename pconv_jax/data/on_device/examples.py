"""Examples from stored images and random keys: crop, mask, noise, each by JAX."""

import dataclasses
from collections.abc import Mapping

import jax
import jax.numpy as jnp

from pconv_jax.common.errors import InputError
from pconv_jax.data.augmentation import Augmentation
from pconv_jax.data.damage import Damage
from pconv_jax.data.on_device.crop import random_crop
from pconv_jax.data.on_device.images import DeviceImages
from pconv_jax.masks import on_device as drawn
from pconv_jax.masks.on_device.drawing import check_drawable
from pconv_jax.masks.regions import centre_region


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeviceExamples:
    """What a training step makes its examples with; fixed when the step is compiled.

    Attributes:
        image_size: S, the side of the examples in pixels.
        damage: the lines and the noise.
        augmentation: how the images are varied.
        largest: side of the largest square that is cropped from any image, px.
    """

    image_size: int
    damage: Damage
    augmentation: Augmentation
    largest: int

    def __call__(self, images: DeviceImages, batch: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
        """Makes the examples of a batch; a row depends on its image and key alone.

        Args:
            images: the stored images.
            batch: `image`, int32 `[N]`, and `key`, uint32 `[N, 2]`, from `chosen_batches`.

        Returns:
            `image` and `noisy` `[N, S, S, 3]` in [0, 1] and `mask` `[N, S, S, 1]`, float32, as from `train_batches`.
        """
        return jax.vmap(lambda image, words: self._example(images, image, words))(batch["image"], batch["key"])

    def _example(self, images: DeviceImages, image: jax.Array, words: jax.Array) -> dict[str, jax.Array]:
        crop, mask, noise = jax.random.split(jax.random.wrap_key_data(words, impl="threefry2x32"), 3)
        square = random_crop(crop, images, image, self.augmentation, size=self.image_size, largest=self.largest)
        clean = square.astype(jnp.float32) / 255
        noisy = clean
        if self.damage.noise:
            noisy = jnp.clip(clean + self.damage.noise * jax.random.normal(noise, clean.shape), 0, 1)
        return {"image": clean, "noisy": noisy, "mask": self.mask(mask)}

    def mask(self, key: jax.Array) -> jax.Array:
        """Draws a mask.

        Args:
            key: random key.

        Returns:
            `[S, S, 1]`, float32, 1 = valid, 0 = hole.
        """
        size, damage = self.image_size, self.damage
        if damage.masks == "centre":
            return jnp.asarray(centre_region(size, size, overlap=damage.overlap))
        if damage.masks == "random":
            hole = drawn.random_region(key, size)
        elif damage.masks == "blocks":
            hole = drawn.random_blocks(key, size)
        else:
            draw = drawn.random_lines if damage.line_shape == "straight" else drawn.random_strokes
            hole = draw(key, size, count=damage.line_count, thickness=damage.line_thickness)
        return 1 - hole[..., None].astype(jnp.float32)


def check_damage(damage: Damage, image_size: int) -> None:
    """Refuses damage that is made by the host alone.

    Args:
        damage: the damage, checked.
        image_size: side of the examples, px.

    Raises:
        InputError: mask files, or lines too thick for the size.
    """
    if damage.masks == "folder":
        raise InputError(
            f"the masks of {damage.mask_dir} are read and rotated by the host: leave out --augment-on-device, or "
            "--masks folder and --mask-dir"
        )
    if damage.masks == "lines":
        check_drawable(image_size, damage.line_thickness[1])
