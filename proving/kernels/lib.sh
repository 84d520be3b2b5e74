# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What the scripts of this folder share: the cache of kernels, one directory
# NAME/KEY for each.
#
# An entry is looked up by its key, which says all that it was made from. It is
# made beside its final place and renamed, so that half of one is never found, and
# has these parts:
#
#   release                      what uname -r says in it
#   boot/vmlinuz-RELEASE         the image
#   usr/src/linux-headers-RELEASE    where modules are built (for 7.2: in root/)

home=${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}
cache=$(realpath -m "${HSK_CACHE:-${XDG_CACHE_HOME:-$home/.cache}/hsk}")/kernels

say() { printf 'kernel: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# entry_lock NAME: one maker of a kernel at a time; held until the script ends.
entry_lock() {
	mkdir -p "$cache/$1"
	exec 8>"$cache/$1/.lock"
	flock -n 8 && return
	say "$1: waiting for another run that makes it"
	flock 8
}

# entry_begin NAME: an empty directory to make it in, and none of a maker that
# was killed. Only with the lock.
entry_begin() {
	rm -rf "$cache/$1"/.new.*
	mktemp -d "$cache/$1/.new.XXXXXX"
}

# entry_publish NAME KEY DIR: the only entry of this name from now on. A name that
# begins with a dot is never taken for an entry.
entry_publish() {
	local name=$1 key=$2 dir=$3 old
	chmod 755 "$dir"
	mv -T "$dir" "$cache/$name/$key"
	for old in "$cache/$name"/*; do
		[[ $old == "$cache/$name/$key" ]] || rm -rf "$old"
	done
}

# with_progress NAME SECONDS LOG COMMAND...: its output to a file, a line every 20
# seconds with what the function progress prints, and an end to it after that time.
with_progress() {
	local name=$1 limit=$2 log=$3 status=0 begin=$SECONDS ticker
	shift 3
	(while sleep 20 >/dev/null 2>&1; do
		say "$name: $((SECONDS - begin)) s, $(progress)"
	done) 8>&- &
	ticker=$!
	timeout --foreground --kill-after=10 "$limit" "$@" >"$log" 2>&1 8>&- ||
		status=$?
	kill "$ticker" 2>/dev/null
	wait "$ticker" 2>/dev/null || true
	[[ $status -ne 124 ]] || say "$name: ended after its limit of $limit s"
	return "$status"
}
