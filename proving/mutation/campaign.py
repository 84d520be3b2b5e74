# SPDX-License-Identifier: GPL-2.0-only
"""A campaign: the good module first, then mutant after mutant, side by side."""
import math
import sys
import threading
import time

import rules
from mutants import Mutant, apply, diff_of
from state import still_killed, unseen
from trial import Aborted, Trial, limit_of
from workshop import Workshop

# All of the allocator's checks, for what the module allocates; a kernel that ends
# at the first complaint; and preemption wherever it may happen.
STOCK_ARGS = ('preempt=full', 'slub_debug=FZPU,kmalloc-*', 'oops=panic', 'panic_on_warn=1',
              'softlockup_panic=1')
DEBUG_ARGS = ('oops=panic', 'panic_on_warn=1', 'softlockup_panic=1')

# Which survivors a second kernel is worth its time for.
SECOND = {'debug': {'reference', 'lock', 'order', 'statement', 'check', 'counter', 'jump', 'wake',
                    'errno', 'error'},
          'kcsan': {'lock', 'order'}}
# There, the slowest of the programs are left out.
SECOND_SHARE = 0.8
# How often a machine is started that does not get as far as a program.
TRIALS = 3
# One run of the good module among so many mutants.
CONTROL_EVERY = 25


class Campaign:
    """What the workers share."""

    def __init__(self, top, build, machines, programs, state):
        self.top = top
        self.machines = machines
        self.programs = programs
        self.state = state
        self.lock = threading.Lock()
        self.seconds = {}
        self.good = {}
        self.codes = set()
        self.dropped = {'does not compile': 0, 'same object file': 0, 'same as another': 0}
        self.results = []
        self.controls = 0
        self.failed_controls = []
        self.folder = build / 'mutation'
        # Those that no kernel can tell need no second one.
        self.equivalent = set()

    def say(self, text):
        with self.lock:
            print(text, flush=True)

    # --- the good module ---------------------------------------------------

    def limits(self, names):
        return {name: limit_of(self.seconds.get(name, 20)) for name in names}

    def baseline(self, workshop, machine):
        """The good module must pass everything, or nothing means anything."""
        code = workshop.build({})
        if not code:
            sys.exit(f'mutate: the module does not build for {machine.name}:\n'
                     f'{workshop.complaint}')
        self.good[machine.name] = code
        known = self.state.find(machine.name, code)
        passed = known if known and not known['killed'] else {'tests': {}, 'seconds_each': {}}
        names = [name for name in self.programs_for(machine)
                 if not passed['tests'] or name in unseen(known, self.programs)]
        if names:
            self.say(f'the good module on {machine.name}: {len(names)} programs')
            outcome = self.trial(machine, workshop, names)
            if outcome.killed:
                self.say('\n'.join(outcome.text[-40:]))
                sys.exit(f'mutate: the good module fails on {machine.name}: {outcome.by}: '
                         f'{outcome.how}: {outcome.detail}')
            outcome.passed = {**passed['seconds_each'], **outcome.passed}
            self.record(machine, code, None, outcome, passed['tests'])
            known = self.state.find(machine.name, code)
        if machine.name == 'stock':
            self.seconds = known['seconds_each']

    def control(self, workshop, machine):
        """Once more, under the same load and in the order that has come to be. Returns
        what must be tried again: a program that fails here has killed nothing."""
        workshop.build({})
        outcome = self.trial(machine, workshop, self.ordered(self.programs.names, ''))
        with self.lock:
            self.controls += 1
        self.keep_log(f'control.{self.controls}', *outcome.text)
        self.say(f'control: the good module {"FAILS" if outcome.killed else "passes"}, '
                 f'{outcome.seconds:.0f} s {outcome.by} {outcome.how} {outcome.detail}')
        return self.distrust(outcome) if outcome.killed else []

    def distrust(self, outcome):
        """A program that fails on the good module is left out from here on."""
        with self.lock:
            self.failed_controls.append(f'{outcome.by}: {outcome.how}: {outcome.detail}')
            if outcome.by in self.programs.names:
                self.programs.names.remove(outcome.by)
            self.state.forget(outcome.by)
            again = [pair for pair in self.results if pair[1]['by'] == outcome.by]
            self.results = [pair for pair in self.results if pair[1]['by'] != outcome.by]
            self.codes -= {record['code'] for _, record in again}
        return [mutant for mutant, _ in again]

    # --- one mutant --------------------------------------------------------

    def programs_for(self, machine):
        if machine.name == 'stock':
            return self.programs.names
        fast = sorted(self.programs.names, key=lambda name: self.seconds.get(name, 0))
        return fast[:math.ceil(SECOND_SHARE * len(fast))]

    def ordered(self, names, file):
        """What has killed most in this file, and in all, in the least time, first."""
        kills = self.state.kills()
        total = {}
        for (_, program), number in kills.items():
            total[program] = total.get(program, 0) + number

        def worth(name):
            score = 1 + total.get(name, 0) + 4 * kills.get((file, name), 0)
            return score / (1.5 + self.seconds.get(name, 20))

        return sorted(names, key=worth, reverse=True)

    def trial(self, machine, workshop, names):
        """A machine that ends by itself outside of a program has not been ended by the
        mutant: without a word from the kernel that is trouble of the host's."""
        for _ in range(TRIALS):
            trial = Trial(machine, self.limits(names))
            outcome = trial.run(self.folder, workshop.module)
            outcome.text = trial.text
            if not (outcome.how in ('exit status', 'the machine hangs')
                    and outcome.by in ('boot', 'end')):
                return outcome
            self.say(f'the machine failed at its {outcome.by}, once more: '
                     + ' / '.join(outcome.text[-2:]))
        return outcome

    def record(self, machine, code, mutant, outcome, passed):
        hashes = self.programs.hashes
        tests = {**passed, **{name: hashes[name] for name in outcome.passed}}
        if outcome.killed and outcome.by in hashes:
            tests[outcome.by] = hashes[outcome.by]
        self.state.add({'machine': machine.name, 'code': code, 'id': mutant and mutant.id,
                        'file': mutant.file if mutant else '', 'killed': outcome.killed,
                        'by': outcome.by, 'how': outcome.how, 'detail': outcome.detail,
                        'tests': tests, 'seconds': outcome.seconds,
                        'seconds_each': outcome.passed})

    def verdict(self, mutant, machine, workshop, code):
        """The record of this mutant on this machine, from before or from now."""
        known = self.state.find(machine.name, code)
        if known and still_killed(known, self.programs):
            return known
        wanted = self.programs_for(machine)
        names = [name for name in unseen(known, self.programs) if name in wanted]
        if known and not known['killed'] and not names:
            return known
        outcome = self.trial(machine, workshop, self.ordered(names, mutant.file))
        self.keep_log(f'{mutant.id}.{machine.name}', mutant.title, mutant.diff, *outcome.text)
        self.record(machine, code, mutant, outcome,
                    known['tests'] if known and not known['killed'] else {})
        return self.state.find(machine.name, code)

    def keep_log(self, name, *lines):
        logs = self.folder / 'logs'
        logs.mkdir(parents=True, exist_ok=True)
        (logs / name).write_text('\n'.join([*lines, '']), encoding='utf-8')

    def prepare(self, mutant, workshop):
        """Builds a mutant; None if it is not one, which is counted."""
        code = workshop.build({mutant.file: mutant.text})
        with self.lock:
            if not code:
                reason = 'does not compile'
            elif code == self.good['stock']:
                reason = 'same object file'
            elif code in self.codes:
                reason = 'same as another'
            else:
                self.codes.add(code)
                return code
            self.dropped[reason] += 1
        return None

    def second_chance(self, mutant, workshops, record):
        for machine in self.machines[1:]:
            if (record['killed'] or mutant.id in self.equivalent
                    or mutant.rule not in SECOND[machine.name]):
                continue
            code = workshops[machine.name].build({mutant.file: mutant.text})
            if code and code != self.good[machine.name]:
                record = self.verdict(mutant, machine, workshops[machine.name], code)
        return record

    def judge(self, mutant, workshops):
        stock = self.machines[0]
        code = self.prepare(mutant, workshops[stock.name])
        if not code:
            return None
        record = self.verdict(mutant, stock, workshops[stock.name], code)
        return self.second_chance(mutant, workshops, record)


class Crew:
    """The workers of a campaign, who take mutants from one list until enough have
    been judged."""

    def __init__(self, campaign, candidates, count, workers):
        self.campaign = campaign
        self.waiting = list(candidates)
        self.count = count
        self.started = 0
        self.workshops = []
        for number in range(workers):
            self.workshops.append({
                machine.name: Workshop(campaign.top,
                                       campaign.folder / f'{machine.name}-{number}',
                                       machine.kdir, machine.make_args)
                for machine in campaign.machines})

    def begin(self):
        for machine in self.campaign.machines:
            for shops in self.workshops[1:]:
                shops[machine.name].build({})
            self.campaign.baseline(self.workshops[0][machine.name], machine)
        if self.count > 1:
            self.control(self.workshops[0])

    def take(self):
        with self.campaign.lock:
            if Trial.aborted.is_set() or self.started >= self.count or not self.waiting:
                return None
            self.started += 1
            return self.waiting.pop(0)

    def give_back(self):
        with self.campaign.lock:
            self.started -= 1

    def work(self, workshops):
        campaign = self.campaign
        while True:
            mutant = self.take()
            if not mutant:
                return
            record = campaign.judge(mutant, workshops)
            if not record:
                self.give_back()
                continue
            if self.report(mutant, record) % CONTROL_EVERY == 0:
                self.control(workshops)

    def control(self, workshops):
        stock = self.campaign.machines[0]
        again = self.campaign.control(workshops[stock.name], stock)
        with self.campaign.lock:
            self.waiting = again + self.waiting
            self.started -= len(again)

    def report(self, mutant, record):
        """Returns how many there are now."""
        campaign = self.campaign
        with campaign.lock:
            campaign.results.append((mutant, record))
            number = len(campaign.results)
        end = f'by {record["by"]}: {record["how"]} {record["detail"]}'
        campaign.say(f'{number:4}/{self.count} '
                     f'{"killed  " if record["killed"] else "SURVIVED"} {record["seconds"]:4.0f} s '
                     f'{mutant.title}{" " + end if record["killed"] else ""}')
        return number

    def run(self):
        threads = [threading.Thread(target=self.work_until_aborted, args=(shops,))
                   for shops in self.workshops]
        for thread in threads:
            thread.start()
        # Not by join(): one that was interrupted believes that the thread has ended.
        while any(thread.is_alive() for thread in threads):
            try:
                time.sleep(0.2)
            except KeyboardInterrupt:
                Trial.aborted.set()
                print('mutate: interrupted; the same command goes on from here', flush=True)

    def work_until_aborted(self, workshops):
        try:
            self.work(workshops)
        except Aborted:
            pass


def gross(source_text, name):
    """A fault that no test suite may miss: nobody is ever woken."""
    source = rules.Source(name, source_text)
    edits = [edit for function in source.functions
             for edits in rules.RULES['wake'][1](source, function) for edit in edits]
    text = apply(source_text, edits)
    return Mutant('self-test', name, '', 1, text, diff_of(name, source_text, text), 'gross')
