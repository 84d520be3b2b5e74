# SPDX-License-Identifier: GPL-2.0-only
"""The result as a page of the documentation."""
import datetime
import re
import subprocess

import rules

HEAD = '''.. SPDX-License-Identifier: GPL-2.0-only
.. Written by make mutate; what is said of survivors comes from proving/mutation/explained.

============================
What the tests see: mutation
============================

A mutant is the module with one small fault, made by a rule at a place drawn by lot. It is *killed*
when a selftest fails, the kernel complains, the machine hangs, memory is left or the module
does not unload. One that *survives* behaves like the good module as far as any test can
tell. :doc:`proving/mutation` says how this is measured and how to repeat it.
'''


def read_explained(path):
    """{id: (kind, text)}; kind is equivalent or accepted."""
    found = {}
    if not path.exists():
        return found
    for part in re.split(r'\n(?=\[)', path.read_text(encoding='utf-8')):
        match = re.match(r'\[([0-9a-f.]+)\] (equivalent|accepted)\n(.+)', part, re.S)
        if match:
            found[match.group(1)] = (match.group(2), ' '.join(match.group(3).split()))
    return found


def table(rows):
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(rows[0]))]
    line = '  '.join('=' * width for width in widths)
    text = ['  '.join(str(cell).ljust(width) for cell, width in zip(row, widths)).rstrip()
            for row in rows]
    return '\n'.join([line, text[0], line, *text[1:], line])


def share(killed, of):
    return f'{100 * killed / of:.1f} %' if of else '-'


class Result:
    """What a campaign has found."""

    def __init__(self, campaign, found, seed, explained, top):
        self.campaign = campaign
        self.found = found
        self.seed = seed
        self.top = top
        self.explained = read_explained(explained)
        order = list(rules.RULES)
        self.results = sorted(campaign.results, key=lambda pair: (
            order.index(pair[0].rule), pair[0].file, pair[0].line, pair[0].id))
        self.counted = [pair for pair in self.results if pair[0].rule not in rules.APART]
        self.apart = [pair for pair in self.results if pair[0].rule in rules.APART]

    @staticmethod
    def killed(pairs):
        return sum(record['killed'] for _, record in pairs)

    def survivors(self, pairs):
        return [mutant for mutant, record in pairs if not record['killed']]

    def equivalent(self):
        return [mutant for mutant in self.survivors(self.counted)
                if self.explained.get(mutant.id, ('',))[0] == 'equivalent']

    def unexplained(self):
        return [mutant for mutant in self.survivors(self.results)
                if mutant.id not in self.explained]

    def commit(self):
        def git(*words):
            return subprocess.run(['git', *words], cwd=self.top, stdout=subprocess.PIPE,
                                  text=True, check=False).stdout.strip()
        dirty = git('status', '--porcelain', '--', 'kmod', 'selftests', 'uapi')
        return git('rev-parse', '--short=12', 'HEAD') + (
            ' with changes not committed' if dirty else '')

    def summary(self):
        killed, total = self.killed(self.counted), len(self.counted)
        same = len(self.equivalent())
        lines = [f'{killed} of {total} mutants killed: {share(killed, total)}'
                 f' ({share(killed, total - same)} of those that are not shown to be equivalent)',
                 f'orderings weakened, counted apart: {self.killed(self.apart)} of '
                 f'{len(self.apart)} killed',
                 f'survivors without an explanation: {len(self.unexplained())}',
                 f'the good module among them: {self.campaign.controls} times, '
                 f'{len(self.campaign.failed_controls)} failed']
        return '\n'.join(lines)

    def facts(self):
        dropped = self.campaign.dropped
        machines = ', '.join(machine.kernel for machine in self.campaign.machines)
        return table([
            ('what', 'value'),
            ('commit', self.commit()),
            ('date', datetime.date.today().isoformat()),
            ('seed', self.seed),
            ('kernels', machines),
            ('places that the rules find', len(self.found)),
            ('mutants tried', len(self.results)),
            ('left out: do not compile', dropped['does not compile']),
            ('left out: same object file as the good module', dropped['same object file']),
            ('left out: same object file as another mutant', dropped['same as another']),
            ('the good module run among them', self.campaign.controls),
            ('... of which failed', len(self.campaign.failed_controls)),
        ])

    def by_rule(self):
        rows = [('rule', 'fault', 'places', 'mutants', 'killed', 'share')]
        for name, (says, _) in rules.RULES.items():
            pairs = [pair for pair in self.results if pair[0].rule == name]
            places = sum(mutant.rule == name for mutant in self.found)
            rows.append((name, says, places, len(pairs), self.killed(pairs),
                         share(self.killed(pairs), len(pairs))))
        killed = self.killed(self.counted)
        rows.append(('all but order', '', len(self.found) - rows[-1][2], len(self.counted),
                     killed, share(killed, len(self.counted))))
        return table(rows)

    def by_killer(self):
        killers = {}
        for _, record in self.results:
            if record['killed']:
                # What the kernel said, or that nothing moved, without the details.
                key = (record['by'], record['how'], record['machine'])
                killers[key] = killers.get(key, 0) + 1
        rows = [('during', 'seen by', 'kernel', 'mutants')]
        rows += [(*key, number) for key, number in
                 sorted(killers.items(), key=lambda item: (-item[1], item[0]))]
        return table(rows)

    def survivor(self, mutant):
        kind, text = self.explained.get(mutant.id, ('not explained', ''))
        diff = '\n'.join('    ' + line.expandtabs(4) for line in mutant.diff.splitlines())
        return (f'``{mutant.id}`` {mutant.rule}: kmod/{mutant.file}, ``{mutant.function}()``\n'
                f'    *{kind}.* {text}\n\n    .. code-block:: diff\n\n'
                + '\n'.join('    ' + line for line in diff.splitlines()) + '\n')

    def document(self):
        survivors = self.survivors(self.results)
        parts = [HEAD, section('Result'), self.result_text(), self.facts(), '',
                 section('By rule'), self.by_rule(), '',
                 'An ordering weakened can\'t show on a machine that orders by itself, as x86 '
                 'does; that rule is\ncounted apart.\n',
                 section('What killed them'),
                 'Each mutant runs up to the first failure; ``end`` is after the last program.\n',
                 self.by_killer(), '', section('Survivors')]
        parts += [self.survivor(mutant) for mutant in survivors] or ['None.\n']
        return re.sub(r'[ \t]+$', '', '\n'.join(parts), flags=re.M).rstrip('\n') + '\n'

    def result_text(self):
        killed, total = self.killed(self.counted), len(self.counted)
        same = len(self.equivalent())
        return (f'**{killed} of {total} mutants are killed: {share(killed, total)}.** '
                f'{total - killed} survive, of which {same} are equivalent: no program\n'
                f'could tell them from the good module. Without those it is '
                f'{share(killed, total - same)}.\n')


def section(title):
    return f'{title}\n{"=" * len(title)}\n'
