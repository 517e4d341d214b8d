"""Progress bars where standard error is not a terminal."""

import re

from tqdm import tqdm

from experiments.progress import progress_bar
from pconv_jax.common.progress import progress_options


def test_a_file_gets_whole_lines_without_carriage_returns(capsys):
    with progress_bar("training", "img", total=100, done=20, each=4) as bar:
        for _ in range(80):
            bar.update()
    shown = capsys.readouterr().err
    assert re.fullmatch(r"training: +20%[^\n\r]*\ntraining: 100%[^\n\r]* 400/400 [^\n\r]*\n", shown)
    assert shown.isascii()


def test_what_takes_less_than_ten_seconds_writes_no_line(capsys):
    for seconds, written in ((None, ""), (0.0, "restoring: 100%")):
        options = progress_options(patient=True)
        options |= {} if seconds is None else {"delay": seconds, "mininterval": seconds}
        with tqdm(desc="restoring", total=3, **options) as bar:
            for _ in range(3):
                bar.update()
        shown = capsys.readouterr().err
        assert shown == "" if not written else written in shown and shown.endswith("\n")
