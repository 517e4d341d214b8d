"""Photographs, masks, and folders of images: files in which bytes have changed, moved or gone."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from experiments.hostile.doors import Door, Fault, library, run
from experiments.hostile.mutations import mutated, mutated_folder
from experiments.hostile.small_networks import save_small_generator
from pconv_jax.cli.main import main
from pconv_jax.data.folder import FolderSource
from pconv_jax.data.folder_masks import folder_mask
from pconv_jax.data.opacity_maps import opacity_maps
from pconv_jax.evaluation.mask_sets.folder import FolderMasks
from pconv_jax.imaging import read_hole, read_photograph

WIDTH, HEIGHT = 32, 24
PHOTOGRAPH, MASK, WEIGHTS = "photograph", "mask.png", "small.safetensors"


def picture() -> np.ndarray:
    """Random pixels, uint8 `[H, W, 3]`."""
    return np.random.default_rng(0).integers(64, 192, (HEIGHT, WIDTH, 3)).astype(np.uint8)


def hole() -> np.ndarray:
    """A stroke, bool `[H, W]`."""
    marked = np.zeros((HEIGHT, WIDTH), bool)
    marked[3:6, 4:20] = True
    return marked


def encoded(image: np.ndarray | Image.Image, kind: str, **options: Any) -> bytes:
    """The content of a file that Pillow writes."""
    stream = io.BytesIO()
    shown = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    shown.save(stream, kind, **options)
    return stream.getvalue()


def _tiff(image: np.ndarray, **options: Any) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, image, photometric="rgb", **options)
    return stream.getvalue()


def files() -> dict[str, bytes]:
    """Photographs of every kind, by suffix and kind."""
    rgb, deep = picture(), picture().astype(np.uint16) * 257
    palette = Image.fromarray(rgb).quantize(16)
    return {
        "jpeg.jpg": encoded(rgb, "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0", comment=b"a" * 20),
        "progressive.jpg": encoded(rgb, "JPEG", progressive=True),
        "png.png": encoded(rgb, "PNG", dpi=(300, 300)),
        "palette.png": encoded(palette, "PNG"),
        "deep.png": encoded(Image.fromarray(deep[..., 0]), "PNG"),
        "tiff.tif": _tiff(rgb),
        "bigtiff.tif": _tiff(rgb, bigtiff=True),
        "deflate.tif": _tiff(deep, compression="deflate"),
        "planes.tif": _tiff(deep, planarconfig="separate"),
        "alpha.tif": _tiff(np.dstack([deep, deep[..., 0]]), compression="deflate", tile=(16, 16), extrasamples=[2]),
        "lzw.tif": encoded(rgb, "TIFF", compression="tiff_lzw"),
        "fax.tif": encoded(Image.fromarray(rgb).convert("1"), "TIFF", compression="group4"),
        "lossless.webp": encoded(rgb, "WEBP", lossless=True),
        "lossy.webp": encoded(rgb, "WEBP"),
        "ppm.ppm": encoded(rgb, "PPM"),
        "bmp.bmp": encoded(rgb, "BMP"),
        "gif.gif": encoded(palette, "GIF"),
    }


def prepare_photograph(folder: Path) -> None:
    """Writes a photograph with its mask, and weights."""
    (folder / f"{PHOTOGRAPH}.png").write_bytes(encoded(picture(), "PNG"))
    Image.fromarray(hole()).save(folder / MASK)
    save_small_generator(folder / WEIGHTS)


def restore(folder: Path, out: Path, *, weights: str = WEIGHTS, mask: str = MASK) -> None:
    """Restores the photograph in a folder; what is outside its holes has to stay."""
    (image,) = folder.glob(f"{PHOTOGRAPH}.*")
    result = out / "result.png"
    run(main, ["inpaint", image, "--mask", folder / mask, "--weights", folder / weights, "-o", result])
    with library():
        before, after, marked = read_photograph(image), read_photograph(result), read_hole(folder / mask)
    if before.pixels.shape != after.pixels.shape or before.pixels.dtype != after.pixels.dtype:
        raise Fault(f"{before.pixels.shape} {before.pixels.dtype} became {after.pixels.shape} {after.pixels.dtype}")
    if (before.pixels[~marked] != after.pixels[~marked]).any():
        raise Fault("pixels changed outside of the hole")


def _damage_photograph(rng: np.random.Generator, folder: Path) -> str:
    name, content = list(files().items())[rng.integers(len(files()))]
    (folder / f"{PHOTOGRAPH}.png").unlink()
    path = folder / f"{PHOTOGRAPH}{Path(name).suffix}"
    path.write_bytes(mutated(rng, content, sides=(WIDTH, HEIGHT)))
    return name


def _damage_mask(rng: np.random.Generator, folder: Path) -> str:
    kinds: dict[str, Any] = {
        "PNG": Image.fromarray(hole()),
        "GIF": Image.fromarray(hole()).convert("P"),
        "JPEG": hole(),
        "BMP": hole(),
    }
    kind = list(kinds)[rng.integers(len(kinds))]
    content = encoded(Image.fromarray(hole()).convert("L") if kind == "JPEG" else kinds[kind], kind)
    (folder / MASK).write_bytes(mutated(rng, content, sides=(WIDTH, HEIGHT)))
    return kind


def _prepare_folder(folder: Path) -> None:
    for name, content in list(files().items())[:8]:
        (folder / name).write_bytes(content)
    for number in range(4):
        Image.fromarray(np.roll(hole(), number, 0)).save(folder / f"mask{number}.png")


def _damage_folder(rng: np.random.Generator, folder: Path) -> str:
    return "; ".join(mutated_folder(rng, folder) for _ in range(rng.integers(1, 4)))


def _enter_images(folder: Path, out: Path) -> None:
    with library():
        source = FolderSource(folder, "all")
        for index in range(len(source)):
            if source[index].dtype != np.uint8 or source[index].ndim != 3:
                raise Fault(f"{source.label(index)} is {source[index].dtype} {source[index].shape}")


def _enter_maps(folder: Path, out: Path) -> None:
    with library():
        if any(each.dtype != np.uint8 or each.ndim != 2 for each in opacity_maps(folder, "train")):
            raise Fault("an opacity map is not an array [h, w] of bytes")


def _enter_mask_set(folder: Path, out: Path) -> None:
    with library():
        FolderMasks(folder)


def _enter_training_masks(folder: Path, out: Path) -> None:
    with library():
        mask = folder_mask(np.random.default_rng(0), folder, 16)
        if mask.shape != (16, 16, 1) or not np.isin(mask, (0, 1)).all():
            raise Fault("a training mask is not an array of 0 and 1")


DOORS = (
    Door("photographs", prepare_photograph, _damage_photograph, restore),
    Door("masks", prepare_photograph, _damage_mask, restore),
    Door("folder", _prepare_folder, _damage_folder, _enter_images),
    Door("opacity-maps", _prepare_folder, _damage_folder, _enter_maps),
    Door("mask-set", _prepare_folder, _damage_folder, _enter_mask_set),
    Door("training-masks", _prepare_folder, _damage_folder, _enter_training_masks),
)
