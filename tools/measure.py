"""What the measurements of ./bench share: running commands, taking turns, printing ratios."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

RESEAT, ROUNDS = sys.argv[1], int(sys.argv[2])
PACKAGES = Path(os.environ.get("RESEAT_PACKAGES", Path(__file__).parents[2] / "shared/packages"))
GENERATOR = PACKAGES.parent / "tools/gen_wxs.py"


def run(command, **options):
    """Runs a command to its end; gives seconds, the most memory that it had, in KiB, and its exit code."""
    options.setdefault("stdout", subprocess.DEVNULL)
    options.setdefault("stderr", subprocess.DEVNULL)
    options.setdefault("stdin", subprocess.DEVNULL)
    begin = time.perf_counter()
    child = subprocess.Popen(command, **options)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - begin
    child.returncode = os.waitstatus_to_exitcode(status)
    return seconds, usage.ru_maxrss, child.returncode


def timed(command, codes=(0,)):
    seconds, _, code = run(command)
    assert code in codes, f"{command[0]} ended with {code}"
    return seconds


def report(name, ours, theirs, peer, goal=None):
    ratio = theirs / ours
    verdict = f"   (goal {goal}: {'reached' if ratio >= goal else 'MISSED'})" if goal else ""
    print(f"{name:34} {ours * 1000:8.1f} ms   {peer:18} {theirs * 1000:8.1f} ms   {ratio:6.1f} times faster{verdict}")


def report_memory(name, kib, goal):
    """A line about the most memory that a command had; the goal is in MB."""
    verdict = "reached" if kib <= goal * 1024 else "MISSED"
    print(f"{name:34} {kib / 1024:8.1f} MB   (goal {goal}: {verdict})")


def best_in_turn(*measurements):
    """The best of several rounds of measurements that take turns."""
    return list(map(min, zip(*([measure() for measure in measurements] for _ in range(ROUNDS)))))


def versus(name, ours, theirs, peer, goal, our_codes=(0,), their_codes=(0,)):
    """One line against a peer, if that is installed. Gives our best time."""
    if not shutil.which(theirs[0]):
        print(f"SKIPPED: {name}: {theirs[0]} is not installed")
        return min(timed(ours, our_codes) for _ in range(ROUNDS))
    mine, other = best_in_turn(lambda: timed(ours, our_codes), lambda: timed(theirs, their_codes))
    report(name, mine, other, peer, goal)
    return mine


def synthetic(files, size):
    """A package of so many files and bytes, and the folder of its files; nothing when its tools are not there. Making one takes up to
    minutes: it is kept beside the program."""
    kept = Path(RESEAT).parent / f"bench-{files}"
    package, source = kept / "wide.msi", kept / "wide.src"
    if package.exists():
        return package, source
    if not GENERATOR.exists() or not shutil.which("wixl"):
        print(f"SKIPPED: a package of {files} files: ../shared/tools is not here, or wixl is not installed")
        return None
    kept.mkdir(exist_ok=True)
    for command in (
        [sys.executable, str(GENERATOR), "wide", str(files), str(size)],
        ["wixl", "-o", "made.msi", "wide.wxs"],
    ):
        assert run(command, cwd=kept)[2] == 0, f"{command} failed"
    (kept / "made.msi").rename(package)
    return package, source
