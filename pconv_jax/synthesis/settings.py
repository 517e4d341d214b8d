"""Settings of the synthesis: what is minimised, at which scales, for how long."""

import dataclasses
import math
from numbers import Integral, Real

from pconv_jax.common.errors import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class SynthesisSettings:
    """How results are refined; the defaults were tuned on broad holes (docs/synthesis.md).

    Attributes:
        scales: how many sizes a window is refined at, each half of the next; the last one is its own.
        layers: VGG layers whose 3x3 patches are compared.
        texture: weight of the texture: squared distance of each patch that meets the hole to the most similar one
            outside, relative to the mean square of those outside, averaged over patches and layers.
        content: weight of the mean squared distance to the start in the hole, for pixels in [0, 1].
        total_variation: weight of the mean over the hole of the squared differences between neighbouring pixels.
        iterations: L-BFGS steps at each scale.
        match_every: after how many steps the nearest patches are searched again.
        window: largest side of the squares that are refined at once, px: memory and time depend on it.
        context: what a window holds around the hole at least, where the image allows it, px.
    """

    scales: int = 3
    layers: tuple[str, ...] = ("block2_conv1", "block3_conv1")
    texture: float = 1.0
    content: float = 10.0
    total_variation: float = 1.0
    iterations: int = 20
    match_every: int = 10
    window: int = 256
    context: int = 64

    def check(self) -> None:
        """Refuses values that make no sense.

        Raises:
            InputError: naming the setting, its value and what it may be.
        """
        if not isinstance(self.layers, tuple | list):
            raise InputError(f"layers of the synthesis is {self.layers!r}, but it must be a tuple of names")
        if not self.layers:
            raise InputError("layers of the synthesis is empty: name at least one, such as block3_conv1")
        for name in ("scales", "iterations", "match_every", "window", "context"):
            value = getattr(self, name)
            if not isinstance(value, Integral):
                raise InputError(f"{name} of the synthesis is {value!r}, but it must be a whole number")
            if value < 1:
                raise InputError(f"{name} of the synthesis is {value}, but it must be at least 1")
        for name in ("texture", "content", "total_variation"):
            value = getattr(self, name)
            if not (isinstance(value, Real) and 0 <= float(value) < math.inf):
                raise InputError(f"{name} of the synthesis is {value!r}, but it must be a number of at least 0")
        if self.window % self.grid or self.window <= 2 * self.context:
            raise InputError(
                f"window of the synthesis is {self.window} px, but it must be a multiple of {self.grid} above "
                f"{2 * self.context} px, twice the context"
            )

    @property
    def grid(self) -> int:
        """Sides of windows are multiples of this, px: at the smallest scale a cell of the deepest layer."""
        return 2 ** (self.scales - 1 + max(pools_of(name) for name in self.layers))


def pools_of(layer: str) -> int:
    """How often a layer halves the resolution; VGG19 has all layers of VGG16."""
    from pconv_jax.models.vgg import pools_through  # here, since flags that name settings need no JAX

    return pools_through(layer, network="VGG19")


DEFAULT_SETTINGS = SynthesisSettings()
