"""The measurements of ./bench that concern custom actions: libraries under Wine, against Wine's own msiexec."""

import os
import shutil
import statistics
import subprocess
from pathlib import Path

from measure import RESEAT, ROUNDS, report, run

HERE = Path(__file__).parent
ACTIONS = 10
NAME = "Bench of actions"
# The names of components that wixl makes up do not matter here.
WXS = f"""<?xml version="1.0"?><Wix xmlns="http://schemas.microsoft.com/wix/2006/wi">
<Product Id="*" Name="{NAME}" Manufacturer="Bench" Version="1.0.0" Language="1033"
 UpgradeCode="7E570001-0000-4000-8000-00000000BE9C"><Package InstallScope="perMachine"/>
<Media Id="1" Cabinet="a.cab" EmbedCab="yes"/><Binary Id="Actions" SourceFile="actions.dll"/>
{"".join(f'<CustomAction Id="Tick{i}" BinaryKey="Actions" DllEntry="Tick"/>' for i in range(ACTIONS))}
<CustomAction Id="Ask" BinaryKey="Actions" DllEntry="Ask"/>
<Directory Id="TARGETDIR" Name="SourceDir"><Directory Id="ProgramFiles64Folder"><Directory Id="INSTALLDIR" Name="{NAME}">
<Component Id="C" Guid="*" Win64="yes"><File Id="F" Source="readme.txt" KeyPath="yes"/></Component></Directory></Directory></Directory>
<Feature Id="Main" Level="1"><ComponentRef Id="C"/></Feature><InstallExecuteSequence>
{"".join(f'<Custom Action="Tick{i}" Before="InstallValidate">TICK=1</Custom>' for i in range(ACTIONS))}
<Custom Action="Ask" Before="InstallValidate">ASK=1</Custom></InstallExecuteSequence></Product></Wix>"""


def bench_actions(work):
    """Ten actions of a library, and many calls of one, in a prefix on which Wine runs, and in one where it has to start."""
    missing = [tool for tool in ("wine", "wixl", "x86_64-w64-mingw32-gcc") if not shutil.which(tool)]
    if missing:
        print(f"SKIPPED: custom actions: {', '.join(missing)} is not installed")
        return
    (work / "readme.txt").write_text("text")
    (work / "actions.wxs").write_text(WXS)
    library = ["-Os", "-s", "-shared", "-o", work / "actions.dll", HERE / "bench_actions.c", "-lmsi"]
    subprocess.run(["x86_64-w64-mingw32-gcc", *library], check=True)
    subprocess.run(["wixl", "-a", "x64", "-o", "actions.msi", "actions.wxs"], cwd=work, check=True)
    subprocess.run([HERE.parent / "windows/build", work / "windows"], check=True, stderr=subprocess.DEVNULL)
    prefix, package = work / "prefix", str(work / "actions.msi")
    wine = {**os.environ, "WINEPREFIX": str(prefix), "WINEDEBUG": "-all", "HOME": str(work), "LC_ALL": "C.UTF-8"}
    wine["RESEAT_WINDOWS_DIR"] = str(work / "windows")
    wine.pop("DISPLAY", None)
    run(["wine", "wineboot", "-i"], env=wine)

    def install(begin, end, condition):
        """Installs the package and removes it again: how long the first took, and what the actions have noted."""
        notes = prefix / "drive_c/bench-actions.txt"
        notes.unlink(missing_ok=True)
        seconds, _, code = run([*begin, package, *condition, *end], env=wine)
        assert code == 0, f"{begin} ended with {code}"
        words = [line.split() for line in notes.read_text().splitlines()] if notes.exists() else []
        return seconds, [(what, int(number)) for what, number in words]

    def ours(*condition):
        result = install([RESEAT, "install", "--prefix", str(prefix), "-q"], [], condition)
        code = run([RESEAT, "uninstall", "--prefix", str(prefix), "-q", NAME], env=wine)[2]
        assert code == 0, f"reseat uninstall ended with {code}"
        return result

    def theirs(*condition):
        result = install(["wine", "msiexec", "/i"], ["/qn"], condition)
        code = run(["wine", "msiexec", "/x", package, "/qn"], env=wine)[2]
        assert code == 0, f"msiexec /x ended with {code}"
        return result

    def best(condition):
        """Of each the best total time, and the notes of the round in which the median action was the fastest."""
        rounds = [(ours(condition), theirs(condition)) for _ in range(ROUNDS)]
        return [(min(it[who][0] for it in rounds), min((it[who][1] for it in rounds), key=middle)) for who in (0, 1)]

    run(["wineserver", "-w"], env=wine)
    cold = best("TICK=1")
    report("ten actions, Wine does not run", cold[0][0], cold[1][0], "wine msiexec")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    keeps = subprocess.Popen(["wine", "cmd.exe", "/q"], env=wine, stdin=subprocess.PIPE, **quiet)
    try:
        # A program that has ended means that Wine runs.
        run(["wine", "cmd.exe", "/c", "exit"], env=wine)
        warm = best("TICK=1")
        report("ten actions, Wine runs", warm[0][0], warm[1][0], "wine msiexec")
        one, other = (middle(notes) / 1e6 for _, notes in warm)
        against("  one action, call to return", one, other, "ms", 60)
        asked = best("ASK=1")
        for what, text, goal in (("get", "  reading a property", 50), ("set", "  setting a property", 50)):
            one, other = (dict(notes)[what] / 1e3 for _, notes in asked)
            against(text, one, other, "us", goal)
    finally:
        keeps.stdin.close()
        keeps.wait()
        run(["wineserver", "-w"], env=wine)


def middle(notes):
    """The median time from one action to the next, in nanoseconds; of what has no actions, the time of a call."""
    ticks = [number for what, number in notes if what == "tick"]
    if not ticks:
        return dict(notes).get("get", 0)
    assert len(ticks) == ACTIONS, f"{len(ticks)} actions ran"
    return statistics.median(later - earlier for earlier, later in zip(ticks, ticks[1:]))


def against(name, ours, theirs, unit, goal):
    verdict = "reached" if ours < goal else "MISSED"
    print(f"{name:34} {ours:8.1f} {unit}   {'wine msiexec':18} {theirs:8.1f} {unit}   (goal {goal}: {verdict})")
