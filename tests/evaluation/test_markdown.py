"""Scores as text: headings, intervals, aligned tables."""

from pconv_jax.evaluation.markdown import heading, interval, markdown
from pconv_jax.evaluation.statistics import Mean


def test_headings_intervals_and_alignment():
    assert [heading(name) for name in ("hole_psnr", "whole_l1", "raw_whole_psnr", "hole_new", "vgg_l1")] == [
        "PSNR (dB)",
        "L1",
        "PSNR (dB)",
        "new",
        "vgg_l1",
    ]
    assert interval(Mean(21.3, 20.94, 21.7, 9, 0), 1) == "21.3 [20.9, 21.7]"
    assert interval(Mean(21.3, None, None, 1, 0), 2) == "21.30"
    assert interval(Mean(None, None, None, 0, 3), 2) == "-"
    assert markdown([["a", "b"], ["long", "1.25"]]) == "| a    |    b |\n| ---- | ---: |\n| long | 1.25 |"
    assert markdown([["a", "s"], ["x", "1"]]) == "| a  |  s |\n| -- | -: |\n| x  |  1 |"  # a rule of ":" is none
