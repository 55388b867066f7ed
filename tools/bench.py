#!/usr/bin/env python3
"""bench.py RESEAT ROUNDS [PART…]: the measurements of ./bench."""

import contextlib
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RESEAT, ROUNDS = sys.argv[1], int(sys.argv[2])
PACKAGES = Path(os.environ.get("RESEAT_PACKAGES", Path(__file__).parents[2] / "shared/packages"))


def run(command, **options):
    """Runs a command to its end; gives seconds and the most memory that it had, in KiB."""
    options.setdefault("stdout", subprocess.DEVNULL)
    options.setdefault("stderr", subprocess.DEVNULL)
    options.setdefault("stdin", subprocess.DEVNULL)
    begin = time.perf_counter()
    child = subprocess.Popen(command, **options)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - begin
    child.returncode = os.waitstatus_to_exitcode(status)
    return seconds, usage.ru_maxrss, child.returncode


def report(name, ours, theirs, peer, goal=None):
    ratio = theirs / ours
    verdict = f"   (goal {goal}: {'reached' if ratio >= goal else 'MISSED'})" if goal else ""
    print(f"{name:34} {ours * 1000:8.1f} ms   {peer:18} {theirs * 1000:8.1f} ms   {ratio:6.1f} times faster{verdict}")


def best_in_turn(*measurements):
    """The best of several rounds of measurements that take turns."""
    return map(min, zip(*([measure() for measure in measurements] for _ in range(ROUNDS))))


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
    print(f"{'  memory':34} {memory / 1024:8.1f} MB   (goal 64: {'reached' if memory <= 64 * 1024 else 'MISSED'})")


def timed(command, codes=(0,)):
    seconds, _, code = run(command)
    assert code in codes, f"{command[0]} ended with {code}"
    return seconds


def versus(name, ours, theirs, peer, goal, our_codes=(0,), their_codes=(0,)):
    """One line against a peer, if that is installed. Gives our best time."""
    if not shutil.which(theirs[0]):
        print(f"SKIPPED: {name}: {theirs[0]} is not installed")
        return min(timed(ours, our_codes) for _ in range(ROUNDS))
    mine, other = best_in_turn(lambda: timed(ours, our_codes), lambda: timed(theirs, their_codes))
    report(name, mine, other, peer, goal)
    return mine


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


def bench_dump():
    package = PACKAGES / "putty-0.68-installer.msi"
    if not package.exists() or not shutil.which("msiinfo"):
        print("SKIPPED: printing a table: ../shared/packages is not here, or msiinfo is not installed")
        return

    def timed(command):
        def measure():
            seconds, _, code = min(run(command) for _ in range(10))
            assert code == 0, f"{command[0]} ended with {code}"
            return seconds

        return measure

    mine, other, nothing = best_in_turn(
        timed([RESEAT, "dump", str(package), "Property"]),
        timed(["msiinfo", "export", str(package), "Property"]),
        timed(["/bin/true"]),
    )
    report("print the Property table", mine, other, "msiinfo export", 5)
    print(f"{'  starting a process that does nothing':34} {nothing * 1000:4.1f} ms")


def bench_extract(work):
    for name, cabinet in (("nunit-2.5.2.msi", "nunit.cab"), ("7z1900-x64.msi", "product.cab")):
        package = PACKAGES / name
        if not package.exists():
            print(f"SKIPPED: unpacking {name}: ../shared/packages is not here")
            continue
        # 7z does not look into all packages: it gets the cabinet itself.
        unpacked = work / cabinet
        code = run([RESEAT, "streams", str(package), cabinet, "--output", str(unpacked)])[2]
        assert code == 0, f"reseat streams ended with {code}"
        target = work / "unpacked"

        def timed(command):
            def measure():
                shutil.rmtree(target, ignore_errors=True)
                seconds, _, code = run(command)
                assert code == 0, f"{command[0]} ended with {code}"
                return seconds

            return measure

        ours = timed([RESEAT, "extract", "-q", str(package), str(target)])
        for peer, goal, command in (
            ("msiextract", 3, ["msiextract", "-C", str(target), str(package)]),
            ("7z", 1, ["7z", "x", "-y", f"-o{target}", str(unpacked)]),
        ):
            if not shutil.which(command[0]):
                print(f"SKIPPED: unpacking {name}: {command[0]} is not installed")
                continue
            mine, other = best_in_turn(ours, timed(command))
            report(f"unpack {name}", mine, other, peer, goal)


def bench_large(work):
    """Packages of many files, made here: against Wine's msiexec (once, it takes its time), msiextract, and cp -r."""
    generator = Path(os.environ.get("RESEAT_PACKAGES", PACKAGES)).parent / "tools/gen_wxs.py"
    if not generator.exists() or not shutil.which("wixl"):
        print("SKIPPED: packages of many files: ../shared/tools is not here, or wixl is not installed")
        return
    for files, goal in ((2_000, 5), (20_000, 20)):
        # Making one takes up to minutes: it is kept beside the program.
        kept = Path(RESEAT).parent / f"bench-{files}"
        package, source = kept / "wide.msi", kept / "wide.src"
        if not package.exists():
            kept.mkdir(exist_ok=True)
            for command in (
                [sys.executable, str(generator), "wide", str(files), "200000000"],
                ["wixl", "-o", "made.msi", "wide.wxs"],
            ):
                assert run(command, cwd=kept)[2] == 0, f"{command} failed"
            (kept / "made.msi").rename(package)
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
        reached = "reached" if memory <= 128 * 1024 else "MISSED"
        print(f"{'  memory':34} {memory / 1024:8.1f} MB   (goal 128: {reached})")
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
    "who": bench_who,
    "install": bench_install,
    "large": bench_large,
}

wanted = sys.argv[3:] or list(PARTS)
if any(part not in PARTS for part in wanted):
    sys.exit(f"bench: the parts are {' '.join(PARTS)}")
with tempfile.TemporaryDirectory(prefix="reseat-bench.") as folder:
    os.environ["RESEAT_RUNTIME_DIR"] = folder + "/run"
    os.mkdir(folder + "/run", 0o700)
    for part in wanted:
        PARTS[part](Path(folder))
