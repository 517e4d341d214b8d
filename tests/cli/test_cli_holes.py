"""Where the command finds the holes: masks, transparency, a colour, and how they are widened."""

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image
from restoring import SIZE, check, hole, load, picture, save, sentences
from skimage import data


def test_transparent_is_the_hole(one, inpaint):
    array = picture(channels=4)
    array[..., 3] = np.where(hole(), 127, 128)
    image = save(one.folder / "erased.png", array)
    assert inpaint(image, "--mask-alpha", "-o", one.out).code == 0
    after = load(one.out)
    check(array[..., :3], after, hole())  # and all can be seen again
    result = inpaint(one.image, "--mask-alpha", "-o", one.folder / "opaque.png")
    assert result.code == 1
    assert "a.png: has no alpha channel" in sentences(result.err)[0]
    array[..., 3] = 255
    assert inpaint(save(image, array), "--mask-alpha", "-o", one.folder / "whole.png").code == 0
    np.testing.assert_array_equal(load(one.folder / "whole.png"), array[..., :3])


def test_a_colour_in_a_grey_photograph_is_grey(one, inpaint):
    array = picture(channels=1)
    array[hole()] = 250
    image = save(one.folder / "grey.png", array)
    assert "without damage" in inpaint(image, "--mask-color", 250, 0, 0, "-o", one.out).out
    assert inpaint(image, "--mask-color", 250, 250, 250, "-o", one.folder / "b.png").code == 0
    check(array, load(one.folder / "b.png"), hole())


def test_a_colour_is_the_hole(one, inpaint):
    array = picture()
    array[hole()] = (250, 10, 0)
    array[30, 40], array[31, 40] = (250, 10, 10), (251, 10, 0)
    image = save(one.folder / "marked.png", array)
    reached = hole()
    assert inpaint(image, "--mask-color", 250, 10, 0, "-o", one.out).code == 0
    check(array, load(one.out), reached)
    reached[31, 40] = True
    out = one.folder / "9.png"
    assert inpaint(image, "--mask-color", 250, 10, 0, "--mask-tolerance", 9, "-o", out).code == 0
    check(array, load(out), reached)
    reached[30, 40] = True
    out = one.folder / "10.png"
    assert inpaint(image, "--mask-color", 250, 10, 0, "--mask-tolerance", 10, "-o", out).code == 0
    check(array, load(out), reached)


def test_a_colour_at_either_end_does_not_wrap_round(one, inpaint):
    array = picture(dtype=np.uint16)
    array[hole()] = 0
    array[30, 40] = 65535
    image = save(one.folder / "black.png", array)
    assert inpaint(image, "--mask-color", 0, 0, 0, "--mask-tolerance", 20, "-o", one.out).code == 0
    check(array, load(one.out), hole())


def test_of_16_bits_the_nearest_colour_counts(one, inpaint):
    """As editors write them that have 15 bits."""
    array = picture(dtype=np.uint16)
    array[hole()] = 250 * 257 - 128, 10 * 257 + 128, 0
    array[30, 40], array[31, 40] = (250 * 257 - 129, 10 * 257, 0), (250 * 257, 10 * 257 + 129, 0)
    image = save(one.folder / "marked.png", array)
    assert inpaint(image, "--mask-color", 250, 10, 0, "-o", one.out).code == 0
    check(array, load(one.out), hole())


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("blur", "widest"), [(0, 0), (0.6, 4), (1.5, 8)])
def test_soft_edges_of_paint_are_replaced_as_well(one, inpaint, blur, widest, dtype):
    truth = np.full((120, 200, 3), 90.0)
    truth += 40 * np.sin(np.arange(200) / 9)[None, :, None]
    paint = np.zeros((120, 200), np.float32)
    paint[50:64, 20:180] = 1
    paint = cv2.GaussianBlur(paint, (0, 0), blur)[..., None] if blur else paint[..., None]
    scale = np.iinfo(dtype).max / 255
    painted = np.rint(scale * (truth * (1 - paint) + paint * (255, 0, 0))).astype(dtype)
    image = save(one.folder / "painted.tif", painted)
    result = inpaint(image, "--mask-color", 255, 0, 0, "-o", one.folder / "a.tif")
    assert result.code == 0 and ("the paint has edges of" in result.out) == bool(blur)
    changed = (load(one.folder / "a.tif") != painted).any(axis=2)
    assert not changed[: 50 - widest].any() and not changed[64 + widest :].any()


def test_a_mask_that_does_not_cover_the_damage_is_told(one, inpaint):
    photograph = data.chelsea()[50:200, 100:300].copy()
    scratch = np.zeros(photograph.shape[:2], np.float32)
    scratch[40:46, 10:190] = scratch[100:106, 10:190] = 1
    scratch = cv2.GaussianBlur(scratch, (0, 0), 1)
    share = scratch[..., None]
    image = save(one.folder / "cat.png", np.rint(photograph * (1 - share) + 250 * share).astype(np.uint8))
    save(one.mask, np.where(scratch > 0.5, 255, 0).astype(np.uint8))
    told = "the damage seems to reach beyond the mask, and its edges would stay: try --dilate 2"
    assert told in inpaint(image, "-m", one.mask, "-o", one.out).out
    assert "beyond" not in inpaint(image, "-m", one.mask, "--dilate", 2, "-o", one.folder / "b.png").out


def test_a_mask_of_most_of_the_photograph_is_told(one, inpaint):
    lines = np.zeros(SIZE, np.uint8)
    lines[np.arange(SIZE[0]) % 5 < 3] = 255
    save(one.mask, lines)
    result = inpaint(one.image, "-m", one.mask, "-o", one.out)
    assert "marks 60% of the photograph: give --invert-mask if it is the other part that is damaged" in result.out
    save(one.mask, 255 - lines)
    result = inpaint(one.image, "-m", one.mask, "--invert-mask", "-o", one.folder / "b.png")
    assert "marks 60% of the photograph: leave --invert-mask out if" in result.out
    assert "invert" not in inpaint(one.image, "-m", one.mask, "-o", one.folder / "c.png").out


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_painted_copy_is_no_mask(one, inpaint, suffix):
    photograph = data.chelsea()[50:200, 100:300].copy()
    image = save(one.folder / "cat.png", photograph)
    photograph[40:44, 20:180] = (255, 0, 0)
    copy = save(one.folder / f"copy{suffix}", photograph)
    result = inpaint(image, "-m", copy, "-o", one.out)
    assert result.code == 1
    assert (
        "shows the photograph, perhaps a copy that was painted on: give such a copy as the photograph, with"
        in result.err
    )
    assert not one.out.exists()
    # Of a grey photograph, and of another size.
    grey = save(one.folder / "grey.png", np.rint(data.chelsea()[50:200, 100:300].mean(axis=2)).astype(np.uint8))
    copy = save(one.folder / "half.png", photograph[::2, ::2])
    for flags in ((), ("--resize-mask",)):
        mask = copy if flags else save(one.folder / "copy.png", photograph)
        result = inpaint(grey, "-m", mask, *flags, "-o", one.out)
        assert "shows the photograph, perhaps a copy" in result.err and not one.out.exists()
    # The mask of a page that is mostly white is one.
    page = np.full((150, 200, 3), 250, np.uint8)
    page[::7] = 0
    image = save(one.folder / "page.png", page)
    assert (
        inpaint(image, "-m", save(one.mask, np.where(page[..., 0] == 0, 255, 0).astype(np.uint8)), "-o", one.out).code
        == 0
    )


def test_thresholds_and_inverted_masks(one, inpaint):
    mask = np.where(hole(), 200, 199).astype(np.uint8)
    save(one.mask, mask)
    assert inpaint(one.image, "-m", one.mask, "--mask-threshold", 200, "-o", one.out).code == 0
    check(picture(), load(one.out), hole())
    save(one.mask, np.where(hole(), 128, 127).astype(np.uint8))
    assert inpaint(one.image, "-m", one.mask, "-o", one.folder / "b.png").code == 0
    assert (one.folder / "b.png").read_bytes() == one.out.read_bytes()
    save(one.mask, ~hole())
    assert inpaint(one.image, "-m", one.mask, "--invert-mask", "-o", one.folder / "c.png").code == 0
    assert (one.folder / "c.png").read_bytes() == one.out.read_bytes()


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA", "16", "16, 0 is white"])
def test_kinds_of_mask_files(one, inpaint, mode):
    deep = np.where(hole(), 65535, 0).astype(np.uint16)
    if mode == "16":
        mask = save(one.folder / "m16.png", deep)
    elif mode == "16, 0 is white":
        mask = one.folder / "m16.tif"
        tifffile.imwrite(mask, ~deep, photometric="miniswhite")
    else:
        mask = one.folder / f"{mode}.png"
        Image.fromarray(np.where(hole(), 255, 0).astype(np.uint8)).convert(mode).save(mask)
    assert inpaint(one.image, "-m", mask, "-o", one.out).code == 0
    check(picture(), load(one.out), hole())


def test_a_jpeg_mask_with_grey_edges(one, inpaint):
    mask = save(one.folder / "m.jpg", hole(), quality=60)
    assert set(np.unique(load(mask))) > {0, 255}
    assert inpaint(one.image, "-m", mask, "-o", one.out).code == 0
    check(picture(), load(one.out), load(mask) >= 128)


def test_holes_are_widened_by_no_more_than_asked(one, inpaint):
    mask = np.zeros(SIZE, bool)
    mask[20:22, 20:30] = True
    save(one.mask, mask)
    assert inpaint(one.image, "-m", one.mask, "--dilate", 3, "-o", one.out).code == 0
    changed = (load(one.out) != picture()).any(axis=2)
    assert (changed[17:25, 21:29].mean(), changed[20:22, 17:33].mean()) == (1, 1)
    changed[17:25, 17:33] = False
    assert not changed.any()
    result = inpaint(one.image, "-m", one.mask, "--dilate", 60, "-o", one.folder / "all.png")
    (complaint,) = sentences(result.err)
    assert result.code != 0
    assert (
        "no valid pixel: use a smaller mask or --invert-mask or a smaller --dilate" in complaint
    )  # not the mask alone
    save(one.image, np.full((*SIZE, 3), 9, np.uint8))
    result = inpaint(one.image, "--mask-color", 9, 9, 0, "--mask-tolerance", 9, "-o", one.folder / "all.png")
    assert "no valid pixel: use another --mask-color or a smaller --mask-tolerance" in sentences(result.err)[0]
    assert not (one.folder / "all.png").exists()


@pytest.mark.parametrize("by_colour", [False, True])
def test_widening_reaches_the_edges(one, inpaint, by_colour):
    array, mask = picture(), np.zeros(SIZE, bool)
    mask[0, 0] = mask[-1, -1] = True
    array[mask] = 0
    image = save(one.folder / "edges.png", array)
    source = ("--mask-color", 0, 0, 0) if by_colour else ("-m", save(one.mask, mask))
    assert inpaint(image, *source, "--dilate", 1, "-o", one.out).code == 0
    changed = np.argwhere((load(one.out) != array).any(axis=2)).tolist()
    assert [1, 0] in changed and [39, 48] in changed
    assert all(sum(place) <= 2 or sum(place) >= 86 for place in changed)


@pytest.mark.parametrize(
    "sources",
    [
        (),
        ("--mask", "MASK", "--mask-alpha"),
        ("--mask", "MASK", "--mask-color", 1, 2, 3),
        ("--mask-alpha", "--mask-color", 1, 2, 3),
        ("--mask-alpha", "--mask-color", 1, 2, 3, "--mask", "MASK"),
    ],
)
def test_there_is_one_source_of_masks(one, inpaint, sources):
    result = inpaint(one.image, *(one.mask if flag == "MASK" else flag for flag in sources), "-o", one.out)
    assert result.code == 2
    (complaint,) = sentences(result.err)
    named = [flag for flag in ("--mask", "--mask-alpha", "--mask-color") if flag in sources or not sources]
    assert all(flag in complaint for flag in [named[0], named[-1]])
    assert not one.out.exists()


@pytest.mark.parametrize(
    "flags",
    [
        ("--mask-tolerance", -1),
        ("--mask-tolerance", 256),
        ("--mask-threshold", -1),
        ("--mask-threshold", 257),
        ("--dilate", -1),
        ("--quality", 0),
        ("--quality", 101),
    ],
)
def test_numbers_that_cannot_be(one, inpaint, flags):
    source = ("--mask-color", 1, 2, 3) if flags[0] == "--mask-tolerance" else ("-m", one.mask)
    result = inpaint(one.image, *source, *flags, "-o", one.out)
    assert result.code == 2
    (complaint,) = sentences(result.err)
    assert flags[0] in complaint and str(flags[1]) in complaint
    assert not one.out.exists()


@pytest.mark.parametrize("colour", [(256, 0, 0), (-1, 0, 0)])
def test_colours_that_cannot_be(one, inpaint, colour):
    result = inpaint(one.image, "--mask-color", *colour, "-o", one.out)
    assert result.code == 2
    assert "--mask-color" in result.err
    assert not one.out.exists()


@pytest.mark.parametrize(
    "flags",
    [
        ("--mask-alpha", "--invert-mask"),
        ("--mask-alpha", "--resize-mask"),
        ("--mask-alpha", "--mask-threshold", 10),
        ("--mask-color", 1, 2, 3, "--invert-mask"),
        ("--mask-alpha", "--mask-tolerance", 10),
    ],
)
def test_a_flag_that_would_do_nothing_is_refused(one, inpaint, flags):
    image = save(one.folder / "rgba.png", picture(channels=4))
    result = inpaint(image, *flags, "-o", one.out)
    assert result.code == 2
    (complaint,) = sentences(result.err)
    assert next(flag for flag in flags[1:] if str(flag).startswith("--")) in complaint


def test_masks_of_another_size(one, inpaint):
    half = save(one.folder / "half.png", hole()[::2, ::2])
    result = inpaint(one.image, "-m", half, "-o", one.out)
    (complaint,) = sentences(result.err)
    assert (
        "half.png has 25x20 pixels and the photograph 50x40: save it in that size, or give --resize-mask" in complaint
    )
    assert inpaint(one.image, "-m", half, "--resize-mask", "-o", one.out).code == 0
    check(picture(), load(one.out), hole()[::2, ::2].repeat(2, 0).repeat(2, 1))
    turned = save(one.folder / "turned.png", hole().T)
    result = inpaint(one.image, "-m", turned, "--resize-mask", "-o", one.folder / "b.png")
    assert result.code == 1 and "40x50 pixels and the photograph 50x40, which is another shape" in result.err
    result = inpaint(one.image, "-m", turned, "-o", one.folder / "b.png")  # the flag would not help
    assert "40x50 pixels and the photograph 50x40, which is another shape: save it in that size\n" in result.err


def test_the_threshold_is_advised_by_its_flag(one, inpaint):
    result = inpaint(one.image, "-m", save(one.mask, np.where(hole(), 90, 20).astype(np.uint8)), "-o", one.out)
    assert sentences(result.err)[0].endswith("save it in black and white, or give --mask-threshold 90")
    assert inpaint(one.image, "-m", one.mask, "-o", one.out, "--mask-threshold", 90).code == 0
    check(picture(), load(one.out), hole())


def test_sizes_are_compared_before_anything_is_decoded(one, inpaint):
    save(one.mask, hole(20, 30))
    content = one.image.read_bytes()
    one.image.write_bytes(content[: len(content) // 2])  # cut off, which is only seen when it is decoded
    result = inpaint(one.image, "-m", one.mask, "-o", one.out)
    assert result.code == 1
    assert "has 30x20 pixels and the photograph 50x40, which is another shape: save it in that size" in result.err


def test_a_limit_of_megapixels(one, inpaint):
    for limit in ("0", "nan", "inf", "-1"):
        result = inpaint(one.image, "-m", one.mask, "-o", one.out, "--max-megapixels", limit)
        assert result.code == 2 and "must be a number above 0" in result.err
    result = inpaint(one.image, "-m", one.mask, "-o", one.out, "--max-megapixels", "0.0019")
    assert result.code == 1
    assert "has 50 x 40 = 2,000 pixels, and 1,900 are allowed" in result.err
    assert inpaint(one.image, "-m", one.mask, "-o", one.out, "--max-megapixels", "0.002").code == 0
