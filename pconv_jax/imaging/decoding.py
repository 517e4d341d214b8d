"""Decoding of every image file: upright, at the depth of the file, refusing pixels whose meaning is unknown."""

import dataclasses
from typing import IO, TYPE_CHECKING

from pconv_jax.imaging import exif, pixels
from pconv_jax.imaging.coding import is_lossless, jpeg_coding
from pconv_jax.imaging.colour import colour_chunks, jpeg2000_profile
from pconv_jax.imaging.credentials import NOT_KEPT, has_credentials
from pconv_jax.imaging.depth import bits
from pconv_jax.imaging.limits import PEAK_BYTES_A_BYTE, check_memory, check_size
from pconv_jax.imaging.opening import (
    UnknownFormat,
    check_png,
    head,
    misread_by_pillow,
    opened_image,
    refusing,
)
from pconv_jax.imaging.photograph import Photograph
from pconv_jax.imaging.texts import texts_of
from pconv_jax.imaging.tiff_channels import EXTRA_SAMPLES, naming_compression
from pconv_jax.imaging.tiff_copies import page_at
from pconv_jax.imaging.tiff_decoding import (
    DAMAGED_EXIF,
    NOT_EXIF,
    check_tiff,
    directory_of,
    further_channel,
    many_channels,
    many_channels_tags,
    naming_layout,
    said_orientation,
    tiff_block,
    upright,
)
from pconv_jax.imaging.tiff_pages import pages_of
from pconv_jax.imaging.tiff_segments import COMPRESSION, check_deflate, check_segments
from pconv_jax.imaging.tiff_tags import first_directory, numbers
from pconv_jax.imaging.turned_places import TRANSPOSED
from pconv_jax.imaging.whole import bytes_behind

if TYPE_CHECKING:
    from PIL.Image import Exif, Image


def decode(
    name: str,
    stream: IO[bytes],
    *,
    notes: list[str],
    exact: bool,
    first_frame: bool = False,
    short_side: int | None = None,
    max_pixels: int | None = None,
) -> Photograph:
    """Decodes an image file.

    Args:
        name: what to call the file in an error.
        stream: its content.
        notes: messages for the user are appended to it.
        exact: PNG and TIFF colours of 16 bits keep them, inks go through their profile, and the metadata is read.
            Otherwise, which is quicker, 16-bit colours come out as their high bytes, inks are converted without a
            profile, and there is no metadata.
        first_frame: whether the first of several frames counts; otherwise they are refused.
        short_side: a JPEG may come out at 1/2, 1/4 or 1/8 of its size, which is several times quicker, as long as both
            sides keep this many pixels; None for its full size.
        max_pixels: a file that claims more is refused before it is decoded; None for 500 million, as far as the
            available memory is enough for them.

    Returns:
        The image, upright.

    Raises:
        InputError: the file is damaged or cut off, is not an image, has several frames, more pixels than allowed, or
            pixels that do not say which value is white.
    """
    pages = pages_of(stream)
    found = _page(
        name,
        pages.photograph,
        notes,
        exact=exact,
        first_frame=first_frame,
        short_side=short_side,
        max_pixels=max_pixels,
        more_channels=1 if exact and pages.infrared else 0,
    )
    if exact and pages.masks:
        marked = "page, which is marked as a mask, is" if pages.masks == 1 else "pages, which are marked as masks, are"
        notes.append(f"{pages.masks} {marked} not kept")
    if not (exact and pages.infrared):
        return found
    page = page_at(stream, pages.infrared)
    said = said_orientation(first_directory(page))
    infrared = _page(
        name,
        page,
        [],
        exact=False,
        first_frame=False,
        short_side=None,
        max_pixels=max_pixels,
    ).pixels
    if said is None:  # it lies as the colours do
        infrared = pixels.turned(infrared, found.orientation)
    elif said != found.orientation:
        notes.append("its infrared page is turned otherwise than its colours and is not kept")
        return found
    return dataclasses.replace(found, infrared=infrared)


def _page(
    name: str,
    stream: IO[bytes],
    notes: list[str],
    *,
    exact: bool,
    first_frame: bool,
    short_side: int | None,
    max_pixels: int | None,
    more_channels: int = 0,
) -> Photograph:
    """Decodes a file without the pages that do not count."""
    check_tiff(name, stream)
    try:
        with (
            opened_image(name, stream, max_pixels=max_pixels, first_frame=first_frame) as image,
            refusing(name),
        ):
            if short_side:
                sides = [side * short_side // min(image.size) for side in image.size]
                image.draft(None, (sides[0], sides[1]))
            if max_pixels is None:
                check_memory(
                    name, image.size, bytes_a_pixel=PEAK_BYTES_A_BYTE * _bytes_a_pixel(image, stream, more_channels)
                )
            return _decoded(name, stream, image, notes, exact=exact, first_frame=first_frame)
    except UnknownFormat:
        with refusing(name), naming_compression(name, stream):
            found = many_channels(name, stream, notes, max_pixels=max_pixels, first_frame=first_frame)
        if found is not None:
            return found
        with naming_layout(name, stream), naming_compression(name, stream):
            raise


def upright_size(name: str, stream: IO[bytes], *, max_pixels: int | None = None) -> tuple[int, int]:
    """The size of an image by its header, upright unless a PNG file says only after its pixels how it lies.

    Args:
        name: what to call the file in an error.
        stream: its content.
        max_pixels: as for `decode`.

    Returns:
        Width and height, px.

    Raises:
        InputError: as `decode` does for what the header tells.
    """
    stream = pages_of(stream).photograph
    check_tiff(name, stream)
    try:
        with opened_image(name, stream, max_pixels=max_pixels, first_frame=False) as image, refusing(name):
            known = image.format != "PNG" or "exif" in image.info  # Pillow would decode all of it to find out
            turned = known and image.format != "TIFF" and _tags(image)[1] in TRANSPOSED  # Pillow has turned TIFF
            return image.size[::-1] if turned else image.size
    except UnknownFormat:
        with refusing(name):
            tags = many_channels_tags(stream)
        if tags is None:
            with naming_layout(name, stream):
                raise
        check_size(name, (tags[256], tags[257]), max_pixels)
        return (tags[256], tags[257])[:: -1 if tags.get(exif.ORIENTATION, 1) in TRANSPOSED else 1]


def _bytes_a_pixel(image: "Image", stream: IO[bytes], more: int) -> int:
    """How large a pixel is, once it is decoded, with so many channels from elsewhere."""
    values = 4 if image.mode in ("P", "PA") else len(image.getbands())
    if image.format == "TIFF":
        values = max(values, image.tag_v2.get(277, 1))  # type: ignore[attr-defined] # of TiffImageFile
    return (values + more) * (2 if bits(image, stream) > 8 else 1)


def _decoded(
    name: str, stream: IO[bytes], image: "Image", notes: list[str], *, exact: bool, first_frame: bool
) -> Photograph:
    """A file whose header Pillow knows."""
    tags, orientation = _load(name, stream, image)
    if image.mode.startswith("I"):
        layers = pixels.deep_grey(image)
    elif misread_by_pillow(image):
        layers = pixels.by_tifffile(name, stream, first_frame=first_frame)
    elif _needs_opencv(stream, image, exact=exact):
        layers = pixels.by_opencv(stream, image, orientation=orientation)
    else:
        if (depth := bits(image, stream)) > 8:
            notes.append(f"its {depth}-bit colours are read with 8 bits; save it as PNG or RGB TIFF to keep them")
        layers = pixels.by_pillow(stream, image, notes=notes, by_profile=exact)
    if image.format == "MPO":
        frames = image.n_frames  # type: ignore[attr-defined] # of MpoImageFile
        notes.append(f"the first of its {frames} pictures is read; the others are not kept")
    elif image.format == "JPEG" and "mp" in image.info:  # which Pillow does not call MPO
        notes.append("its gain map, for screens of high dynamic range, is not kept")
    found = upright(layers, orientation, "JPEG" if image.format == "MPO" else str(image.format))
    if not exact:
        return found
    if behind := bytes_behind(image, stream):
        notes.append(f"what follows its end, {behind:,} bytes, such as the film of a motion photo, is not kept")
    if has_credentials(image, stream):
        notes.append(NOT_KEPT)
    made_up = image.format == "TIFF" or (image.format in ("JPEG", "MPO") and image.info.get("jfif_unit") not in (1, 2))
    dpi = None if made_up else exif.dpi(image.info.get("dpi"))  # by Pillow, if the file has none
    dpi = exif.upright_dpi(dpi or (None if tags is None else exif.dpi_of(tags)), orientation)
    icc = image.info.get("icc_profile") or (jpeg2000_profile(stream) if image.format == "JPEG2000" else None)
    if image.mode in ("CMYK", "LAB"):
        icc = None
        notes.append(f"its {image.mode} colours are converted to sRGB, and so are those of the result")
    directory = directory_of(stream) if image.format == "TIFF" else None
    if directory and found.alpha is not None and EXTRA_SAMPLES not in directory.entries:
        notes.append("its last channel, of which the file says nothing, is taken for transparency")
    block = tiff_block(stream, directory, notes) if directory else _block(image.info.get("exif"), tags, notes)
    return dataclasses.replace(
        found,
        exif=block,
        icc=icc,
        dpi=dpi,
        jpeg=(coding := jpeg_coding(image, orientation)),
        source=head(stream, -1) if coding is not None and image.mode == "RGB" and not coding.rgb else None,
        compression=numbers(directory, COMPRESSION, default=1)[0] if directory else None,
        lossless=is_lossless(image, stream),
        infrared=further_channel(stream, directory, orientation, notes) if directory else None,
        texts=texts_of(image, stream, directory.entries if directory else {}, notes, orientation=orientation),
        colour=colour_chunks(image, stream),
    )


def _needs_opencv(stream: IO[bytes], image: "Image", *, exact: bool) -> bool:
    """Whether the high bytes of 16-bit colours, all that Pillow decodes, are not enough."""
    deep = bits(image, stream) == 16 and image.format in ("PNG", "TIFF") and image.mode != "CMYK"
    return deep and (exact or "transparency" in image.info)  # a transparent colour has 16 bits


def _load(name: str, stream: IO[bytes], image: "Image") -> tuple["Exif | None", int]:
    """Decodes all pixels, but not those of `misread_by_pillow`; returns the tags and the orientation in the file.

    Pillow has turned the image upright if it is a TIFF file, and not if it is any other.
    """
    if image.format == "TIFF":
        _, orientation = _tags(image)  # which Pillow forgets while it loads
        place = stream.tell()
        if directory := directory_of(stream):
            check_segments(directory, stream.seek(0, 2))
            check_deflate(stream, directory)
        stream.seek(place)
        if not misread_by_pillow(image):
            with naming_compression(name, stream):
                image.load()
        return _tags(image)[0], orientation
    if image.format == "PNG":  # Pillow accepts wrong pixels, and one whose last chunks are missing
        place = stream.tell()
        check_png(stream)
        stream.seek(place)
    image.load()
    return _tags(image)


def _tags(image: "Image") -> tuple["Exif | None", int]:
    try:
        if block := image.info.get("exif"):
            exif.upright(exif.bare(block))  # stricter than Pillow
        tags = image.getexif()
        return tags, 1 if _is_upright_jxl(image) else tags.get(exif.ORIENTATION, 1)
    except exif.DAMAGED:
        return None, 1


def _is_upright_jxl(image: "Image") -> bool:
    """Whether an image is JPEG XL, whose decoder turns the pixels, but for those of a JPEG file packed as one."""
    return image.format == "JXL" and not getattr(image, "jpeg", False)


def _block(block: bytes | None, tags: "Exif | None", notes: list[str]) -> bytes | None:
    """The EXIF block as it is in the file; made from the tags where a PNG file has them as text."""
    try:
        if tags is None:
            raise ValueError("damaged")
        if block:
            return exif.upright(exif.bare(block))
        for tag in NOT_EXIF & set(tags):
            del tags[tag]
        tags.bigtiff = False  # what is made is small
        return exif.bare(tags.tobytes()) if len(tags) else None
    except exif.DAMAGED:
        notes.append(DAMAGED_EXIF)
        return None
