# SPDX-License-Identifier: GPL-2.0-only
"""Results in the form that tools/check-report reads."""

import time


def say(line):
    print(line, flush=True)


class Block:
    """Results that are shown as they come, between @begin and @end."""

    def __init__(self, name):
        self.name = name
        self.number = 0
        self.failed = 0
        self.begin = time.monotonic()
        say('@begin %s live' % name)

    def result(self, passed, what, notes=()):
        for note in notes:
            say('# ' + note)
        self.number += 1
        self.failed += not passed
        say('%s %d %s' % ('ok' if passed else 'not ok', self.number, what))
        return passed

    def skip(self, what, reason):
        self.number += 1
        say('ok %d %s # SKIP %s' % (self.number, what, reason))

    def end(self):
        say('1..%d' % self.number)
        say('@end %s 0 %d' % (self.name, time.monotonic() - self.begin))
