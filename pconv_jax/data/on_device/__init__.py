"""Training examples made by JAX inside the training step, from images that stay on the device."""

from pconv_jax.data.on_device.choices import chosen_batches
from pconv_jax.data.on_device.examples import DeviceExamples
from pconv_jax.data.on_device.images import DeviceImages, load_images

__all__ = ["DeviceExamples", "DeviceImages", "chosen_batches", "load_images"]
