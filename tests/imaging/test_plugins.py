"""HEIF and JPEG XL: read where the plugins are installed, and refused with the way out where they are not."""

import io

import numpy as np
import pytest
from photograph_files import block, picture
from PIL import Image

from pconv_jax.common.errors import InputError
from pconv_jax.imaging import plugins, read_hole, read_photograph
from pconv_jax.imaging.decoding import _tags

HEADS = {
    b"\0\0\0\x18ftypheic\0\0\0\0mif1heic": "pillow_heif",
    b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic": "pillow_heif",
    b"\xff\x0a" + bytes(20): "pillow_jxl",
    b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(9): "pillow_jxl",
    b"\0\0\0\x18ftypavif\0\0\0\0mif1avif": None,  # Pillow knows it
    b"\xff\xd8\xff\xe0" + bytes(20): None,
    b"": None,
}


@pytest.mark.parametrize("head", HEADS)
def test_the_plugin_a_file_needs(head):
    found = plugins.plugin_for(head)
    assert (found and found.module) == HEADS[head]


@pytest.mark.parametrize("read", [read_photograph, read_hole])
@pytest.mark.parametrize("head", [head for head, module in HEADS.items() if module])
def test_without_the_plugin_the_way_out_is_named(saved, monkeypatch, read, head):
    monkeypatch.setattr("pconv_jax.imaging.opening.registered", lambda plugin: False)
    with pytest.raises(
        InputError, match=r'photo\.png is not an image, .* or run `make .* EXTRAS=formats`, or .*\[formats\]"'
    ):
        read(saved(head))


def test_a_plugin_that_is_not_installed():
    assert not plugins.registered(plugins.Plugin("no_such_module_of_pillow"))


@pytest.mark.parametrize(("module", "suffix", "kind"), [("pillow_heif", "heic", "HEIF"), ("pillow_jxl", "jxl", "JXL")])
def test_with_the_plugin_they_are_read(tmp_path, module, suffix, kind):
    pytest.importorskip(module, reason="the extra formats is not installed")
    array, path = picture(), tmp_path / f"photo.{suffix}"
    plugin = next(each for each in map(plugins.plugin_for, HEADS) if each and each.module == module)
    assert plugins.registered(plugin)
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, kind, **({"quality": 95} if kind == "HEIF" else {"lossless": True}))
    path.write_bytes(stream.getvalue())
    found = read_photograph(path)
    assert found.format == kind and found.alpha is None
    assert np.abs(found.pixels.astype(int) - array).mean() < (3 if kind == "HEIF" else 0.01)


@pytest.mark.parametrize(("packed", "turned"), [(False, False), (True, True)])
def test_only_a_packed_jpeg_is_turned_by_its_exif_data(packed, turned):
    """The decoder of JPEG XL has turned all others, and leaves the tag as it was."""
    image = Image.new("RGB", (3, 2))
    image.format, image.jpeg = "JXL", packed  # as the plugin has them
    image.info["exif"] = block(6)
    assert _tags(image)[1] == (6 if turned else 1)
