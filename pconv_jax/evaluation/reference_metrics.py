"""LPIPS and FID, from the original weights only.

Images are [N, H, W, 3] float RGB in [0, 1]. Both are metrics by particular networks: they take only the original files
of weights, identified by their SHA-256, and leave the computation to the libraries `lpips` (its authors' own) and
`torch-fidelity`. Nothing is downloaded, and no file can run code.
"""

import hashlib
import io
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pconv_jax.common.errors import InputError
from pconv_jax.evaluation.metrics import Values, image_pair

# First 8 digits of the SHA-256, which the publishers put in the file's name -> network, address.
_LPIPS_FILES = {
    "7be5be79": ("alex", "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth"),
    "397923af": ("vgg", "https://download.pytorch.org/models/vgg16-397923af.pth"),
}
# The network that Heusel et al. published for TensorFlow in 2015, converted.
_FID_FILES = {
    "6726825d": (
        "inception",
        "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
    ),
}


class Lpips:
    """LPIPS v0.1 by its authors' own library, which includes the linear weights; lower is more alike.

    Attributes:
        name: "LPIPS (alex)" or "LPIPS (vgg)", by the network that the file holds.

    References:
        Zhang et al., The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, CVPR 2018.
    """

    def __init__(self, weights: str | Path, *, device: str = "cpu") -> None:
        """Loads the network.

        Args:
            weights: torchvision's file of ImageNet weights of AlexNet (alexnet-owt-7be5be79.pth) or VGG16
                (vgg16-397923af.pth).
            device: where PyTorch runs it.

        Raises:
            InputError: the file is missing or another one, or the libraries are not installed.
        """
        network = _recognise(weights, _LPIPS_FILES, "LPIPS")
        try:
            import lpips
            import torch
        except (ImportError, RuntimeError) as error:  # RuntimeError: torchvision was built for another PyTorch
            raise InputError(_not_installed("LPIPS", "lpips", error)) from error
        state = torch.load(weights, map_location="cpu", weights_only=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # lpips uses deprecated arguments of torchvision
            model = lpips.LPIPS(net=network, pnet_rand=True, verbose=False)  # pnet_rand: downloads no network
        # "slice2.5.weight" is torchvision's "features.5.weight".
        model.net.load_state_dict({key: state[f"features.{key.partition('.')[2]}"] for key in model.net.state_dict()})
        self.name = f"LPIPS ({network})"
        self._model, self._device = model.to(device), device

    def __call__(self, output: npt.ArrayLike, truth: npt.ArrayLike) -> Values:
        """Distance of each image to the truth.

        Args:
            output: [N, H, W, 3] images in [0, 1], at least 32 pixels high and wide.
            truth: [N, H, W, 3] images in [0, 1].

        Returns:
            [N] float64 >= 0, the same for an image whatever the batch; 0 for equal images.

        Raises:
            InputError: shapes or ranges do not fit, or the images are too small.
        """
        import torch

        output, truth = image_pair(output, truth)
        _check_rgb("LPIPS", output.shape)
        if min(output.shape[1:3]) < 32:
            height, width = output.shape[1:3]
            raise InputError(f"LPIPS needs images of at least 32 x 32 pixels, not {height} x {width}: use larger ones")

        def tensor(image: Values) -> Any:
            return torch.from_numpy(image.astype(np.float32).transpose(2, 0, 1)[None].copy()).to(self._device)

        with torch.inference_mode():
            found = [
                self._model(tensor(a), tensor(b), normalize=True).item() for a, b in zip(output, truth, strict=True)
            ]
        return np.array(found, np.float64)


class Fid:
    """Fréchet Inception distance of two sets of images, by torch-fidelity: a score of the sets, not of an image.

    It falls as the sets grow, for the same method: only scores over equally many images can be compared, and those
    over fewer than a few thousand say little (there are 2048 features, whose covariance has to be estimated).

    Attributes:
        name: "FID".

    References:
        Heusel et al., GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium, NeurIPS 2017.
    """

    name = "FID"

    def __init__(self, weights: str | Path, *, device: str = "cpu") -> None:
        """Loads the network.

        Args:
            weights: the original InceptionV3 in PyTorch's form, pt_inception-2015-12-05-6726825d.pth.
            device: where PyTorch runs it.

        Raises:
            InputError: the file is missing or another one, or the libraries are not installed.
        """
        _recognise(weights, _FID_FILES, "FID")
        try:
            import torch
            from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
            from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric
        except (ImportError, RuntimeError) as error:  # RuntimeError: torchvision was built for another PyTorch
            raise InputError(_not_installed("FID", "torch-fidelity", error)) from error
        # torch-fidelity would unpickle anything in the file: it gets a copy that holds only the tensors.
        copy = io.BytesIO()
        torch.save(torch.load(weights, map_location="cpu", weights_only=True), copy)
        copy.seek(0)
        extractor = FeatureExtractorInceptionV3("inception", ["2048"], feature_extractor_weights_path=copy)
        self._extractor, self._device = extractor.to(device), device
        self._statistics = fid_features_to_statistics
        self._distance = lambda *statistics: fid_statistics_to_metric(*statistics, False)[KEY_METRIC_FID]

    def features(self, images: npt.ArrayLike) -> Values:
        """InceptionV3 features of images, to be collected over batches: its last pooling, "pool3".

        Args:
            images: [N, H, W, 3] images in [0, 1] of any size; rounded to 8 bits and resized to 299 x 299 as TensorFlow
                did it in 2015.

        Returns:
            [N, 2048] float64, the same for an image whatever the batch.

        Raises:
            InputError: shape or range does not fit.
        """
        import torch

        images, _ = image_pair(images, images)
        _check_rgb("FID", images.shape)
        eight_bit = np.round(images * 255).astype(np.uint8).transpose(0, 3, 1, 2)
        found = np.empty((len(images), 2048))
        with torch.inference_mode():
            for i, image in enumerate(eight_bit):
                (pooled,) = self._extractor(torch.from_numpy(image[None].copy()).to(self._device))
                found[i] = pooled[0].cpu().numpy()
        return found

    def distance(self, output: npt.ArrayLike, truth: npt.ArrayLike) -> float:
        """Fréchet distance between the Gaussians that fit two sets of features; lower is better.

        Args:
            output: [N, D] features of the images to judge, N >= 2.
            truth: [M, D] features of real images, M >= 2.

        Returns:
            The distance; about 0 for equal sets, where rounding can make it slightly negative.

        Raises:
            InputError: shapes do not fit, or a set has fewer than two images.
        """
        import torch

        output, truth = np.asarray(output, np.float64), np.asarray(truth, np.float64)
        if not output.ndim == truth.ndim == 2 or output.shape[1] != truth.shape[1]:
            raise InputError(f"FID compares features [N, D] with [M, D], not {output.shape} with {truth.shape}")
        if min(len(output), len(truth)) < 2:
            raise InputError(f"FID needs at least 2 images in each set, not {len(output)} and {len(truth)}: add images")
        return self._distance(*(self._statistics(torch.from_numpy(found)) for found in (output, truth)))


def _recognise(path: str | Path, files: Mapping[str, tuple[str, str]], metric: str) -> str:
    """Which of the original files this is: a score from any other weights must not have the name."""
    wanted = " or ".join(url for _, url in files.values())
    if not Path(path).is_file():
        raise InputError(f"there is no weights file {path} for {metric}: save {wanted}")
    with Path(path).open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest[:8] not in files:
        raise InputError(
            f"{path} is not an original weights file of {metric} (its SHA-256 begins with {digest[:8]}): save {wanted}"
        )
    return files[digest[:8]][0]


def _not_installed(metric: str, library: str, error: Exception) -> str:
    return f"{metric} needs {library}, which does not load ({error}): make install EXTRAS=perceptual"


def _check_rgb(metric: str, shape: tuple[int, ...]) -> None:
    if shape[-1] != 3:
        raise InputError(f"{metric} takes images [N, H, W, 3], not {shape}: repeat a single channel three times")
