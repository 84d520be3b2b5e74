# SPDX-License-Identifier: GPL-2.0-only
"""What each patch of the series says of itself."""

HEADER = '''\
misc: hsk: add the interface of channels between processes

Programs that hand each other work build the same few things again and
again: a queue with back-pressure, a hand-over that both sides know of,
a reply that comes or is known never to come. Threads of one program
have Go's channels for that. Between processes there are pipes, which
know no messages and whose writer does not learn whether anybody has
read, and sockets, which can't be shared by several receivers without
a process in the middle, and with which a peer that has died midway
can't be told from one that was done.

hsk brings channels to processes. A channel is a file descriptor;
opening /dev/hsk makes one. It holds messages in order, or none
(rendezvous: a send returns when a receiver has taken the message),
and queues those who wait. A message is bytes, open files and other
channels' descriptors. The state is the kernel's, so the death of a
process is seen by its peers as a close.

Add the header that programs use, with the rules and the errors of
each operation, and reserve the ioctl numbers.
'''

DRIVER = '''\
misc: hsk: add channels between processes

The driver of /dev/hsk. An endpoint is an open file on a channel,
whose access mode says whether it may receive or send. The last
one that may send closes the channel when it goes, by whatever way,
with -EOWNERDEAD.

Descriptors in messages could let a channel hold itself, as with
Unix sockets. There a garbage collector looks for such cycles;
here a message that would close one is refused (ELOOP). What can
travel is chosen so that this is enough: endpoints, regular files,
memfds and pipes.

All memory is charged to the memory cgroup of who causes it,
descriptors in flight are limited for each user, and no lock is held
while user memory is touched: a slow or hostile peer holds up nobody.

match.h says how messages find receivers, wait.h how waits are ended,
flight.h how descriptors travel.
'''

KUNIT = '''\
misc: hsk: add KUnit tests

Programs can test what a program can bring about. Not at will:
races for the end of a wait, messages that come back in every order,
a waiter that somebody else has claimed, counters at their limits,
objects that are half built.

The tests of static functions are included at the end of the file
that has them.
'''

SELFTESTS = '''\
selftests: hsk: add tests of channels between processes

One program a topic, in the kselftest harness. Parties are processes
that are killed, stopped and interrupted at the moments that matter. No
test sleeps to prove anything but that somebody is still blocked.
'''

DOCS = '''\
docs: userspace-api: describe channels between processes

What the device promises to programs, operation by operation, and
for those who change the driver how its parts fit together.
'''
