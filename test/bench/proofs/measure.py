"""Runs a command and prints what it took as a line of JSON: processor seconds, wall seconds, largest resident memory in bytes."""

import json
import resource
import subprocess
import sys
import time

began = time.monotonic()
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(
    json.dumps(
        {
            "code": done.returncode,
            "stdout": done.stdout[-4000:],
            "stderr": done.stderr[-4000:],
            "cpuSeconds": used.ru_utime + used.ru_stime,
            "wallSeconds": time.monotonic() - began,
            "residentBytes": used.ru_maxrss * 1024,
        }
    )
)
