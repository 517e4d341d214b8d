"""`--refine` of the evaluation: refined results as methods of their own."""

import json

import numpy as np
import pytest
import tyro
from evaluations import colour, evaluate

from experiments.evaluate.opening import open_all_methods
from experiments.evaluate.options import Options
from pconv_jax.evaluation.refined import refined_method
from pconv_jax.evaluation.score_table import ScoreTable, read_rows
from pconv_jax.evaluation.scoring import NamedMethod
from pconv_jax.models.vgg_weights import load_vgg_weights
from pconv_jax.synthesis.settings import SynthesisSettings

LAYERS = ("--vgg-layers", "block1_conv1", "--synthesis.layers", "block1_conv1")
TINY = (*LAYERS, "--synthesis.scales", 1, "--synthesis.iterations", 2, "--limit", 1)


@pytest.fixture(scope="module")
def vgg(tmp_path_factory):
    """A file that has only the first layer."""
    rng, path = np.random.default_rng(0), tmp_path_factory.mktemp("vgg") / "vgg.npz"
    kernel = rng.normal(0, 0.3, (3, 3, 3, 64)).astype(np.float32)
    np.savez(path, **{"block1_conv1/kernel": kernel, "block1_conv1/bias": np.zeros(64, np.float32)})
    return path


@pytest.mark.usefixtures("here")
def test_the_refined_method_stands_beside_the_other(vgg, tmp_path, monkeypatch, capsys):
    out, flags = tmp_path / "a", ("--methods", "mean,fill,ns", "--refine", "fill", "--vgg-weights", vgg, *TINY)
    assert evaluate(out, *flags) == 0
    rows = read_rows(out)
    methods = ["mean", "fill", "fill + synthesis", "ns"]
    assert [row["method"] for row in rows] == 3 * methods
    assert "| fill + synthesis |" in (out / "summary.md").read_text()
    assert (out / "best_median_worst_fill + synthesis.png").exists()
    (known,) = {
        json.dumps(facts["methods"]["fill + synthesis"]["synthesis"]["iterations"])
        for facts in [json.loads((out / "benchmark.json").read_text())]
    }
    assert known == "2"
    for bucket in ("thin", "medium", "thick"):
        plain, refined = (colour(out / "composites" / name / bucket / "000000.png") for name in methods[1:3])
        changed = (plain != refined).any(axis=2)
        share = next(row["hole_fraction"] for row in rows if row["bucket"] == bucket)
        assert 0.3 * share < changed.mean() <= share
    before = (out / "scores.csv").read_bytes()
    append, calls = ScoreTable.append, []

    def once(table, new):
        if calls:
            raise KeyboardInterrupt
        calls.append(new)
        append(table, new)

    with monkeypatch.context() as patch:  # after the first refined image
        patch.setattr(ScoreTable, "append", once)
        assert evaluate(tmp_path / "b", "--methods", "fill", *flags[2:]) == 130
        assert len(read_rows(tmp_path / "b")) == 3
    capsys.readouterr()
    assert evaluate(tmp_path / "b", "--methods", "fill", *flags[2:]) == 0
    again = [row for row in rows if row["method"].startswith("fill")]
    assert read_rows(tmp_path / "b") == again and (out / "scores.csv").read_bytes() == before
    assert evaluate(out, *flags, "--synthesis.iterations", 1) == 2
    assert "scores of another fill + synthesis (synthesis differs)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--refine",), "--refine needs --vgg-weights: give a file of VGG16, or download"),
        (("--refine", "fill", "--vgg-weights", "random"), "untrained features would make noise"),
        (("--refine", "telea", "--vgg-weights", "VGG"), "--refine names telea, which is not among the methods: choose"),
        (
            ("--methods", "mean", "--refine", "--vgg-weights", "VGG"),
            "error: --refine without names leaves out mean, so nothing is refined: add a method, or give "
            "--refine mean\n",
        ),
        (("--synthesis.scales", 0), "scales of the synthesis is 0"),
    ],
)
def test_mistakes_are_one_sentence(vgg, flags, words, tmp_path, capsys):
    flags = [vgg if flag == "VGG" else flag for flag in flags]
    assert evaluate(tmp_path / "a", "--methods", "mean,fill", *flags) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "a").exists()


def test_without_names_all_methods_are_refined_that_fill_anything(vgg):
    flags = [
        "--methods",
        "unrepaired,mean,fill,ns",
        "--vgg-weights",
        str(vgg),
        "--refine",
        "--synthesis.layers",
        "block1_conv1",
    ]
    names = [method.name for method in open_all_methods(tyro.cli(Options, args=flags))]
    assert names == ["unrepaired", "mean", "fill", "fill + synthesis", "ns", "ns + synthesis"]


def test_what_leaves_nothing_to_copy_is_scored_as_it_is(vgg):
    settings = SynthesisSettings(layers=("block1_conv1",), scales=1, iterations=1)
    grey = NamedMethod("grey", lambda images, masks: np.full_like(images, 0.5), {"version": "1"})
    method = refined_method(grey, load_vgg_weights(vgg, through="block1_conv1"), settings)
    assert method.name == "grey + synthesis" and method.identity["version"] == "1"
    images = np.random.default_rng(0).random((1, 16, 16, 3), np.float32)
    masks = np.zeros((1, 16, 16, 1), np.float32)
    masks[:, :, :2] = 1
    with pytest.warns(UserWarning, match="some holes leave nothing to copy"):
        found = method.method(images, masks)
    np.testing.assert_array_equal(found, np.where(masks == 1, images, np.float32(0.5)))
