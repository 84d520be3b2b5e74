# SPDX-License-Identifier: GPL-2.0-only
"""As much of C as the rules need: a mask, functions, statements.

The sources are in kernel style, which makes this small: a function's braces
stand in the first column, and binary operators have blanks around them.
"""
import re
from dataclasses import dataclass, field

# What tells and checks but does not act: no rule sees these calls.
SILENT_CALL = re.compile(r'\b(?:trace_\w+|lockdep_\w+|WARN\w*|BUG_ON|pr_\w+|static_assert|'
                         r'might_\w+|KUNIT_\w+)\s*\(')
SILENT_TEXT = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
# Of the preprocessor only #define has behaviour in it.
DIRECTIVE = re.compile(r'^[ \t]*#(?![ \t]*define\b)(?:\\\n|[^\n])*', re.M)
GUARD = re.compile(r'^#define\s+\w+_H$', re.M)
LOOP = re.compile(r'(?:for|while|switch|\w*for_each\w*)\s*(?=\()')
LABEL = re.compile(r'(?:case\b[^:;]*|default|\w+)\s*:(?!:)')
DECLARATION = re.compile(r'(?:const|static|struct|unsigned|enum|union)\b|'
                         r'(?!return\b|goto\b)\w+\s+\**\w+|[A-Z_]+\(')


@dataclass
class Statement:
    """kind: simple, if or loop; the body of the latter two is one statement or
    a list, that of a block."""
    kind: str
    start: int
    end: int
    head: tuple = None
    body: list = field(default_factory=list)
    otherwise: list = None


@dataclass
class Function:
    name: str
    type: str
    start: int
    end: int
    body: list


class ParseError(Exception):
    """The file has something this small parser does not know."""


def blank(text, start, end):
    """The same text with blanks there, line ends kept."""
    return text[:start] + re.sub(r'[^\n]', ' ', text[start:end]) + text[end:]


def closing(masked, pos):
    """Just behind the bracket that closes the one at pos."""
    depth = 0
    for i in range(pos, len(masked)):
        depth += masked[i] in '([{'
        depth -= masked[i] in ')]}'
        if not depth:
            return i + 1
    raise ParseError(f'bracket at {pos} is never closed')


def mask(text):
    """The text with all that is not behaviour blanked out, each character where
    it was."""
    for pattern in (SILENT_TEXT, DIRECTIVE, GUARD):
        for match in list(pattern.finditer(text)):
            text = blank(text, *match.span())
    match = SILENT_CALL.search(text)
    while match:
        text = blank(text, match.start(), closing(text, match.end() - 1))
        match = SILENT_CALL.search(text, match.end())
    return text


def skip(masked, pos):
    while pos < len(masked) and masked[pos].isspace():
        pos += 1
    return pos


def parse_block(masked, pos, end):
    found = []
    pos = skip(masked, pos)
    while pos < end:
        statements, pos = parse_statement(masked, pos)
        found += statements
        pos = skip(masked, pos)
    return found


def parse_if(masked, pos):
    start, head = pos, skip(masked, pos + 2)
    after = closing(masked, head)
    body, pos = parse_statement(masked, skip(masked, after))
    node = Statement('if', start, pos, (head + 1, after - 1), body)
    tail = skip(masked, pos)
    if re.match(r'else\b', masked[tail:tail + 5]):
        node.otherwise, node.end = parse_statement(masked, skip(masked, tail + 4))
    return [node], node.end


def parse_loop(masked, start, head):
    after = closing(masked, head)
    body, pos = parse_statement(masked, skip(masked, after))
    return [Statement('loop', start, pos, (head + 1, after - 1), body)], pos


def parse_do(masked, start):
    """Its head is behind its body, as are its last bracket and semicolon."""
    body, pos = parse_statement(masked, skip(masked, start + len('do')))
    head = masked.index('(', pos)
    after = closing(masked, head)
    return [Statement('loop', start, after + 1, (head + 1, after - 1), body)], after + 1


def parse_statement(masked, pos):
    """The statements that begin at pos: one, or those of a block."""
    if masked[pos] == '{':
        end = closing(masked, pos)
        return parse_block(masked, pos + 1, end - 1), end
    if re.match(r'if\s*\(', masked[pos:pos + 8]):
        return parse_if(masked, pos)
    if re.match(r'do\b', masked[pos:pos + 3]):
        return parse_do(masked, pos)
    match = LOOP.match(masked, pos)
    if match:
        return parse_loop(masked, pos, match.end())
    match = LABEL.match(masked, pos)
    if match:
        return parse_statement(masked, skip(masked, match.end()))
    end = pos
    while masked[end] != ';':
        end = closing(masked, end) if masked[end] in '([{' else end + 1
    return [Statement('simple', pos, end + 1)] if end > pos else [], end + 1


def functions(masked):
    """All function definitions of a file, in order."""
    found = []
    for match in re.finditer(r'^\{\n', masked, re.M):
        end = closing(masked, match.start())
        header = re.search(r'(?:^|[;}\n])\s*?((?:\w[^;{}]*?)?\b(\w+)\s*\([^;{}]*\)[^;{}()]*'
                           r'(?:\([^;{}()]*\(?[^;{}()]*\)?\)\s*)?)$',
                           masked[:match.start()])
        if not header:
            raise ParseError(f'no header before the brace at {match.start()}')
        found.append(named(masked, header, match.start(), end))
    return found


def named(masked, header, start, end):
    text = re.sub(r'__(?:releases|acquires)\s*\([^\n]*', '', header.group(1))
    # A parameter may be a function.
    match = re.search(r'(\w+)\s*\((?:[^()]|\([^()]*\))*\)\s*$', text.strip())
    if not match:
        raise ParseError(f'no name in {text!r}')
    kind = text.strip()[:match.start()].replace('static', '').replace('inline', '').strip()
    return Function(match.group(1), kind, start, end, parse_block(masked, start + 1, end - 1))


def flatten(statements):
    """Every statement, those inside others as well."""
    for node in statements:
        yield node
        yield from flatten(node.body)
        yield from flatten(node.otherwise or [])


def is_declaration(masked, node):
    return bool(DECLARATION.match(masked[node.start:node.end]))
