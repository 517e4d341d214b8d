"""Pictures that commands write beside their results: a comment in each says so, and replacing it loses nothing."""

from pathlib import Path

from pconv_jax.imaging.texts import NO_TEXTS, Texts

PREVIEW = b"preview of pconv-jax detect"
PROBABILITIES = b"probabilities of pconv-jax detect"
COMPARISON = b"comparison of pconv-jax inpaint"

_HEAD = 1024  # bytes of a file among which that comment is


def texts_with(comment: bytes) -> Texts:
    """The texts of such a picture."""
    return NO_TEXTS._replace(comments=(comment,))


def has_comment(path: Path, comment: bytes) -> bool:
    """Whether a file is such a picture."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return comment in stream.read(_HEAD)
