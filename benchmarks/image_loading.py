"""Images per second from files to uint8 arrays, against keras.utils.image_dataset_from_directory; and peak memory.

    python -m benchmarks.image_loading --ucmerced DIR     # about five minutes on 2 cores

Three kinds of files are resized to 64x64: UC Merced's TIFF, which Keras cannot read; the same images as PNG; and JPEGs
of 178x218 as in CelebA. A *first pass* opens the folder and reads every image. A *later pass* reads them again. The
readers take turns, A B A B. Images per second of CPU time say what a pass costs where others use the machine too.

Keras runs with its defaults (bilinear, the whole image squeezed), and with our options (bicubic, the central square).
Even then it has no filter against aliasing.

Memory is the peak that a process needs beyond its start, for more and more images. It is anonymous memory, without the
pages of mapped files, which the system takes back when it needs them.
"""

import argparse
import multiprocessing
import os
import shutil
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median
from threading import Event, Thread

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import numpy as np
from PIL import Image, ImageFilter

from data_utils import load_dataset
from image_data.photographs import Reading

SIZE, BATCH = 64, 64
NUM_JPEG = 4_000
PASSES = ("first pass", "first pass, CPU time", "later pass")
MEMORY_STEPS = (1_000, 5_000, 20_000)


def make_jpegs(folder, num_images):
    """Write JPEGs of 178x218 with the detail of photographs: blurred noise, different in each."""
    generator = np.random.default_rng(0)
    folder.mkdir(parents=True)
    coarse = generator.integers(0, 256, (64, 14, 12, 3), dtype=np.uint8)
    fine = generator.normal(0.0, 8.0, (16, 218, 178, 3))
    for index in range(num_images):
        smooth = Image.fromarray(coarse[index % 64]).resize((178, 218), Image.Resampling.BICUBIC)
        pixels = np.roll(np.asarray(smooth), index // 64, axis=1) + fine[index % 16]
        face = Image.fromarray(np.uint8(np.clip(pixels, 0, 255))).filter(ImageFilter.SMOOTH)
        face.save(folder / f"{index:06}.jpg", quality=90)


def read_all(dataset):
    """Read every image of every split, batch by batch. Returns the number of images."""
    for split in dataset[:3]:
        for start in range(0, len(split.images), BATCH):
            split.images[start : start + BATCH].sum()
    return sum(len(split.images) for split in dataset[:3])


def open_ours(folder, cache):
    """Open a folder with our loader. Returns a function that reads every image once."""
    dataset = load_dataset("folder", folder, reading=Reading(image_size=SIZE, cache_dir=str(cache)))
    return lambda: read_all(dataset)


def open_keras(folder, cache, **options):
    """Open a folder with Keras. Returns a function that reads every image once."""
    import keras

    dataset = keras.utils.image_dataset_from_directory(
        folder, labels=None, image_size=(SIZE, SIZE), batch_size=BATCH, shuffle=False, verbose=False, **options
    ).prefetch(2)
    return lambda: sum(len(batch.numpy()) for batch in dataset)


KERAS_READERS = {
    "Keras": open_keras,
    "Keras alike": partial(open_keras, crop_to_aspect_ratio=True, interpolation="bicubic"),
}


def time_passes(open_reader, folder, cache):
    """Images per second of a first pass (with opening the folder), by the wall and of CPU time, and of a later one."""
    shutil.rmtree(cache, ignore_errors=True)
    started, busy_before = time.perf_counter(), time.process_time()
    read = open_reader(folder, cache)
    num_images = read()
    first, busy = time.perf_counter(), time.process_time() - busy_before
    read()
    return num_images / (first - started), num_images / busy, num_images / (time.perf_counter() - first)


def compare(name, folder, cache, rounds, keras_can_read=True):
    """Print the images per second of every reader, over rounds in which the readers take turns."""
    readers = {"ours": open_ours} | (KERAS_READERS if keras_can_read else {})
    speeds = {(reader, which): [] for which in PASSES for reader in readers}
    starts = []
    for count in range(rounds + 1):
        for reader, open_reader in readers.items():
            passes = time_passes(open_reader, folder, cache)
            if reader == "ours":
                started = time.perf_counter()
                open_ours(folder, cache)
                starts.append(time.perf_counter() - started)
            if count > 0:  # the first round warms up
                for which, speed in zip(PASSES, passes, strict=True):
                    speeds[reader, which].append(speed)
    print(f"\n{name}, images per second over {rounds} interleaved rounds, {os.cpu_count()} cores")
    for (reader, which), values in speeds.items():
        ratio = median(ours / this for ours, this in zip(speeds["ours", which], values, strict=True))
        print(f"  {reader:<12}{which:<22} median {median(values):>9,.0f}   ours / this {ratio:>7.2f}")
    print(f"  ours, a second start: {median(starts) * 1000:.0f} ms until the data is ready")


# --- Memory -----------------------------------------------------------------------------------------------------------


def anonymous_megabytes():
    """The memory of this process that maps no file, in MB (Linux)."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) / 1024


def measure_memory(folder, cache, results):
    """Build the cache, read all images, and put the peak of memory beyond the start, in MB, into the queue."""
    at_start, peak, done = anonymous_megabytes(), 0.0, Event()

    def watch():
        nonlocal peak
        while not done.wait(0.005):
            peak = max(peak, anonymous_megabytes())

    watcher = Thread(target=watch)
    watcher.start()
    open_ours(folder, cache)()
    done.set()
    watcher.join()
    results.put(peak - at_start)


def compare_memory(folder, cache):
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    print("\nPeak memory of a first pass beyond the start")
    for num_images in MEMORY_STEPS:
        make_jpegs(folder / str(num_images), num_images)
        process = context.Process(target=measure_memory, args=(folder / str(num_images), cache, results))
        process.start()
        print(f"  {num_images:>6,} images  {results.get():>7.1f} MB", flush=True)
        process.join()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ucmerced", type=Path, help="folder of UC Merced's TIFF; without it these are left out")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        temporary = Path(temporary)
        cache = temporary / "cache"
        make_jpegs(temporary / "jpeg", NUM_JPEG)
        compare("JPEG 178x218", temporary / "jpeg", cache, arguments.rounds)
        if arguments.ucmerced:
            compare("UC Merced TIFF 256x256", arguments.ucmerced, cache, arguments.rounds, keras_can_read=False)
            for path in sorted(arguments.ucmerced.rglob("*.tif")):
                target = temporary / "png" / path.parent.name / f"{path.stem}.png"
                target.parent.mkdir(parents=True, exist_ok=True)
                Image.open(path).save(target)
            compare("UC Merced as PNG", temporary / "png", cache, arguments.rounds)
        compare_memory(temporary / "memory", cache)


if __name__ == "__main__":
    main()
