"""Images and masks of any kind as arrays, and back: NumPy, JAX and PIL; 8 and 16 bits and floating point.

An image is `[H, W]` (grey), `[H, W, 3]` (RGB) or `[H, W, 4]` (RGB and alpha); uint8, uint16, or floating point in
[0, 1]. A numeric mask is 1 = valid, 0 = hole; a boolean hole is True = damage; `hole_from` makes one of the other.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pconv_jax.common.errors import InputError
from pconv_jax.imaging import exif
from pconv_jax.imaging.masks import MASK_THRESHOLD, check_meaning, luma
from pconv_jax.imaging.strips import strips

_NEARLY = 0.01  # beyond [0, 1]: of rounding, or of resizing with a filter that overshoots


def pixels_of(image: Any) -> tuple[np.ndarray, Callable[[np.ndarray], Any]]:
    """An image as an array, and a function that makes such an image of a result.

    Args:
        image: a NumPy or JAX array, or a PIL image, as `Inpainter.__call__` takes it.

    Returns:
        Its pixels `[H, W, C]`, C from 1 to 4, and a function from such an array to an image of the same kind and shape.

    Raises:
        InputError: a kind, type or shape that cannot be inpainted.
    """
    if _is_pil(image):
        if image.mode in ("I", "F"):  # whose conversion to L clips at 255
            raise InputError(
                f"a PIL image of mode {image.mode} does not say which value is white: give numpy.asarray(picture), as "
                "uint16 if 65535 is white, or in floating point if 1 is"
            )
        if image.mode not in ("L", "LA", "RGB", "RGBA", "I;16", "I;16B"):
            raise InputError(f"a PIL image of mode {image.mode} cannot be used: convert it to RGB or L first")
        from PIL import Image

        _check_picture(image, "image")
        stored, info = np.asarray(image), dict(image.info)
        pixels = _native(stored)

        def as_picture(result: np.ndarray) -> Any:
            picture = Image.fromarray(result.reshape(stored.shape).astype(stored.dtype, copy=False))
            picture.info.update(info)  # colour profile, EXIF, resolution
            return picture

        return pixels.reshape(*pixels.shape[:2], -1), as_picture
    if isinstance(image, np.ma.MaskedArray):
        hole = "image.mask.any(axis=-1)" if image.ndim > 2 else "image.mask"
        raise InputError(f"a masked array may mean either: give image.data, and hole={hole} if it marks the damage")
    array = _native(_numbers(image, "an image"))
    if array.dtype.kind in "USO":
        if isinstance(image, np.ndarray):
            raise InputError(
                f"an image must be an array of numbers, not of {array.dtype}: convert it to uint8 or float32"
            )
        raise InputError(f"an image must be an array or a PIL image, not {type(image).__name__}: open the file first")
    if array.dtype not in (np.uint8, np.uint16) and array.dtype.kind != "f" and array.dtype != jnp.bfloat16:
        raise InputError(f"an image must be uint8, uint16 or floating point in [0, 1], not {array.dtype}: convert it")
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)) or 0 in array.shape:
        advice = "give one image at a time" if array.ndim == 4 else "give an array of such a shape"
        raise InputError(
            f"an image must be [H, W], [H, W, 1], [H, W, 3] or [H, W, 4], channels last, not {array.shape}: {advice}"
        )
    pixels = array.reshape(*array.shape[:2], -1)
    if isinstance(image, jax.Array):
        return pixels, lambda result: jax.device_put(result.reshape(array.shape), image.sharding)
    return pixels, lambda result: result.reshape(array.shape)


def hole_from(mask: Any, hole: Any, shape: tuple[int, ...]) -> np.ndarray:
    """The hole of an image, from the one of `mask` and `hole` that is given.

    The only place that decides what 0, 1, True, False, black and white mean. A PIL image is a picture under either
    name, as in files: **white = hole**, from 128 on, whatever its mode.

    Args:
        mask: numbers, 1 = valid, 0 = hole; or a PIL image, or None.
        hole: bool, True = damage; or a PIL image, or None.
        shape: of the hole, `[..., H, W]`; a mask may have a last axis of length 1 besides.

    Returns:
        bool of that shape, True = hole.

    Raises:
        InputError: not exactly one of the two, a boolean `mask`, a `hole` that is not, a masked array, another size, or
            other values.
    """
    if (mask is None) == (hole is None):
        raise InputError(f"give either mask (numbers, 1 = valid) or hole (bool, True = damage), not {_how_many(mask)}")
    given = hole if mask is None else mask
    if isinstance(given, np.ma.MaskedArray):
        raise InputError("a masked array may mean either: give its data, or hole=array.mask if that marks the damage")
    if _is_pil(given):
        found = _hole_of_picture(given)
    else:
        array = _numbers(given, "a mask" if hole is None else "a hole")
        found = _hole_of_mask(array) if hole is None else _checked_hole(array)
        if found.ndim == len(shape) + 1 and found.shape[-1] == 1:
            found = found[..., 0]
    if found.shape != tuple(shape):
        name = "mask" if hole is None else "hole"
        raise InputError(
            f"the {name} is {_size(found.shape)} and the image {_size(shape)}: they must have the same size"
        )
    return found


def _how_many(mask: Any) -> str:
    return "neither" if mask is None else "both"


def _size(shape: Sequence[int]) -> str:
    """Width x height of one image; of anything else, its shape."""
    return f"{shape[1]}x{shape[0]}" if len(shape) == 2 else f"of shape {tuple(shape)}"


def _numbers(values: Any, name: str) -> np.ndarray:
    if isinstance(values, jax.core.Tracer):
        raise InputError(
            f"{name} cannot be traced by jit, grad or vmap here: call this outside of them, or use the network alone, "
            "`TrainedGenerator.module`"
        )
    return np.asarray(values)


def _check_picture(picture: Any, name: str) -> None:
    """Refuses a PIL image without pixels, and one stored rotated: what is painted as viewers show it lies elsewhere."""
    if 0 in picture.size:
        raise InputError(f"the {name} has {_size(picture.size[::-1])} pixels: give one that is not empty")
    picture.load()  # which turns TIFF
    try:
        orientation = picture.getexif().get(exif.ORIENTATION, 1)
    except exif.DAMAGED:
        return
    if orientation in range(2, 9):
        raise InputError(
            f"the {name} is stored rotated (EXIF orientation {orientation}): give "
            "PIL.ImageOps.exif_transpose(picture), and image and mask as they are shown"
        )


def _hole_of_picture(picture: Any) -> np.ndarray:
    _check_picture(picture, "mask picture")
    if picture.mode in ("I", "F"):
        raise InputError(
            f"a mask picture of mode {picture.mode} does not say which value is white: give "
            "hole=numpy.asarray(picture) > 0, or compare with the value from which on it is damage"
        )
    if picture.mode in ("LAB", "La"):  # which Pillow does not convert
        raise InputError(f"a mask picture of mode {picture.mode} cannot be read: give one of mode L, white = damage")
    grey = luma(picture.copy())
    values = _native(np.asarray(picture)) if picture.mode.startswith("I") else grey
    if values.max() == 1:  # all of it would count as valid
        raise InputError(
            "a mask picture must be black (valid) and white (hole), but this one holds only 0 and 1: give the array "
            "as mask=numpy.asarray(picture), where 1 = valid, or multiply it by 255"
        )
    alpha = np.asarray(picture.convert("RGBA"))[..., 3] if picture.mode in ("LA", "PA", "RGBA", "P") else None
    check_meaning("the mask picture", values, alpha, MASK_THRESHOLD)
    return grey >= MASK_THRESHOLD


def _hole_of_mask(mask: np.ndarray) -> np.ndarray:
    if mask.dtype == bool:
        raise InputError(
            "a boolean mask may mean either: give hole=mask if True marks the damage, or hole=~mask if it marks what "
            "is valid"
        )
    if mask.dtype.kind not in "iuf" and mask.dtype != jnp.bfloat16:
        advice = "open the file first" if mask.dtype.kind in "USO" else "convert it"
        raise InputError(f"a mask must be an array of numbers, 1 = valid and 0 = hole, not {mask.dtype}: {advice}")
    hole = mask == 0
    wrong = ~hole & (mask != 1)
    if wrong.any():
        if mask.min() >= 0 and mask.max() <= 1:
            way = "give hole=mask < 0.5"
        else:
            way = (
                "for a picture in which white marks the damage, give hole=picture >= 128, and hole=picture < 128 if "
                "white marks what is valid"
            )
        raise InputError(f"a mask must hold only 1 (valid) and 0 (hole), but this one holds {mask[wrong][0]:g}: {way}")
    return hole


def _checked_hole(hole: np.ndarray) -> np.ndarray:
    if hole.dtype != bool:
        raise InputError(
            f"a hole must be boolean, True = damage, not {hole.dtype}: give hole=array > 0 if larger numbers mark the "
            "damage, or mask=array if 1 = valid and 0 = hole"
        )
    return hole


def check_pixels(pixels: np.ndarray, hole: np.ndarray) -> None:
    """Refuses valid floating-point pixels outside of [0, 1], or NaN: pixels `[H, W, C]`, hole bool `[H, W]`."""
    if pixels.dtype.kind == "u":
        return
    for strip in strips(*hole.shape):
        part = pixels[strip][~hole[strip]].astype(np.float32)
        if part.size and not (part.min() >= 0 and part.max() <= 1):
            raise InputError(f"valid pixels of a floating-point image {out_of_range(part, as_bytes=True)}")


def check_inpainted(pixels: np.ndarray, hole: np.ndarray) -> None:
    """Refuses holes that were not inpainted, with NaN or beyond [0, 1]: pixels `[H, W, C]`, hole bool `[H, W]`."""
    values = pixels[hole].astype(np.float32)
    if pixels.dtype.kind != "u" and values.size and not (values.min() >= 0 and values.max() <= 1):
        raise InputError(
            "the holes hold values that are NaN, infinite or not in [0, 1]: inpaint the image first, and give "
            "the result"
        )


def out_of_range(values: np.ndarray, *, as_bytes: bool = False) -> str:
    """That values must lie in [0, 1], which do not, and the way out; bytes may be another."""
    wrong = values.size - np.count_nonzero(np.isfinite(values))
    if wrong:
        return f"must lie in [0, 1], but {wrong} of these {values.size} values are NaN or infinite: replace them"
    low, high = values.min(), values.max()
    nearly = low >= -_NEARLY and high <= 1 + _NEARLY
    advice = "clip them with numpy.clip" if nearly else "rescale them"
    return f"must lie in [0, 1], but they range from {low} to {high}: {advice}{', or give uint8' if as_bytes else ''}"


def to_float(pixels: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Pixels as a network takes them: float32 in [0, 1], 0 in holes, as RGB and alpha if there is one.

    `pixels` `[H, W, C]` and the bool `hole` `[H, W]` to `[H, W, 3]` or `[H, W, 4]`.
    """
    if pixels.dtype.kind == "u":
        values = pixels.astype(np.float32)
        values /= np.iinfo(pixels.dtype).max
        values[hole] = 0
    else:
        values = np.zeros(pixels.shape, np.float32)
        np.copyto(values, pixels, casting="unsafe", where=~hole[..., None])  # holes may hold NaN, or what overflows
    channels = pixels.shape[2]
    if channels in (1, 2):  # grey, and alpha if there is one
        values = values[..., [0, 0, 0, 1][: 2 + channels]]
    return values


def from_float(values: np.ndarray, channels: int, dtype: np.dtype) -> np.ndarray:
    """The inverse of `to_float` for some pixels: `[P, 3]` or `[P, 4]` in [0, 1] to `[P, channels]` of a type."""
    if channels in (1, 2):
        values = np.concatenate([values[:, :3].mean(axis=1, keepdims=True), values[:, 3:]], axis=1)
    if dtype.kind == "u":
        values = np.rint(values * np.float32(np.iinfo(dtype).max))
    return values.astype(dtype)


def _native(array: np.ndarray) -> np.ndarray:
    """The array in the byte order of this machine; files in the other one are read so."""
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _is_pil(image: Any) -> bool:
    # Without an import of Pillow; the formats that plug-ins add have classes of their own.
    return any(kind.__module__.split(".")[0] == "PIL" for kind in type(image).__mro__)
