#!/usr/bin/env python3
"""bench.py RESEAT ROUNDS [PART…]: the measurements of ./bench."""

import contextlib
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bench_actions import bench_actions
from bench_packages import bench_dump, bench_extract, bench_extract_large, bench_gigabyte, bench_rows
from measure import PACKAGES, RESEAT, ROUNDS, best_in_turn, report, report_memory, run, synthetic, timed, versus


def bench_install(work):
    package = PACKAGES / "putty-0.68-installer.msi"
    if not package.exists():
        print("SKIPPED: installing putty: ../shared/packages is not here")
        return
    if not shutil.which("wine"):
        print("SKIPPED: installing putty: wine is not installed")
        return
    prefix = work / "wine"
    wine = {**os.environ, "WINEPREFIX": str(prefix), "WINEDEBUG": "-all", "HOME": str(work), "LC_ALL": "C.UTF-8"}
    wine.pop("DISPLAY", None)

    def wait_for_wine():
        subprocess.run(["wineserver", "-w"], env=wine, timeout=120, check=False)

    run(["wine", "wineboot", "-i"], env=wine)
    wait_for_wine()
    # Each installs into a copy of one and the same existing prefix.
    pristine = work / "pristine"
    shutil.copytree(prefix, pristine, symlinks=True)
    memory = 0

    def fresh():
        shutil.rmtree(prefix)
        shutil.copytree(pristine, prefix, symlinks=True)
        os.sync()

    def ours():
        nonlocal memory
        fresh()
        seconds, kib, code = run([RESEAT, "install", str(package), "-q", "--prefix", str(prefix)])
        memory = max(memory, kib)
        assert code == 0, f"reseat ended with {code}"
        assert (prefix / "drive_c/Program Files (x86)/PuTTY/putty.exe").exists()
        return seconds

    def theirs(server_runs):
        fresh()
        if server_runs:
            run(["wine", "cmd", "/c", "exit"], env=wine)
        seconds, _, code = run(["wine", "msiexec", "/i", str(package), "/qn"], env=wine)
        assert code == 0, f"msiexec ended with {code}"
        wait_for_wine()
        return seconds

    mine, cold, warm = best_in_turn(ours, lambda: theirs(False), lambda: theirs(True))
    report("install putty, existing prefix", mine, cold, "wine msiexec", 20)
    report("  while a wineserver runs", mine, warm, "wine msiexec")
    report_memory("  memory", memory, 64)


@contextlib.contextmanager
def processes(count, held):
    """So many processes that do nothing; one of them holds a file open."""
    with open(held) as file:
        idle = [subprocess.Popen(["sleep", "1000"], stdin=file)]
    idle += [subprocess.Popen(["sleep", "1000"], stdin=subprocess.DEVNULL) for _ in range(count - 1)]
    try:
        yield
    finally:
        for child in idle:
            child.kill()
        for child in idle:
            child.wait()


def bench_who(work):
    used = work / "used"
    used.write_text("x")
    files = []
    for number in range(500):
        path = work / f"free-{number}"
        path.write_text("x")
        files.append(str(path))
    with processes(500, used):
        # As an installer registers them: nobody uses any.
        name = "who, 500 free files, 500 processes"
        mine = versus(name, [RESEAT, "who", *files], ["lsof", "-t", *files], "lsof -t", 20, (1,), (1,))
        print(f"{'  of these, the command':34} {mine * 1000:8.1f} ms   (goal 10: {'reached' if mine < 0.01 else 'MISSED'})")
        who = [RESEAT, "who", str(used)]
        versus("who, 500 processes", who, ["fuser", "-s", str(used)], "fuser -s", 1)
        versus("who, 500 processes", who, ["lsof", "-t", str(used)], "lsof -t", 1)
    with processes(2000, used):
        versus("who, 2000 processes", who, ["fuser", "-s", str(used)], "fuser -s", 2)
        one = versus("who, 2000 processes", who, ["lsof", "-t", str(used)], "lsof -t", 6)
        print(f"{'  for each process':34} {one * 1000 / 2:8.1f} us")
        # The cost is that of the processes, whatever the number of files.
        many = min(timed([*who, *files]) for _ in range(ROUNDS))
        print(f"{'  with 500 free files besides':34} {many * 1000:8.1f} ms")
        stale = [RESEAT, "stale", "-q"]
        theirs = needrestart()
        mine = versus("stale, 2000 processes", stale, theirs, "needrestart -b", 8, (0, 10), (0, 1, 2, 3))
        print(f"{'  of these, the command':34} {mine * 1000:8.1f} ms")


def needrestart():
    """The command, from a folder that its package is unpacked in if there is one."""
    folder = os.environ.get("RESEAT_BENCH_NEEDRESTART")
    if not folder:
        return ["needrestart", "-b"]
    libraries = [Path(folder, "usr/share/perl5"), *Path(folder, "usr/lib").glob("*/perl5/*")]
    include = [f"-I{library}" for library in libraries]
    script = Path(folder, "usr/sbin/needrestart")
    return ["perl", *include, str(script), "-b", "-c", str(Path(folder, "etc/needrestart/needrestart.conf"))]


def bench_large(work):
    """Packages of many files, made here: against Wine's msiexec (once, it takes its time), msiextract, and cp -r."""
    for files, goal in ((2_000, 5), (20_000, 20)):
        made = synthetic(files, 200_000_000)
        if not made:
            return
        package, source = made
        folder = work / f"wide-{files}"
        folder.mkdir()
        memory, number = 0, itertools.count()

        def fresh(*command):
            """Runs a command on a new folder: a file system that just removed 20,000 files makes new ones slowly."""
            target = folder / str(next(number))
            os.sync()
            seconds, kib, code = run([argument.replace("TARGET", str(target)) for argument in command])
            assert code == 0, f"{command} ended with {code}"
            return seconds, kib

        def ours():
            nonlocal memory
            seconds, kib = fresh(RESEAT, "install", str(package), "-q", "--prefix", "TARGET")
            memory = max(memory, kib)
            return seconds

        def copied():
            return fresh("cp", "-r", str(source), "TARGET")[0]

        def on_disk():
            return fresh("sh", "-c", 'cp -r "$1" TARGET && cp "$2" TARGET && sync -f TARGET', "sh", str(source), str(package))[0]

        name = f"install {files} files"
        mine, copy, lasting = best_in_turn(ours, copied, on_disk)
        report(name, mine, copy, "cp -r")
        if shutil.which("7z"):
            inflated = min(timed(["7z", "t", str(package)]) for _ in range(2))
            report(name, mine, copy + inflated, "cp -r and 7z t", round(1 / 1.5, 2))
        # What lasts: the files and the kept package, brought to the disk.
        report(name, mine, lasting, "cp -r, cp, sync")
        if shutil.which("msiextract"):
            report(name, mine, min(fresh("msiextract", "-C", "TARGET", str(package))[0] for _ in range(2)), "msiextract")
        report_memory("  memory", memory, 128)
        if shutil.which("wine"):
            report(name, mine, with_wine(folder, package), "wine msiexec", goal)
        shutil.rmtree(folder)


def with_wine(folder, package):
    """Seconds that Wine takes to install a package into a prefix that is there."""
    wine = {**os.environ, "WINEPREFIX": str(folder / "wine"), "WINEDEBUG": "-all", "HOME": str(folder), "LC_ALL": "C.UTF-8"}
    wine.pop("DISPLAY", None)
    run(["wine", "wineboot", "-i"], env=wine)
    run(["wineserver", "-w"], env=wine)
    seconds, _, code = run(["wine", "msiexec", "/i", str(package), "/qn"], env=wine)
    assert code == 0, f"msiexec ended with {code}"
    run(["wineserver", "-w"], env=wine)
    return seconds


PARTS = {
    "dump": lambda work: bench_dump(),
    "extract": bench_extract,
    "unpack": bench_extract_large,
    "rows": bench_rows,
    "gigabyte": bench_gigabyte,
    "who": bench_who,
    "install": bench_install,
    "actions": bench_actions,
    "large": bench_large,
}

wanted = sys.argv[3:] or list(PARTS)
if any(part not in PARTS for part in wanted):
    sys.exit(f"bench: the parts are {' '.join(PARTS)}")
with tempfile.TemporaryDirectory(prefix="reseat-bench.") as folder:
    os.environ["RESEAT_RUNTIME_DIR"] = folder + "/run"
    os.mkdir(folder + "/run", 0o700)
    for part in wanted:
        place = Path(folder, part)
        place.mkdir()
        PARTS[part](place)
        shutil.rmtree(place, ignore_errors=True)
