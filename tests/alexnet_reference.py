"""AlexNet's trunk in NumPy, float64, window by window."""

import numpy as np

TORCHVISION_WIDTHS = (64, 192, 384, 256, 256)


def windows(x, side, stride):
    """[N, h, w, C, side, side]."""
    return np.lib.stride_tricks.sliding_window_view(x, (side, side), (1, 2))[:, ::stride, ::stride]


def convolve(x, kernel, bias, *, stride, pad):
    """A convolution of HWIO kernels; of two groups where the kernel has half of the channels."""
    seen = windows(np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0))), len(kernel), stride)
    groups = x.shape[-1] // kernel.shape[2]
    parts = zip(np.split(seen, groups, axis=3), np.split(kernel.astype(np.float64), groups, axis=3), strict=True)
    return np.concatenate([np.tensordot(a, k, ((3, 4, 5), (2, 0, 1))) for a, k in parts], axis=-1) + bias


def max_pool(x):
    return windows(x, 3, 2).max((4, 5))


def reference(layers, x, *, two_groups):
    """The five activations, of (HWIO kernel, bias) of each convolution."""
    x, found = x.astype(np.float64), []
    for place, (kernel, bias) in enumerate(layers):
        pad = (0 if two_groups else 2) if place == 0 else len(kernel) // 2
        x = np.maximum(convolve(x, kernel, bias, stride=4 if place == 0 else 1, pad=pad), 0)
        found.append(x)
        if two_groups and place < 2:
            count = x.shape[-1]
            near = np.abs(np.subtract.outer(np.arange(count), np.arange(count))) <= 2
            x = x / (1 + 1e-4 * (np.square(x) @ near) / 5) ** 0.75
        if place < 2:
            x = max_pool(x)
    return found
