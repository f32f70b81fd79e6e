"""Damage to files and to what photos look like."""

import shutil
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from tests.search.audit.damages import (
    SIZE,
    change,
    damage,
    folder,
    jpegs,
    people,
    photo,
    save,
    write_people,
)


@damage("empty-file")
def an_empty_file(root: Path) -> str:
    return change(photo(root, 3), b"")


@damage("cut-short")
def a_photo_cut_in_half(root: Path) -> str:
    path = photo(root, jpegs(root)[0])
    return change(path, path.read_bytes()[: path.stat().st_size // 2])


@damage("cut-short")
def a_photo_cut_in_its_header(root: Path) -> str:
    path = photo(root, jpegs(root)[1])
    return change(path, path.read_bytes()[:40])


@damage("cut-short")
def a_png_cut_short(root: Path) -> str:
    path = photo(root, 5)
    image = Image.open(path).copy()
    png = path.with_suffix(".png")
    path.unlink()
    image.save(png)
    return change(png, png.read_bytes()[:-2000])


@damage("not-a-photo")
def a_web_page(root: Path) -> str:
    return change(photo(root, 6), b"<!DOCTYPE html><html><body>404 Not Found</body></html>")


@damage("not-a-photo")
def a_text_file(root: Path) -> str:
    return change(photo(root, 7), b"this is no photo at all\n" * 4)


@damage("not-a-photo")
def noise(root: Path) -> str:
    return change(photo(root, 8), np.random.default_rng(0).bytes(5000))


@damage("not-a-photo")
def a_pointer_of_git_lfs(root: Path) -> str:
    return change(photo(root, 9), b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")


@damage("not-a-photo")
def a_heic_called_jpg(root: Path) -> str:
    return change(photo(root, 9), b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + b"\0" * 99)


@damage("other-format")
def a_heic_beside_the_photos(root: Path) -> str:
    (root / "train" / "images" / "IMG_0001.HEIC").write_bytes(b"\x00\x00\x00\x18ftypheic")
    return "IMG_0001.HEIC"


@damage("refused")
def a_photo_missing(root: Path) -> str:
    photo(root, 10).unlink()
    return folder(root, 10).name


@damage("missing-photo")
def a_link_to_nothing(root: Path) -> str:
    path = photo(root, 10)
    path.unlink()
    path.symlink_to(root / "nowhere.jpg")
    return path.name


@damage("refused")
def a_photo_too_many(root: Path) -> str:
    with Image.open(photo(root, 11)) as image:
        image.rotate(40, fillcolor=(90, 120, 30)).save(folder(root, 11) / "mask6.jpg")
    return "mask6.jpg"


@damage("refused", "copy-unlabelled")
def two_files_of_one_stem(root: Path) -> str:
    shutil.copy(photo(root, 12), folder(root, 12) / "mask1.bmp")
    return "mask1"


@damage("refused")
def a_person_without_a_folder(root: Path) -> str:
    name = folder(root, 13).name
    shutil.rmtree(folder(root, 13))
    return name


@damage("not-listed")
def a_folder_without_a_person(root: Path) -> str:
    rows = people(root)
    write_people(root, rows[:14] + rows[15:])
    return rows[14]["path"]


@damage("blank")
def a_black_photo(root: Path) -> str:
    save(photo(root, 15), Image.new("RGB", SIZE))
    return photo(root, 15).name


@damage("grey-part")
def a_photo_that_ends_in_grey(root: Path) -> str:
    path = photo(root, 16)
    image = Image.open(path).copy()
    image.paste((128, 128, 128), (0, SIZE[1] // 2, *SIZE))
    save(path, image)
    return path.name


@damage("dark")
def a_photo_in_the_dark(root: Path) -> str:
    path = photo(root, 17)
    save(path, ImageEnhance.Brightness(Image.open(path).convert("RGB")).enhance(0.12))
    return path.name


@damage("bright")
def a_photo_overexposed(root: Path) -> str:
    path = photo(root, 17)
    image = Image.open(path).convert("RGB").point(lambda value: 225 + value * 30 // 255)
    save(path, image)
    return path.name


@damage("black-part")
def a_photo_cut_beyond_its_edge(root: Path) -> str:
    path = photo(root, 28)
    image = Image.open(path).convert("RGB")
    save(path, image.rotate(25))
    return path.name


@damage("blurred")
def a_photo_out_of_focus(root: Path) -> str:
    path = photo(root, 29)
    save(path, Image.open(path).convert("RGB").filter(ImageFilter.GaussianBlur(9)), quality=95)
    return path.name


@damage("blurred")
def a_photo_somewhat_out_of_focus(root: Path) -> str:
    path = photo(root, 30)
    save(path, Image.open(path).convert("RGB").filter(ImageFilter.GaussianBlur(4)), quality=95)
    return path.name


@damage("blurred")
def a_photo_of_a_shaken_hand(root: Path) -> str:
    path = photo(root, 31)
    image = Image.open(path).convert("RGB")
    shifted = [np.roll(np.asarray(image, np.float64), step, axis=1) for step in range(-8, 9)]
    save(path, Image.fromarray(np.mean(shifted, axis=0).astype(np.uint8)), quality=95)
    return path.name


@damage("faint")
def a_photo_that_has_faded(root: Path) -> str:
    path = photo(root, 32)
    image = Image.open(path).convert("RGB")
    save(path, Image.blend(image, Image.new("RGB", image.size, (120, 118, 115)), 0.87))
    return path.name


@damage("no-colours")
def a_photo_in_sepia(root: Path) -> str:
    path = photo(root, 33)
    grey = Image.open(path).convert("L")
    save(path, ImageOps.colorize(grey, (30, 18, 8), (255, 240, 200)))
    return path.name


@damage("sideways")
def a_photo_on_its_side(root: Path) -> str:
    path = photo(root, 18)
    save(path, Image.open(path).transpose(Image.Transpose.ROTATE_90))
    return path.name


@damage("other-size")
def a_thumbnail(root: Path) -> str:
    path = photo(root, 19)
    save(path, Image.open(path).resize((24, 32)))
    return path.name


@damage("other-channels")
def a_grey_photo(root: Path) -> str:
    path = photo(root, 20)
    save(path, Image.open(path).convert("L"))
    return path.name


@damage("other-channels")
def a_photo_for_print(root: Path) -> str:
    path = photo(root, jpegs(root)[5])
    save(path, Image.open(path).convert("CMYK"))
    return path.name


@damage("no-colours")
def a_photo_without_colours(root: Path) -> str:
    path = photo(root, 21)
    save(path, Image.open(path).convert("L").convert("RGB"))
    return path.name
