"""Evaluation: worked by hand, no peeking, independence of the batch size, mistakes that name the method."""

import json

import cv2
import numpy as np
import pytest

from pconv_jax.common.errors import InputError
from pconv_jax.evaluation import baselines as classical
from pconv_jax.evaluation import metrics
from pconv_jax.evaluation import scoring as evaluate
from pconv_jax.evaluation.statistics import Mean


def gradient(count: int = 7, size: int = 32) -> np.ndarray:
    """Smooth colour gradients, each of its own direction: [count, size, size, 3] float32."""
    y, x = np.mgrid[:size, :size] / (size - 1)
    angles = np.linspace(0, np.pi / 2, count)[:, None, None, None] + np.array([0, 0.1, 0.2])
    ramp = np.cos(angles) * x[..., None] + np.sin(angles) * y[..., None]
    return np.clip(0.1 + 0.5 * ramp, 0, 1).astype(np.float32)


def lines(count: int = 7, size: int = 32) -> np.ndarray:
    """One line through each image, 1 to `count` pixels wide: [count, size, size, 1], 1 = valid."""
    mask = np.ones((count, size, size, 1), np.float32)
    for index in range(count):
        mask[index, 8 : 9 + index] = 0
    return mask


def bytes_of(image: np.ndarray) -> np.ndarray:
    """The nearest 8-bit image, as floats: what saving does not change."""
    return np.rint(image * np.float32(255)).astype(np.float32) / np.float32(255)


def batches(image: np.ndarray, noisy: np.ndarray, mask: np.ndarray, size: int):
    for start in range(0, len(image), size):
        part = slice(start, start + size)
        yield {"image": image[part], "noisy": noisy[part], "mask": mask[part], "label": np.zeros(1)}


def echo(images: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Returns what it was shown: perfect, if it was shown the truth."""
    return images


def test_composite_takes_output_only_in_holes():
    image = np.array([[[[0.1], [np.nan]]]])
    mask = np.array([[[[1.0], [0.0]]]])
    output = np.array([[[[0.7], [0.8]]]])
    np.testing.assert_array_equal(classical.composite(image, mask, output), [[[[0.1], [0.8]]]])


def test_mean_fill_worked_by_hand():
    image = np.array([[0.2, 0.4], [np.nan, 0.9]], np.float32)[None, ..., None] * np.ones(3, np.float32)
    mask = np.array([[1, 1], [0, 1]], np.float32)[None, ..., None]
    np.testing.assert_allclose(classical.mean_fill(image, mask), np.full((1, 2, 2, 3), 0.5), rtol=1e-6)
    image[0, 1, 1] = [0.6, 0.9, 0.0]
    np.testing.assert_allclose(classical.mean_fill(image, mask)[0, 0, 0], [0.4, 0.5, 0.2], rtol=1e-6)


def test_score_worked_by_hand():
    grey = 128 / 255
    image = np.full((1, 12, 12, 3), grey, np.float32)
    mask = np.ones((1, 12, 12, 1), np.float32)
    mask[0, 4, 6] = 0  # a hole of one pixel
    evaluation = evaluate.score(batches(image, image, mask, 1), {"black": classical.unrepaired})
    assert evaluation.opencv_version == cv2.__version__
    (row,) = evaluation.rows
    assert (row["image"], row["bucket"], row["method"]) == (0, "all", "black")
    assert row["hole_fraction"] == 1 / 144
    assert row["hole_l1"] == pytest.approx(grey)
    assert row["hole_psnr"] == pytest.approx(-20 * np.log10(grey))
    assert row["hole_jaccard"] == row["hole_jaccard_product"] == 0
    assert row["whole_l1"] == pytest.approx(grey / 144)
    assert row["whole_psnr"] == pytest.approx(-20 * np.log10(grey) + 10 * np.log10(144))
    assert row["whole_jaccard"] == pytest.approx(143 / 144)
    both = 143 * grey**2
    assert row["whole_jaccard_product"] == pytest.approx(both / (143 * grey + 144 * grey - both))


def test_figures_are_the_metrics_of_the_composite():
    image, mask = gradient(), lines()
    rng = np.random.default_rng(0)
    noisy = np.clip(image + rng.normal(0, 0.05, image.shape), 0, 1).astype(np.float32)
    raw = rng.normal(0.5, 0.5, image.shape).astype(np.float32)  # leaves [0, 1]
    evaluation = evaluate.score(batches(image, noisy, mask, 7), {"noise": lambda images, masks: raw})
    repaired = (np.where(mask == 1, noisy, np.clip(raw, 0, 1)) * np.float32(255)).round() / np.float32(255)
    for region, selected in zip(evaluate.REGIONS, (mask == 0, None), strict=True):
        for name, metric in metrics.METRICS.items():
            found = [row[f"{region}_{name}"] for row in evaluation.rows]
            np.testing.assert_array_equal(found, metric(repaired, image, region=selected))


def test_no_method_sees_what_is_to_be_restored():
    image, mask = gradient(), lines()
    methods = {"echo": echo, **classical.CLASSICAL_METHODS}
    rows = evaluate.score(batches(image, image, mask, 7), methods).rows
    found = {m: [{**row, "method": ""} for row in rows if row["method"] == m] for m in ("echo", "unrepaired")}
    assert found["echo"] == found["unrepaired"]
    # Nor through what holes hold instead: NaN or noise changes no figure.
    for content in (np.nan, 0.7):
        hidden = np.where(mask == 1, image, np.float32(content))
        assert evaluate.score(batches(image, hidden, mask, 7), methods).rows == rows


QUICK = {name: classical.CLASSICAL_METHODS[name] for name in ("unrepaired", "mean", "ns")}
FILLING = {name: classical.CLASSICAL_METHODS[name] for name in ("ns", "telea", "biharmonic", "fill")}


@pytest.mark.parametrize("method", classical.CLASSICAL_METHODS.values(), ids=classical.CLASSICAL_METHODS)
def test_classical_methods_ignore_holes(method):
    image, mask = np.random.default_rng(1).random((4, 24, 24, 3), np.float32), lines(4, 24)
    found = method(image, mask)
    assert found.shape == image.shape
    assert found.dtype == np.float32
    for content in (0.0, 1.0, np.nan):
        np.testing.assert_array_equal(method(np.where(mask == 1, image, np.float32(content)), mask), found)


@pytest.mark.parametrize("method", FILLING.values(), ids=FILLING)
def test_filling_methods_continue_what_is_around_a_hole(method):
    image, mask = gradient(), lines()
    found = method(np.where(mask == 1, image, np.float32(np.nan)), mask)
    valid = np.broadcast_to(mask == 1, image.shape)
    np.testing.assert_allclose(found[valid], image[valid], atol=0.5 / 255 + 1e-6)  # OpenCV's are bytes
    assert np.abs(found - image)[~valid].mean() < 0.02
    # All hole: nothing to continue. No hole: nothing to do.
    np.testing.assert_array_equal(method(image, np.zeros_like(mask)), np.full(image.shape, 0.5, np.float32))
    np.testing.assert_allclose(method(image, np.ones_like(mask)), image, atol=0.5 / 255 + 1e-6)


def test_biharmonic_is_exact_on_a_ramp():
    image, mask = gradient(), lines()
    mask[:, :, :4] = mask[:, :, -4:] = 1  # away from the border, where scikit-image cuts the equation's window short
    np.testing.assert_allclose(classical.biharmonic(image * mask, mask), image, atol=1e-5)


@pytest.mark.parametrize(("name", "flag"), [("ns", cv2.INPAINT_NS), ("telea", cv2.INPAINT_TELEA)])
def test_opencv_methods_are_opencvs(name, flag):
    image, mask = gradient(1), lines(1)
    shown = np.rint(image[0] * mask[0] * 255).astype(np.uint8)
    expected = cv2.inpaint(shown, (mask[0, ..., 0] == 0).astype(np.uint8), 3, flag)
    np.testing.assert_array_equal(np.rint(FILLING[name](image, mask)[0] * 255), expected)


def test_methods_cannot_disturb_each_other():
    def vandal(images, masks):
        images[:] = 0
        masks[:] = 1
        return images

    image, mask = gradient(), lines()
    alone = evaluate.score(batches(image, image, mask, 7), {"mean": classical.mean_fill})
    both = evaluate.score(batches(image, image, mask, 7), {"vandal": vandal, "mean": classical.mean_fill}, keep=1)
    assert [row for row in both.rows if row["method"] == "mean"] == list(alone.rows)
    np.testing.assert_array_equal(both.examples[0].damaged, image[0] * mask[0])


def test_truth_is_a_perfect_repair():
    image, mask = bytes_of(gradient()), lines()
    evaluation = evaluate.score(batches(image, image, mask, 7), {"oracle": lambda images, masks: image})
    means = evaluation.summary.means["all"]["oracle"]
    for region in evaluate.REGIONS:
        assert means[f"{region}_l1"].mean == 0
        assert means[f"{region}_ssim"].mean == pytest.approx(1)
        assert means[f"{region}_jaccard"].mean == 1
        assert means[f"{region}_jaccard_product"].mean < 0.6
        assert means[f"{region}_psnr"] == Mean(None, None, None, 0, 7)  # infinite for all: nothing left to average
    assert "7 perfect, left out of hole_psnr (oracle)" in evaluation.table()


def test_batch_size_changes_nothing():
    image, mask = gradient(), lines()
    noisy = np.clip(image + np.random.default_rng(2).normal(0, 0.1, image.shape), 0, 1)
    whole = evaluate.score(batches(image, noisy, mask, 7), QUICK, keep=5)
    assert [row["image"] for row in whole.rows] == sorted(list(range(7)) * 3)
    for size in (1, 3):
        seen: list[int] = []
        parts = evaluate.score(batches(image, noisy, mask, size), QUICK, keep=5, progress=seen.append)
        assert parts.rows == whole.rows
        assert parts.summary == whole.summary
        assert sum(seen) == 7
        assert len(parts.examples) == len(whole.examples) == 5
        for one, other in zip(parts.examples, whole.examples, strict=True):
            for name in QUICK:
                np.testing.assert_array_equal(one.raw[name], other.raw[name])
                np.testing.assert_array_equal(one.composite[name], other.composite[name])


def test_navier_stokes_beats_mean_fill_beats_black_on_a_gradient():
    image, mask = gradient(), lines()
    means = evaluate.score(batches(image, image, mask, 4), QUICK).summary.means["all"]
    black, mean, stokes = (means[m]["hole_psnr"].mean for m in ("unrepaired", "mean", "ns"))
    assert stokes > mean + 10
    assert mean > black + 3
    assert means["ns"]["hole_l1"].mean < 0.02


def test_images_without_hole_and_without_anything_else():
    image, mask = bytes_of(gradient(3)), lines(3)
    mask[1] = 1  # no hole
    mask[2] = 0  # all hole
    evaluation = evaluate.score(batches(image, image, mask, 3), QUICK)
    summary = evaluation.summary
    json.dumps(summary.to_json(), allow_nan=False)
    assert summary.without_hole["all"] == 1
    for name in ("mean", "ns"):
        means = summary.means["all"][name]
        assert (means["hole_l1"].images, means["whole_l1"].images) == (2, 3)
        assert (means["hole_psnr"].perfect, means["whole_psnr"].perfect) == (0, 1)
        rows = [row for row in evaluation.rows if row["method"] == name]
        assert np.isnan(rows[1]["hole_l1"])
        assert means["hole_l1"].mean == pytest.approx((rows[0]["hole_l1"] + rows[2]["hole_l1"]) / 2)
        np.testing.assert_array_equal(evaluation.examples[2].raw[name], np.full((32, 32, 3), 0.5))
        np.testing.assert_array_equal(evaluation.examples[1].composite[name], image[1])
    assert "1 without a hole, not scored in the hole" in evaluation.table()


def test_examples_show_what_happened():
    image, mask = gradient(), lines()
    noisy = bytes_of(np.clip(image + 0.1, 0, 1))
    evaluation = evaluate.score(batches(image, noisy, mask, 2), {"white": lambda i, m: np.ones_like(i) * 2}, keep=3)
    assert len(evaluation.examples) == 3
    example = evaluation.examples[2]
    np.testing.assert_array_equal(example.truth, image[2])
    np.testing.assert_array_equal(example.mask, mask[2])
    np.testing.assert_array_equal(example.damaged, noisy[2] * mask[2])
    np.testing.assert_array_equal(example.raw["white"], np.full((32, 32, 3), 2))
    np.testing.assert_array_equal(example.composite["white"], np.where(mask[2] == 1, noisy[2], 1))
    assert evaluate.score(batches(image, noisy, mask, 2), {"echo": echo}, keep=0).examples == ()


def test_the_table_names_regions_and_version():
    image, mask = gradient(), lines()
    table = evaluate.score(batches(image, image, mask, 7), QUICK).table()
    assert table.index("in the hole:") < table.index("over the whole image:")
    assert table.endswith(f"OpenCV {cv2.__version__}.")


def test_image_by_image_hands_over_one_at_a_time():
    seen = []

    def method(images, masks):
        seen.append((len(images), len(masks)))
        return images + masks

    image, mask = gradient(), lines()
    np.testing.assert_array_equal(evaluate.image_by_image(method)(image, mask), image + mask)
    assert seen == [(1, 1)] * 7


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (lambda images, masks: images[:, :-1], r"'mine'.*\(7, 32, 32, 3\).*\(7, 31, 32, 3\)"),
        (lambda images, masks: np.where(images > 0.5, np.nan, images), "'mine' returned .* NaN or infinite"),
        (lambda images, masks: (images * 255).astype(np.uint8), "'mine' must return floats.*uint8"),
    ],
)
def test_wrong_output_names_the_method(method, message):
    image, mask = gradient(), lines()
    with pytest.raises(InputError, match=message):
        evaluate.score(batches(image, image, mask, 7), {"mine": method})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mask": np.ones((2, 32, 32))}, r"\(2, 32, 32\)"),
        ({"mask": np.full((2, 32, 32, 1), 0.5)}, "only 0 .*0.5"),
        ({"noisy": np.zeros((2, 16, 16, 3))}, r"\(2, 16, 16, 3\)"),
        ({"noisy": np.full((2, 32, 32, 3), np.nan)}, "finite where the mask is 1"),
        ({"image": np.full((2, 32, 32, 3), 255.0)}, "truth must lie in .*255"),
    ],
)
def test_wrong_batches(change, message):
    image, mask = gradient(2), lines(2)
    with pytest.raises(InputError, match=message):
        evaluate.score([{"image": image, "noisy": image, "mask": mask, **change}], {"echo": echo})


def test_nothing_to_score():
    image, mask = gradient(2), lines(2)
    with pytest.raises(InputError, match="no image"):
        evaluate.score([], {"echo": echo})
    with pytest.raises(InputError, match="no method"):
        evaluate.score(batches(image, image, mask, 2), {})
