# SPDX-License-Identifier: GPL-2.0-only
"""Mutants: the sources with one fault each, and the choice among them."""
import difflib
import hashlib
import random
from dataclasses import dataclass
from pathlib import Path

import rules

# Not the module's behaviour: what tracepoints print, and tests inside the module.
EXCLUDED = ('trace.', 'kunit', '_test.')


@dataclass(frozen=True)
class Mutant:
    rule: str
    file: str
    function: str
    line: int
    text: str
    diff: str
    id: str

    @property
    def title(self):
        where = f'{self.function}()' if self.function else 'outside of functions'
        return f'{self.id} {self.rule}: {self.file}:{self.line} {where}'


def apply(text, edits):
    """Line ends stay, so that what __LINE__ says elsewhere does not change."""
    for start, end, new in sorted(edits, reverse=True):
        lost = text.count('\n', start, end) - new.count('\n')
        text = text[:start] + new + '\n' * lost + text[end:]
    return text


def diff_of(name, before, after):
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(),
                                 f'a/kmod/{name}', f'b/kmod/{name}', n=2, lineterm='')
    return '\n'.join(line for line in lines if not line.startswith(('---', '+++')))


def identity(rule, name, function, diff):
    """The same as long as the changed lines and the function's name are."""
    changed = [line for line in diff.splitlines() if line[:1] in '+-']
    text = '\n'.join([rule, name, function, *changed])
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def sites(source):
    """Every place of every rule in one file: (rule, function name, edits)."""
    for name, (_, generate) in rules.RULES.items():
        for function in source.functions:
            for edits in generate(source, function):
                yield name, function.name, edits
        if name in rules.GLOBAL:
            for edits in generate(source, None):
                yield name, '', edits


def of_file(path):
    text = path.read_text(encoding='utf-8')
    source = rules.Source(path.name, text)
    seen = set()
    taken = {}
    for rule, function, edits in sites(source):
        changed = apply(text, edits)
        # Two rules that make the same fault here: the first has it.
        if changed in seen or changed == text:
            continue
        seen.add(changed)
        diff = diff_of(path.name, text, changed)
        mutant_id = identity(rule, path.name, function, diff)
        # The same line twice in one function.
        taken[mutant_id] = taken.get(mutant_id, 0) + 1
        if taken[mutant_id] > 1:
            mutant_id = f'{mutant_id}.{taken[mutant_id]}'
        line = text.count('\n', 0, edits[0][0]) + 1
        yield Mutant(rule, path.name, function, line, changed, diff, mutant_id)


def candidates(kmod):
    """All mutants of the module, in the order of files and rules."""
    found = []
    for path in sorted(Path(kmod).glob('*.[ch]')):
        if not any(word in path.name for word in EXCLUDED):
            found += of_file(path)
    return found


def spread(found, seed):
    """An order in which each beginning is spread evenly over rules and, within
    a rule, over files."""
    chance = random.Random(seed)
    queues = {}
    for mutant in found:
        queues.setdefault(mutant.rule, {}).setdefault(mutant.file, []).append(mutant)
    lines = []
    for rule in queues:
        files = list(queues[rule].values())
        chance.shuffle(files)
        for mutants in files:
            chance.shuffle(mutants)
        lines.append(interleave(files))
    chance.shuffle(lines)
    return interleave(lines)


def interleave(lists):
    """The first of each, the second of each, and so on."""
    longest = max((len(entry) for entry in lists), default=0)
    return [entry[i] for i in range(longest) for entry in lists if i < len(entry)]
