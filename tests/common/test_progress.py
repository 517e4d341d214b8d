"""Progress bars where standard error is not a terminal."""

import re

from experiments.progress import progress_bar


def test_a_file_gets_whole_lines_without_carriage_returns(capsys):
    with progress_bar("training", "img", total=100, done=20, each=4) as bar:
        for _ in range(80):
            bar.update()
    shown = capsys.readouterr().err
    assert re.fullmatch(r"training: +20%[^\n\r]*\ntraining: 100%[^\n\r]* 400/400 [^\n\r]*\n", shown)
    assert shown.isascii()
