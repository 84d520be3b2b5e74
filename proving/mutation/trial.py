# SPDX-License-Identifier: GPL-2.0-only
"""Tries one module: the selftests in a virtual machine, up to the first failure of
any kind."""
import queue
import re
import subprocess
import threading
import time
from dataclasses import dataclass, field

# What the guest may take to start, and to end its processes and unload.
BOOT_SECONDS = 90
END_SECONDS = 60
# How much longer than with the good module a program may take.
LIMIT_FACTOR = 5
LIMIT_BASE = 12


@dataclass
class Outcome:
    """killed: by which program (or boot, end) and how; else what was passed."""
    killed: bool = False
    by: str = ''
    how: str = ''
    detail: str = ''
    passed: dict = field(default_factory=dict)
    seconds: float = 0
    text: list = field(default_factory=list)


@dataclass(frozen=True)
class Machine:
    """A kernel, as tools/vm is told about it."""
    name: str
    kernel: str
    kdir: str
    boot_args: tuple
    make_args: tuple = ()
    memory: int = 1024
    # How much slower than the stock kernel, for time limits.
    slowness: int = 1

    def command(self, folder, module, programs):
        args = [f'{folder}/tools/vm', '--timeout', '3000', '--mem', str(self.memory),
                '--kernel', self.kernel, '--module', str(module),
                '--add', f'{folder}/selftests:/hsk/selftests', '--add', f'{folder}/tools/guest']
        for arg in self.boot_args:
            args += ['--boot-arg', arg]
        return args + ['--', 'guest', str(self.slowness), *programs]


def limit_of(seconds):
    return int(LIMIT_BASE + LIMIT_FACTOR * seconds)


class Aborted(Exception):
    """The user has had enough: nothing is known of this mutant."""


class Trial:
    """One run of one module. limits: {program: seconds}, in the order to run."""

    aborted = threading.Event()

    def __init__(self, machine, limits):
        self.machine = machine
        self.limits = {name: limit * machine.slowness for name, limit in limits.items()}
        self.outcome = Outcome()
        self.running = 'boot'
        self.deadline = 0
        self.failures = []
        self.text = []
        self.leaks = False

    def allow(self, seconds):
        self.deadline = time.monotonic() + seconds * (2 if self.machine.slowness > 1 else 1)

    def read(self, line):
        """One line of the guest's."""
        self.text.append(line)
        words = line.split()
        if line.startswith('@begin '):
            self.running = words[1]
            self.allow(self.limits.get(self.running, LIMIT_BASE) + 20)
        elif line.startswith('@end '):
            if words[2] == '0':
                self.outcome.passed[words[1]] = int(words[3])
                self.running = 'end'
            elif words[2] in ('124', '143', '137') and not self.failures:
                self.failures.append('its time was up')
            self.allow(END_SECONDS)
        elif line.startswith('@leak'):
            self.leaks = True
        elif line.startswith('not ok ') or 'Expected ' in line:
            self.failures.append(line)

    def run(self, folder, module):
        begin = time.monotonic()
        programs = [f'{limit}:{name}' for name, limit in self.limits.items()]
        with subprocess.Popen(self.machine.command(folder, module, programs),
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors='replace') as process:
            try:
                hung = self.watch(process)
            except KeyboardInterrupt:
                process.terminate()
                raise
        if self.aborted.is_set():
            raise Aborted
        self.conclude(process.returncode, hung)
        self.outcome.seconds = round(time.monotonic() - begin, 1)
        return self.outcome

    def watch(self, process):
        """Reads until the machine has ended, or ends it when it is stuck."""
        lines = queue.Queue()

        def pump():
            for line in process.stdout:
                lines.put(line.rstrip())
            lines.put(None)

        threading.Thread(target=pump, daemon=True).start()
        self.allow(BOOT_SECONDS)
        while True:
            try:
                line = lines.get(timeout=0.5)
            except queue.Empty:
                if time.monotonic() < self.deadline and not self.aborted.is_set():
                    continue
                process.terminate()
                process.wait()
                return True
            if line is None:
                process.wait()
                return False
            self.read(line)

    def conclude(self, status, hung):
        log = [line for line in self.text if line.startswith('  ! ')]
        failed = [line[4:] for line in self.text if line.startswith('vm: ')]
        if hung:
            self.kill('the machine hangs', '')
        elif log:
            self.kill('kernel log', log[0][4:])
        elif any('cannot load' in line for line in failed):
            self.kill('the module does not load', '')
        elif any('cannot unload' in line or 'survives' in line for line in failed):
            self.kill('the module does not unload', '')
        elif self.failures:
            tests = [line for line in self.failures if line.startswith('not ok')]
            self.kill('test', re.sub(r'^not ok \d+ ', '', (tests or self.failures)[0]))
        elif self.leaks:
            self.kill('memory is left', '')
        elif status or len(self.outcome.passed) != len(self.limits):
            self.kill('exit status', str(status))

    def kill(self, how, detail):
        self.outcome.killed = True
        self.outcome.by = self.running
        self.outcome.how = how
        self.outcome.detail = detail[:200]
