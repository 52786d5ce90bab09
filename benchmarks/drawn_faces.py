"""Faces that are drawn, in the folders and lists of CelebA, to try what is made for CelebA without its download.

    python -m benchmarks.drawn_faces --folder DIR --faces 2000
    python assignment.py --dataset celeba --data_dir DIR

Hair, skin, ground, size, pose and light are random, and four attributes are known. They are no photographs, and numbers
of them say nothing of CelebA.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

WIDTH, HEIGHT = 178, 218  # of the aligned images of CelebA
FINER = 2  # drawn so many times larger, then reduced
ATTRIBUTES = ("Smiling", "Eyeglasses", "Blond_Hair", "Wearing_Hat")
SKIN = ((255, 219, 189), (234, 192, 154), (198, 140, 100), (141, 90, 60), (92, 58, 40))
DARK_HAIR, BLOND_HAIR = ((35, 25, 20), (85, 50, 30), (120, 60, 30)), ((230, 200, 120), (210, 175, 95))


def draw_face(generator):
    """A face: an image, and whether it has each of ATTRIBUTES."""
    smiles, has_glasses, is_blond, has_hat = has = generator.random(len(ATTRIBUTES)) < (0.5, 0.25, 0.35, 0.2)
    image = Image.new("RGB", (FINER * WIDTH, FINER * HEIGHT), tuple(generator.integers(40, 220, 3).tolist()))
    pen = ImageDraw.Draw(image)
    size, turn = generator.uniform(0.92, 1.08), generator.uniform(-6, 6)
    middle = FINER * np.array([WIDTH / 2 + turn, 118])

    def box(x, y, width, height):
        """The corners of a box of this size, whose middle lies x and y from that of the face."""
        half = FINER * size * np.array([width, height]) / 2
        at = middle + FINER * size * np.array([x, y])
        return [*(at - half).tolist(), *(at + half).tolist()]

    skin = np.array(SKIN[generator.integers(len(SKIN))]) + generator.integers(-12, 12)
    tones = BLOND_HAIR if is_blond else DARK_HAIR
    hair = tuple(tones[generator.integers(len(tones))])
    shadow, face = (tuple(np.clip(skin * part, 0, 255).astype(int).tolist()) for part in (0.8, 1.0))
    pen.ellipse(box(0, -10, 118, generator.uniform(135, 205)), fill=hair)
    pen.rectangle(box(0, 70, 40, 60), fill=shadow)
    pen.ellipse(box(0, 118, 160, 80), fill=tuple(generator.integers(20, 235, 3).tolist()))
    pen.ellipse(box(0, 6, 92, 122), fill=face)
    pen.chord(box(0, -14, 98, generator.uniform(76, 100)), 180, 360, fill=hair)
    pen.ellipse(box(turn / 3, 20, 12, 26), fill=shadow)
    for side in (-1, 1):
        pen.ellipse(box(20 * side + turn / 3, -6, 19, 10), fill=(250, 250, 250))
        pen.ellipse(box(20 * side + turn / 2, -6, 9, 9), fill=(50, 35, 25))
        pen.line([*box(20 * side, -18, 22, 4)], fill=hair, width=3 * FINER)
        if has_glasses:
            pen.ellipse(box(20 * side + turn / 3, -5, 34, 26), outline=(20, 20, 20), width=3 * FINER)
    if smiles:
        pen.chord(box(turn / 3, 38, 40, 30), 0, 180, fill=(245, 240, 240), outline=(150, 40, 50), width=2 * FINER)
    else:
        pen.ellipse(box(turn / 3, 44, 32, 8), fill=(170, 70, 70))
    if has_hat:
        colour = tuple(generator.integers(20, 235, 3).tolist())
        pen.chord(box(0, -38, 112, 90), 180, 360, fill=colour)
        pen.rectangle(box(0, -38, 132, 10), fill=colour)
    light = generator.uniform(0.6, 1.15) + generator.uniform(-0.25, 0.25) * np.linspace(-1, 1, FINER * WIDTH)
    lit = np.clip(np.asarray(image) * light[np.newaxis, :, np.newaxis], 0, 255).astype(np.uint8)
    return Image.fromarray(lit).filter(ImageFilter.GaussianBlur(1)).resize((WIDTH, HEIGHT), Image.Resampling.BOX), has


def draw_faces(folder, num_faces, seed=0):
    """Write faces and the list of their attributes, as CelebA has them."""
    generator, rows = np.random.default_rng(seed), []
    images = folder / "img_align_celeba"
    images.mkdir(parents=True, exist_ok=True)
    for number in range(1, num_faces + 1):
        face, has = draw_face(generator)
        face.save(images / f"{number:06}.jpg", quality=95)
        rows.append(" ".join([f"{number:06}.jpg", *("1" if each else "-1" for each in has)]))
    text = "\n".join([str(num_faces), " ".join(ATTRIBUTES), *rows])
    (folder / "list_attr_celeba.txt").write_text(text + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--faces", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    draw_faces(options.folder, options.faces, options.seed)


if __name__ == "__main__":
    main()
