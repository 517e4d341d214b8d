"""Training batches: what is in them, augmentation, seeds, threads, hosts, mistakes."""

import itertools

import numpy as np
import pytest
from batches import Damaged, Ramp, Shades, equal, first, rows, shades, training

from pconv_jax import data, masks
from pconv_jax.common.errors import InputError
from pconv_jax.data import pipeline, readable


class TestTraining:
    def test_shapes_types_ranges_and_polarity(self):
        for batch in first(training(data.open_source("samples", "train")), 3):
            assert batch.keys() == {"image", "noisy", "mask"}
            for key, channels in (("image", 3), ("noisy", 3), ("mask", 1)):
                assert batch[key].shape == (4, 16, 16, channels) and batch[key].dtype == np.float32
                assert batch[key].min() >= 0 and batch[key].max() <= 1
            assert set(np.unique(batch["mask"])) == {0, 1}
            assert (masks.hole_ratio(batch["mask"]) < 0.6).all()  # lines are holes, and most of an image is valid

    @pytest.mark.parametrize(("batch_size", "shard"), [(1, (0, 1)), (3, (2, 3))])
    def test_one_image_a_batch_or_a_host(self, batch_size, shard):
        small = first(training(Shades(4), batch_size=batch_size, shard=shard), 12 // batch_size)
        assert {len(batch["image"]) for batch in small} == {1}
        whole = rows(first(training(Shades(4), batch_size=12), 1))
        assert shades(rows(small)) == shades(whole)[shard[0] :: shard[1]]

    def test_noise_has_its_deviation_and_leaves_the_target_alone(self):
        middle = Shades(1)
        middle.__class__ = type(
            "Middle", (Shades,), {"__getitem__": lambda self, i: np.full((20, 30, 3), 128, np.uint8)}
        )
        batch = first(training(middle, noise=0.1, batch_size=64), 1)[0]
        assert (batch["image"] == np.float32(128) / np.float32(255)).all()
        noise = batch["noisy"] - batch["image"]
        assert noise.mean() == pytest.approx(0, abs=0.002) and noise.std() == pytest.approx(0.1, rel=0.02)
        assert abs(np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1]) < 0.15
        black = first(training(Shades(1), noise=0.1, batch_size=64), 1)[0]["noisy"]
        assert black.min() == 0 and (black == 0).mean() == pytest.approx(0.5, abs=0.02)  # clipped

    def test_without_noise_both_images_are_equal(self):
        batch = first(training(data.open_source("samples", "train"), noise=0), 1)[0]
        assert np.array_equal(batch["image"], batch["noisy"])

    def test_every_epoch_shows_every_image_once_in_another_order(self):
        seen = list(itertools.chain(*map(shades, first(training(Shades(10)), 25))))  # 10 epochs in batches of 4
        epochs = [seen[start : start + 10] for start in range(0, 100, 10)]
        assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
        assert len({tuple(epoch) for epoch in epochs}) == 10

    def test_the_same_image_gets_other_lines_and_noise_every_time(self):
        batches = rows(first(training(Shades(1)), 5))
        assert len({mask.tobytes() for mask in batches["mask"]}) == 20
        assert len({noisy.tobytes() for noisy in batches["noisy"]}) == 20

    def test_lines_keep_to_their_ranges(self):
        thin = first(training(Shades(3), line_count=(1, 1), line_thickness=(1, 1), batch_size=32), 1)[0]["mask"]
        assert ((thin == 0).sum(axis=(1, 2, 3)) <= 16 * 1.5).all()  # one line of 1 pixel, across at most
        thick = first(training(Shades(3), line_count=(9, 9), line_thickness=(6, 6), batch_size=32), 1)[0]["mask"]
        assert masks.hole_ratio(thick).min() > masks.hole_ratio(thin).max()

    def test_strokes_are_drawn_where_asked_for(self):
        strokes = {"line_count": (1, 3), "line_thickness": (2, 5), "line_shape": "strokes"}
        drawn = data.Damage(**strokes).mask(np.random.default_rng(3), 16)
        assert np.array_equal(
            drawn, masks.random_strokes(np.random.default_rng(3), 16, 16, count=(1, 3), thickness=(2, 5))
        )
        assert first(training(Shades(3), **strokes), 1)[0]["mask"].shape == (4, 16, 16, 1)
        with pytest.raises(InputError, match="'dotted'"):
            training(Shades(3), line_shape="dotted")

    def test_the_stated_share_is_made_monochrome_half_of_it_grey_and_half_toned(self):
        def images(share):
            source = Ramp(1, (16, 16))
            return rows(first(training(source, noise=0, monochrome=share, batch_size=64), 4))["image"] * 255

        # Red and green rise by themselves in a ramp: in a monochrome image colours are a function of luminance.
        luminance = np.rint(0.299 * np.arange(16)[:, None] + 0.587 * np.arange(16)).astype(int)
        first_with = np.unique(luminance, return_index=True)[1]
        flat = [image.reshape(-1, 256, 3) for image in (images(0), images(0.25), images(1))]
        monochrome = [np.all(x[:, first_with][:, luminance.ravel()] == x, axis=(1, 2)) for x in flat]
        assert [each.mean() for each in monochrome][::2] == [0, 1]
        assert 0.15 < monochrome[1].mean() < 0.35
        grey = (flat[2].std(axis=-1) == 0).all(axis=1)
        assert 0.4 < grey.mean() < 0.6
        assert np.allclose(flat[2][grey][0].mean(-1), luminance.ravel())
        assert len(np.unique(np.rint(flat[2][~grey][:, 0]), axis=0)) > 50  # a tone of its own each
        with pytest.raises(InputError, match="monochrome=2"):
            training(Ramp(1), monochrome=2)

    def test_a_square_of_the_stated_size_is_cut_anywhere_inside(self):
        source = Ramp(1, (100, 200))
        batch = rows(first(training(source, crop_scale=(0.5, 0.5), image_size=50, noise=0), 100))
        red, green = batch["image"][..., 0] * 255, batch["image"][..., 1] * 255
        # 50 of 100 pixels, unscaled: rows and columns follow each other.
        assert np.allclose(np.diff(red, axis=1), 1) and np.allclose(np.diff(green, axis=2), 1)
        top, left = red[:, 0, 0], green[:, 0, 0]
        assert top.min() == 0 and top.max() == 50 and left.min() < 5 and left.max() > 145
        whole = rows(first(training(source, image_size=50, noise=0), 25))["image"]
        assert np.ptp(whole[..., 0], axis=(1, 2)).min() * 255 == pytest.approx(98, abs=1)  # 100 rows in 50

    def test_a_small_image_is_enlarged(self):
        batch = first(training(Ramp(1, (5, 8)), image_size=20, noise=0), 1)[0]["image"]
        assert batch.shape == (4, 20, 20, 3) and (np.diff(batch[..., 0], axis=1) >= 0).all()

    def test_recolouring_moves_each_channel_by_a_line_of_its_own(self):
        plain, changed = (
            rows(first(training(Ramp(1, (16, 16)), recolor=recolor, noise=0), 10))["image"] for recolor in (False, True)
        )
        sources = []
        for before, after in zip(plain.reshape(-1, 256, 3), changed.reshape(-1, 256, 3), strict=True):
            for channel in after.T:
                # Every channel must be gain * (one of the old channels) + shift, up to rounding to 8 bits.
                fits = [np.polynomial.Polynomial.fit(old, channel, 1).convert(domain=[-1, 1]) for old in before.T[:2]]
                errors = [np.abs(fit(old) - channel).max() for fit, old in zip(fits, before.T, strict=False)]
                best = int(np.argmin(errors))
                sources.append(2 if np.ptp(channel) == 0 else best)
                assert errors[best] <= 1 / 255
                if sources[-1] < 2:
                    assert 0.35 <= fits[best].coef[1] <= 1.05
        assert {0, 1, 2} == set(sources[::3])  # each of the old channels becomes the red one now and then
        assert changed.min() >= 0
        assert changed.max() <= 1

    def test_half_of_the_images_are_flipped(self):
        flipped = rows(first(training(Ramp(1), image_size=20, flip=True, noise=0), 50))["image"][..., 1]
        mirrored = flipped[:, 0, 0] > flipped[:, 0, -1]
        assert 70 < mirrored.sum() < 130
        never = rows(first(training(Ramp(1), image_size=20, noise=0), 10))["image"][..., 1]
        assert (never[:, 0, 0] < never[:, 0, -1]).all()

    def test_jpegs_are_read_no_larger_than_the_smallest_crop_needs(self):
        asked = []

        class Asked(Shades):
            def at_least(self, short_side):
                asked.append(short_side)
                return self

        training(Asked(3), crop_scale=(0.3, 1.0))
        assert asked == [54]  # 16 / 0.3 = 53.3

    def test_the_same_seed_gives_the_same_batches_and_another_one_others(self):
        source = data.open_source("samples", "train")
        settings = {"crop_scale": (0.2, 0.5), "flip": True}
        one, two = (first(training(source, **settings), 4) for _ in range(2))
        other = first(training(source, seed=8, **settings), 4)
        assert equal(one, two)
        assert not any(np.array_equal(a[key], b[key]) for a, b in zip(one, other, strict=True) for key in a)

    def test_threads_do_not_matter(self, monkeypatch):
        expected = first(training(Shades(10)), 20)
        monkeypatch.setattr(pipeline, "_THREADS", 5)
        monkeypatch.setattr(pipeline, "_AHEAD", 7)
        assert equal(first(training(Shades(10)), 20), expected)

    def test_the_batches_of_all_hosts_make_up_the_batch_of_one(self):
        source, settings = Shades(10), {"batch_size": 6}
        whole = first(training(source, **settings), 5)
        for hosts in (2, 3):
            parts = [first(training(source, shard=(host, hosts), **settings), 5) for host in range(hosts)]
            assert equal([rows(step) for step in zip(*parts, strict=True)], whole)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"batch_size": 0}, "batch_size=0"),
            ({"image_size": 0}, "image_size=0"),
            ({"noise": -0.1}, "noise=-0.1"),
            ({"noise": float("nan")}, "noise=nan"),
            ({"seed": -1}, "seed=-1"),
            ({"workers": -1}, "workers=-1"),
            ({"workers": "2"}, "workers=2 must be 0"),
            ({"image_size": 16.0}, "image_size=16.0 must be a whole number, at least 1"),
            ({"batch_size": "4"}, "batch_size=4 must be a whole number"),
            ({"seed": None}, "seed=None must be a whole number, at least 0"),
            ({"seed": 0.5}, "seed=0.5 must be a whole number"),
            ({"crop_scale": 0.5}, "crop_scale=0.5 must be .low, high."),
            ({"crop_scale": (0.5,)}, "crop_scale="),
            ({"noise": "0.1"}, "noise=0.1 must be a standard deviation"),
            ({"masks": "centre", "overlap": 1.5}, "overlap=1.5 must be a whole number of px"),
            ({"crop_scale": (0, 1)}, "crop_scale=.0, 1"),
            ({"crop_scale": (0.5, 1.5)}, "crop_scale="),
            ({"shard": (2, 2)}, "shard=.2, 2"),
            ({"shard": (0, 3)}, "batch_size=4 must be a multiple of 3"),
        ],
    )
    def test_a_value_out_of_range_is_named(self, change, message):
        with pytest.raises(InputError, match=message):
            training(Shades(3), **change)

    def test_bad_lines_and_no_images_are_named(self):
        with pytest.raises(InputError, match="thickness="):
            training(Shades(3), line_thickness=(0, 2))
        with pytest.raises(InputError, match="contains no images"):
            training(Shades(0))

    def test_a_file_that_goes_bad_stops_training_with_its_name(self, tmp_path):
        from PIL import Image

        for i in range(5):
            Image.new("RGB", (30, 30), i).save(tmp_path / f"{i}.png")
        source = data.open_source("folder", "train", data_dir=tmp_path)
        for file in source.files:
            (tmp_path / file).write_text("overwritten")
        with pytest.raises(InputError, match=r"\.png is not an image"):
            first(training(source), 1)


def test_an_image_that_turns_out_to_be_damaged_is_replaced_always_by_the_same():
    with pytest.warns(
        UserWarning, match=r"^1\.jpg is damaged: copy it again; until then the next image is used in its place"
    ):
        batches = [first(training(Damaged(3), batch_size=6), 2) for _ in range(2)]
    assert equal(*batches)
    with pytest.warns(UserWarning, match=r"^1\.jpg is damaged"):
        found = [readable.Readable(Damaged(3))[index] for index in range(3)]
    assert np.array_equal(found[1], found[2]) and not np.array_equal(found[0], found[1])


def test_images_all_of_which_turn_out_to_be_damaged_end_the_run():
    source = Damaged(30)
    source.none = True
    with pytest.raises(InputError, match=r"^5\.jpg is damaged"):
        readable.Readable(source)[5]


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (np.full((20, 30, 3), 0.5, np.float32), "not float32 .20, 30, 3."),
        (np.zeros((20, 30, 1), np.uint8), "not uint8 .20, 30, 1."),
        (np.zeros((20, 30), np.uint8), "not uint8 .20, 30."),
        (np.zeros((20, 30, 3), np.int64), "not int64 .20, 30, 3."),
        ([[1]], r"not list \[\]"),
    ],
)
def test_a_source_that_gives_no_images_is_refused(image, said):
    source = Shades(1)
    source.__class__ = type("Wrong", (Shades,), {"__getitem__": lambda self, i: image})
    with pytest.raises(InputError, match=r"a source of images must give NumPy arrays \[H, W, 3\], uint8, " + said):
        first(training(source), 1)
