"""Makes the files that this topic reads, once, and prints their folder.

    prepare.py [cold]

`cold` drops what the kernel has in memory, where it may.  data: 512 MiB of random bytes.  small/:
100 folders of 1000 files of 200 to 4000 bytes; list: their paths, one a line.
"""
import os
import random
import sys
from pathlib import Path

FOLDER = Path(os.environ.get("TMPDIR", "/var/tmp")) / "yibu-bench-file"
DATA_BYTES, FOLDERS, FILES = 512 << 20, 100, 1000


def make_data():
    with open(FOLDER / "data.new", "wb") as data:
        for _ in range(DATA_BYTES >> 20):
            data.write(os.urandom(1 << 20))
        data.flush()
        os.fsync(data.fileno())
    (FOLDER / "data.new").rename(FOLDER / "data")


def make_small_files():
    content, sizes, paths = os.urandom(4000), random.Random(1), []
    for folder in range(FOLDERS):
        inside = FOLDER / "small" / f"{folder:02}"
        inside.mkdir(parents=True, exist_ok=True)
        for number in range(FILES):
            path = inside / f"{number:03}"
            path.write_bytes(content[:sizes.randint(200, 4000)])
            paths.append(f"{path}\n")
    random.Random(2).shuffle(paths)
    os.sync()
    (FOLDER / "list").write_text("".join(paths), encoding="utf-8")


def forget():
    try:
        Path("/proc/sys/vm/drop_caches").write_text("3", encoding="ascii")
    except OSError:
        print("prepare.py: the caches cannot be dropped", file=sys.stderr)


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    if not (FOLDER / "data").exists():
        make_data()
    if not (FOLDER / "list").exists():
        make_small_files()
    if "cold" in sys.argv[1:]:
        os.sync()
        forget()
    print(FOLDER)


if __name__ == "__main__":
    main()
