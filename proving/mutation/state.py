# SPDX-License-Identifier: GPL-2.0-only
"""What is known from earlier runs, so that a run can be resumed and repeated.

A result belongs to the code of a module, not to its text: a changed comment makes
no mutant new. A killed mutant stays killed as long as the program that killed it is
the same; a survivor needs to be shown only to the programs that are new.
"""
import hashlib
import json
import threading
from pathlib import Path


class Programs:
    """The selftest programs and what each is made of."""

    def __init__(self, sources, names):
        self.sources = Path(sources)
        self.names = names
        common = sorted(self.sources.glob('*.h')) + sorted(self.sources.glob('hsk_*.c'))
        self.common = b''.join(path.read_bytes() for path in common)
        self.hashes = {name: self.content(name) for name in names}

    def content(self, name):
        """compat32 has its other build as the peer, of the same source."""
        source = self.sources / f'{name.removesuffix("_32")}.c'
        return hashlib.sha256(self.common + source.read_bytes()).hexdigest()[:16]


class State:
    """One record a line is added to the file as soon as it is known; the last one
    of a key counts."""

    def __init__(self, path):
        self.path = Path(path)
        self.lock = threading.Lock()
        self.records = {}
        if self.path.exists():
            for line in self.path.read_text(encoding='utf-8').splitlines():
                record = json.loads(line)
                self.records[(record['machine'], record['code'])] = record

    def find(self, machine, code):
        return self.records.get((machine, code))

    def add(self, record):
        with self.lock:
            self.records[(record['machine'], record['code'])] = record
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open('a', encoding='utf-8') as file:
                file.write(json.dumps(record) + '\n')

    def forget(self, program):
        """Whatever this program has killed is not believed any more."""
        for record in list(self.records.values()):
            if record['killed'] and record['by'] == program:
                self.add({**record, 'killed': False, 'by': '', 'tests': {}})

    def kills(self):
        """How many each program has killed, {(file, program): number}."""
        found = {}
        for record in list(self.records.values()):
            if record['killed']:
                where = (record['file'], record['by'])
                found[where] = found.get(where, 0) + 1
        return found


def still_killed(record, programs):
    """A program that killed it and is the same will kill it again. What killed it
    before or after the programs has nothing to do with them."""
    by = record['by']
    return record['killed'] and (by not in programs.hashes or
                                 record['tests'].get(by) == programs.hashes[by])


def unseen(record, programs):
    """The programs that this mutant has not passed, as they are now."""
    passed = record['tests'] if record and not record['killed'] else {}
    return [name for name in programs.names if passed.get(name) != programs.hashes[name]]
