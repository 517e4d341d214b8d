"""The export from its flags to its file."""

import contextlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path

from experiments.export.averaging import averaged
from experiments.export.facts import Network, facts_of
from experiments.export.networks import load_network
from experiments.export.options import Options
from pconv_jax.checkpoints.detector_file import TrainedDetector, save_detector
from pconv_jax.checkpoints.weights_file import save_generator_weights
from pconv_jax.common.atomic_write import atomic_write, write_json
from pconv_jax.common.errors import InputError
from pconv_jax.common.extras import how_to_install
from pconv_jax.common.jax_start import prepare_jax

_PACKAGES = {"stablehlo": "flatbuffers", "onnx": "onnx"}


def export(options: Options) -> None:
    """Saves a trained generator or detector with the facts about its training.

    Args:
        options: what and where.

    Raises:
        InputError: no such run or file, a file name that does not end in the format, a network that it cannot hold, or
            the package that it needs is not installed.
    """
    options.check()
    package = _PACKAGES.get(options.format)
    if package and importlib.util.find_spec(package) is None:
        raise InputError(f"--format {options.format} needs the package {package}: {how_to_install('export')}")
    prepare_jax()
    network = load_network(options.run, latest=options.latest)
    if options.average:
        network = averaged(network, [(place, load_network(place, latest=False)) for place in options.average])
    with _writing(options.out):
        _save(network, options)
    size = options.out.stat().st_size / 1e6
    print(f"saved step {network.about.get('step', '?')} as {options.out} ({size:.1f} MB)")


def _save(network: Network, options: Options) -> None:
    if options.format == "safetensors":
        if isinstance(network, TrainedDetector):
            save_detector(options.out, network, precision=options.precision)
        else:
            save_generator_weights(options.out, network, precision=options.precision)
        return
    content = _onnx(network) if options.format == "onnx" else _stablehlo(network)
    with atomic_write(options.out) as temporary:
        temporary.write_bytes(content)
    if options.format == "stablehlo":
        write_json(Path(f"{options.out}.json"), facts_of(network))


def _onnx(network: Network) -> bytes:
    from experiments.export import onnx

    if isinstance(network, TrainedDetector):
        return onnx.detector_model(network, facts_of(network))
    return onnx.generator_model(network, facts_of(network))


def _stablehlo(network: Network) -> bytes:
    from experiments.export import stablehlo

    if isinstance(network, TrainedDetector):
        return stablehlo.detector_program(network)
    return stablehlo.generator_program(network)


@contextlib.contextmanager
def _writing(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"{out} cannot be written ({error.strerror}): choose another place") from error
