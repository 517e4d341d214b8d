"""The performance benchmark: layers are those of the generator, comparisons what they claim. Timings are not tested."""

import json
import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from experiments.performance import __main__ as command
from experiments.performance import network, op, restoring, step, timing
from experiments.performance.options import Options
from experiments.performance.table import Table
from pconv_jax.common.errors import InputError
from pconv_jax.models import PaperConfig, PaperGenerator


@pytest.mark.parametrize(
    "config",
    [PaperConfig(widths=(4, 8, 6)), PaperConfig(widths=(5,)), PaperConfig(widths=(4,), head="sigmoid")],
)
def test_layers_are_the_partial_convolutions_of_the_generator(config):
    generator = nnx.eval_shape(lambda: PaperGenerator(config, rngs=nnx.Rngs(0)))
    kernels = nnx.to_pure_dict(nnx.state(generator, nnx.Param))
    if config.head == "sigmoid":
        del kernels["to_image"]  # a plain one
    shapes = sorted(leaf.shape for leaf in jax.tree.leaves(kernels) if leaf.ndim == 4)
    measured = list(op.layers(config, 16))
    assert sorted((3, 3, sum(layer.inputs), layer.outputs) for layer in measured) == shapes
    assert [layer.size for layer in measured if "second" in layer.name][:2] == [16, 8 if len(config.widths) > 1 else 16]
    assert measured[-1].size == 16


def test_plain_and_partial_agree_on_full_masks():
    layer = op.Layer("x", 8, (2, 1), 4, 2)
    rng = np.random.default_rng(0)
    x, kernel = rng.random((1, 8, 8, 3), np.float32), rng.random((3, 3, 3, 4), np.float32)
    plain = op.plain(layer)(x, np.ones((1, 8, 8, 2), np.float32), kernel)
    partial = op.partial(layer)(x, np.ones((1, 8, 8, 2), np.float32), kernel)
    np.testing.assert_allclose(partial[:, 1:, 1:], plain[:, 1:, 1:], rtol=1e-5)


@pytest.mark.parametrize("layer", [op.Layer("x", 8, (2, 1), 4, 2), op.Layer("encoder 1, first", 6, (3,), 2, 1)])
def test_pytorch_computes_the_same_layer(layer):
    pytest.importorskip("torch")
    both = op._candidates(layer, op._arrays(layer, 2), with_torch=True)
    y = both[""]["partial"]()
    np.testing.assert_allclose(both[""]["torch"]().permute(0, 2, 3, 1), y, rtol=1e-4, atol=1e-4)
    same, gradients = both["f + b: "]["partial"]()
    np.testing.assert_array_equal(same, y)
    twins = both["f + b: "]["torch"]()
    assert len(twins) == len(gradients) == (1 if "encoder 1" in layer.name else 2)
    np.testing.assert_allclose(twins[-1].permute(2, 3, 1, 0), gradients[-1], rtol=1e-4, atol=1e-3)
    if len(gradients) == 2:
        np.testing.assert_allclose(twins[0].permute(0, 2, 3, 1), gradients[0], rtol=1e-4, atol=1e-4)


def test_bfloat16_is_what_is_timed():
    layer = op.Layer("x", 8, (2, 1), 4, 2)
    for candidates in op._candidates(layer, op._arrays(layer, 1), with_torch=False, bfloat16=True).values():
        assert {leaf.dtype for run in candidates.values() for leaf in jax.tree.leaves(run())} == {jnp.dtype("bfloat16")}


@pytest.mark.parametrize("generator", ["tiny", "paper"])
def test_pytorch_takes_the_same_training_steps(monkeypatch, generator):
    """The losses of the second step agree only if generator, discriminator, losses, gradients and Adam all do."""
    pytest.importorskip("torch")
    from experiments.performance.twin import Twin

    case, twins, original = step.Case(generator, 32, 4), [], Twin.step
    ours = step.jax_step(case)
    monkeypatch.setattr(Twin, "step", lambda self, batch: twins.append(original(self, batch)))
    theirs = step.torch_step(case)
    for tolerance in (1e-5, 1e-3):
        metrics = ours()[1]
        theirs()
        for name in ("generator_loss", "discriminator_loss"):
            assert float(metrics[name]) == pytest.approx(float(twins[-1][name]), rel=tolerance), name
    assert float(twins[1]["generator_loss"]) < 0.9 * float(twins[0]["generator_loss"])


def test_an_image_size_without_a_discriminator():
    with pytest.raises(InputError, match="has 48, but it must be 8, 16, 32, 64, 128 or 256"):
        _ = step.Case("tiny", 48, 2).discriminator


def test_an_image_size_that_only_suite_step_cannot_use():
    Options(suites=("op",), image_sizes=(96,)).check()
    with pytest.raises(InputError, match="has 96, but it must be 8, 16, 32, 64, 128 or 256"):
        Options(suites=("op", "step"), image_sizes=(64, 96)).check()


def test_memory_grows_with_the_batch_and_says_how_many_images_fit(monkeypatch):
    monkeypatch.setattr(step, "_device_memory", lambda: 2**30)
    monkeypatch.setattr(step, "LAYERS", ("block1_conv1",))  # quick to compile
    monkeypatch.setattr(step, "PAPER_PRESETS", {"tiny": PaperConfig(widths=(16,))})
    options = Options(generator="tiny", image_sizes=(8,))
    (row,) = step._largest_batches(options).rows
    assert row["MiB an image"] > 8 * 8 * 16 * 4 / 2**20  # the features of the first layer alone
    assert row["largest batch"] == int((1024 - row["MiB besides"]) / row["MiB an image"])


def test_ratios_are_of_neighbours_and_know_their_spread():
    slow, fast = timing.Timing((2.0, 4.0, 6.0, 8.0)), timing.Timing((1.0, 2.0, 3.0, 1.0))
    ratio = slow.over(fast)
    assert ratio.rounds == (2.0, 2.0, 2.0, 8.0)
    assert ratio.median == 2.0
    assert slow.median == 5.0
    assert slow.milliseconds == 5000.0
    # Quartiles 3.5 and 6.5 of 2, 4, 6, 8: half their distance over the median.
    assert slow.spread == pytest.approx(0.3)
    assert timing.Timing((1.0,)).spread == 0.0


def test_candidates_take_turns_after_the_warm_up():
    calls = []
    timings = timing.interleave({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, repeats=2, warmup=1)
    assert calls == ["a", "b"] * 3
    assert [len(found.seconds) for found in timings.values()] == [2, 2]


def test_a_fresh_process_is_another_one():
    assert timing.in_fresh_process(os.getpid) != os.getpid()


def test_a_table_is_markdown():
    table = Table("sizes", [{"name": "one", "ms": 1.234}, {"name": "twenty", "ms": 1234.5}], ("A note.",))
    assert str(table).splitlines() == [
        "**sizes**",
        "",
        "| name   |    ms |",
        "| ------ | ----: |",
        "| one    |  1.23 |",
        "| twenty | 1,234 |",
        "",
        "A note.",
    ]
    assert "| – |" in str(Table("t", [{"none": None}])).replace("    ", " ").replace("   ", " ")


def test_the_command_prints_tables_and_writes_json(tmp_path, capsys, monkeypatch):
    path = tmp_path / "figures.json"
    flags = "--suites op network --generator tiny --image-sizes 16 --batch-sizes 1 --repeats 1"
    monkeypatch.setattr("sys.argv", ["benchmark", *flags.split(), "--json", str(path)])
    all_layers = op.layers
    monkeypatch.setattr(network, "PAPER_PRESETS", {"tiny": PaperConfig(widths=(4,))})  # quick to compile
    monkeypatch.setattr(
        op, "layers", lambda *shape: [layer for layer in all_layers(*shape) if layer.outputs <= 16][::4]
    )
    assert command.main() == 0
    printed = capsys.readouterr().out
    figures = json.loads(path.read_text())
    assert figures["versions"].startswith("jax ")
    rows = figures["suites"]["op"][0]["rows"]
    assert len(rows) == 2
    assert rows[0]["shape"] == "16x16, 3 → 16"
    assert all(row["partial / plain"] > 0 for row in rows)
    assert "| to image" in printed
    assert "generator tiny, 1 images of 16 px" in figures["suites"]["network"][0]["title"]


def test_a_mistake_is_one_sentence(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["benchmark", "--suites", "step", "--image-sizes", "48"])
    assert command.main() == 2
    assert capsys.readouterr().err == "error: --image-sizes has 48, but it must be 8, 16, 32, 64, 128 or 256\n"


def test_a_file_that_cannot_be_written_is_told_before_anything_is_timed(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["benchmark", "--suites", "op", "--json", str(tmp_path)])
    monkeypatch.setattr(op, "run", None)
    assert command.main() == 2
    assert capsys.readouterr().err == f"error: --json {tmp_path} is a folder: give the name of a file\n"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--suites", "--suites has no value: give at least one, or leave it out"),
        ("--batch-sizes", "--batch-sizes has no value: give at least one, or leave it out"),
        ("--image-sizes 64 0", "--image-sizes has 0, but each must be at least 1"),
        ("--replicas 0", "--replicas has 0, but each must be at least 1"),
        ("--workers -1", "--workers has -1, but each must be at least 0"),
        ("--megapixels 0", "--megapixels has 0.0, but each must be at least 0.001"),
        ("--megapixels nan", "--megapixels has nan, but each must be at least 0.001"),
        ("--repeats 0", "--repeats is 0, but it must be at least 1"),
        ("--shares 0.01 0", "--shares has 0.0, but each must be above 0 and at most 0.1"),
        ("--shares 0.2", "--shares has 0.2, but each must be above 0 and at most 0.1"),
        ("--steps 1", "--steps is 1, but the suite data needs at least 2: the first step is not timed"),
    ],
)
def test_values_that_cannot_be_measured_are_refused_before_anything_is_timed(capsys, flags, message):
    assert command.main(flags.split()) == 2
    assert capsys.readouterr() == ("", f"error: {message}\n")


@pytest.mark.parametrize("damage", ["scratches", "specks", "hairs"])
def test_the_smallest_photograph_can_be_damaged(damage):
    image, mask = restoring.photograph(0.001, damage)
    assert image.shape == (26, 39, 3)
    assert 0 < np.mean(mask == 0) < 1
