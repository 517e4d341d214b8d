"""The times of methods beside their scores."""

import pytest

from pconv_jax.common.errors import InputError
from pconv_jax.evaluation.times import append_times, median_seconds


def rows(method, *images):
    return [{"image": image, "bucket": "thin, or not", "method": method, "hole_psnr": 20.0} for image in images]


def test_medians_over_several_sittings(tmp_path):
    assert median_seconds(tmp_path) == {}
    append_times(tmp_path, rows("ns", 0, 1), [9.0, 0.25])
    append_times(tmp_path, rows("net", 0), [2.0])
    append_times(tmp_path, rows("ns", 2), [0.125])
    assert median_seconds(tmp_path) == {"ns": 0.25, "net": 2.0}


def test_a_line_that_a_kill_cut_short_is_left_out(tmp_path):
    append_times(tmp_path, rows("ns", 0), [1.0])
    with (tmp_path / "times.csv").open("a") as file:
        file.write('1,"thin, or not",ns,7')
    assert median_seconds(tmp_path) == {"ns": 1.0}


def test_another_file_of_that_name_is_refused(tmp_path):
    (tmp_path / "times.csv").write_text("method,score\nns,1\n")
    with pytest.raises(InputError, match=r"times.csv is damaged .* remove it; scores do not depend on it"):
        median_seconds(tmp_path)
