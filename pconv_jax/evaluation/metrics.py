"""Image metrics: NumPy arrays in, one float64 score per image out.

Every metric takes `output` and `truth`, [N, H, W, C] floats in [0, 1], and the `region` to look at, [N, H, W, 1]
booleans or 0/1 numbers: `region=mask == 0` scores the hole (masks are 1 = valid, 0 = hole), `region=None` the whole
image. An image whose region is empty scores NaN: there is nothing to measure. Shapes, ranges or a region that do not
fit raise an InputError.
"""

import math
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from pconv_jax.common.errors import InputError

Values = npt.NDArray[np.float64]

# Wang et al. 2004: a Gaussian window of standard deviation 1.5 pixels, 11 pixels wide.
SSIM_SIGMA = 1.5
SSIM_WINDOW = 11
# One grey level of 8 bits, squared: keeps the sharpness of flat regions finite, and rounding from looking like texture.
GRADIENT_FLOOR = (1 / 255) ** 2


def l1(output: npt.ArrayLike, truth: npt.ArrayLike, *, region: npt.ArrayLike | None = None) -> Values:
    """Mean absolute difference; lower is better, 0 for equal images.

    Returns:
      [N] float64 in [0, 1]; NaN where the region is empty.
    """
    output, truth, selected = _checked(output, truth, region)
    return _mean(np.abs(output - truth), selected)


def psnr(output: npt.ArrayLike, truth: npt.ArrayLike, *, region: npt.ArrayLike | None = None) -> Values:
    """Peak signal-to-noise ratio in dB for a data range of 1; higher is better.

    Returns:
      [N] float64 in dB; +inf where output and truth are equal, so an average has to leave those out and
      say so; NaN where the region is empty.
    """
    output, truth, selected = _checked(output, truth, region)
    with np.errstate(divide="ignore"):
        return 10.0 * np.log10(1.0 / _mean((output - truth) ** 2, selected))


def ssim(output: npt.ArrayLike, truth: npt.ArrayLike, *, region: npt.ArrayLike | None = None) -> Values:
    """Structural similarity: `ssim_map` averaged over the region and channels; higher is better, 1 if equal.

    Every pixel counts, because damage reaches the border. scikit-image's single number leaves out a border of
    5 pixels; a region that leaves it out as well reproduces that number.

    Returns:
      [N] float64 in [-1, 1]; NaN where the region is empty.

    Raises:
      InputError: the images are smaller than the window of 11 pixels.
    """
    output, truth, selected = _checked(output, truth, region)
    return _mean(ssim_map(output, truth), selected)


def jaccard(output: npt.ArrayLike, truth: npt.ArrayLike, *, region: npt.ArrayLike | None = None) -> Values:
    """Jaccard index, min/max form (Ruzicka similarity): sum of minima over sum of maxima; higher is better.

    The index is defined for sets, and the paper that reports it for line inpainting does not define it for
    continuous images. This form is the index of sets on 0/1 images, and 1 only for equal images.

    Returns:
      [N] float64 in [0, 1]; 1 where both are black throughout the region; NaN where the region is empty.
    """
    output, truth, selected = _checked(output, truth, region)
    return _overlap(np.minimum(output, truth), np.maximum(output, truth), selected)


def jaccard_product(output: npt.ArrayLike, truth: npt.ArrayLike, *, region: npt.ArrayLike | None = None) -> Values:
    """Jaccard index, product form: only for comparison with older code, judge by `jaccard` instead.

    Intersection = sum of output * truth, union = sum of both - intersection. J(y, y) is 1 only on 0/1 images;
    a uniform grey of 0.5 scores 1/3 against itself, and 1/2 against plain white.

    Returns:
      [N] float64 in [0, 1]; 1 where both are black throughout the region; NaN where the region is empty.
    """
    output, truth, selected = _checked(output, truth, region)
    product = output * truth
    return _overlap(product, output + truth - product, selected)


def sharpness(output: npt.ArrayLike, truth: npt.ArrayLike, *, region: npt.ArrayLike | None = None) -> Values:
    """log2 of the output's gradient energy over the truth's: 0 = as sharp as the truth.

    -1 is half the truth's gradient energy (blurred), above 0 is more texture or noise than the truth has. It measures
    how much structure there is, not whether it is the right one: read it beside the other metrics.

    Gradient energy is the mean squared difference between neighbours, beside and below each other, of which at least
    one lies in the region, plus `GRADIENT_FLOOR`. So a hole's score includes the seam all around it.

    Returns:
      [N] float64 between -16 and 16, without unit; NaN where the region is empty.
    """
    output, truth, selected = _checked(output, truth, region)
    return np.log2(_gradient_energy(output, selected) / _gradient_energy(truth, selected))


METRICS: Mapping[str, Callable[..., Values]] = {
    "l1": l1,
    "psnr": psnr,
    "ssim": ssim,
    "jaccard": jaccard,
    "jaccard_product": jaccard_product,
    "sharpness": sharpness,
}


def ssim_map(output: npt.ArrayLike, truth: npt.ArrayLike) -> Values:
    """Structural similarity around every pixel of every channel, in a Gaussian window mirrored at the border.

    Args:
      output: [N, H, W, C] images in [0, 1], at least 11 pixels high and wide.
      truth: [N, H, W, C] images in [0, 1].

    Returns:
      [N, H, W, C] float64 in [-1, 1].

    Raises:
      InputError: shapes or ranges do not fit, or the images are smaller than the window.

    References:
      Wang et al., Image quality assessment: from error visibility to structural similarity, 2004.
    """
    from skimage.metrics import structural_similarity

    output, truth, _ = _checked(output, truth, None)
    height, width = output.shape[1:3]
    if min(height, width) < SSIM_WINDOW:
        raise InputError(
            f"SSIM needs images of at least {SSIM_WINDOW} x {SSIM_WINDOW} pixels, not {width} x {height} "
            f"(shapes {output.shape} and {truth.shape}): score larger images, or leave SSIM out"
        )
    result = np.empty(output.shape)
    for index in range(len(output)):
        _, result[index] = structural_similarity(
            output[index],
            truth[index],
            gaussian_weights=True,
            sigma=SSIM_SIGMA,
            use_sample_covariance=False,
            data_range=1.0,
            channel_axis=-1,
            full=True,
        )
    return result


def region_mean(values: npt.ArrayLike, region: npt.ArrayLike | None = None) -> Values:
    """Mean of a per-pixel map over the region and the channels, image by image.

    Args:
      values: [N, H, W, C] numbers.
      region: [N, H, W, 1] booleans or 0/1 numbers, 1 = look at this pixel; None = the whole image.

    Returns:
      [N] float64; NaN where the region is empty.

    Raises:
      InputError: the region does not fit the values.
    """
    values = np.asarray(values, np.float64)
    return _mean(values, _selection(region, values.shape))


def image_pair(output: npt.ArrayLike, truth: npt.ArrayLike) -> tuple[Values, Values]:
    """Two sets of images as float64, after the checks that every metric makes.

    Args:
      output: [N, H, W, C] images in [0, 1].
      truth: [N, H, W, C] images in [0, 1].

    Returns:
      Both, [N, H, W, C] float64.

    Raises:
      InputError: shapes or ranges do not fit.
    """
    output, truth, _ = _checked(output, truth, None)
    return output, truth


def _gradient_energy(images: Values, selected: npt.NDArray[np.bool_]) -> Values:
    down, across = np.diff(images, axis=1) ** 2, np.diff(images, axis=2) ** 2
    touched_down = selected[:, :-1] | selected[:, 1:]
    touched_across = selected[:, :, :-1] | selected[:, :, 1:]
    energy = _sum(down, touched_down) + _sum(across, touched_across)
    pairs = _sum(np.ones_like(down), touched_down) + _sum(np.ones_like(across), touched_across)
    return _ratio(energy, pairs, empty=np.nan) + GRADIENT_FLOOR


def _mean(values: Values, selected: npt.NDArray[np.bool_]) -> Values:
    return _ratio(_sum(values, selected), _sum(np.ones_like(values), selected), empty=np.nan)


def _overlap(intersection: Values, union: Values, selected: npt.NDArray[np.bool_]) -> Values:
    result = _ratio(_sum(intersection, selected), _sum(union, selected), empty=1.0)
    return np.where(selected.any(axis=(1, 2, 3)), result, np.nan)


def _sum(values: Values, selected: npt.NDArray[np.bool_]) -> Values:
    # One row per image: the order of summation, hence the last bit, does not depend on the batch.
    return np.where(selected, values, 0.0).reshape(len(values), math.prod(values.shape[1:])).sum(axis=1)


def _ratio(numerator: Values, denominator: Values, *, empty: float) -> Values:
    return np.divide(numerator, denominator, out=np.full_like(numerator, empty), where=denominator > 0)


def _checked(
    output: npt.ArrayLike, truth: npt.ArrayLike, region: npt.ArrayLike | None
) -> tuple[Values, Values, npt.NDArray[np.bool_]]:
    output, truth = np.asarray(output), np.asarray(truth)
    if output.shape != truth.shape or output.ndim != 4:
        raise InputError(f"output {output.shape} and truth {truth.shape} must have the same shape, [N, H, W, C]")
    return _image(output, "output"), _image(truth, "truth"), _selection(region, output.shape)


def _image(array: np.ndarray, name: str) -> Values:
    if array.dtype.kind in "biu" or not np.can_cast(array.dtype, np.float64):  # bfloat16 can be cast
        raise InputError(f"{name} must hold floats in [0, 1], not {array.dtype}: divide 8-bit images by 255")
    array = array.astype(np.float64)
    if array.size and not (array.min() >= 0 and array.max() <= 1):
        if wrong := array.size - np.count_nonzero(np.isfinite(array)):
            raise InputError(f"{name} must lie in [0, 1], but {wrong} of its {array.size} values are NaN or infinite")
        low, high = array.min(), array.max()
        raise InputError(f"{name} must lie in [0, 1], not between {low} and {high}: clip it first")
    return array


def _selection(region: npt.ArrayLike | None, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    if region is None:
        return np.ones((*shape[:3], 1), bool)
    region = np.asarray(region)
    if region.shape != (*shape[:3], 1):
        raise InputError(f"region {region.shape} must be [N, H, W, 1] for images {shape}")
    strange = region[~np.isin(region, (0, 1))]
    if strange.size:
        raise InputError(f"region must hold only 0 and 1 (or booleans), not {strange[0]}")
    return region.astype(bool)
