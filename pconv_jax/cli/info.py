"""What `pconv-jax info` prints: versions, devices and the bundled weights."""

import importlib.metadata
import platform

from pconv_jax.checkpoints.bundled import bundled_detectors, bundled_weights
from pconv_jax.checkpoints.detector_file import load_detector
from pconv_jax.checkpoints.weights_file import load_generator_weights
from pconv_jax.common.jax_start import prepare_jax
from pconv_jax.common.versions import package_versions


def describe() -> str:
    """Versions, devices and weights, a line each."""
    import jax

    prepare_jax()
    versions = package_versions("jax", "jaxlib", "flax", "numpy", "opencv-contrib-python-headless", "pillow")
    devices = [f"{device.platform}:{device.id} ({device.device_kind})" for device in jax.devices()]
    lines = [
        f"pconv_jax {importlib.metadata.version('pconv_jax')}, Python {platform.python_version()}",
        f"packages: {', '.join(f'{name} {version}' for name, version in versions.items())}",
        f"devices: {', '.join(devices)}",
    ]
    for name, path in bundled_weights().items():
        weights = load_generator_weights(name)
        parameters = sum(leaf.size for leaf in jax.tree.leaves(weights.params))
        width = weights.thickest_line
        lines.append(
            f"weights: {name}, {path.stat().st_size / 1e6:.1f} MB, {parameters:,} parameters, "
            f"{'not for lines' if width is None else f'for lines up to {width} px'} ({path})"
        )
    for name, path in bundled_detectors().items():
        detector = load_detector(name)
        parameters = sum(leaf.size for leaf in jax.tree.leaves(detector.params))
        lines.append(f"detector: {name}, {path.stat().st_size / 1e6:.1f} MB, {parameters:,} parameters ({path})")
    return "\n".join(lines)
