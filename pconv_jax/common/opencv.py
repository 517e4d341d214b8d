"""OpenCV's extra modules, which an installation of OpenCV beside ours may lack."""

from typing import Any

from pconv_jax.common.errors import InputError


def opencv_xphoto() -> Any:
    """The module of OpenCV that frequency selective reconstruction (FSR) and the shift map are in.

    Raises:
        InputError: it is installed without its extra modules.
    """
    import cv2

    if not hasattr(cv2, "xphoto"):
        raise InputError(
            f"OpenCV {cv2.__version__} is installed without its extra modules, which FSR and the shift map need: run "
            "`pip uninstall opencv-python-headless opencv-contrib-python-headless`, then `pip install "
            "opencv-contrib-python-headless`"
        )
    return cv2.xphoto
