# SPDX-License-Identifier: GPL-2.0-only
"""Builds mutants: a directory of its own for each worker and kernel, where only what
the fault touches is compiled again."""
import hashlib
import os
import shutil
import subprocess
from pathlib import Path


class Workshop:
    """A copy of the module's sources and the build of it."""

    def __init__(self, top, directory, kdir, make_args=()):
        self.dir = Path(directory).resolve()
        self.kdir = kdir
        self.make_args = make_args
        self.changed = None
        shutil.rmtree(self.dir, ignore_errors=True)
        for folder in ('kmod', 'uapi'):
            shutil.copytree(Path(top) / folder, self.dir / folder)
        shutil.copy(Path(top) / 'Kbuild', self.dir)
        self.originals = {path.name: path.read_text(encoding='utf-8')
                          for path in (self.dir / 'kmod').glob('*.[ch]')}

    @property
    def module(self):
        return self.dir / 'kmod' / 'hsk.ko'

    def write(self, name, text):
        (self.dir / 'kmod' / name).write_text(text, encoding='utf-8')

    def make(self):
        environment = {name: value for name, value in os.environ.items()
                       if name not in ('MAKEFLAGS', 'MFLAGS', 'MAKELEVEL')}
        command = ['make', '-s', '-C', self.kdir, f'M={self.dir}', 'KCFLAGS=-Wno-error',
                   *self.make_args, 'modules']
        return subprocess.run(command, env=environment, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)

    def build(self, files):
        """Builds with these files changed, {name: text}, and the others as they were.
        Returns what the object's code is known by, or None: it does not compile,
        and self.complaint says why."""
        for name in self.changed or ():
            self.write(name, self.originals[name])
        for name, text in files.items():
            self.write(name, text)
        self.changed = list(files)
        result = self.make()
        self.complaint = result.stdout
        return None if result.returncode else self.fingerprint()

    def fingerprint(self):
        """The object without its debugging information, and without the name of
        the directory, which is in it as a file name."""
        stripped = self.dir / 'stripped.o'
        subprocess.run(['objcopy', '--strip-debug', self.dir / 'kmod' / 'hsk.o', stripped],
                       check=True)
        # Of one length in all workshops of one run, or else they would never agree.
        code = stripped.read_bytes().replace(str(self.dir).encode(), b'@')
        return hashlib.sha256(code).hexdigest()
