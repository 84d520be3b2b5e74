#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# hsk(1), the command-line tool, command by command. TAP on standard output.
# Needs hsk on the PATH, the module loaded, and root for access and limits.
#
# What stands in single quotes is for the shell under hsk new:
# shellcheck disable=SC2016

passed=0
failed=0

# ok NAME EXPECTED-STATUS EXPECTED-OUTPUT COMMAND...: all of it must be so. The
# output is standard output and standard error, lines joined by "|".
ok() {
	name=$1 want_status=$2 want=$3
	shift 3
	got=$("$@" 2>&1)
	status=$?
	got=$(printf '%s' "$got" | tr '\n' '|')
	if [ "$status" = "$want_status" ] && [ "$got" = "$want" ]; then
		passed=$((passed + 1))
		echo "ok $((passed + failed)) $name"
	else
		failed=$((failed + 1))
		echo "not ok $((passed + failed)) $name"
		echo "# status $status, expected $want_status"
		echo "# output '$got', expected '$want'"
	fi
}

in_channel() {
	capacity=$1
	shift
	hsk new -c "$capacity" -- sh -c "$@"
}

# One value of what hsk info prints.
value() {
	sed -n "s/^$1:[[:space:]]*//p"
}

echo 'TAP version 13'
ok message_goes_from_one_process_to_another 0 hello \
	in_channel 0 'hsk send hello & hsk recv; wait'
ok new_passes_the_status_of_its_command_on 7 '' in_channel 0 'exit 7'
ok send_takes_standard_input_as_one_message 0 'a|b|.' \
	in_channel 1 'printf "a\nb\n" | hsk send -; hsk recv -r; echo .'
ok empty_message_is_a_message 0 '' in_channel 1 'hsk send ""; hsk recv'
ok shell_writes_a_message_by_redirection 0 "plain|." \
	in_channel 1 'echo plain >&$HSK_FD; hsk recv -r; echo .'
ok recv_all_ends_with_an_orderly_close 0 '1|2|3' \
	in_channel 3 'for i in 1 2 3; do hsk send $i; done; hsk close; hsk recv -a'
ok recv_all_reports_another_reason 4 'x|hsk: the channel is closed, reason 9' \
	in_channel 1 'hsk send x; hsk close 9; hsk recv -a'
ok recv_names_a_negative_reason 4 \
	'hsk: the channel is closed, reason -125 (Operation canceled)' \
	in_channel 0 'hsk close -125; hsk recv'
ok send_without_waiting_fails 3 'hsk: cannot send now: it would have to wait' \
	in_channel 0 'hsk send -n x'
ok recv_without_waiting_fails 3 \
	'hsk: cannot receive now: it would have to wait' \
	in_channel 0 'hsk recv -n'
ok send_ends_at_its_deadline 3 'hsk: cannot send: not in time' \
	in_channel 0 'hsk send -d 20 x'
ok recv_ends_at_its_deadline 3 'hsk: cannot receive: not in time' \
	in_channel 0 'hsk recv -d 20'
ok send_on_closed_fails 4 'hsk: cannot send: the channel is closed' \
	in_channel 0 'hsk close; hsk send x'
ok second_close_fails 4 'hsk: cannot close: the channel is closed' \
	in_channel 0 'hsk close; hsk close'
ok long_message_arrives_whole 0 60000 \
	in_channel 1 'head -c 60000 /dev/zero | hsk send -; hsk recv -r | wc -c'
limit=$(cat /sys/module/hsk/parameters/max_msg_size)
echo 1000000 >/sys/module/hsk/parameters/max_msg_size
ok message_longer_than_first_expected_arrives_whole 0 900000 \
	in_channel 1 'head -c 900000 /dev/zero | hsk send -; hsk recv -r | wc -c'
echo "$limit" >/sys/module/hsk/parameters/max_msg_size
ok too_long_message_is_refused 1 \
	"hsk: cannot send: Message too long: longer than the module's max_msg_size" \
	in_channel 1 'head -c '$((limit + 1))' /dev/zero | hsk send -'

info=$(in_channel 5 'hsk send x; hsk send y; hsk recv >/dev/null; hsk info')
ok info_shows_capacity_and_counters 0 '5 2 1 1 0 rw open' echo \
	"$(for key in capacity sent received buffered drained rights state; do
		echo "$info" | value $key
	done | tr '\n' ' ' | sed 's/ $//')"
ok info_of_a_process_agrees_with_info_of_the_descriptor 0 same \
	in_channel 5 '[ "$(hsk info)" = "$(hsk info $$ $HSK_FD)" ] && echo same'
ok info_of_a_process_finds_its_endpoints 0 1 \
	in_channel 5 'hsk info $$ | grep -c ^descriptor:'
ok info_refuses_what_is_no_endpoint 1 \
	"hsk: descriptor 0 of process $$ is no endpoint" hsk info $$ 0
ok abi_is_version_1 0 1 sh -c 'hsk abi | sed -n "s/^version:.//p"'

ok endpoint_is_named_by_option 0 x \
	in_channel 1 'fd=$HSK_FD; unset HSK_FD; hsk --fd $fd send x; hsk --fd $fd recv'
ok missing_endpoint_is_explained 2 \
	"hsk: no channel: give --fd N, or run under 'hsk new'" hsk send x
ok other_descriptor_is_explained 1 \
	'hsk: cannot send: Inappropriate ioctl for device: not an endpoint of a channel' \
	sh -c 'hsk --fd 0 send x </dev/null'
ok closed_descriptor_is_explained 1 \
	'hsk: cannot send: Bad file descriptor: the endpoint is not open here, or lacks the right' \
	hsk --fd 99 send x
ok capacity_out_of_range_is_explained 1 \
	"hsk: cannot make a channel: Invalid argument: the capacity is above the module's max_capacity" \
	hsk new -c 2000000000 true
ok unknown_number_is_wrong_usage 2 \
	"hsk: the capacity must be a number from 0 to 2147483647, not 'x'" \
	hsk new -c x true
ok command_that_does_not_exist_is_explained 1 \
	'hsk: cannot run /nonexistent: No such file or directory' \
	hsk new /nonexistent

mode=$(stat -c %a /dev/hsk)
chmod 600 /dev/hsk
printf 'hsk-tool:x:4711:4711::/:/bin/sh\n' >>/etc/passwd
ok missing_permission_is_explained 1 \
	'hsk: cannot make a channel: Permission denied: you may not use it (join the group hsk, log in again)' \
	su hsk-tool -c 'hsk abi'
chmod "$mode" /dev/hsk
sed -i '/^hsk-tool:/d' /etc/passwd

echo "1..$((passed + failed))"
echo "# $passed passed, $failed failed"
[ $failed -eq 0 ]
