// SPDX-License-Identifier: GPL-2.0-only
/* What the manager does in a history. */
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "record.h"

/* A channel that the manager can't look at any more: so long counts as blocked. */
#define UNSEEN_NS	(3 * NSEC_PER_SEC / 1000)
/* The manager stops choosing and kills, while it has room for the notes. */
#define NOTES_LEFT	(NR_WORKER_PROCS + MAX_CHANS + 1)

bool takes_part(int nr)
{
	return shared->invited[nr] == current_round;
}

static bool is_under_way(int nr)
{
	return takes_part(nr) && pids[actor_process[nr]] &&
	       __atomic_load_n(&shared->done[nr], __ATOMIC_ACQUIRE) != current_round;
}

static int count_under_way(void)
{
	int nr, n = 0;

	for (nr = 0; nr < NR_WORKERS; nr++)
		n += is_under_way(nr);
	return n;
}

/* What an actor, or a selector, does or has done last; NULL: nothing yet. */
static const struct op *last_of(int nr)
{
	const struct notes *notes = &shared->notes[nr];
	int last = __atomic_load_n(&notes->nr, __ATOMIC_ACQUIRE) - 1;

	return last < 0 ? NULL : &notes->ops[last];
}

/* In how many places it waits, if it waits. */
static int count_places_of(int nr)
{
	const struct op *last = last_of(nr);
	int i, n = 0;

	if (last && last->verb == POLL)
		last = last_of(SELECTOR_OF(nr));
	if (!last || last->verb != SELECT)
		return 1;
	for (i = 0; i < last->nr_cases; i++)
		n += last->cases[i].chan != NO_CHAN;
	return n;
}

static int count_places(void)
{
	int nr, n = 0;

	for (nr = 0; nr < NR_WORKERS; nr++)
		if (is_under_way(nr))
			n += count_places_of(nr);
	return n;
}

/* Somebody who need not be helped, because the context is closed. */
static bool is_canceled(int nr)
{
	const struct op *last = last_of(nr);

	return __atomic_load_n(&shared->canceled, __ATOMIC_ACQUIRE) && last && last->flags & CTX &&
	       __atomic_load_n(&last->end, __ATOMIC_ACQUIRE) == NO_STAMP;
}

static bool is_one_canceled(void)
{
	int nr;

	for (nr = 0; nr < NR_WORKERS; nr++)
		if (is_under_way(nr) && is_canceled(nr))
			return true;
	return false;
}

static bool has_notes(int beyond)
{
	return shared->notes[MANAGER].nr + beyond < OPS_PER_ACTOR;
}

static void note_now(struct op *op)
{
	op->start = __atomic_add_fetch(&shared->stamps, 1, __ATOMIC_SEQ_CST);
	op->start_ns = time_now() - shared->origin_ns;
	shared->notes[MANAGER].nr++;
}

/* The first actor under way from a random one on; -1: none. */
static int choose_under_way(void)
{
	int nr = actor_random(&manager, NR_WORKERS), i;

	for (i = 0; i < NR_WORKERS; i++, nr = (nr + 1) % NR_WORKERS)
		if (is_under_way(nr))
			return nr;
	return -1;
}

static void send_signal(void)
{
	int nr = choose_under_way();
	struct op *op = nr < 0 ? NULL : note_begin(&manager, SIGNAL, -1, nr);

	if (!op)
		return;
	note_now(op);
	syscall(SYS_tgkill, pids[actor_process[nr]], shared->tid[nr], SIGUSR1);
	note_end(op, 0);
}

static void kill_process(void)
{
	int nr = choose_under_way();
	int p = nr < 0 ? 0 : actor_process[nr];
	struct op *op = nr < 0 ? NULL : note_begin(&manager, KILL, -1, p);

	if (!op)
		return;
	note_now(op);
	kill(pids[p], SIGKILL);
	waitpid(pids[p], NULL, 0);
	note_end(op, 0);
	pids[p] = 0;
}

void meddle(void)
{
	int chan = actor_random(&manager, shared->nr_chans);
	unsigned int dice = actor_random(&manager, 100);
	struct timespec ts = { .tv_nsec = 1000 * actor_random(&manager, 300) };

	nanosleep(&ts, NULL);
	if (dice < 55)
		actor_info(&manager, chan);
	else if (dice < 80)
		send_signal();
	else if (dice < 85)
		actor_cancel(&manager);
	else if (dice < 86)
		kill_process();
	else if (dice < 93)
		actor_close(&manager, chan);
	else if (dice < 97)
		actor_release(&manager, chan);
}

/* All that are left are blocked: let one of them go on, or end. */
static void help(void)
{
	int chan = actor_random(&manager, shared->nr_chans);
	unsigned int dice = actor_random(&manager, 100);

	if (!has_notes(NOTES_LEFT)) {
		kill_process();
		return;
	}
	if (dice % 2)
		actor_info(&manager, chan);
	if (dice < 15 && actor_close(&manager, chan))
		return;
	if (dice < 30 && actor_release(&manager, chan))
		return;
	if (dice < 35)
		kill_process();
	else if (dice < 55 && !shared->canceled)
		actor_cancel(&manager);
	else
		send_signal();
}

static bool has_endpoint(int chan)
{
	int i;

	for (i = 0; i < MAX_ENDPOINTS; i++)
		if (manager.rights[chan][i])
			return true;
	return false;
}

/* Waits for a channel that the manager has no endpoint of are not seen. */
static int count_blocked(bool *all_seen)
{
	struct snapshot is;
	int chan, n = 0;

	*all_seen = true;
	for (chan = 0; chan < shared->nr_chans; chan++) {
		if (!has_endpoint(chan)) {
			*all_seen = false;
			continue;
		}
		if (endpoint_look(manager.fd[chan][0], &is))
			die("INFO");
		n += is.senders + is.receivers;
	}
	return n;
}

/* false: somebody neither goes on nor waits. */
bool see_to_the_end(void)
{
	const struct timespec while_others_run = { .tv_nsec = 20000 };
	long long begin = time_now(), now;
	bool all_seen, canceled;
	int blocked;

	while (count_under_way()) {
		canceled = is_one_canceled();
		blocked = count_blocked(&all_seen);
		now = time_now();
		if (!canceled && (blocked >= count_places() ||
				  (!all_seen && now - begin > UNSEEN_NS))) {
			help();
			begin = time_now();
		} else if (now - begin > stuck_ns) {
			return false;
		}
		nanosleep(&while_others_run, NULL);
	}
	return true;
}

void look_at_the_end(void)
{
	int first = actor_random(&manager, shared->nr_chans), i;

	for (i = 0; i < shared->nr_chans; i++)
		actor_info(&manager, (first + i) % shared->nr_chans);
}
