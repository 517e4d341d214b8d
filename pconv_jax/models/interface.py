"""What a generator and its config offer, so that nothing else needs to know which network it is.

Images `[N, H, W, 3]` in [0, 1], masks `[N, H, W, 1]` with 1 = valid, 0 = hole. A new network is one file with such a
config and such a module, and one line in `models.registry`.
"""

import abc
import dataclasses
from typing import Any, ClassVar, Protocol

import jax
from flax import nnx
from jax.typing import DTypeLike


class AnyGenerator(Protocol):
    """A generator: a Flax module that inpaints whole images, and windows of larger ones."""

    def __call__(self, image: jax.Array, mask: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Inpaints images.

        Args:
            image: `[N, H, W, 3]` in [0, 1], of any height and width; what lies in holes does not matter.
            mask: `[N, H, W, 1]`, 1 = valid, 0 = hole.

        Returns:
            The raw output `[N, H, W, 3]`, float32 and not clipped, valid pixels included, and the updated mask
            `[N, H, W, 1]`: 0 where the network saw no valid pixel.
        """

    def window(
        self, image: jax.Array, mask: jax.Array, *, inside: jax.Array, coarse: jax.Array, margin: int
    ) -> jax.Array:
        """Inpaints one window of a larger image, which may reach beyond it.

        Args:
            image: `[N, S, S, 3]` in [0, 1]; 0 beyond the image.
            mask: `[N, S, S, 1]`, 1 = valid, 0 = hole; 0 beyond the image.
            inside: `[N, S, S, 1]`, 1 where the image is and 0 beyond it.
            coarse: `[N, S / 16, S / 16, 3]`: the cheap fill of the whole image, see `models.fill.pyramid_fill`. It
                counts where a block of 16 px is all hole.
            margin: m, context on all four sides, px; 0 for a whole image, which may then have any height and width.

        Returns:
            The output without the margin, `[N, S - 2 m, S - 2 m, 3]`, not clipped; no pixel is left empty.
        """

    def train(self, **attributes: Any) -> None:
        """Switches to training mode; every Flax module has it."""

    def eval(self, **attributes: Any) -> None:
        """Switches to evaluation mode; every Flax module has it."""


class AnyGeneratorConfig(Protocol):
    """The architecture of a generator: a frozen dataclass with a default for every field.

    Fields hold values of the type of their default: whole numbers, numbers, texts, bools, tuples of these, or None.
    """

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]

    def __hash__(self) -> int:
        """Configs are keys of what is compiled."""

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each stage."""

    @property
    def multiple(self) -> int:
        """Heights and widths are padded to a multiple of this, px."""

    @property
    def window_multiple(self) -> int:
        """Windows of a larger image must begin and end at multiples of this, px."""

    @property
    def exact_windows(self) -> bool:
        """Whether a window that reaches beyond the image is inpainted as well as the image is when it is run whole."""

    def build(self, *, dtype: DTypeLike = ..., axis_name: str | None = None, rngs: nnx.Rngs) -> AnyGenerator:
        """Builds the network.

        Args:
            dtype: compute dtype of the features; parameters are float32, and so are they by default.
            axis_name: mapped axis over which training averages batch statistics; None for one device.
            rngs: source of the random parameters.

        Returns:
            The Flax module.
        """

    def widest_line(self) -> int | None:
        """Widest straight line, px, inpainted wherever it lies in a large image; None if no hole stays empty."""

    def describe(self) -> str:
        """The kind of network in two or three words, for the log."""

    @property
    def image_size(self) -> int | None:
        """Side of the square images that it takes, px; None if it takes any."""

    @property
    def other_size(self) -> str:
        """What else could be changed than the images, where theirs is not `image_size`: the end of a message."""

    def predicted(self, x: jax.Array) -> jax.Array:
        """The region of images or masks `[N, H, W, C]` that it predicts: what losses and discriminator see."""

    def discriminator(self) -> "AnyDiscriminatorConfig | None":
        """The discriminator that belongs to it; None if any will do."""


class WholeImages:
    """Base of the configs of generators that take images of any size and predict all of them."""

    @property
    def exact_windows(self) -> bool:
        """As `AnyGeneratorConfig.exact_windows`; not by default.

        What lies beyond the image counts as hole, which most networks inpaint from the image layer by layer; what they
        put there comes back into the image, as it never did in training.
        """
        return False

    @property
    def image_size(self) -> None:
        """As `AnyGeneratorConfig.image_size`: it takes any."""

    @property
    def other_size(self) -> str:
        """As `AnyGeneratorConfig.other_size`: nothing has to."""
        return ""

    def predicted(self, x: jax.Array) -> jax.Array:
        """As `AnyGeneratorConfig.predicted`: all."""
        return x

    def discriminator(self) -> None:
        """As `AnyGeneratorConfig.discriminator`: any will do."""


class OneSize(abc.ABC):
    """Base of the configs of generators that take square images of one size; others are resized to it."""

    @property
    @abc.abstractmethod
    def image_size(self) -> int:
        """As `AnyGeneratorConfig.image_size`."""

    @property
    def multiple(self) -> int:
        """The size itself: nothing is padded."""
        return self.image_size

    @property
    def window_multiple(self) -> int:
        """Windows of a larger image may begin anywhere: they are resized."""
        return 1

    @property
    def exact_windows(self) -> bool:
        """Not so: the image would be resized into a corner of what the network sees."""
        return False

    def widest_line(self) -> None:
        """None: no hole is too wide, for the network puts something everywhere in the region it predicts."""
        return None


class AnyDiscriminator(Protocol):
    """A discriminator: a Flax module that judges images."""

    def __call__(self, image: jax.Array) -> jax.Array:
        """Logits, float32, of images `[N, S, S, 3]` in [0, 1], or of their patches: positive means "looks real"."""

    def train(self, **attributes: Any) -> None:
        """Switches to training mode; every Flax module has it."""


class AnyDiscriminatorConfig(Protocol):
    """The architecture of a discriminator: a frozen dataclass."""

    def __hash__(self) -> int:
        """Configs are keys of what is compiled."""

    @property
    def image_size(self) -> int:
        """Side of the square images it judges, px."""

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each stage; none if nothing is judged, see `models.discriminator.NoDiscriminatorConfig`."""

    def build(self, *, dtype: DTypeLike = ..., axis_name: str | None = None, rngs: nnx.Rngs) -> AnyDiscriminator:
        """Builds the network; arguments as for `AnyGeneratorConfig.build`."""


def same_network(a: AnyGeneratorConfig, b: AnyGeneratorConfig) -> bool:
    """Whether the weights of one config are weights of the other: fields that only training reads may differ."""
    names = [field.name for field in dataclasses.fields(a) if not field.metadata.get("training")]
    return type(a) is type(b) and all(getattr(a, name) == getattr(b, name) for name in names)
