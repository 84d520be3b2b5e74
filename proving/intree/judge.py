# SPDX-License-Identifier: GPL-2.0-only
"""What the tools' output says, and a self-test that each kind of fault is seen."""

import re

# A line of a compiler, of the linker, of kbuild or of Sphinx that is no progress.
COMPLAINT = re.compile(r'\b(warning|error|undefined reference)\b|^WARNING:|^ERROR:', re.I)

# checkpatch's verdict on a patch that it has nothing to say about.
CLEAN = re.compile(r'^total: 0 errors, 0 warnings, 0 checks, \d+ lines checked$', re.M)

RESULT = re.compile(r'^\s*(not ok|ok) \d+ (?:- )?([\w.-]+)')
SUITE = re.compile(r'^\s*# Subtest: (\S+)')


def complaints(output, of=''):
    """The lines of a build's output that complain, where it matches this too."""
    return [line for line in output.splitlines() if COMPLAINT.search(line) and re.search(of, line)]


def kunit_suites(sources):
    """Name of each suite in the sources and its cases, {name: [case, ...]}."""
    suites = {}
    for text in sources:
        names = re.findall(r'^\t\.name = "(\w+)",$', text, re.M)
        if names:
            suites[names[0]] = re.findall(r'^\tKUNIT_CASE\w*\((\w+)\b', text, re.M)
    return suites


def kunit_results(log, suites):
    """(passed, name, lines before it) for each case that was to run, in the log or not."""
    found, notes, suite = {}, [], None
    for line in log.splitlines():
        subtest, result = SUITE.match(line), RESULT.match(line)
        if subtest:
            suite, notes = subtest[1], []
        elif result and suite in suites and result[2] in suites[suite]:
            found[suite, result[2]] = (result[1] == 'ok' and 'SKIP' not in line, notes)
            notes = []
        elif suite:
            notes.append(line.strip())
    for suite, cases in suites.items():
        for case in cases:
            passed, notes = found.get((suite, case), (False, ['it is not in the kernel log']))
            yield passed, '%s.%s' % (suite, case), [] if passed else notes[-20:]


def kselftest_results(output, programs):
    """(passed, name, lines before it) for each program, and how many tests they had."""
    found, notes, tests = {}, [], 0
    for line in output.splitlines():
        result = re.match(r'^(not ok|ok) \d+ selftests: hsk: (\w+)', line)
        if result:
            found[result[2]] = (result[1] == 'ok' and '# SKIP' not in line, notes + [line])
            notes = []
        else:
            tests += bool(re.match(r'^# ok \d+ (?!.*# SKIP)', line))
            notes.append(line)
    results = []
    for name in programs:
        passed, notes = found.get(name, (False, ['run_kselftest.sh does not report it']))
        results.append((passed, name, [] if passed else notes[-60:]))
    return results, tests


LOG = '''\
TAP version 14
1..2
    # Subtest: hsk_a
    1..2
    ok 1 - first
    ok 2 - second
# hsk_a: pass:2 fail:0 skip:0 total:2
ok 1 - hsk_a
    # Subtest: hsk_b
    1..1
    # third: EXPECTATION FAILED at b.c:1
    ok 1 - third
ok 2 - hsk_b
'''
SUITES = {'hsk_a': ['first', 'second'], 'hsk_b': ['third']}
KSELFTEST = '# # ok 1 x\n# ok 1 x\nok 1 selftests: hsk: abi\nok 2 selftests: hsk: rw\n'


def failures(results):
    return [name for passed, name, _ in results if not passed]


def self_test():
    """(passed, name) for each planted fault, and for what has none."""
    def kunit(log):
        return failures(kunit_results(log, SUITES))

    def kselftest(output):
        return failures(kselftest_results(output, ['abi', 'rw'])[0])

    yield not kunit(LOG) and not kselftest(KSELFTEST), 'what has no fault passes'
    yield kunit(LOG.replace('ok 2 - second', 'not ok 2 - second')) == ['hsk_a.second'], \
        'a case of KUnit that fails is seen'
    yield kunit(LOG[:LOG.index('    # Subtest: hsk_b')]) == ['hsk_b.third'], \
        'a suite of KUnit that does not run is seen'
    yield kunit(LOG.replace('    ok 1 - first\n', '')) == ['hsk_a.first'], \
        'a case of KUnit that does not run is seen'
    yield kunit(LOG.replace('- first', '- first # SKIP')) == ['hsk_a.first'], \
        'a case of KUnit that is skipped is seen'
    yield kselftest(KSELFTEST.replace('ok 2', 'not ok 2')) == ['rw'], \
        'a selftest that fails is seen'
    yield kselftest(KSELFTEST.split('ok 2')[0]) == ['rw'], 'a selftest that does not run is seen'
    yield complaints('chan.c:3:5: warning: unused variable') and \
        complaints('hsk/index.rst:7: WARNING: undefined label: x', r'hsk/|x\.h') and \
        complaints('ld: undefined reference to `x\''), 'a warning is seen'
