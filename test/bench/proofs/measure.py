"""
Runs a command and prints what it took as a line of JSON: processor seconds, wall seconds, largest resident memory in bytes. Before it may stand
`--cpu-seconds N` and `--resident-bytes N`: who takes more is stopped, and `stoppedBy` says by which.

Memory is that of one process, read as it runs: address space would count files that are only mapped. What it reached between two readings is known in
the end, so that nobody passes by being quick.
"""

import json
import os
import resource
import signal
import subprocess
import sys
import time

SECONDS_BETWEEN_READINGS = 0.01

command = sys.argv[1:]
limits = {}
while command and command[0] in ("--cpu-seconds", "--resident-bytes"):
    limits[command[0]] = float(command[1])
    command = command[2:]
most_seconds = limits.get("--cpu-seconds")
most_bytes = limits.get("--resident-bytes")


def resident(pid):
    try:
        with open(f"/proc/{pid}/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        return 0


def limit_seconds():
    # The system counts whole seconds; the end decides about a part of one.
    whole = int(most_seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (whole, whole))


began = time.monotonic()
with subprocess.Popen(
    command,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
    preexec_fn=None if most_seconds is None else limit_seconds,
) as child:
    streams = None
    while streams is None:
        try:
            streams = child.communicate(timeout=None if most_bytes is None else SECONDS_BETWEEN_READINGS)
        except subprocess.TimeoutExpired:
            if resident(child.pid) > most_bytes:
                os.kill(child.pid, signal.SIGKILL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
cpu_seconds = used.ru_utime + used.ru_stime
resident_bytes = used.ru_maxrss * 1024
stopped_by = None
if most_bytes is not None and resident_bytes > most_bytes:
    stopped_by = "memory"
elif most_seconds is not None and cpu_seconds > most_seconds:
    stopped_by = "time"
print(
    json.dumps(
        {
            "code": child.returncode,
            "stdout": streams[0][-4000:],
            "stderr": streams[1][-4000:],
            "cpuSeconds": cpu_seconds,
            "wallSeconds": time.monotonic() - began,
            "residentBytes": resident_bytes,
            "stoppedBy": stopped_by,
        }
    )
)
