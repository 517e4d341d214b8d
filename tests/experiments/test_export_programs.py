"""Programs of ONNX and StableHLO: what they return is what JAX does, at sizes that they were not made at."""

import ast
import importlib.util
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from detectors import random_detector
from flax import nnx
from networks import build
from PIL import Image
from restoring import ROOT, picture

from experiments.export import onnx_fill
from experiments.export.__main__ import main as export_main
from experiments.export.onnx import detector_model, generator_model
from pconv_jax.checkpoints.detector_file import save_detector
from pconv_jax.checkpoints.trained import TrainedGenerator
from pconv_jax.checkpoints.weights_file import load_generator_weights, save_generator_weights
from pconv_jax.common.errors import InputError
from pconv_jax.inpainting.inpainter import Inpainter
from pconv_jax.models import ContextEncoderConfig, fill
from pconv_jax.models.detector import DetectorConfig
from pconv_jax.models.fill_correcting import FillCorrectingConfig
from pconv_jax.models.liu import LiuConfig
from pconv_jax.models.paper import PaperConfig

pytest.importorskip("onnx", reason="programs need the extra `export`")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

EXAMPLE = ROOT / "docs" / "inpaint_without_jax.py"
DETECTOR = DetectorConfig(widths=(4, 6), blocks=(1, 1))


def trained(config):
    model = build(config)
    model.eval()
    return TrainedGenerator(config, *nnx.split(model, nnx.Param, nnx.BatchStat)[1:])


def damaged(height, width, count=1):
    """Images with a broad hole and small ones; NaN in the holes."""
    rng = np.random.default_rng(0)
    image, mask = rng.random((count, height, width, 3), np.float32), np.ones((count, height, width, 1), np.float32)
    mask[:, 1 : height - 2, 2 : width // 2] = 0
    mask[rng.random(mask.shape) < 0.1] = 0
    return np.where(mask != 0, image, np.float32(np.nan)), mask


def run_onnx(content, **inputs):
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return dict(zip((each.name for each in session.get_outputs()), session.run(None, inputs), strict=True))


def check_generator(outputs, generator, image, mask):
    raw, valid = generator.raw(image, mask)
    np.testing.assert_array_equal(outputs["valid"], valid)
    seen = mask[..., 0] != 0
    np.testing.assert_array_equal(outputs["restored"][seen], image[seen])
    expected = np.where(mask != 0, image, np.where(valid != 0, raw, 0))
    np.testing.assert_allclose(outputs["restored"], expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    "config",
    [
        PaperConfig(widths=(3, 4), centre=True),
        PaperConfig(widths=(3, 4), norm_each_conv=False, head="sigmoid", centre=True),
        PaperConfig(widths=(3,), convolution="plain", negative_slope=0.1),
        LiuConfig(widths=(3, 4)),
    ],
    ids=["paper", "paper, to the letter", "plain", "liu"],
)
def test_onnx_of_convolutions_is_the_network(config):
    generator = trained(config)
    image, mask = damaged(19, 26, 2)
    check_generator(run_onnx(generator_model(generator, {}), image=image, mask=mask), generator, image, mask)


def test_onnx_over_a_fill_is_the_network_at_every_size(weights, tmp_path, capsys):
    file = tmp_path / "w.onnx"
    assert export_main([str(weights), str(file), "--format", "onnx"]) == 0
    assert f"as {file} (0.1 MB)" in capsys.readouterr().out
    generator = load_generator_weights(weights)
    for height, width in ((32, 48), (19, 26), (1, 5)):
        image, mask = damaged(height, width, 2)
        check_generator(run_onnx(file.read_bytes(), image=image, mask=mask), generator, image, mask)
    image, mask = (np.zeros((1, 8, 8, channels), np.float32) for channels in (3, 1))  # nothing is known
    check_generator(run_onnx(file.read_bytes(), image=image, mask=mask), generator, image, mask)
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    facts = {name: json.loads(value) for name, value in session.get_modelmeta().custom_metadata_map.items()}
    assert facts["network"] == {"network": "pyramid", "widths": [4, 6], "blocks": [1, 1]}
    assert facts["about"] == {"thickest_line": 24} and facts["size"] == "any"
    assert [each.name for each in session.get_inputs()] == list(facts["inputs"]) == ["image", "mask"]
    assert [each.name for each in session.get_outputs()] == list(facts["outputs"]) == ["restored", "valid"]
    assert session.get_inputs()[0].shape == ["images", "height", "width", 3]


def test_onnx_of_a_detector_is_the_detector(tmp_path):
    detector = random_detector(DETECTOR)
    image = damaged(19, 26, 2)[0]
    image = np.nan_to_num(image)
    damage = run_onnx(detector_model(detector, {}), image=image)["damage"]
    np.testing.assert_allclose(damage, detector(image), rtol=0, atol=1e-4)
    assert damage.std() > 0.01
    save_detector(tmp_path / "d.safetensors", detector)
    assert export_main([str(tmp_path / "d.safetensors"), str(tmp_path / "d.onnx"), "--format", "onnx"]) == 0
    np.testing.assert_array_equal(run_onnx((tmp_path / "d.onnx").read_bytes(), image=image)["damage"], damage)


def test_stablehlo_is_the_network_at_every_size(weights, tmp_path, monkeypatch):
    pytest.importorskip("flatbuffers", reason="programs need the extra `export`")
    from jax import export

    monkeypatch.setattr(fill, "_DEEPEST", 4)  # of blocks of 16 px; more take long to compile
    file = tmp_path / "w.stablehlo"
    assert export_main([str(weights), str(file), "--format", "stablehlo"]) == 0
    facts = json.loads((tmp_path / "w.stablehlo.json").read_text(encoding="utf-8"))
    assert list(facts) == ["inputs", "outputs", "network", "size", "about", "made_by"]
    program = export.deserialize(file.read_bytes())
    assert program.platforms == ("cpu", "cuda", "tpu")
    image, mask = damaged(13, 16, 2)
    check_generator(program.call(image, mask), load_generator_weights(weights), image, mask)


@pytest.mark.parametrize("kind", ["onnx", "stablehlo"])
def test_a_border_that_is_all_hole_is_not_grey(tmp_path, monkeypatch, kind):
    """One colour, with a hole over the lower right corner: whatever it is filled from, it is that colour."""
    from jax import export

    monkeypatch.setattr(onnx_fill, "_DEEPEST", 3)  # of blocks of 8 px
    monkeypatch.setattr(fill, "_DEEPEST", 3)
    generator = trained(FillCorrectingConfig(widths=(2,), blocks=(0,)))
    generator.params = jax.tree.map(jnp.zeros_like, generator.params)  # the fill alone
    save_generator_weights(tmp_path / "w.safetensors", generator)
    file = tmp_path / f"w.{kind}"
    assert export_main([str(tmp_path / "w.safetensors"), str(file), "--format", kind]) == 0
    mask = np.ones((1, 20, 19, 1), np.float32)
    mask[:, 10:, 9:] = 0
    image = np.where(mask != 0, np.float32(0.9), np.zeros(3, np.float32))
    if kind == "onnx":
        restored = run_onnx(file.read_bytes(), image=image, mask=mask)["restored"]
    else:
        restored = export.deserialize(file.read_bytes()).call(image, mask)["restored"]
    np.testing.assert_allclose(restored, 0.9, atol=1e-5)


def test_what_no_program_is_made_of(weights, tmp_path, capsys):
    for out, flags, message in (
        ("w.onnx", [], "w.onnx must end in .safetensors, or give --format onnx"),
        ("w.onnx", ["--format", "stablehlo"], "w.onnx must end in .stablehlo, or give --format onnx"),
        ("w.onnx", ["--format", "onnx", "--precision", "int8"], "--precision int8 is for --format safetensors"),
    ):
        assert export_main([str(weights), str(tmp_path / out), *flags]) == 2
        assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    config = ContextEncoderConfig(widths=(2, 3), bottleneck=4)
    with pytest.raises(InputError, match="knows no ContextEncoderConfig: choose --format stablehlo"):
        generator_model(trained(config), {})


@pytest.fixture
def example():
    """The example of the documentation as a module."""
    specification = importlib.util.spec_from_file_location("inpaint_without_jax", EXAMPLE)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    module.CORE, module.MARGIN = 48, 48
    return module


def test_a_photograph_is_restored_without_jax(example, weights, tmp_path, capsys):
    imported = [node for node in ast.walk(ast.parse(EXAMPLE.read_text(encoding="utf-8"))) if hasattr(node, "module")]
    assert {node.module for node in imported if isinstance(node, ast.ImportFrom)} == {"collections.abc", "PIL"}
    photograph, hole = picture(80, 120), np.zeros((80, 120), bool)
    hole[30:34, 10:110] = hole[60:80, 50:53] = True
    photograph[::40, ::40], photograph[20::40, ::40] = 0, 255  # of a wide range, which is not stretched
    for name, pixels in (("photo", photograph), ("mask", np.uint8(255) * hole)):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    assert export_main([str(weights), str(tmp_path / "w.onnx"), "--format", "onnx"]) == 0
    files = [str(tmp_path / name) for name in ("w.onnx", "photo.png", "mask.png", "out.png")]
    example.main(*files)
    assert "restored 4.8% of" in capsys.readouterr().out
    restored = np.asarray(Image.open(files[-1]))
    np.testing.assert_array_equal(restored[~hole], photograph[~hole])
    expected = Inpainter.from_pretrained(weights)(photograph, hole=hole)
    assert np.abs(np.int32(restored) - expected).max() <= 4
    assert (restored[hole] != photograph[hole]).mean() > 0.5


def test_without_jax_photographs_are_upright_and_others_are_refused(example, tmp_path, monkeypatch):
    monkeypatch.setattr(example.onnxruntime, "InferenceSession", lambda *_, **__: None)
    monkeypatch.setattr(example, "inpaint", lambda session, photograph, hole: np.where(hole[..., None], 0, photograph))
    photo, mask, out = (str(tmp_path / name) for name in ("photo.png", "mask.png", "out.png"))
    pixels, hole, turned = picture(20, 30), np.zeros((20, 30), bool), Image.Exif()
    hole[2:5, 3:9], turned[274] = True, 3  # upside down
    for file, array in ((photo, pixels), (mask, np.uint8(255) * hole)):
        Image.fromarray(array[::-1, ::-1]).save(file, exif=turned)
    example.main("w.onnx", photo, mask, out)
    np.testing.assert_array_equal(np.asarray(Image.open(out)), np.where(hole[..., None], 0, pixels))
    for other in (pixels[..., 0].astype(np.uint16) * 257, np.dstack([pixels, pixels[..., 0]])):
        Image.fromarray(other).save(photo)
        with pytest.raises(SystemExit, match=r"photo\.png has mode \S+: save it with 8 bits, in RGB or grey"):
            example.main("w.onnx", photo, mask, out)


def test_without_jax_what_is_made_up_is_said(example, capsys):
    class Grey:
        """A session of a network that returns grey."""

        def run(self, names, given):
            assert names == ["restored"]
            return [np.full_like(given["image"], 0.5)]

    hole = np.zeros((40, 200), bool)
    for width, said in ((90, ""), (110, "rows 0 to 40, columns 0 to 48 are so far inside the hole")):
        hole[:, :width] = True
        assert (example.inpaint(Grey(), picture(40, 200), hole)[hole] == 128).all()
        assert said in (err := capsys.readouterr().err) and len(err.splitlines()) == bool(said)
