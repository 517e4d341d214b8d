"""What `pconv-jax info` prints: versions, devices and the bundled weights."""

import importlib.metadata
import platform

from pconv_jax.checkpoints.bundled import released
from pconv_jax.checkpoints.weights_file import load_weights

_PACKAGES = ("jax", "jaxlib", "flax", "numpy", "opencv-python-headless", "pillow")


def describe() -> str:
    """Versions, devices and weights, a line each."""
    import jax

    versions = [f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES]
    devices = [f"{device.platform}:{device.id} ({device.device_kind})" for device in jax.devices()]
    lines = [
        f"pconv_jax {importlib.metadata.version('pconv_jax')}, Python {platform.python_version()}",
        f"packages: {', '.join(versions)}",
        f"devices: {', '.join(devices)}",
    ]
    for name, path in released().items():
        weights = load_weights(name)
        parameters = sum(leaf.size for leaf in jax.tree.leaves(weights.params))
        lines.append(
            f"weights: {name}, {path.stat().st_size / 1e6:.1f} MB, {parameters:,} parameters, for lines up to "
            f"{weights.about.get('thickest_line', '?')} px ({path})"
        )
    return "\n".join(lines)
