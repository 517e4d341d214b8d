"""Image files to arrays, by the library that decodes each kind correctly, at the depth of the file."""

import io
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pconv_jax.imaging import exif
from pconv_jax.imaging.depth import bits
from pconv_jax.imaging.opening import check_frames, head, png_chunks
from pconv_jax.imaging.strips import strips
from pconv_jax.imaging.tiff_channels import EXTRA_SAMPLES, rare_compression, stored_channels
from pconv_jax.imaging.tiff_copies import with_tags
from pconv_jax.imaging.tiff_tags import header
from pconv_jax.imaging.turned_places import TRANSPOSED

if TYPE_CHECKING:
    from PIL.Image import Image

_PHOTOMETRIC = 262


class Layers(NamedTuple):
    """Pixels [H, W] or [H, W, 3] and alpha [H, W], of one type; `stored` as in the file and not yet upright."""

    pixels: np.ndarray
    alpha: np.ndarray | None
    stored: bool


def by_pillow(stream: IO[bytes], image: "Image", *, notes: list[str], by_profile: bool) -> Layers:
    """A loaded image as Pillow decodes it, with 8 bits; inks become colours, `by_profile` through that of the file."""
    stored, key = image.format != "TIFF", None
    if image.mode in ("1", "L", "RGB"):
        key = image.info.pop("transparency", None)
        if image.mode == "L" and key is not None and image.format == "PNG":
            key = key * 255 // (2 ** bits(image, stream) - 1)  # Pillow scales the pixels of 2 or 4 bits, not the key
    if image.mode == "LAB" or (image.mode == "CMYK" and by_profile):
        image = _in_srgb(image, notes)
    elif image.mode == "1":
        image = image.convert("L")
    elif image.mode in ("RGBa", "La"):
        image = image.convert("RGBA" if image.mode == "RGBa" else "LA")
    elif image.mode not in ("L", "LA", "RGB", "RGBA"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    pixels = np.asarray(image)
    if image.mode == "LA":
        return Layers(pixels[..., 0], pixels[..., 1], stored)
    if image.mode == "RGBA":
        return Layers(pixels[..., :3], pixels[..., 3], stored)
    return Layers(pixels, None if key is None else _unlike(pixels, key), stored)


def deep_grey(image: "Image") -> Layers:
    """A loaded grey image of 16 bits."""
    tags = getattr(image, "tag_v2", {})
    grey = np.asarray(image).astype(np.uint16)
    key = image.info.get("transparency")
    alpha = None if key is None else _unlike(grey, key)
    # Where 0 is white, Pillow turns the values round, but only those of 8 bits.
    return Layers(~grey if tags.get(_PHOTOMETRIC) == 0 else grey, alpha, image.format != "TIFF")


def by_opencv(stream: IO[bytes], image: "Image", *, orientation: int) -> Layers:
    """A PNG or TIFF file of 16 bits, of which Pillow has decoded the upper 8; ValueError if OpenCV sees others."""
    import cv2

    if image.format == "TIFF" and (header(stream).big or rare_compression(stream)):  # of which OpenCV would complain
        stored = stored_channels(stream)
        decoded: Any = stored[..., [2, 1, 0, 3][: stored.shape[2]]]
    else:
        with _for_opencv(stream, image).getbuffer() as content:
            decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None or decoded.dtype != np.uint16 or decoded.ndim != 3:
        raise ValueError("its 16 bits cannot be decoded")
    pixels = decoded[..., 2::-1]
    alpha = decoded[..., 3] if decoded.shape[2] == 4 and image.mode == "RGBA" else None
    if alpha is not None and getattr(image, "tag_v2", {}).get(EXTRA_SAMPLES) == (1,):
        return Layers(_divided(pixels, alpha), alpha, stored=True)
    # OpenCV does not report missing data or unknown layouts, so the high bytes are compared with Pillow's.
    seen = turned(pixels, orientation) if image.format == "TIFF" else pixels
    if not np.array_equal(np.right_shift(seen, 8).astype(np.uint8), np.asarray(image)[..., :3]):
        raise ValueError("its 16 bits are laid out in an unknown way")
    if image.format == "PNG" and head(stream, 26)[25] == 4:  # grey with alpha
        return Layers(pixels[..., 0], alpha, stored=True)
    key = image.info.get("transparency")
    return Layers(pixels, alpha if key is None else _unlike(pixels, key), stored=True)


def _for_opencv(stream: IO[bytes], image: "Image") -> io.BytesIO:
    """A file of 16 bits without what OpenCV might apply, or complain about."""
    if image.format == "TIFF":  # some versions of OpenCV apply the orientation and some do not
        return with_tags(stream, {}, keep=exif.LAYOUT - {exif.ORIENTATION})
    content = io.BytesIO(head(stream, 8))
    content.seek(8)
    for kind, place, size in png_chunks(stream):
        if kind[:1].isupper():
            stream.seek(place)
            content.write(stream.read(size))
    return content


def by_tifffile(name: str, stream: IO[bytes], *, first_frame: bool) -> Layers:
    """A TIFF file of 8 or 16 bits, if need be with the help of libtiff; InputError for several pages."""
    import tifffile

    stream.seek(0)
    with tifffile.TiffFile(stream) as tiff:  # type: ignore[arg-type] # any seekable stream will do
        if not first_frame:
            check_frames(name, len(tiff.pages))
        page: Any = tiff.pages[0]
        extra, inverted = page.extrasamples, page.photometric == 0
    decoded = stored_channels(stream)
    colours = decoded.shape[-1] - len(extra)
    if colours not in (1, 3):
        raise ValueError("its channels do not fit together")
    pixels = decoded[..., :colours]
    alpha = decoded[..., colours] if extra and extra[0] in (1, 2) else None
    if inverted:
        pixels = ~pixels
    if alpha is not None and extra[0] == 1:
        pixels = _divided(pixels, alpha)
    return Layers(pixels[..., 0] if colours == 1 else pixels, alpha, stored=True)


def turned(layer: np.ndarray, orientation: int) -> np.ndarray:
    """Turns an array [H, W, ...] from a file upright, by the value 1..8 of the EXIF tag."""
    if orientation in TRANSPOSED:
        layer = layer.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        layer = layer[::-1]
    if orientation in (2, 3, 6, 7):
        layer = layer[:, ::-1]
    return np.ascontiguousarray(layer)


def eight_bits(values: np.ndarray) -> np.ndarray:
    """uint8 as it is; of whole numbers in 0..65535, v becomes round(v / 257), where Pillow would clip at 255."""
    if values.dtype == np.uint8:
        return values
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _unlike(pixels: np.ndarray, key: int | tuple[int, ...]) -> np.ndarray:
    """The alpha of a file that calls one colour transparent."""
    same = pixels == np.array(key)
    opaque = ~(same if pixels.ndim == 2 else same.all(axis=-1))
    return opaque.astype(pixels.dtype) * np.iinfo(pixels.dtype).max


def _divided(pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """The colours of pixels that were stored multiplied by their alpha."""
    divided, top = np.empty_like(pixels), np.iinfo(pixels.dtype).max
    for strip in strips(*alpha.shape):
        divisor = np.maximum(alpha[strip], 1).astype(np.uint32)[..., None]
        divided[strip] = np.minimum((pixels[strip] * np.uint32(top) + divisor // 2) // divisor, top)
    return divided


def _in_srgb(image: "Image", notes: list[str]) -> "Image":
    from PIL import ImageCms

    profile: Any = None
    if image.mode == "LAB":
        profile = ImageCms.createProfile("LAB")
    elif image.info.get("icc_profile"):
        profile = io.BytesIO(image.info["icc_profile"])
    if profile is not None:
        try:
            converted = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):
            notes.append("its CMYK profile cannot be used, so its colours are converted without")
        else:
            assert converted is not None  # as it is not done in place
            return converted
    return image.convert("RGB")
