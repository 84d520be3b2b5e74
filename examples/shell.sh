#!/bin/sh
# SPDX-License-Identifier: MIT
#
# No library, no binding: write(2) sends one message, read(2) receives one.
# dd reads with one read(2) a block, so one block is one message.
set -e

exec 3<>/dev/hsk	# a new channel, both ends of it

(
	echo "first message" >&3
	echo "second message" >&3
) &

dd bs=65536 count=2 status=none <&3
wait $!

# What the kernel knows of it.
grep '^hsk-' /proc/self/fdinfo/3
