"""celeb_a through upstream's builder: offline, without TensorFlow, on small archives."""

import zipfile

import pytest
from official_archives import celeb_a, jpeg, near, opened, shades

from pconv_jax.common.errors import InputError
from pconv_jax.data.tfds import runtime

tfds = runtime.import_tfds()


class TestCelebA:
    def test_the_official_files(self, tmp_path):
        celeb_a(tmp_path)
        sources = opened("celeb_a", tmp_path)
        assert near(shades(sources["train"]), [10, 40, 50])
        assert near(shades(sources["validation"]), [20])
        assert near(shades(sources["test"]), [30, 60])
        assert sources["train"][0].shape == (218, 178, 3)
        assert sources["train"].note.endswith("3 train images, officially 162770")
        builder = tfds.builder_from_directory(sources["train"].directory)
        assert builder.name == "celeb_a"
        four = next(e for e in builder.as_data_source("train") if e["landmarks"]["lefteye_x"] == 3)
        assert all(four["attributes"].values()) and four["identity"]["Identity_No"] == 103

    def test_images_alone_under_a_name_that_says_it_is_a_part(self, tmp_path):
        celeb_a(tmp_path, count=30, lists=False)
        (tmp_path / "img_align_celeba.zip").rename(tmp_path / "img_align_celeba_30.zip")
        sources = opened("celeb_a", tmp_path)
        found = [shade for source in sources.values() for shade in shades(source)]
        assert len(found) == 30 and all(map(len, sources.values()))
        assert {source.name for source in sources.values()} == {"celeb_a"}
        note = sources["test"].note
        assert "split 80/10/10 by the hash of file names, since there is no list_eval_partition.txt" in note
        assert "one person may be in two splits" in note
        # What is not all of celeb_a does not go by its name.
        assert tfds.builder_from_directory(sources["train"].directory).name == "celeb_a_images"

    def test_several_parts_are_named_rather_than_downloaded(self, tmp_path):
        for number in (1, 2):
            (tmp_path / f"img_align_celeba_part{number}.zip").write_bytes(b"")
        said = r"several parts of celeb_a, img_align_celeba_part1\.zip and img_align_celeba_part2\.zip: leave one, or"
        with pytest.raises(InputError, match=said):
            opened("celeb_a", tmp_path)

    def test_a_damaged_note_on_what_is_prepared_is_named(self, tmp_path):
        celeb_a(tmp_path, count=30, lists=False)
        opened("celeb_a", tmp_path, prepared_dir=tmp_path / "kept")
        (record,) = (tmp_path / "kept").glob("*/prepared.json")
        record.write_text(record.read_text()[:-9])
        with pytest.raises(
            InputError, match=r"prepared\.json is damaged \(.*\): delete it, and celeb_a is prepared again"
        ):
            opened("celeb_a", tmp_path, prepared_dir=tmp_path / "kept")
        record.unlink()
        assert len(opened("celeb_a", tmp_path, prepared_dir=tmp_path / "kept")) == 3

    def test_lists_that_know_more_images_than_there_are(self, tmp_path):
        celeb_a(tmp_path)
        with (tmp_path / "list_eval_partition.txt").open("a") as stream:
            stream.write("000007.jpg 2\n202599.jpg 2\n")
        assert near(shades(opened("celeb_a", tmp_path)["test"]), [30, 60])

    def test_images_that_are_all_in_one_official_split_are_split_anew(self, tmp_path):
        celeb_a(tmp_path, count=20, parts=[0] * 20)
        sources = opened("celeb_a", tmp_path)
        assert sum(map(len, sources.values())) == 20 and all(map(len, sources.values()))
        assert "since by list_eval_partition.txt the images here would not fill three splits" in sources["train"].note

    def test_unpacked(self, tmp_path):
        celeb_a(tmp_path)
        with zipfile.ZipFile(tmp_path / "img_align_celeba.zip") as archive:
            archive.extractall(tmp_path)
        (tmp_path / "img_align_celeba.zip").unlink()
        for place in ("img_celeba", "img_align_celeba/more", "z"):  # other images of the same names
            (tmp_path / place).mkdir()
            for number in range(1, 7):
                (tmp_path / place / f"{number:06}.jpg").write_bytes(jpeg(200))
        assert near(shades(opened("celeb_a", tmp_path)["train"]), [10, 40, 50])

    def test_as_kaggle_gives_it_a_folder_within_a_folder_and_zipped_lists_of_another_format(self, tmp_path):
        for number in range(1, 7):
            path = tmp_path / "img_align_celeba" / "img_align_celeba" / f"{number:06}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(jpeg(10 * number))
        for name in ("list_eval_partition", "list_attr_celeba"):
            with zipfile.ZipFile(tmp_path / f"{name}.csv.zip", "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(f"{name}.csv", "image_id,partition\n000001.jpg,0\n")
        sources = opened("celeb_a", tmp_path)
        found = sorted(shade for source in sources.values() for shade in shades(source))
        assert near(found, [10, 20, 30, 40, 50, 60])
        assert "since there is no list_eval_partition.txt" in sources["train"].note

    def test_one_level_too_deep_names_the_folder_to_give(self, tmp_path):
        (tmp_path / "img_align_celeba").mkdir()
        with pytest.raises(
            InputError, match=f"img_align_celeba is a part of celeb_a as it is unpacked: give {tmp_path}$"
        ):
            opened("celeb_a", tmp_path / "img_align_celeba")

    def test_what_a_killed_preparation_left_is_removed_by_the_next(self, tmp_path):
        celeb_a(tmp_path, count=30, lists=False)
        opened("celeb_a", tmp_path, prepared_dir=tmp_path / "kept")
        (record,) = (tmp_path / "kept").glob("*/prepared.json")
        record.unlink()
        (record.parent / "work-left" / "unpacked").mkdir(parents=True)
        opened("celeb_a", tmp_path, prepared_dir=tmp_path / "kept")
        assert record.exists() and not list(record.parent.glob("work-*"))

    def test_what_cannot_be_used_is_named(self, tmp_path):
        celeb_a(tmp_path)
        attributes = (tmp_path / "list_attr_celeba.txt").read_text()
        (tmp_path / "list_attr_celeba.txt").write_text("\n".join(attributes.splitlines()[:4]) + "\n")
        with pytest.raises(InputError, match=r"has no entry for '000004\.jpg'"):
            opened("celeb_a", tmp_path)
        (tmp_path / "list_attr_celeba.txt").write_text("1\nBald\n" + "".join(f"{i:06}.jpg 1\n" for i in range(1, 7)))
        with pytest.raises(InputError, match=r"cannot be prepared .*\"attributes\": '\w+'"):
            opened("celeb_a", tmp_path)
        for content in (b"<html>quota exceeded</html>\n", b"000001.jpg \xff\n"):
            (tmp_path / "list_eval_partition.txt").write_bytes(content)
            with pytest.raises(InputError, match=r"list_eval_partition\.txt does not list splits"):
                opened("celeb_a", tmp_path)
        (tmp_path / "img_align_celeba.zip").write_bytes(b"<html>quota exceeded</html>")
        with pytest.raises(InputError, match=r"img_align_celeba\.zip is damaged or not a ZIP file"):
            opened("celeb_a", tmp_path)

    def test_images_with_damaged_bytes_in_the_archive(self, tmp_path):
        celeb_a(tmp_path, lists=False)
        path = tmp_path / "img_align_celeba.zip"
        content = bytearray(path.read_bytes())
        content[content.index(b"000003.jpg") + 600] ^= 1  # in its pixels, which the archive has a checksum of
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"celeb_a cannot be prepared from .*img_align_celeba\.zip: Bad CRC-32"):
            opened("celeb_a", tmp_path)

    def test_an_image_that_unpacks_to_gigabytes_is_not_unpacked(self, tmp_path, monkeypatch):
        monkeypatch.setattr(runtime, "_LARGEST_FILE", 2**20)
        celeb_a(tmp_path, lists=False)
        with zipfile.ZipFile(tmp_path / "img_align_celeba.zip", "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("img_align_celeba/000007.jpg", bytes(2**20 + 1))
        with pytest.raises(InputError, match=r"img_align_celeba/000007\.jpg unpacks to more than 1,048,576 bytes"):
            opened("celeb_a", tmp_path)
