"""Presets of the paper, of Liu et al. and of Pathak et al.: whole tiny runs, and the same resumed; refusals."""

import shutil
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from experiments.run import main
from experiments.train import experiment, report
from experiments.train.logs import read_metrics
from experiments.train.training_time import TrainingTime
from pconv_jax import Inpainter
from pconv_jax.checkpoints.orbax import open_checkpoints
from pconv_jax.checkpoints.trained import load_run

# One image at a time is validated as one is scored for the report: the same program.
SHORT = (
    *("--dataset", "samples", "--batch-size", "4", "--steps", "3", "--checkpoint-every", "1", "--sample-every", "9"),
    *("--validation-images", "1", "--test-images", "2", "--image-size", "16", "--widths", "4", "6"),
)
PAPER = ("--preset", "paper", "--discriminator-widths", "4", "8", "--vgg-weights", "random")
LIU = ("--preset", "liu", "--vgg-weights", "random")
FINE_TUNE = ("--preset", "liu-fine-tune", "--vgg-weights", "random", "--learning-rate", "1e-2")
PATHAK = ("--preset", "pathak", "--bottleneck", "5", "--overlap", "1")
PATHAK_FEATURES = (
    *("--preset", "pathak-features", "--image-size", "67", "--network-size", "67", "--learning-rate", "1e-2"),
    *("--alexnet-widths", "2", "2", "2", "2", "2"),
)


@pytest.fixture
def resumed(tmp_path, monkeypatch):
    """What becomes of a run that was killed after its first step, when it is resumed; without its report."""

    def resume(whole: Path, *flags: str) -> Path:
        folder = shutil.copytree(whole, tmp_path / "killed")
        for step in ("2", "3"):
            shutil.rmtree(folder / "checkpoints" / step)
        monkeypatch.setattr(experiment, "write_report", lambda *_: None)
        assert main([*SHORT, *flags, "--out", str(folder), "--resume"]) == 0
        assert TrainingTime.read(folder).steps == 3  # those taken before are not counted twice
        return folder

    return resume


def variables(folder: Path) -> dict[str, np.ndarray]:
    """Parameters and batch statistics of the last step, by their path."""
    with open_checkpoints(folder) as checkpoints:
        model = load_run(folder, step=checkpoints.latest)
    leaves = jax.tree_util.tree_leaves_with_path({"params": model.params, "stats": model.stats})
    return {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in leaves}


def losses(folder: Path) -> list[set[str]]:
    """Names of what was logged at each step, but for norms of gradients."""
    rows = [row for row in read_metrics(folder / "metrics.jsonl") if "generator_loss" in row]
    return [{name for name in row if not name.endswith("_norm")} - {"step", "generator_loss"} for row in rows]


@pytest.fixture(scope="module")
def liu(tmp_path_factory) -> Path:
    """A first phase."""
    folder = tmp_path_factory.mktemp("liu") / "first"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "_draw_losses", lambda *_: None)
        assert main([*LIU, *SHORT, "--out", str(folder)]) == 0
    return folder


@pytest.mark.usefixtures("without_curves")
@pytest.mark.parametrize(
    ("flags", "terms"),
    [
        (
            (*PAPER, "--perceptual-layers", "block1_conv1"),
            {"pixel", "adversarial", "perceptual", "discriminator_loss"},
        ),
        (PATHAK, {"pixel", "adversarial", "discriminator_loss"}),
        (PATHAK_FEATURES, {"pixel"}),
    ],
    ids=["paper", "pathak", "pathak-features"],
)
def test_a_preset_trains_and_resumes_to_the_bit(tmp_path, resumed, flags, terms):
    assert main([*SHORT, *flags, "--out", str(tmp_path / "whole")]) == 0
    assert losses(tmp_path / "whole") == [terms] * 3
    assert_same(tmp_path / "whole", resumed(tmp_path / "whole", *flags))
    for load, shape in ((Inpainter.from_run, (20, 24)), (load_run, (16, 16))):
        hole = np.zeros(shape, bool)
        hole[8:11, 7:12] = True  # in the middle, which is all that the context encoder fills
        image = np.random.default_rng(0).random((*shape, 3), np.float32)
        result = load(tmp_path / "whole")(image, hole=hole)
        np.testing.assert_array_equal(result[~hole], image[~hole])
        assert np.isfinite(result).all()


def assert_same(a: Path, b: Path) -> None:
    """The same losses, and the same variables to the bit."""
    assert read_metrics(a / "metrics.jsonl") == read_metrics(b / "metrics.jsonl")
    first, second = variables(a), variables(b)
    assert first.keys() == second.keys()
    for name, leaf in first.items():
        np.testing.assert_array_equal(leaf, second[name], err_msg=name)


@pytest.mark.usefixtures("without_curves")
def test_the_second_phase_of_liu_starts_from_the_first_and_leaves_the_encoder_s_norms_alone(liu, tmp_path, resumed):
    assert losses(liu) == [{"valid", "hole", "perceptual", "style", "tv"}] * 3
    again = [*FINE_TUNE, "--initial-weights", str(liu)]
    assert main([*again, *SHORT, "--out", str(tmp_path / "whole")]) == 0
    assert_same(tmp_path / "whole", resumed(tmp_path / "whole", *again))
    before, after = variables(liu), variables(tmp_path / "whole")
    assert before.keys() == after.keys()
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    norms = {name for name in before if "encoder" in name and "norm" in name}
    assert len(norms) == 4  # of the second stage: mean, variance, scale, shift
    assert changed == before.keys() - norms


def test_the_second_phase_needs_a_first_one(tmp_path, capsys):
    assert main([*FINE_TUNE, *SHORT, "--out", str(tmp_path / "run")]) == 2
    assert capsys.readouterr().err.strip().splitlines()[-1] == (
        "error: --encoder-norm frozen is the second phase of Liu et al., which starts from a first one: name its "
        "folder or its weights with --initial-weights"
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (  # before its data are opened
            "--preset liu --dataset folder --data-dir {}/no",
            "the VGG16 weights from --vgg-weights download expect caffe preprocessing, but the",
        ),
        (
            "--preset pathak --masks random",
            "--generator context_encoder predicts the middle 64x64 of 128x128 px, and --masks random makes holes "
            "elsewhere: give --masks centre, or --region random",
        ),
        ("--generator context_encoder --image-size 128", "and --masks lines makes holes elsewhere: give --masks"),
        (
            "--preset pathak --image-size 64",
            "--image-size is 64, but --generator context_encoder with widths (64, 64, ",
        ),
        (
            "--preset pathak-features --image-size 99",
            "takes images of 227x227 px only: give --image-size 227, or the same --network-size",
        ),
        (
            "--preset pathak-features --adversarial-weight 0.001",
            "--generator pathak_features is trained without a discriminator: give --adversarial-weight 0",
        ),
        ("--preset pathak --masks folder", "--masks folder and --mask-dir, the folder of the masks, go together"),
        ("--masks folder --mask-dir {}", "holds no mask files"),
        ("--masks folder --mask-dir {}/no", "/no is not a folder of masks: give a folder of mask files, white = hole"),
        (
            "--masks centre --overlap 16 --image-size 64",
            "overlap=16 must be a whole number of at least 0 and leave a hole in the middle",
        ),
        ("--losses pathak --rim-weight -1", "the weight of the rim loss is -1"),
        ("--generator liu --head sigmoid", "--head sigmoid does not go with --generator liu: leave it out"),
        ("--generator liu --centre", "--centre does not go with --generator liu: leave it out"),
        ("--preset pathak --generator 64 --region random", "--region random does not go with --generator 64"),
        (
            "--preset liu-fine-tune --initial-weights {} --vgg-weights random --widths 4 6 --image-size 16",
            "{} holds no checkpoint: give the output folder of a run",
        ),
        (
            "--preset liu-fine-tune --initial-weights faithful --vgg-weights random --widths 4 6 --image-size 16",
            "--initial-weights faithful are of",
        ),
    ],
)
def test_mistakes_get_one_sentence(tmp_path, capsys, flags, message):
    arguments = flags.format(tmp_path).split()
    assert main(["--dataset", "samples", *arguments, "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ")
    assert message.format(tmp_path) in error


def test_a_vgg_file_without_the_layers_of_the_losses_is_refused(shared, tmp_path, capsys):
    weights = shared / "weights" / "vgg16_conv1_1_to_conv2_2.npz"
    flags = ("--preset", "paper", *SHORT, "--vgg-weights", str(weights), "--out", str(tmp_path / "out"))
    assert main(flags) == 2
    assert capsys.readouterr().err.strip().splitlines()[-1] == (
        f"error: {weights} lacks block3_conv1, block3_conv2, block3_conv3, which VGG16 needs for block3_pool: "
        "give a file that has them, or ask for shallower layers"
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("without_curves")
def test_masks_from_a_folder_train_too(tmp_path):
    hole = np.zeros((40, 50), np.uint8)
    hole[10:14] = 255
    (tmp_path / "masks").mkdir()
    Image.fromarray(hole).save(tmp_path / "masks" / "a.png")
    Image.fromarray(np.zeros_like(hole)).save(tmp_path / "masks" / "empty.png")
    flags = [*PATHAK, "--region", "random", "--masks", "folder", "--mask-dir", str(tmp_path / "masks")]
    assert main([*SHORT, *flags, "--adversarial-weight", "0", "--out", str(tmp_path / "run")]) == 0
    assert losses(tmp_path / "run") == [{"pixel"}] * 3
    assert load_run(tmp_path / "run").thickest_line is None
