"""Runs snippets in a Python that has SymPy but none of our own modules.

Importing SymPy takes half a second and most snippets a few milliseconds. So SymPy is imported once, by a process that
forks for each snippet: what a snippet leaves behind ends with it, and the next one starts as the first did.
"""

import json
import subprocess
import sys
from functools import cache

SECONDS = 60
SERVER = """
import sys
for name in ('linres', 'flint', 'numpy', 'hypothesis'): sys.modules[name] = None
import json, os, signal, tempfile, traceback, sympy

def run(snippet, printed):
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(printed.fileno(), 1)
    os.dup2(printed.fileno(), 2)
    signal.alarm(int(sys.argv[1]))
    try:
        exec(compile(snippet, '<snippet>', 'exec'), {'__name__': '__main__'})
        code = 0
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)

for line in sys.stdin:
    with tempfile.TemporaryFile() as printed:
        child = os.fork()
        if child == 0:
            run(json.loads(line), printed)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        printed.seek(0)
        print(json.dumps([code, printed.read().decode()]), flush=True)
"""


@cache
def server():
    return subprocess.Popen(
        [sys.executable, "-I", "-c", SERVER, str(SECONDS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def output(snippet):
    """What the snippet prints, which has to end well within a minute."""
    process = server()
    process.stdin.write(json.dumps(snippet) + "\n")
    process.stdin.flush()
    code, printed = json.loads(process.stdout.readline())
    assert code == 0, f"{snippet}\n{printed}"
    return printed.strip()
