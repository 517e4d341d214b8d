"""What a command says and returns whatever its output goes to, and whatever the system refuses."""

import errno
import io
import os
import subprocess
import sys
import warnings

import pytest

from pconv_jax.common.commands import command
from pconv_jax.common.errors import InputError

PYTHON = "import sys; from pconv_jax.common.commands import command; "


def child(code: str, *, shell: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs Python code, in a shell that may do something with its output."""
    return subprocess.run(
        ["bash", "-c", f'"$0" -c "$1" {shell}; echo "codes ${{PIPESTATUS[*]}}" >&2', sys.executable, PYTHON + code],
        capture_output=True,
        env={**os.environ, **environment},
        text=True,
        check=False,
    )


@pytest.mark.parametrize("encoding", ["ascii", "cp850", "cp932", "koi8-r", "iso8859-2"])
def test_any_console_takes_what_a_command_prints(encoding, monkeypatch):
    from pconv_jax.cli.main import main

    console = io.TextIOWrapper(io.BytesIO(), encoding)
    monkeypatch.setattr(sys, "stdout", console)
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    shown = console.buffer.getvalue().decode(encoding)
    assert "* inpaint  Restores a photograph" in shown
    assert console.errors == "strict"  # as it was before


def test_a_console_of_its_own_signs_keeps_them_and_shows_others_by_their_codes(monkeypatch):
    console = io.TextIOWrapper(io.BytesIO(), "koi8-r")
    monkeypatch.setattr(sys, "stdout", console)
    assert command()(lambda _: print("фото – 3 × 2, 写真\udcff"))([]) == 0
    assert console.buffer.getvalue().decode("koi8-r") == "фото - 3 x 2, \\u5199\\u771f\\udcff\n"


@pytest.mark.filterwarnings("default")
def test_nothing_of_a_file_or_its_name_steers_the_terminal(capsys):
    def work(_):
        warnings.warn("a \x1b[2J\x9b1m picture\x07", stacklevel=1)
        raise InputError("b\x1b]0;title\r.png does not exist,\twhich is é")

    assert command()(work)([]) == 2
    assert capsys.readouterr().err == (
        "warning: a \\x1b[2J\\x9b1m picture\\x07\nerror: b\\x1b]0;title\\r.png does not exist,\twhich is é\n"
    )


@pytest.mark.parametrize("buffering", ["", "1"])
@pytest.mark.parametrize("writes", ["print(1)", "print('x' * 100_000)", "[print(1), sys.exit(0)]"])
def test_a_reader_that_has_left_is_no_error(buffering, writes):
    # `true` ends before Python has started.
    done = child(f"sys.exit(command()(lambda _: {writes})([]))", shell="| true", PYTHONUNBUFFERED=buffering)
    assert done.stderr == "codes 141 0\n"


def test_a_full_disk_behind_the_output_is_one_sentence():
    done = child("sys.exit(command()(lambda _: print(1))([]))", shell=">/dev/full")
    assert done.stderr.splitlines() == [
        "error: the output cannot be used (No space left on device): give another path",
        "codes 2",
    ]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENAMETOOLONG, "File name too long", "aaa"), "aaa cannot be used (File name too long): give"),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", "f/x"), "f/x cannot be used (Not a directory): give"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), "the output cannot be used (Broken pipe): give"),  # of a worker
        (OSError("first line\nsecond"), "the output cannot be used (first line): give"),
    ],
)
def test_what_the_system_refuses_is_one_sentence(error, said, capsys):
    def work(_):
        raise error

    assert command()(work)([]) == 2
    assert capsys.readouterr().err == f"error: {said} another path\n"


def test_what_libraries_print_past_python_is_hidden_and_what_python_prints_is_not():
    code = """
import os
from pconv_jax.common.output import hide_messages_of_libraries
for _ in range(2):
    with hide_messages_of_libraries():
        os.write(2, b"ZIPDecode: error")
        print("warning: é", file=sys.stderr)
os.write(2, b"at the end")
"""
    done = child(code, PYTHONIOENCODING="utf-8")
    assert done.stderr == "warning: é\nwarning: é\nat the endcodes 0\n"
    done = child(code.replace("os.write", "print"), shell="2>&-")
    assert done.stderr == "codes 0\n"


def test_a_second_interrupt_at_the_end_says_nothing_more():
    late = "import atexit, os, signal; atexit.register(os.kill, os.getpid(), signal.SIGINT); "
    done = child(late + "sys.exit(command(interrupted='bye')(lambda _: signal.raise_signal(signal.SIGINT))([]))")
    assert done.stderr == "bye\ncodes 130\n"
    assert child(late + "sys.exit(command()(lambda _: None)())").stderr == "codes 0\n"


@pytest.mark.parametrize("options", ["progress_options", "terminal_progress_options"])
def test_progress_is_hidden_where_there_is_no_standard_error(options):
    code = f"from tqdm import tqdm; from pconv_jax.common.progress import {options}; "
    done = child(code + f"print(sum(tqdm(range(3), **{options}())))", shell="2>&-")
    assert (done.stdout, done.stderr) == ("3\n", "codes 0\n")


def test_an_interrupt_where_python_ignores_exceptions_is_not_lost():
    """As in the callback by which JAX frees memory."""
    work = "gone = type('', (), {'__del__': lambda self: signal.raise_signal(signal.SIGINT)}); "
    work += "work = lambda _: [str(gone()), time.sleep(60)]; "
    done = child(f"import signal, time; {work}sys.exit(command(interrupted='bye')(work)([]))")
    assert done.stderr == "bye\ncodes 130\n"


@pytest.mark.parametrize(("code", "ended"), [(143, "143 0"), (0, "0 0")])
def test_a_failure_does_not_wait_for_threads_that_read(code, ended):
    """On a disk that hangs they never end; after success they have nothing left to do."""
    seconds = 600 if code else 0
    reads = f"from concurrent.futures import ThreadPoolExecutor; ThreadPoolExecutor().submit(time.sleep, {seconds}); "
    run = child(
        f"import time; from pconv_jax.common.commands import leave; {reads}print('said'); leave({code})", shell="| cat"
    )
    assert run.stdout == "said\n" and f"codes {ended}" in run.stderr
