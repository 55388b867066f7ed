"""The measurements of ./bench about package files: printing, unpacking, comparing, and the memory that takes."""

import os
import shutil
import tempfile
from pathlib import Path

from measure import PACKAGES, RESEAT, best_in_turn, report, report_memory, run, synthetic, timed

# With more files than this LZX would take long to be made.
LZX_FILES, LZX_BYTES = 400, 40_000_000
ROWS = 200_000
GIGABYTE = 1 << 30
LIMIT = 128


def bench_dump():
    package = PACKAGES / "putty-0.68-installer.msi"
    if not package.exists() or not shutil.which("msiinfo"):
        print("SKIPPED: printing a table: ../shared/packages is not here, or msiinfo is not installed")
        return

    def best_of_ten(command):
        return lambda: min(timed(command) for _ in range(10))

    mine, other, nothing = best_in_turn(
        best_of_ten([RESEAT, "dump", str(package), "Property"]),
        best_of_ten(["msiinfo", "export", str(package), "Property"]),
        best_of_ten(["/bin/true"]),
    )
    report("print the Property table", mine, other, "msiinfo export", 5)
    print(f"{'  starting a process that does nothing':34} {nothing * 1000:4.1f} ms")


def bench_extract(work):
    for name, cabinet in (("nunit-2.5.2.msi", "nunit.cab"), ("7z1900-x64.msi", "product.cab")):
        package = PACKAGES / name
        if not package.exists():
            print(f"SKIPPED: unpacking {name}: ../shared/packages is not here")
            continue
        unpack(work, name, package, cabinet)


def bench_extract_large(work):
    """200 MB in one folder of MSZIP, as wixl makes it and with blocks that refer to those before, and 40 MB of LZX; with the target on
    disk, and in memory if there is room."""
    places = [("disk", work)]
    memory = Path("/dev/shm")
    in_memory = None
    if memory.is_dir() and shutil.disk_usage(memory).free > 2 << 30:
        in_memory = tempfile.TemporaryDirectory(prefix="reseat-bench.", dir=memory)
        places.append(("memory", Path(in_memory.name)))
    for name, files, size, compression in (
        ("200 MB, MSZIP", 2_000, 200_000_000, None),
        ("200 MB, MSZIP in a chain", 2_000, 200_000_000, "mszip"),
        ("40 MB, LZX", LZX_FILES, LZX_BYTES, "lzx"),
    ):
        made = synthetic(files, size)
        if made and compression:
            made = recompressed(work, *made, compression)
        for where, folder in places if made else []:
            package, source = made
            copy = folder / "copied.msi"
            shutil.copy(package, copy)
            unpack(folder, f"{name}, to {where}", copy, "wide.cab", source)
            copy.unlink()
    if in_memory:
        in_memory.cleanup()


def recompressed(work, package, source, compression):
    """The package with a cabinet that `reseat cab create` makes, and the folder of its files."""
    exported = work / compression
    assert run([RESEAT, "export", str(package), str(exported)])[2] == 0
    cabinet = next((exported / "_Streams").glob("*.cab"))
    contents = sorted(source.rglob("file_*"), key=lambda file: file.name)
    files = [f"f{file.stem.split('_')[1]}={file}" for file in contents]
    seconds, _, code = run([RESEAT, "cab", "create", str(cabinet), *files, "--compress", compression])
    assert code == 0, f"reseat cab create ended with {code}"
    size = sum(file.stat().st_size for file in contents)
    print(f"{f'make {compression}, {size // 1_000_000} MB':34} {size / seconds / 1e6:8.1f} MB/s")
    made = work / f"{compression}.msi"
    assert run([RESEAT, "import", str(exported), str(made)])[2] == 0
    return made, source


def unpack(work, name, package, cabinet, source=None):
    """Unpacks a package, against msiextract, and against 7z, which does not look into all packages: it gets the cabinet itself.
    For large ones there is a goal against msiextract, and `cp -r` of their files shows what writing alone takes."""
    alone = work / cabinet
    code = run([RESEAT, "streams", str(package), cabinet, "--output", str(alone)])[2]
    assert code == 0, f"reseat streams ended with {code}"
    target = work / "unpacked"

    def fresh(command):
        def measure():
            shutil.rmtree(target, ignore_errors=True)
            os.sync()
            return timed(command)

        return measure

    ours = [RESEAT, "extract", "-q", str(package), str(target)]
    peers = [
        ("msiextract", 3 if source else None, ["msiextract", "-C", str(target), str(package)]),
        ("7z", 1, ["7z", "x", "-y", f"-o{target}", str(alone)]),
        ("cabextract", None, ["cabextract", "-q", "-d", str(target), str(alone)]),
    ]
    if source:
        peers.append(("cp -r", None, ["cp", "-r", str(source), str(target)]))
    installed = [peer for peer in peers if shutil.which(peer[2][0])]
    mine, *others = best_in_turn(fresh(ours), *(fresh(command) for _, _, command in installed))
    for (peer, goal, _), other in zip(installed, others):
        report(f"unpack {name}", mine, other, peer, goal)
    shutil.rmtree(target, ignore_errors=True)
    fresh(ours)()
    report_memory("  memory", run([*ours, "--overwrite"])[1], LIMIT)
    shutil.rmtree(target, ignore_errors=True)
    alone.unlink()


def bench_rows(work):
    """Packages with 200,000 files in their tables."""
    folders = []
    package = PACKAGES / "putty-0.68-installer.msi"
    if not package.exists():
        print("SKIPPED: many rows: ../shared/packages is not here")
        return
    for name, more in (("rows-1", 0), ("rows-2", 1)):
        folder = work / name
        assert run([RESEAT, "export", str(package), str(folder)])[2] == 0
        with open(folder / "File.idt", "a", newline="", encoding="ascii") as table:
            for row in range(ROWS):
                size = 1000 + row + (more if row % 1000 == 0 else 0)
                cells = [f"file_{row:07}", "PuTTY_Component", f"f{row:07}.dat|a long file name {row:07}.dat", size]
                table.write("\t".join(map(str, [*cells, "", "", 512, row + 100])) + "\r\n")
        folders.append(folder)
    one, two = (str(folder) + ".msi" for folder in folders)
    for name, command, codes in (
        ("import", ["import", str(folders[0]), one], (0,)),
        ("import", ["import", str(folders[1]), two], (0,)),
        ("dump", ["dump", one, "File"], (0,)),
        ("extract --list", ["extract", "--list", one], (0, 1)),
        ("export", ["export", one, str(work / "exported")], (0,)),
        ("validate", ["validate", one], (0, 1)),
        ("diff", ["diff", one, two], (1,)),
    ):
        seconds, kib, code = run([RESEAT, *command])
        assert code in codes, f"reseat {name} ended with {code}"
        report_memory(f"200,000 rows, {name}: {seconds:.2f} s", kib, LIMIT)


def bench_gigabyte(work):
    """A package of 1 GB."""
    package = PACKAGES / "putty-0.68-installer.msi"
    if not package.exists() or shutil.disk_usage(work).free < 6 * GIGABYTE:
        print("SKIPPED: a package of 1 GB: ../shared/packages is not here, or there is no room for it")
        return
    folder = work / "gigabyte"
    assert run([RESEAT, "export", str(package), str(folder)])[2] == 0
    cabinet = next(path for path in (folder / "_Streams").iterdir() if path.read_bytes()[:4] == b"MSCF")
    parts = []
    for key in ("PuTTY_File", "Pageant_File"):
        with open(work / key, "wb") as file:
            file.truncate(GIGABYTE // 2)
        parts.append(f"{key}={work / key}")
    for name, command in (
        ("cab create", ["cab", "create", str(cabinet), *parts, "--compress", "none"]),
        ("import", ["import", str(folder), str(work / "gigabyte.msi")]),
        ("dump", ["dump", str(work / "gigabyte.msi"), "Property"]),
        ("extract", ["extract", str(work / "gigabyte.msi"), str(work / "out")]),
        ("diff", ["diff", str(work / "gigabyte.msi"), str(work / "gigabyte.msi")]),
    ):
        seconds, kib, _ = run([RESEAT, *command])
        report_memory(f"1 GB, {name}: {seconds:.2f} s", kib, LIMIT)
    shutil.rmtree(work / "out", ignore_errors=True)
