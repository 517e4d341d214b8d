"""`pconv-jax inpaint --refine`: what changes, what is refused, and how it is stopped."""

import dataclasses

import numpy as np
import pytest
from restoring import files, hole, load, picture, sentences

from pconv_jax.cli import restoring
from pconv_jax.synthesis import scales
from pconv_jax.synthesis.settings import DEFAULT_SETTINGS


@pytest.fixture
def vgg(tmp_path, monkeypatch):
    """A file that has only the first layer, and settings that need no more."""
    tiny = dataclasses.replace(
        DEFAULT_SETTINGS, scales=1, layers=("block1_conv1",), iterations=2, match_every=1, window=64, context=16
    )
    monkeypatch.setattr(restoring, "DEFAULT_SETTINGS", tiny)
    rng, path = np.random.default_rng(0), tmp_path / "vgg.npz"
    kernel = rng.normal(0, 0.3, (3, 3, 3, 64)).astype(np.float32)
    np.savez(path, **{"block1_conv1/kernel": kernel, "block1_conv1/bias": np.zeros(64, np.float32)})
    return path


def test_holes_come_out_otherwise_and_nothing_else_changes(one, inpaint, vgg):
    assert inpaint(one.image, "-m", one.mask, "-o", one.folder / "plain.png").code == 0
    result = inpaint(one.image, "-m", one.mask, "-o", one.out, "--refine", "--vgg-weights", vgg)
    assert result.code == 0 and sentences(result.err) == []
    refined, plain = load(one.out), load(one.folder / "plain.png")
    np.testing.assert_array_equal(refined[~hole()], picture()[~hole()])
    assert (refined[hole()] != plain[hole()]).mean() > 0.3
    twice = one.folder / "twice.png"
    assert inpaint(one.image, "-m", one.mask, "-o", twice, "--refine", "--vgg-weights", vgg).code == 0
    assert twice.read_bytes() == one.out.read_bytes()


def test_interrupted_while_refining_nothing_is_left(one, inpaint, vgg, monkeypatch):
    descend, calls = scales.descend, []

    def interrupted(*args, **kwargs):
        if calls:
            raise KeyboardInterrupt
        calls.append(0)
        return descend(*args, **kwargs)

    before = files(one.folder)
    monkeypatch.setattr(scales, "descend", interrupted)
    result = inpaint(one.image, "-m", one.mask, "-o", one.out, "--compare", "--refine", "--vgg-weights", vgg)
    assert result.code == 130 and calls
    assert "run the command again to resume" in result.err
    assert files(one.folder) == before


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--refine"], "--refine needs --vgg-weights: give a file of VGG16 or VGG19, or download"),
        (["--vgg-weights", "vgg.npz"], "--vgg-weights goes with --refine"),
        (["--refine", "--vgg-weights", "random"], "untrained features would make noise"),
        (["--refine", "--vgg-weights", "nowhere.npz"], "file nowhere.npz does not exist: give a file, or 'download'"),
    ],
)
def test_mistakes_are_one_sentence_before_anything_is_written(one, inpaint, flags, words):
    before = files(one.folder)
    result = inpaint(one.image, "-m", one.mask, "-o", one.out, *flags)
    assert result.code == 2
    (complaint,) = sentences(result.err)
    assert words in complaint
    assert "or 'random'" not in complaint
    assert files(one.folder) == before


def test_a_file_without_the_layers_is_named(one, inpaint, vgg, monkeypatch):
    monkeypatch.setattr(restoring, "DEFAULT_SETTINGS", DEFAULT_SETTINGS)
    result = inpaint(one.image, "-m", one.mask, "-o", one.out, "--refine", "--vgg-weights", vgg)
    assert result.code == 2
    (complaint,) = sentences(result.err)
    assert "vgg.npz lacks block1_conv2, " in complaint and "which VGG16 needs for block" in complaint
