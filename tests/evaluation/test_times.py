"""The times of methods beside their scores."""

import pytest

from pconv_jax.common.errors import InputError
from pconv_jax.evaluation.scoring import Cost
from pconv_jax.evaluation.times import append_times, median_costs, remove_times


def rows(method, *images):
    return [{"image": image, "bucket": "thin, or not", "method": method, "hole_psnr": 20.0} for image in images]


def test_medians_over_several_sittings(tmp_path):
    assert median_costs(tmp_path) == {}
    append_times(tmp_path, rows("ns", 0, 1), [Cost(9.0, 8.0, 3.0), Cost(0.25, 0.5, 1.0)])
    append_times(tmp_path, rows("net", 0), [Cost(2.0, 3.0, None)])
    append_times(tmp_path, rows("ns", 2), [Cost(0.125, 0.25, 2.0)])
    assert median_costs(tmp_path) == {"ns": (0.25, 0.5, 2.0), "net": (2.0, 3.0, None)}


def test_a_line_that_a_kill_cut_short_is_left_out(tmp_path):
    append_times(tmp_path, rows("ns", 0), [Cost(1.0, 1.5, 5.5)])
    with (tmp_path / "times.csv").open("a") as file:
        file.write('1,"thin, or not",ns,7')
    assert median_costs(tmp_path) == {"ns": (1.0, 1.5, 5.5)}
    append_times(tmp_path, rows("ns", 1), [Cost(3.0, 2.5, 6.5)])
    assert median_costs(tmp_path) == {"ns": (2.0, 2.0, 6.0)}


@pytest.mark.parametrize("name", ["x\x85y", "x\u2028y", "x\x0cy", "x\ny"])
def test_lines_end_where_csv_says(tmp_path, name):
    append_times(tmp_path, rows(name, 0, 1), [Cost(1.0, 1.5, 5.5), Cost(3.0, 2.5, 6.5)])
    assert median_costs(tmp_path) == {name: (2.0, 2.0, 6.0)}


def test_a_file_of_an_older_version_keeps_its_columns(tmp_path):
    (tmp_path / "times.csv").write_text("image,bucket,method,seconds\n0,thin,ns,1.0\n")
    append_times(tmp_path, rows("ns", 1), [Cost(3.0, 2.0, 7.0)])
    assert (tmp_path / "times.csv").read_text().endswith('\n1,"thin, or not",ns,3.000000\n')
    assert median_costs(tmp_path) == {"ns": (2.0, None, None)}


def test_another_file_of_that_name_is_refused(tmp_path):
    (tmp_path / "times.csv").write_text("method,score\nns,1\n")
    with pytest.raises(InputError, match=r"times.csv is damaged .* remove it; scores do not depend on it"):
        median_costs(tmp_path)


def test_times_of_a_method_are_removed(tmp_path):
    remove_times(tmp_path, ["ns"])  # no file yet
    append_times(tmp_path, rows("ns", 0), [Cost(1.0, 1.5, 5.5)])
    append_times(tmp_path, rows("net", 0), [Cost(2.0, 3.0, None)])
    kept = (tmp_path / "times.csv").read_text().replace('0,"thin, or not",ns,1.000000,1.500000,5.500000\n', "")
    with (tmp_path / "times.csv").open("a") as file:
        file.write('1,"thin, or not",net,7')  # as a kill leaves it
    remove_times(tmp_path, ["ns", "never scored"])
    assert (tmp_path / "times.csv").read_text() == kept
