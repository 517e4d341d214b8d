"""Small archives in the official layouts of dtd, oxford_flowers102 and celeb_a."""

import functools
import io
import tarfile
import zipfile

import numpy as np
import scipy.io
from PIL import Image

from pconv_jax import data


def jpeg(shade, size=(12, 10)):
    stream = io.BytesIO()
    Image.new("RGB", size, (shade, 2 * shade, 255 - shade)).save(stream, "JPEG", quality=95)
    return stream.getvalue()


def shades(source):
    """The shade that each image was drawn in."""
    return sorted(round(float(source[i][..., 0].mean())) for i in range(len(source)))


def near(found, expected):
    return len(found) == len(expected) and np.abs(np.subtract(found, expected)).max() <= 2


def opened(name, folder, **options):
    return {split: data.open_source(name, split, data_dir=folder, download=False, **options) for split in data.SPLITS}


def dtd_files():
    """The official archive's layout, two classes: shades 10 and 20 in train, 30 and 40 in val, 50 and 60 in test."""
    files, shade = {}, 0
    for split in ("train1", "val1", "test1"):
        names = []
        for label in ("banded", "zigzagged"):
            shade += 10
            names.append(f"{label}/{label}_{shade:04}.jpg")
            files[f"dtd/images/{names[-1]}"] = jpeg(shade)
        files[f"dtd/labels/{split}.txt"] = "".join(f"{name}\n" for name in names).encode()
    return files


def tar(path, files, mode="w"):
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def unpack(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def flowers(folder, images=range(1, 8)):
    """Seven images: 1 and 5 in train, 2 in validation, the others in test."""
    tar(folder / "102flowers.tgz", {f"jpg/image_{i:05}.jpg": jpeg(10 * i) for i in images}, "w:gz")
    scipy.io.savemat(folder / "imagelabels.mat", {"labels": np.array([[77, 1, 102, 4, 5, 6, 7]], np.uint8)})
    scipy.io.savemat(
        folder / "setid.mat",
        {"trnid": np.array([[1, 5]]), "valid": np.array([[2]]), "tstid": np.array([[3, 4, 6, 7]])},
    )


def celeb_a(folder, count=6, parts=(0, 1, 2, 0, 0, 2), lists=True):
    """Images 000001.jpg and so on, shades 10, 20, ..., and upstream's four lists."""
    names = [f"{i:06}.jpg" for i in range(1, count + 1)]
    with zipfile.ZipFile(folder / "img_align_celeba.zip", "w") as archive:
        for i, name in enumerate(names, start=1):
            archive.writestr(f"img_align_celeba/{name}", jpeg(10 * i, (178, 218)))
        archive.writestr("__MACOSX/img_align_celeba/._000001.jpg", b"")
    if not lists:
        return
    from tensorflow_datasets.datasets.celeb_a import celeb_a_dataset_builder as upstream

    def table(headings, row):
        return f"{count}\n{' '.join(headings)}\n" + "".join(f"{n}  {row(i)}\n" for i, n in enumerate(names))

    (folder / "list_eval_partition.txt").write_text(
        "".join(f"{name} {part}\n" for name, part in zip(names, parts, strict=True))
    )
    signs = functools.partial(table, upstream.ATTR_HEADINGS)
    (folder / "list_attr_celeba.txt").write_text(signs(lambda i: " ".join(["1" if i == 3 else "-1"] * 40)))
    (folder / "list_landmarks_align_celeba.txt").write_text(
        table(upstream.LANDMARK_HEADINGS, lambda i: " ".join(str(i + k) for k in range(10)))
    )
    (folder / "identity_CelebA.txt").write_text("".join(f"{n} {100 + i}\n" for i, n in enumerate(names)))
