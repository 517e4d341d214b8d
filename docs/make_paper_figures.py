"""Makes the figures of docs/paper.md: textures and a face from the photographs in scikit-image, inpainted by weights.

    python docs/make_paper_figures.py [RUN]

Figure 4 is that of the folder of a run, and stays as it is without one. Nothing is downloaded.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from pconv_jax.data.samples import photograph

FOLDER = Path(__file__).resolve().parent / "paper"
LARGEST = (820, 1000)  # width and height of a picture of photographs, px
QUALITY = 77  # of JPEG
COLOURS = 64  # of PNG
# Square crops of 256 px: photograph, top, left.
TEXTURES = (
    *(("brick.png", 0, 0), ("grass.png", 0, 0), ("ihc.png", 128, 128), ("gravel.png", 0, 0), ("coffee.png", 0, 0)),
    *(("brick.png", 256, 256), ("grass.png", 256, 256), ("ihc.png", 256, 0), ("gravel.png", 256, 256)),
)
# Square crops around the face in astronaut.png: top, left, side; each also mirrored.
FACES = ((10, 130, 190), (0, 115, 215), (25, 150, 150))


def crops(folder: Path) -> tuple[Path, Path]:
    """Writes the textures and the faces as files, and returns their folders."""
    textures, faces = folder / "textures", folder / "faces"
    for number, (name, top, left) in enumerate(TEXTURES):
        save(photograph(name)[top : top + 256, left : left + 256], textures / f"{number}_{name}")
    for number, (top, left, side) in enumerate(FACES):
        face = photograph("astronaut.png")[top : top + side, left : left + side]
        save(face, faces / f"{number}.png")
        save(face[:, ::-1], faces / f"{number}_mirrored.png")
    return textures, faces


def save(image: np.ndarray, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(np.ascontiguousarray(image)).save(path)


def draw(*flags: str | Path) -> None:
    """Draws figures and puts them, smaller, into docs/paper: photographs as JPEG, the others as PNG of few colours."""
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "experiments.paper_figures", *flags, "--out", out]
        subprocess.run(list(map(str, command)), check=True, cwd=FOLDER.parent.parent)
        for path in Path(out).iterdir():
            picture = Image.open(path)
            if path.stem.startswith(("figure_3", "figure_4", "figure_5")):
                picture.quantize(COLOURS).save(FOLDER / path.name, optimize=True)
            else:
                picture.thumbnail(LARGEST)
                picture.save(FOLDER / f"{path.stem}.jpg", quality=QUALITY, optimize=True)


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        textures, faces = crops(Path(folder))
        draw("--weights", "paper-dtd", "--images", textures, "--rows", "3", "--figures", "1", "3", "5", "6", "7")
        (FOLDER / "figure_7_results_folder.jpg").replace(FOLDER / "figure_7_results_textures.jpg")
        draw("--weights", "paper-celeba", "--images", faces, "--rows", "3", "--figures", "7")
        (FOLDER / "figure_7_results_folder.jpg").replace(FOLDER / "figure_7_results_faces.jpg")
        draw("--weights", "liu-celeba", "--images", faces, "--rows", "6", "--figures", "2")
    for run in sys.argv[1:]:
        draw(run, "--figures", "4")


if __name__ == "__main__":
    main()
