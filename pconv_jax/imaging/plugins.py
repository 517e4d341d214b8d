"""Formats that Pillow reads with plugins, which are not always installed: HEIF, of phones, and JPEG XL."""

import functools
import importlib
from typing import NamedTuple

_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_JXL_STARTS = (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")


class Plugin(NamedTuple):
    """A plugin of Pillow.

    Attributes:
        module: its name.
        register: a function of it that registers the format; empty if importing it does.
    """

    module: str
    register: str = ""


_HEIF, _JXL = Plugin("pillow_heif", "register_heif_opener"), Plugin("pillow_jxl")
EXTRA = "formats"  # what installs all of them


def plugin_for(head: bytes) -> Plugin | None:
    """The plugin that a file needs.

    Args:
        head: its first 12 bytes or more.

    Returns:
        The plugin; None for a format that Pillow knows itself, or for no image.
    """
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS:
        return _HEIF
    return _JXL if head.startswith(_JXL_STARTS) else None


@functools.cache
def registered(plugin: Plugin) -> bool:
    """Registers a plugin with Pillow.

    Args:
        plugin: the plugin.

    Returns:
        Whether it is installed.
    """
    try:
        module = importlib.import_module(plugin.module)
    except ImportError:
        return False
    if plugin.register:
        getattr(module, plugin.register)()
    return True
