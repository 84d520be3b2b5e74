# SPDX-License-Identifier: GPL-2.0-only
"""The rules: each names a kind of fault and finds every place in a source file
where it can be made. A place is one or more edits, (start, end, new text).

What a rule leaves out, it leaves out by what it is, never by where it stands.
"""
import re

import csource

RULES = {}

LOCK_CALLS = r'(?:spin|mutex|raw_spin|read|write)_(?:un)?lock\w*'
REFERENCE_CALL = re.compile(
    r'(?:\w+_(?:get|put)|get_(?!user|unused)\w+|put_(?!user)\w+|fput|k?v?k?free|\w+_free'
    r'|refcount_(?!set)\w+|(?:[\w.\[\]]|->)+->get)\s*\(')
LEAVING = re.compile(r'(?:return|goto|break|continue)\b')


def rule(name, says):
    """Registers a generator of edit lists as the rule of that name."""
    def register(function):
        RULES[name] = (says, function)
        return function
    return register


class Source:
    """One file, parsed."""

    def __init__(self, name, text):
        self.name = name
        self.text = text
        self.masked = csource.mask(text)
        self.functions = csource.functions(self.masked)

    def code(self, node):
        return self.masked[node.start:node.end]

    def statements(self, function):
        return list(csource.flatten(function.body))

    def simple(self, function):
        """The statements that are a call or an assignment."""
        for node in self.statements(function):
            if (node.kind == 'simple' and not csource.is_declaration(self.masked, node)
                    and not LEAVING.match(self.code(node))):
                yield node

    def find(self, pattern, function):
        return re.compile(pattern).finditer(self.masked, function.start, function.end)

    def heads(self, function):
        """Where a for statement steps: faults there only loop for ever."""
        return [node.head for node in self.statements(function) if node.kind == 'loop'
                and self.masked.startswith('for', node.start)]

    def arguments(self, pos):
        """The text between the bracket at pos and the one that closes it."""
        end = csource.closing(self.masked, pos)
        return self.masked[pos + 1:end - 1], end


def drop(node):
    return [(node.start, node.end, ';')]


def statement_rule(matches):
    """The edits that delete each simple statement that matches."""
    def generate(source, function):
        for node in source.simple(function):
            if matches(source.code(node)):
                yield drop(node)
    return generate


def is_wake(code):
    return bool(re.match(r'(?:(?:[\w.\[\]]|->)+->wake|\w*wake\w*|wakes?_\w+'
                         r'|\w+_finish(?:_locked)?)\s*\(', code) or
                re.match(r'wakes?\b(?:->|\.)\w+.*?\|?=', code)) and '_init(' not in code


def is_reference(code):
    return bool(REFERENCE_CALL.match(code))


def is_counter(code):
    return bool(re.match(r'(?:\+\+|--)?[\w.>\-]+(?:\[.*\])?\s*(?:\+\+|--|[+-]=.*)?;$', code, re.S)
                and re.search(r'\+\+|--|[+-]=', code))


rule('wake', 'a wake-up dropped')(statement_rule(is_wake))


@rule('fifo', 'a queue turned round: head for tail, first for last, forwards for backwards')
def fifo(source, function):
    swaps = {'list_add_tail': 'list_add', 'list_add': 'list_add_tail',
             'list_first_entry': 'list_last_entry',
             'list_for_each_entry': 'list_for_each_entry_reverse',
             'list_for_each_entry_reverse': 'list_for_each_entry'}
    for match in source.find(r'\blist_\w+(?=\()', function):
        name = match.group()
        if name in swaps:
            yield [(*match.span(), swaps[name])]
        elif name == 'list_first_entry_or_null':
            args, end = source.arguments(match.end())
            head = args.split(',')[0]
            yield [(match.start(), end,
                    f'(list_empty({head}) ? NULL : list_last_entry({args}))')]


@rule('reference', 'a reference not taken, or not put; memory not freed')
def reference(source, function):
    yield from statement_rule(is_reference)(source, function)
    for match in source.find(r'\b(?:get_(?!user|unused)\w+)(?=\()', function):
        args, end = source.arguments(match.end())
        yield [(match.start(), end, f'({args})')]


@rule('lock', 'a lock not taken: all its lock and unlock calls in one function')
def lock(source, function):
    calls = {}
    later = []
    for node in source.simple(function):
        match = re.match(rf'({LOCK_CALLS})\((.*)\);$', source.code(node), re.S)
        if match:
            calls.setdefault(match.group(2), []).append((node, match.group(1)))
        elif re.match(r'\w+_unlock\(', source.code(node)):
            later.append(node)
    for name, found in calls.items():
        takes = [call for _, call in found if 'unlock' not in call]
        frees = len(found) - len(takes)
        if not takes or not (frees or later):
            continue
        # Who unlocks as its last act gets the lock there, and the rest ran without.
        moved = [(node.start, node.end, f'{{ {takes[0]}({name}); {source.code(node)} }}')
                 for node in later]
        yield [edit for node, _ in found for edit in drop(node)] + moved


@rule('claim', 'a claim not checked: taken for won, or for lost')
def claim(source, function):
    for match in source.find(r'\b(?:\w+_claim|\w+_wait_done)(?=\()', function):
        args, end = source.arguments(match.end())
        call = f'{match.group()}({args})'
        yield [(match.start(), end, f'({call}, true)')]
        yield [(match.start(), end, f'({call}, false)')]
    for match in source.find(r'\batomic_try_cmpxchg(?=\()', function):
        args, end = source.arguments(match.end())
        first, _, last = args.split(',')
        yield [(match.start(), end, f'(atomic_set({first},{last}), true)')]


@rule('counter', 'a count not kept')
def counter(source, function):
    yield from statement_rule(is_counter)(source, function)
    alone = [node for node in source.simple(function) if is_counter(source.code(node))]
    off_limits = source.heads(function) + [(node.start, node.end) for node in alone]
    for match in source.find(r'\+\+|--', function):
        if not any(start <= match.start() < end for start, end in off_limits):
            yield [(*match.span(), '')]


@rule('check', 'a check removed: an if that only leaves')
def check(source, function):
    for node in source.statements(function):
        if (node.kind == 'if' and node.otherwise is None and node.body
                and LEAVING.match(source.code(node.body[-1]))):
            yield drop(node)


@rule('errno', 'an error number changed to another')
def errno(source, function):
    for match in source.find(r'-E[A-Z0-9]{2,}\b', function):
        yield [(*match.span(), '-EIO')]


@rule('error', 'an error returned as success')
def error(source, function):
    for match in source.find(r'\breturn (err|ret|fd|PTR_ERR\(\w+\));', function):
        yield [(*match.span(), 'return 0;')]


@rule('condition', 'a condition negated')
def condition(source, function):
    for node in source.statements(function):
        head = node.head
        if node.kind == 'if' or node.kind == 'loop' and source.masked.startswith(('while', 'do'),
                                                                                  node.start):
            yield [(*head, f'!({source.text[slice(*head)]})')]
    for match in source.find(r'(?:\breturn |[^=!<>]= )([^?;{}]+?) (?=\?)', function):
        yield [(*match.span(1), f'!({match.group(1)})')]


@rule('comparison', 'a comparison off by one, or equal for unequal')
def comparison(source, function):
    swaps = {'<': '<=', '<=': '<', '>': '>=', '>=': '>', '==': '!=', '!=': '=='}
    for match in source.find(r'(?<= )(?:[<>]=?|[=!]=)(?= )', function):
        yield [(*match.span(), swaps[match.group()])]


@rule('logic', '&& for ||, || for &&')
def logic(source, function):
    for match in source.find(r'&&|\|\|', function):
        yield [(*match.span(), '||' if match.group() == '&&' else '&&')]


@rule('boolean', 'a boolean returned the other way')
def boolean(source, function):
    if function.type != 'bool':
        return
    for match in source.find(r'\breturn ([^;]+);', function):
        swaps = {'true': 'false', 'false': 'true'}
        value = match.group(1)
        yield [(*match.span(1), swaps.get(value, f'!({value})'))]


@rule('flag', 'one of several flags left out')
def flag(source, function):
    constant = r'[A-Z_][A-Z0-9_]+'
    places = [(function.start, function.end)] if function else \
        [match.span() for match in re.finditer(r'#define[^\n]*', source.masked)]
    for place in places:
        for match in re.compile(rf'\b({constant}) \| (?={constant}\b)').finditer(source.masked,
                                                                                 *place):
            yield [(*match.span(), '')]
        for match in re.compile(rf'(?<=[A-Z0-9_]) \| {constant}\b').finditer(source.masked, *place):
            yield [(*match.span(), '')]
        for match in re.compile(r'(?<=\()O_\w+(?=\))').finditer(source.masked, *place):
            yield [(*match.span(), '0')]


@rule('member', 'an initializer of a member left out')
def member(source, function):
    span = (function.start, function.end) if function else (0, len(source.masked))
    inside = [] if function else [(f.start, f.end) for f in source.functions]
    for match in re.compile(r'\.[\w.]+ = [^;{}]*?,(?=\n)').finditer(source.masked, *span):
        if not any(start <= match.start() < end for start, end in inside):
            yield [(*match.span(), '')]


@rule('jump', 'a loop left instead of continued, or the other way')
def jump(source, function):
    swaps = {'break': 'continue', 'continue': 'break'}
    for match in source.find(r'\b(?:break|continue)(?=;)', function):
        yield [(*match.span(), swaps[match.group()])]


@rule('statement', 'another call or assignment deleted')
def statement(source, function):
    yield from statement_rule(lambda code: not re.match(LOCK_CALLS, code))(source, function)


@rule('order', 'an ordering weakened')
def order(source, function):
    weaker = {'atomic_set_release': 'atomic_set', 'atomic_read_acquire': 'atomic_read',
              'smp_store_release': 'WRITE_ONCE', 'smp_load_acquire': 'READ_ONCE',
              'set_current_state': '__set_current_state', 'READ_ONCE': '',
              'atomic_try_cmpxchg': 'atomic_try_cmpxchg_relaxed'}
    for match in source.find(r'\b\w+(?=\()', function):
        if match.group() in weaker:
            yield [(*match.span(), weaker[match.group()])]


# A machine that orders by itself, as x86 does, can't show these; they are counted
# apart.
APART = {'order'}
# What also applies outside of functions.
GLOBAL = ('flag', 'member')
