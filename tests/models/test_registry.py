"""A network of one file and one line in the registry trains, is saved, restored and used like any other."""

import dataclasses
import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from pconv_jax.checkpoints.orbax import Checkpoints
from pconv_jax.checkpoints.trained import TrainedGenerator, load_run
from pconv_jax.checkpoints.weights_file import load_generator_weights, save_generator_weights
from pconv_jax.common.errors import InputError
from pconv_jax.inpainting.inpainter import Inpainter
from pconv_jax.losses import PaperLosses
from pconv_jax.models import (
    NETWORKS,
    DiscriminatorConfig,
    FillCorrectingConfig,
    LiuConfig,
    PaperConfig,
    PathakFeaturesConfig,
    config_from_json,
    config_to_json,
)
from pconv_jax.models.interface import WholeImages, same_network
from pconv_jax.models.residual_unet import crop_margin
from pconv_jax.training.optimizer import OptimizerConfig
from pconv_jax.training.sharding import Replicas
from pconv_jax.training.state import TrainConfig, init_state
from pconv_jax.training.step import train_step

SIZE = 16


@dataclasses.dataclass(frozen=True)
class ToyConfig(WholeImages):
    widths: tuple[int, ...] = (4,)
    gain: float = 0.5
    multiple = window_multiple = 1

    def build(self, *, dtype=jnp.float32, axis_name=None, rngs):
        return Toy(self, rngs=rngs)

    def widest_line(self):
        return None

    def describe(self):
        return "two convolutions"


class Toy(nnx.Module):
    def __init__(self, config, *, rngs):
        self.first = nnx.Conv(4, config.widths[0], (3, 3), rngs=rngs)
        self.last = nnx.Conv(config.widths[0], 3, (3, 3), rngs=rngs)
        self.gain = config.gain

    def __call__(self, image, mask):
        seen = jnp.concatenate([jnp.where(mask != 0, image, 0), mask], axis=-1)
        return self.gain * self.last(nnx.relu(self.first(seen))), jnp.ones_like(mask)

    def window(self, image, mask, *, inside, coarse, margin):
        return crop_margin(self(image, mask)[0], margin)


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    monkeypatch.setitem(NETWORKS, "toy", ToyConfig)


def trained(config, steps=3):
    """Parameters and batch statistics before and after some steps."""
    settings = TrainConfig(
        generator=config,
        discriminator=DiscriminatorConfig(SIZE, (4, 8)),
        losses=PaperLosses(adversarial_weight=0.1, perceptual_weight=0.0),
        optimizer=OptimizerConfig(learning_rate=1e-2),
    )
    start = init_state(settings, seed=0)
    replicas = Replicas(functools.partial(train_step, settings), devices=jax.devices()[:1])
    before, state = start.generator, replicas.replicate(start)
    rng = np.random.default_rng(0)
    image = rng.random((4, SIZE, SIZE, 3), np.float32)
    mask = (rng.random((4, SIZE, SIZE, 1)) > 0.2).astype(np.float32)
    losses = []
    for _ in range(steps):
        state, metrics = replicas(state, {"image": image, "noisy": image, "mask": mask}, None)
        losses.append(float(replicas.collect(metrics)["pixel"]))
    return before, replicas.collect(state).generator, losses


def test_a_network_of_one_file_and_one_line_trains_saves_restores_and_inpaints(tmp_path):
    config = ToyConfig(gain=0.75)
    before, after, losses = trained(config)
    assert losses[-1] < losses[0]
    assert not np.array_equal(before.params["first"]["kernel"][...], after.params["first"]["kernel"][...])
    generator = TrainedGenerator(config, after.params, after.stats, about={"thickest_line": 4})

    save_generator_weights(tmp_path / "toy.safetensors", generator)
    notes = {"generator": config_to_json(config), "config": {"line_thickness": [1, 4]}}
    with Checkpoints(tmp_path / "run" / "checkpoints", metadata=notes) as checkpoints:
        checkpoints.save(3, {"generator": {"params": after.params, "stats": after.stats}})

    rng = np.random.default_rng(1)
    image, hole = rng.random((70, 90, 3), np.float32), np.zeros((70, 90), bool)
    hole[10:14, 5:80] = True
    mask = np.float32(1) - hole[None, ..., None]
    expected = np.where(hole[..., None], generator.raw(image[None] * mask, mask)[0][0], image)
    for restored in (load_generator_weights(tmp_path / "toy.safetensors"), load_run(tmp_path / "run")):
        assert restored.config == config and restored.thickest_line == 4
        assert restored.widest_line is None
        np.testing.assert_array_equal(restored(image, hole=hole), expected)
        np.testing.assert_allclose(Inpainter(restored)(image, hole=hole), expected, atol=1e-6)


def test_every_registered_network_offers_what_is_asked_of_it():
    for name, kind in NETWORKS.items():
        config = kind()
        values = config_to_json(config)
        assert values["network"] == name
        assert config_from_json(values, "here") == config
        model = nnx.eval_shape(lambda config=config: config.build(rngs=nnx.Rngs(0)))
        assert callable(model.window)
        assert config.widest_line() is None or config.widest_line() > 0
        assert config.multiple >= 1 and config.window_multiple >= 1
        assert config.describe()
        assert same_network(config, kind()) and not same_network(config, dataclasses.replace(config, widths=(4, 4, 4)))
        size, judge = config.image_size or 32, config.discriminator()
        predicted = jax.eval_shape(config.predicted, jnp.zeros((1, size, size, 3)))
        assert judge is None or predicted.shape == (1, judge.image_size, judge.image_size, 3)


def test_every_network_averages_its_batch_statistics_over_the_axis_that_it_is_given():
    for kind in NETWORKS.values():
        judge = kind().discriminator() or DiscriminatorConfig(SIZE, (4, 8))
        for config in (kind(), judge):
            model = nnx.eval_shape(lambda config=config: config.build(axis_name="data", rngs=nnx.Rngs(0)))
            norms = [module for _, module in nnx.iter_modules(model) if isinstance(module, nnx.BatchNorm)]
            assert all(norm.axis_name == "data" for norm in norms)
            assert norms or kind in (ToyConfig, FillCorrectingConfig, PathakFeaturesConfig)  # these have none


def test_fields_that_training_alone_reads_make_no_other_network():
    assert same_network(LiuConfig((4, 6)), LiuConfig((4, 6), encoder_norm="frozen"))
    assert not same_network(LiuConfig((4, 6)), PaperConfig((4, 6)))


@pytest.mark.parametrize(
    ("kind", "default", "values"),
    [
        ("str | None", None, ("batch", None, (1, 2))),
        ("int", 3, (3, 5)),
        ("tuple", (), ((), (1, 2), ("a",), ((1,),))),
        ("tuple", dataclasses.field(default_factory=lambda: (1, 2)), ((1, 2), (3,))),
        ("tuple", ("a", 1), (("a", 1), (2, "b"))),
        ("tuple", ((1, 2), (3, 4)), (((1, 2), (3, 4)), ((5, 6),))),
    ],
)
def test_fields_of_every_kind_of_json_come_back(monkeypatch, kind, default, values):
    fields = [("depth", int, 2), ("more", kind, default)]  # and no field `widths`
    other = dataclasses.make_dataclass("Other", fields, frozen=True)
    monkeypatch.setitem(NETWORKS, "other", other)
    for value in values:
        noted = json.loads(json.dumps(config_to_json(other(more=value))))
        assert config_from_json(noted, "here") == other(more=value)


@pytest.mark.parametrize("value", [np.int64(4), 4.5, {"a": 1}, [1], None])
def test_a_config_that_could_not_be_read_back_is_refused_before_it_is_trained(monkeypatch, value):
    other = dataclasses.make_dataclass("Other", [("size", int, 4)], frozen=True)
    monkeypatch.setitem(NETWORKS, "other", other)
    with pytest.raises(InputError, match="could not be read back from a file: every field needs a default, and values"):
        config_to_json(other(size=value))


@pytest.mark.parametrize(
    "widths",
    [[8, 16], [[8], [8, 16]], np.array([8, 16]), jnp.array([8, 16]), (np.int64(8), 16), ([8], 16), np.int64(8)],
)
def test_lists_and_numbers_of_numpy_are_refused_in_a_sentence(widths):
    for kind in NETWORKS.values():
        if kind is not ToyConfig:
            with pytest.raises(InputError, match=r"(?s)^widths=.* must be a plain number of Python or a tuple"):
                kind(widths=widths)


def test_a_network_that_is_not_registered_cannot_be_saved(monkeypatch):
    monkeypatch.delitem(NETWORKS, "toy")
    with pytest.raises(InputError, match="ToyConfig is not registered: add it to NETWORKS"):
        config_to_json(ToyConfig())
    with pytest.raises(InputError, match="cannot build \\(network='toy'\\)"):
        config_from_json({"network": "toy", "widths": [4]}, "here")
