"""FID, from the original weights only.

Images are [N, H, W, 3] float RGB in [0, 1]. It is a metric by a particular network: it takes only the original file of
weights, identified by its SHA-256, and leaves the computation to the library `torch-fidelity`. Nothing is downloaded,
and no file can run code.
"""

import hashlib
import io
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pconv_jax.common.errors import InputError
from pconv_jax.common.extras import how_to_install
from pconv_jax.evaluation.metrics import Values, image_pair

# The network that Heusel et al. published for TensorFlow in 2015, converted; its name has the start of its SHA-256.
_URL = "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth"
_SHA256 = "6726825d"


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

    def __init__(self, weights: str | Path) -> None:
        """Loads the network.

        Args:
            weights: the original InceptionV3 in PyTorch's form, pt_inception-2015-12-05-6726825d.pth.

        Raises:
            InputError: the file is missing or another one, or the libraries are not installed.
        """
        _check_original(Path(weights))
        try:
            import torch
            from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
            from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric
        except (ImportError, RuntimeError) as error:  # RuntimeError: torchvision was built for another PyTorch
            raise InputError(
                f"FID needs torch-fidelity, which does not load ({error}): {how_to_install('perceptual')}"
            ) from error
        # torch-fidelity would unpickle anything in the file: it gets a copy that holds only the tensors.
        copy = io.BytesIO()
        torch.save(torch.load(weights, map_location="cpu", weights_only=True), copy)
        copy.seek(0)
        extractor = FeatureExtractorInceptionV3("inception", ["2048"], feature_extractor_weights_path=copy)
        self._extractor = extractor
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
        if images.shape[-1] != 3:
            raise InputError(f"FID takes images [N, H, W, 3], not {images.shape}: repeat a single channel three times")
        eight_bit = np.round(images * 255).astype(np.uint8).transpose(0, 3, 1, 2)
        found = np.empty((len(images), 2048))
        with torch.inference_mode():
            for i, image in enumerate(eight_bit):
                (pooled,) = self._extractor(torch.from_numpy(image[None].copy()))
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


def _check_original(path: Path) -> None:
    """A score from any other weights must not have the name."""
    if not path.is_file():
        raise InputError(f"the weights file {path} for FID does not exist: save {_URL}")
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()[:8]
    if digest != _SHA256:
        raise InputError(
            f"{path} is not the original weights file of FID (its SHA-256 begins with {digest}): save {_URL}"
        )
