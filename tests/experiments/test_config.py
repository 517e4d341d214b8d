"""Settings: presets, flags, and their names in files."""

import dataclasses
import json
import re
import sys
from pathlib import Path

import pytest

from experiments.run import main, parse
from experiments.train.config import Config
from experiments.train.presets import PAPER_DATASETS, PRESETS
from pconv_jax.checkpoints.weights_file import load_generator_weights
from pconv_jax.common.errors import InputError
from pconv_jax.losses import LiuLosses, PaperLosses, PathakLosses
from pconv_jax.models import NETWORKS, PAPER_PRESETS, DiscriminatorConfig, FillCorrectingConfig


def test_presets_carry_what_the_paper_says():
    papers = {name: preset for name, preset in PRESETS.items() if name == preset.data.dataset}
    assert set(papers) == {"samples", "folder", "dtd", "oxford_flowers102", "celeb_a"}
    for name in PAPER_DATASETS:
        assert PRESETS[name].network.generator_config == PAPER_PRESETS["paper"]
        assert (PRESETS[name].losses.pixel_loss, PRESETS[name].losses.hole_weight) == ("l2", 1.0)
    assert (PRESETS["dtd"].data.image_size, PRESETS["dtd"].run.epochs, PRESETS["dtd"].data.limit) == (128, 40, None)
    assert (PRESETS["celeb_a"].data.image_size, PRESETS["celeb_a"].data.limit) == (128, 6400)
    assert PRESETS["oxford_flowers102"].data.image_size == 64
    assert [name for name in papers if PRESETS[name].data.splits == "merged"] == ["dtd", "oxford_flowers102"]
    assert [name for name, preset in PRESETS.items() if preset.network.vgg_weights == "random"] == ["samples"]
    for preset in papers.values():
        assert min(preset.losses.weights.values()) > 0
        assert preset.damage.noise > 0


def test_the_bundled_sharp_weights_were_trained_with_their_preset():
    trained = load_generator_weights("sharp").about["settings"]
    of_the_run = {"bfloat16", "checkpoint_every", "keep", "sample_every", "test_images", "validation_images"}
    preset = PRESETS["sharp"].to_json()
    changed = {name for name in trained if name in preset and trained[name] != preset[name]}
    assert changed == of_the_run | {"initial_weights", "vgg_weights"}
    assert preset["perceptual_weight"] == preset["adversarial_weight"] == 5
    assert preset["judged_image"] == preset["perceptual_image"] == "composite"


def test_the_bundled_large_weights_were_trained_with_their_preset():
    trained, preset = load_generator_weights("faithful-large").about["settings"], PRESETS["faithful-large"].to_json()
    of_the_run = {"checkpoint_every", "keep", "sample_every", "test_images", "validation_images"}
    second_run = {"initial_weights", "steps", "learning_rate", "warmup", "ema", "seed"}  # named beside the preset
    assert {name for name in trained if trained[name] != preset[name]} == of_the_run | second_run


def test_the_discriminator_judges_patches_if_it_is_told_to():
    whole, patches = (parse(["--dataset", "samples", *flag]) for flag in ([], ["--discriminator-patches"]))
    assert whole.train_config(10).discriminator == DiscriminatorConfig(64, (16, 32, 64, 128))
    assert patches.train_config(10).discriminator == DiscriminatorConfig(64, (16, 32, 64, 128), patches=True)


def test_where_no_loss_asks_for_a_discriminator_there_is_none_and_images_may_have_any_size():
    odd = ["--image-size", "51", "--perceptual-layers", "block1_pool"]
    with pytest.raises(InputError, match="image_size=51 must be a multiple of 16, for the discriminator halves it 4"):
        parse(["--dataset", "samples", *odd]).check()
    alone = parse(["--dataset", "samples", *odd, "--adversarial-weight", "0"])
    alone.check()
    assert alone.train_config(10).discriminator.widths == ()
    parse(
        ["--preset", "liu", "--data-dir", ".", "--image-size", "100", "--widths", "8", "16", "--vgg-weights", "random"]
    ).check()


def test_bundled_weights_and_classical_methods_can_be_scored_beside_a_run(monkeypatch):
    assert parse([]).run.compare == ("paper-flowers", "paper-dtd", "paper-celeba")
    assert parse(["--compare"]).run.compare == ()
    with pytest.raises(
        InputError,
        match="--compare has none, gone, but it takes bundled weights: faithful, faithful-large, liu-celeba, ",
    ):
        parse(["--compare", "none", "faithful", "gone"]).check()
    parse(["--compare", "biharmonic", "sharp"]).check()
    with pytest.raises(InputError, match="--compare has sharp, telea, sharp, but takes each name once: leave"):
        parse(["--compare", "sharp", "telea", "sharp"]).check()
    with pytest.raises(InputError, match=r"--compare has ns, but .* classical methods: telea, biharmonic, fill, fsr_f"):
        parse(["--compare", "telea", "ns"]).check()
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "patchmatch", None)
        with pytest.raises(InputError, match="method patchmatch needs PyPatchMatch"):
            parse(["--compare", "patchmatch"]).check()


def test_flags_override_the_preset_of_their_data_set():
    config = parse(["--dataset", "celeb_a", "--batch-size", "4", "--line-count", "1", "3", "--no-resume"])
    assert (config.data.dataset, config.data.limit, config.data.batch_size) == ("celeb_a", 6400, 4)
    assert config.damage.line_count == (1, 3)
    assert parse([]).data.dataset == "samples"
    assert parse(["--dataset=dtd"]).data.image_size == 128


def test_a_preset_by_name_goes_before_that_of_the_data_set():
    config = parse(["--preset", "faithful", "--data-dir", "photos", "--steps", "900"])
    assert (config.network.generator, config.run.steps) == ("pyramid", 900)
    assert (config.data.dataset, config.data.data_dir) == ("folder", Path("photos"))
    config.check()
    assert config.network.generator_config == FillCorrectingConfig()
    assert parse(["--preset", "faithful", "--dataset", "samples"]).data.dataset == "samples"
    assert parse(["--preset=faithful", "--blocks", "1", "1", "1"]).network.generator_config.blocks == (1, 1, 1)


def test_an_unknown_preset_is_a_mistake_in_the_flags(capsys):
    with pytest.raises(SystemExit) as stopped:
        parse(["--preset", "fast"])
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert "fast" in error
    assert "python -m experiments.run: error" in error


def test_steps_or_epochs():
    config = Config().replace(epochs=3, batch_size=10)
    assert config.total_steps(45) == 14  # 13.5: batches run on into the next epoch, and no image is left out
    assert config.total_steps(31) == 9
    assert config.total_steps(4) == 1  # three passes are 12 images
    assert config.total_steps(1) == 1
    assert Config().replace(epochs=3, steps=7).total_steps(45) == 7
    presets = (["--preset", "faithful", "--batch-size", "10"], ["--dataset", "samples", "--batch-size=10"])
    for flags, steps in zip(presets, (16_000, 2500), strict=True):
        assert parse(flags).total_steps(45) == steps
        for epochs in (["--epochs", "3"], ["--epochs=3"]):
            assert parse([*flags, *epochs]).total_steps(45) == 14
        assert parse([*flags, "--epochs", "3", "--steps", "7"]).total_steps(45) == 7


# Settings by name: of flags and in `config.json`. Neither changes when settings move from one section to another.
_NAMES = """
adam_b1 adam_b2 adversarial_weight alexnet_widths augment_on_device batch_size bfloat16 blocks bottleneck centre
checkpoint_every clip
compare convolution crop_scale data_dir dataset discriminator_learning_rate discriminator_patches discriminator_widths
ema encoder_norm epochs flip generator head hole_weight image_size initial_weights judged_image keep learning_rate limit
line_count line_shape line_thickness losses mapping mask_dir masks monochrome network_size noise out overlap
perceptual_distance perceptual_image perceptual_layers perceptual_weight pixel_loss pixel_weight recolor region resume
sample_every schedule seed splits steps test_images validation_images vgg_weights warmup widths workers
"""
SETTINGS = sorted(_NAMES.split())


def test_help_explains_every_flag(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    shown = capsys.readouterr().out
    listed = re.findall(r"^(?:│|) {1,2}--([a-z][a-z0-9-]*)", shown, re.MULTILINE)
    hosts = ["coordinator", "host", "host-timeout", "hosts"]  # no settings of the run: not in `config.json`
    assert sorted(listed) == sorted([*(name.replace("_", "-") for name in SETTINGS), *hosts])
    text = " ".join(shown.replace("│", " ").split())
    assert "side of the square training images, px. (default: 64)" in text
    assert "standard deviation of the Gaussian noise on training inputs, for pixel values in [0, 1]." in text


def test_settings_are_saved_each_by_its_own_name_whatever_section_it_is_in():
    assert sorted(Config().to_json()) == SETTINGS
    saved = {"line_count": [1, 3], "flip": True, "out": "there", "clip": 2.0, "widths": None, "learning_rate": 0.1}
    config = Config.from_json(saved)
    assert (config.damage.line_count, config.data.augmentation.flip, config.run.out) == ((1, 3), True, Path("there"))
    assert (config.optimizer.clip, config.network.options.widths, config.optimizer.learning_rate) == (2.0, None, 0.1)
    assert {name: config.to_json()[name] for name in saved} == saved


def test_a_network_in_the_registry_can_be_trained_with_its_own_options(monkeypatch):
    monkeypatch.setitem(NETWORKS, "another", FillCorrectingConfig)
    config = Config().replace(generator="another", widths=(4, 6), blocks=(1, 2))
    assert config.network.generator_config == FillCorrectingConfig(widths=(4, 6), blocks=(1, 2))
    assert config.train_config(5).generator == config.network.generator_config
    with pytest.raises(InputError, match="--convolution plain does not go with --generator another: leave it out"):
        _ = config.replace(convolution="plain").network.generator_config


def test_a_setting_that_does_not_exist_is_named():
    with pytest.raises(InputError, match="widht is not a setting of this version"):
        Config().replace(widht=3)


def test_plain_convolutions_are_another_network_of_the_same_shape():
    config = parse(["--convolution", "plain"])
    preset = parse([]).network.generator_config
    assert config.network.generator_config == dataclasses.replace(preset, convolution="plain")
    assert parse(["--convolution", "plain", "--widths", "4", "8"]).network.generator_config.widths == (4, 8)
    with pytest.raises(InputError, match=r"widths=\(\)"):
        _ = Config().replace(widths=()).network.generator_config


def test_preset_paper_is_that_of_the_data_set():
    assert parse(["--preset", "paper"]) == parse(["--dataset", "oxford_flowers102"]) == PRESETS["paper"]
    assert parse(["--preset", "paper", "--dataset", "dtd"]) == PRESETS["dtd"]
    elsewhere = parse(["--preset", "paper", "--dataset", "samples"])
    assert (elsewhere.data.dataset, elsewhere.network.generator) == ("samples", "paper")
    elsewhere.check()  # of its splits: samples has none to merge
    assert parse(["--preset", "paper", "--dataset", "celeb_a"]).data.splits == "official"


def test_splits_are_official_unless_they_are_said_to_be_merged():
    assert parse(["--dataset", "dtd", "--splits", "official"]).data.splits == "official"
    assert parse(["--preset", "liu", "--dataset", "dtd"]).data.splits == "official"
    merged = parse(["--preset", "liu", "--dataset", "dtd", "--splits", "merged", "--vgg-weights", "random"])
    merged.check()
    with pytest.raises(
        InputError, match=r"--splits merged joins the official splits of dtd or .*data set is samples: l"
    ):
        merged.replace(dataset="samples").check()
    old = {name: value for name, value in PRESETS["dtd"].to_json().items() if name != "splits"}
    assert Config.from_json(old).data.splits == "official"  # a run of before is resumed as it was
    with pytest.raises(InputError, match="--splits was official and is now merged"):
        PRESETS["dtd"].check_same_run(old)


def test_the_options_of_a_preset_are_those_of_its_own_generator():
    tiny = PAPER_PRESETS["tiny"]
    assert parse([]).network.generator_config == dataclasses.replace(tiny, head="sigmoid", centre=True)
    assert parse(["--generator", "tiny", "--head", "partial", "--no-centre"]).network.generator_config == tiny
    assert parse(["--generator", "64"]).network.generator_config == PAPER_PRESETS["64"]
    assert parse(["--generator", "64", "--centre"]).network.generator_config.centre
    assert parse(["--generator", "pyramid"]).network.generator_config == FillCorrectingConfig()
    assert not PAPER_PRESETS["paper"].centre and not PRESETS["paper"].network.generator_config.centre


def test_losses_are_chosen_by_name_and_have_weights_of_their_own():
    assert [PRESETS[name].losses for name in ("liu", "liu-fine-tune", "pathak")] == [
        *(LiuLosses(), LiuLosses(), PathakLosses())
    ]
    config = parse(["--losses", "liu", "--style-weight", "7"])
    assert config.losses == LiuLosses(style_weight=7.0)
    assert Config.from_json(json.loads(json.dumps(config.to_json()))) == config
    assert parse(["--preset", "liu", "--losses", "paper"]).losses == PaperLosses()
    assert Config().replace(losses="pathak", rim_weight=2.0).losses == PathakLosses(rim_weight=2.0)
    with pytest.raises(InputError, match="rim_weight is not a setting"):
        Config().replace(losses="liu", rim_weight=2.0)
    with pytest.raises(InputError, match="unknown losses 'none': choose from paper, liu, pathak"):
        Config().replace(losses="none")


@pytest.mark.parametrize("source", ["download", "random"])
def test_lpips_needs_the_network_that_it_belongs_to(source):
    config = parse(["--dataset", "samples", "--perceptual-distance", "lpips", "--vgg-weights", source])
    with pytest.raises(
        InputError, match=f"compares torchvision's VGG16, but --vgg-weights is {source}: give a file of"
    ):
        config.check()
    config.replace(perceptual_weight=0.0).check()
