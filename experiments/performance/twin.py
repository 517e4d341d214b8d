"""The same networks, losses and training step in PyTorch: what a user would otherwise pick. Needs the `parity` extra.

The partial convolution is Liu et al.'s formula in its multi-channel form, with one mask a channel and a frozen ones
kernel `[O, C, k, k]`, as public PyTorch code has it. Everything else is idiomatic PyTorch, written to be quick: frozen
networks build no graph for their parameters, the target's features none at all, and Adam is the fused one.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import numpy as np
import torch
from flax import nnx
from torch import Tensor, nn
from torch.nn import functional

from pconv_jax.losses import PaperLosses
from pconv_jax.models import DiscriminatorConfig, PaperConfig
from pconv_jax.models.vgg import VGG16, layers_through
from pconv_jax.training.state import TrainConfig, TrainState

_BATCH_NORM_EPSILON = 1e-5


class PartialConv2d(nn.Module):
    """Partial convolution, channels first; mask and features have the same number of channels."""

    def __init__(self, in_features: int, out_features: int, kernel_size: int, *, stride: int = 1, bias: bool = False):
        super().__init__()
        self.conv = nn.Conv2d(in_features, out_features, kernel_size, stride, kernel_size // 2, bias=bias)
        self.register_buffer("ones", torch.ones(self.conv.weight.shape), persistent=False)

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            count = functional.conv2d(mask, self.ones, None, self.conv.stride, self.conv.padding)
            seen = (count > 0).to(x.dtype)
            ratio = self.ones[0].numel() / count.clamp(min=1) * seen
        y = functional.conv2d(x * mask, self.conv.weight, None, self.conv.stride, self.conv.padding) * ratio
        return (y if self.conv.bias is None else y + self.conv.bias[:, None, None] * seen), seen


class _ConvNorm(nn.Module):
    def __init__(self, conv: PartialConv2d, *, norm: bool, slope: float, momentum: float):
        super().__init__()
        self.conv, self.slope = conv, slope
        self.norm = nn.BatchNorm2d(conv.conv.out_channels, _BATCH_NORM_EPSILON, 1 - momentum) if norm else None

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        x, mask = self.conv(x, mask)
        return (x if self.norm is None else functional.leaky_relu(self.norm(x), self.slope, inplace=True)), mask


class Generator(nn.Module):
    """`pconv_jax.models.PaperGenerator`, channels first, for sides that are multiples of `config.multiple`."""

    def __init__(self, config: PaperConfig):
        super().__init__()

        def conv(inputs: int, outputs: int, *, slope: float, stride: int = 1, norm: bool = True) -> _ConvNorm:
            layer = PartialConv2d(inputs, outputs, config.kernel_size, stride=stride, bias=not norm)
            return _ConvNorm(layer, norm=norm, slope=slope, momentum=config.batch_norm_momentum)

        self.encoder, self.decoder, features = nn.ModuleList(), nn.ModuleList(), 3
        for width in config.widths:
            self.encoder.append(
                nn.ModuleList([conv(features, width, slope=0.0), conv(width, width, slope=0.0, stride=2)])
            )
            features = width
        for width in reversed(config.widths):
            first = conv(features + width, width, slope=config.negative_slope, norm=config.norm_each_conv)
            self.decoder.append(nn.ModuleList([first, conv(width, width, slope=config.negative_slope)]))
            features = width
        self.to_image = (
            nn.Conv2d(features, 3, 3, padding=1)
            if config.head == "sigmoid"
            else PartialConv2d(features, 3, config.kernel_size, bias=True)
        )

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        mask = mask.expand_as(image)
        x, valid, skips = image, mask, []
        for first, down in self.encoder:
            x, valid = first(x, valid)
            skips.append((x, valid))
            x, valid = down(x, valid)
        for (first, second), (skip, skip_valid) in zip(self.decoder, reversed(skips), strict=True):
            x = torch.cat([functional.interpolate(x, scale_factor=2), skip], 1)
            with torch.no_grad():
                valid = torch.cat([functional.interpolate(valid, scale_factor=2), skip_valid], 1)
            x, valid = second(*first(x, valid))
        return self.to_image(x, valid)[0] if isinstance(self.to_image, PartialConv2d) else self.to_image(x).sigmoid()


class Discriminator(nn.Module):
    """`pconv_jax.models.Discriminator`, channels first."""

    def __init__(self, config: DiscriminatorConfig):
        super().__init__()
        self.convs, self.norms, features = nn.ModuleList(), nn.ModuleList(), 3
        for index, width in enumerate(config.widths):
            self.convs.append(nn.Conv2d(features, width, 4, 2, 1, bias=index == 0))
            if index:
                self.norms.append(nn.BatchNorm2d(width, _BATCH_NORM_EPSILON, 0.05))
            features = width
        self.to_logit = nn.Conv2d(features, 1, config.image_size // 2 ** len(config.widths))

    def forward(self, image: Tensor) -> Tensor:
        x = functional.leaky_relu(self.convs[0](2 * image - 1), 0.2)
        for conv, norm in zip(self.convs[1:], self.norms, strict=True):
            x = functional.leaky_relu(norm(conv(x)), 0.2, inplace=True)
        return self.to_logit(x).flatten()


class Features(nn.Module):
    """`pconv_jax.models.vgg.features` of frozen weights, channels first."""

    def __init__(self, vgg: VGG16, layers: tuple[str, ...]):
        super().__init__()
        if vgg.preprocessing != "caffe":
            raise ValueError(f"the twin knows the caffe preprocessing only, not {vgg.preprocessing}")
        self.wanted = layers
        self.path = max((layers_through(name) for name in layers), key=len)
        for name in self.path:
            if name in vgg.params:
                layer = vgg.params[name]
                self.register_buffer(f"{name}_kernel", _kernel(layer["kernel"]), persistent=False)
                self.register_buffer(f"{name}_bias", _tensor(layer["bias"]), persistent=False)
        self.register_buffer("mean", torch.tensor([103.939, 116.779, 123.68])[:, None, None], persistent=False)

    def forward(self, image: Tensor) -> list[Tensor]:
        x, found = image.flip(1) * 255 - self.mean, []
        for name in self.path:
            if name.endswith("pool"):
                x = functional.max_pool2d(x, 2)
            else:
                kernel, bias = getattr(self, f"{name}_kernel"), getattr(self, f"{name}_bias")
                x = functional.relu(functional.conv2d(x, kernel, bias, padding=1), inplace=True)
            if name in self.wanted:
                found.append(x)
        return found


class Twin:
    """The networks of a `TrainState` and the same training step as `pconv_jax.training.step.train_step`."""

    def __init__(self, state: TrainState, config: TrainConfig, vgg: VGG16):
        """Copies the parameters.

        Args:
            state: whose parameters to start with.
            config: settings of the step: all three losses on, pixel loss l2, a constant learning rate; with bfloat16
                the networks run under autocast.
            vgg: weights of the perceptual loss.
        """
        if not isinstance(config.generator, PaperConfig) or config.generator.centre:
            raise ValueError(f"{config.generator} has no PyTorch twin")
        if not isinstance(config.discriminator, DiscriminatorConfig) or not isinstance(config.losses, PaperLosses):
            raise ValueError(f"{config.discriminator} or {config.losses} has no PyTorch twin")
        losses = config.losses
        plain = (losses.judged_image, losses.perceptual_image, losses.perceptual_distance)
        if config.discriminator.patches or plain != ("output", "output", "relative"):
            raise ValueError(f"{config.discriminator} or {config.losses} has no PyTorch twin")
        device, layout = placement()
        self.generator = Generator(config.generator)
        self.discriminator = Discriminator(config.discriminator)
        _load(self.generator, state.generator.params)
        _load(self.discriminator, state.discriminator.params)
        self.features = Features(vgg, config.losses.perceptual_layers)
        for module in (self.generator, self.discriminator, self.features):
            module.to(device=device, memory_format=layout).train()
        adam = config.optimizer
        settings = {"betas": (adam.adam_b1, adam.adam_b2), "fused": True}
        self._g_adam = torch.optim.Adam(self.generator.parameters(), lr=adam.learning_rate, **settings)
        self._d_adam = torch.optim.Adam(
            self.discriminator.parameters(), lr=adam.discriminator_learning_rate, **settings
        )
        self._losses, self._device, self._layout, self._bfloat16 = config.losses, device, layout, config.bfloat16

    def step(self, batch: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
        """One training step on a batch as `pconv_jax.data.train_batches` gives it; returns the losses."""
        image, noisy, mask = (
            torch.from_numpy(batch[name]).permute(0, 3, 1, 2).to(self._device, memory_format=self._layout)
            for name in ("image", "noisy", "mask")
        )
        with self._autocast():
            output = self.generator(noisy, mask)
            self.discriminator.requires_grad_(False)
            logits = self.discriminator(output)
            self.discriminator.requires_grad_(True)
            with torch.no_grad():
                wanted = self.features(image)
            found = self.features(output)
        squares = (output.float() - image).square()
        losses = {
            "pixel": (squares * torch.where(mask == 0, self._losses.hole_weight, 1.0)).mean(),
            "adversarial": functional.binary_cross_entropy_with_logits(logits.float(), torch.ones_like(logits.float())),
            "perceptual": torch.stack([_relative(a, b) for a, b in zip(found, wanted, strict=True)]).mean(),
        }
        total = sum(self._losses.weights[name] * value for name, value in losses.items())
        self._g_adam.zero_grad(set_to_none=True)
        total.backward()
        self._g_adam.step()

        with self._autocast():
            real, fake = self.discriminator(image), self.discriminator(output.detach())
        loss = 0.5 * (
            functional.binary_cross_entropy_with_logits(real.float(), torch.ones_like(real.float()))
            + functional.binary_cross_entropy_with_logits(fake.float(), torch.zeros_like(fake.float()))
        )
        self._d_adam.zero_grad(set_to_none=True)
        loss.backward()
        self._d_adam.step()
        return {"generator_loss": total.detach(), "discriminator_loss": loss.detach()}

    def _autocast(self) -> Any:
        return torch.autocast(self._device, torch.bfloat16, enabled=self._bfloat16)


def layer_candidates(
    arrays: tuple[np.ndarray, ...], inputs: tuple[int, ...], stride: int, *, image: bool, bfloat16: bool = False
) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """One partial convolution to be timed, on a GPU if PyTorch finds one: forward alone, and with the gradients.

    Args:
        arrays: x `[N, H, W, C]`, mask `[N, H, W, G]`, kernel `[k, k, C, O]` and the gradient of the output.
        inputs: number of channels of each of the G masks.
        stride: window stride.
        image: x is an image, whose gradient is not needed.
        bfloat16: under autocast.
    """
    device, layout = placement()
    x, mask, cotangent = (
        torch.from_numpy(array).permute(0, 3, 1, 2).to(device).contiguous(memory_format=layout)
        for array in (arrays[0], arrays[1], arrays[3])
    )
    mask = mask.repeat_interleave(torch.tensor(inputs, device=device), 1).contiguous(memory_format=layout)
    layer = PartialConv2d(x.shape[1], cotangent.shape[1], arrays[2].shape[0], stride=stride)
    with torch.no_grad():
        layer.conv.weight.copy_(_kernel(arrays[2]))
    layer.to(device=device, memory_format=layout)
    x.requires_grad_(not image)

    def run() -> Tensor:
        with torch.autocast(device, torch.bfloat16, enabled=bfloat16):
            return layer(x, mask)[0]

    def forward() -> Tensor:
        with torch.no_grad():
            return _computed(run())

    def both() -> Any:
        y = run()
        gradients = torch.autograd.grad(y, [*([] if image else [x]), layer.conv.weight], cotangent.to(y.dtype))
        return tuple(map(_computed, gradients))

    return forward, both


def placement() -> tuple[str, torch.memory_format]:
    """Where PyTorch computes, and in which layout: on a GPU, where there is one, with channels last."""
    if torch.cuda.is_available():
        torch.backends.cudnn.benchmark = True
        return "cuda", torch.channels_last
    return "cpu", torch.contiguous_format


def _computed(y: Tensor) -> Tensor:
    """Waits for it."""
    if y.is_cuda:
        torch.cuda.synchronize()
    return y


def _relative(a: Tensor, b: Tensor) -> Tensor:
    a, b = a.float(), b.float()
    return ((a - b).abs().mean((1, 2, 3)) / b.abs().mean((1, 2, 3)).clamp(min=0.01)).mean()


def _load(module: nn.Module, params: nnx.State) -> None:
    """Copies parameters: both sides create them under the same names, in the same nesting."""
    flat = {".".join(map(str, path)): leaf for path, leaf in nnx.to_flat_state(params)}
    with torch.no_grad():
        for name, target in _named(module):
            leaf = flat.pop(name)[...]
            target.copy_(_kernel(leaf) if leaf.ndim == 4 else _tensor(leaf))
    if flat:
        raise ValueError(f"parameters without a twin: {', '.join(flat)}")


def _named(module: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """Parameters under the names that Flax gives them."""
    for path, parameter in module.named_parameters():
        names = path.replace("conv.conv.", "conv.").replace("to_image.conv.", "to_image.").split(".")
        flax = "scale" if "norm" in names[-2] or "norms" in names else "kernel"
        yield ".".join([*names[:-1], flax if names[-1] == "weight" else "bias"]), parameter


def _tensor(array: jax.typing.ArrayLike) -> Tensor:
    return torch.from_numpy(np.array(array))


def _kernel(array: jax.typing.ArrayLike) -> Tensor:
    """HWIO to OIHW."""
    return _tensor(array).permute(3, 2, 0, 1).contiguous()
