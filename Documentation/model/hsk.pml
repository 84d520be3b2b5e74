/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How waits are matched, as a model for spin: kmod/match.c, wait.c, select.c, selector.c
 * and transfer.c with all that is not about who meets whom left out. To be read beside
 * them; the name of the C function stands where its step does. What is checked and what
 * is not is in ../proving/model.rst.
 *
 * Steps. Channels' locks are locks here too, since a wait with several places is seen
 * under several of them. One d_step is what needs no more than one look at, or one change
 * of, the state of somebody's wait: what it does to the channel besides is covered by the
 * channel's lock. Between two steps anything may happen elsewhere.
 *
 * A party is a process with one wait. A place of it is 2 * party + case. Signals come, and
 * copies fail, where the program says that they may.
 *
 * -DSCENARIO_... chooses the program (at the end), -DCAPACITY=n the channels' capacity,
 * -DFAULT_... plants a fault.
 */

#ifndef CAPACITY
#define CAPACITY 0
#endif

#define PARTIES		3
#define me		_pid
#define PLACES		6
#define MESSAGES	4
#define NONE		15

#define RECV		0
#define SEND		1

/* hsk_wait.state; free: there is no such wait, its memory is something else's */
#define FREE		0
#define QUEUED		1
#define CLAIMED		2
#define DONE		3

/* Results. */
#define OK		0
#define CLOSED		1
#define EPIPE		2
#define EAGAIN		3
#define EINTR		4
#define TRY		5
#define HANDED		6

typedef list {
	byte nr;
	byte at[PLACES];
}

/* Channels: struct hsk_chan. */
bit held[2];			/* lock */
bit closed[2];
byte slots[2];
byte handed[2];
byte tickets[2];
byte sent[2];
byte received[2];
list buffer[2];			/* messages */
list queue[4];			/* places: SENDERS(), RECEIVERS() */

#define SENDERS(c)	(2 * (c))
#define RECEIVERS(c)	(2 * (c) + 1)
#define QUEUE_OF(place)	(2 * chan_of[place] + 1 - sends[place])

/* Places and waits: struct hsk_waiter, hsk_wait, hsk_case. */
byte state[PARTIES];
bit several[PARTIES];
byte result[PARTIES];
byte ended_at[PARTIES];		/* hsk_wait.place */
byte nr_cases[PARTIES];
bit turn[PARTIES];		/* the case that is tried first */
byte pins[PARTIES];		/* hsk_select.pins */
byte msg_of[PLACES];
bit chan_of[PLACES];
bit sends[PLACES];
byte arrival[PLACES];		/* 0: has not queued */

#define PARTY(place)	((place) / 2)

/* Messages: struct hsk_msg. */
byte ticket[MESSAGES];
bit has_slot[MESSAGES];
byte lent_by[MESSAGES] = NONE;		/* .waiter, and the list hsk_chan.lent */
bit on_chan[MESSAGES];

/* Tasks. */
bit asleep[PARTIES];		/* its state is TASK_INTERRUPTIBLE */

/* What only the checks look at. */
bit ended[PARTIES];
bit accepted[MESSAGES];		/* its sender was told so */
byte arrived[MESSAGES];		/* how often it has reached user memory */
bit told_closed[2];		/* a receive has found the channel closed and drained */
byte settling[2];		/* those who settle it and let others in meanwhile */
bit over;			/* nobody can do anything any more */

/* Used within one d_step only. */
hidden byte i, j, p;
hidden byte found, stands;

#define USED(who, c)	(chan_of[2 * (who)] == (c) || \
			 (nr_cases[who] == 2 && chan_of[2 * (who) + 1] == (c)))
#define HAS_SLOT(c)	(slots[c] < CAPACITY)

/* hsk_chan_drained_locked() */
#ifdef FAULT_CLOSED_TOO_EARLY
#define DRAINED(c)	(closed[c] && slots[c] == 0)
#else
#define DRAINED(c)	(closed[c] && slots[c] == 0 && handed[c] == 0)
#endif

/* Lists. Each is a part of a d_step. */

inline list_insert(l, where, what)
{
	j = l.nr;
	do
	:: j > where -> l.at[j] = l.at[j - 1]; j--
	:: else -> break
	od;
	l.at[where] = what;
	l.nr++
}

inline list_remove(l, where)
{
	l.nr--;
	j = where;
	do
	:: j < l.nr -> l.at[j] = l.at[j + 1]; j++
	:: else -> break
	od;
	l.at[l.nr] = 0
}

/*
 * hsk_queue_add_locked(). Its number is the next after those that can still be there,
 * not one that was never used.
 */
inline queue_add(place)
{
	i = 0;
	do
	:: i == PLACES -> break
	:: else ->
		if
		:: QUEUE_OF(i) == QUEUE_OF(place) && arrival[i] > arrival[place] ->
			arrival[place] = arrival[i]
		:: else -> skip
		fi;
		i++
	od;
	arrival[place]++;
	list_insert(queue[QUEUE_OF(place)], queue[QUEUE_OF(place)].nr, place)
}

/* hsk_queue_del_locked(), if it is there at all */
inline queue_del(place)
{
	i = 0;
	do
	:: i == queue[QUEUE_OF(place)].nr -> break
	:: else ->
		if
		:: queue[QUEUE_OF(place)].at[i] == place ->
			list_remove(queue[QUEUE_OF(place)], i);
			break
		:: else -> i++
		fi
	od;
	skip
}

/* Is it there? */
inline look_for(place)
{
	i = 0;
	stands = 0;
	do
	:: i == queue[QUEUE_OF(place)].nr -> break
	:: else -> stands = stands || queue[QUEUE_OF(place)].at[i] == place; i++
	od;
	skip
}

/* hsk_queue_first_locked(). Whose place stands in a queue must still be there. */
inline queue_first(q, first)
{
	i = 0;
	first = NONE;
	do
	:: i == queue[q].nr -> break
	:: else ->
		p = queue[q].at[i];
		assert(state[PARTY(p)] != FREE);
		if
		:: state[PARTY(p)] == QUEUED -> first = p; break
		:: else -> list_remove(queue[q], i)
		fi
	od;
	skip
}

/* hsk_queue_return_locked() */
inline queue_return(place)
{
	i = 0;
	do
	:: i == queue[QUEUE_OF(place)].nr -> break
	:: else ->
#ifndef FAULT_RESTORE_AT_TAIL
		if
		:: arrival[queue[QUEUE_OF(place)].at[i]] > arrival[place] -> break
		:: else -> skip
		fi;
#endif
		i++
	od;
	list_insert(queue[QUEUE_OF(place)], i, place)
}

/* hsk_chan_store_locked() */
inline store(c, m)
{
	i = buffer[c].nr;
	do
	:: i == 0 -> break
	:: else ->
		if
		:: ticket[buffer[c].at[i - 1]] < ticket[m] -> break
		:: else -> i--
		fi
	od;
	list_insert(buffer[c], i, m);
	has_slot[m] = 1;
	slots[c]++;
	sent[c]++
}

/* The wait. */

/*
 * hsk_wait_claim(), as a guard of what its winner does in the same step, which only
 * those see who have the lock.
 */
#ifdef FAULT_CLAIM_UNCHECKED
#define CLAIM(party)	state[party] = CLAIMED
#else
#define CLAIM(party)	(state[party] == QUEUED) -> state[party] = CLAIMED
#endif

/* hsk_wait_finish(): only once, and only by who has claimed it */
inline finish(place, how)
{
	assert(state[PARTY(place)] == CLAIMED);
	result[PARTY(place)] = how;
	ended_at[PARTY(place)] = place;
	state[PARTY(place)] = DONE;
#ifndef FAULT_WAKE_UP_DROPPED
	due = due | (1 << PARTY(place))
#endif
}

/*
 * hsk_wakes_run(). One step for all: to be woken later is the same as to have been woken
 * and not to run yet.
 */
inline run_wakes()
{
	d_step {
		i = 0;
		do
		:: i == PARTIES -> break
		:: else ->
			if
			:: due & (1 << i) -> asleep[i] = 0
			:: else -> skip
			fi;
			i++
		od;
		due = 0
	}
}

inline lock(c)
{
	atomic { !held[c] -> held[c] = 1 }
}

/* What match.h promises whenever nobody is settling the channel. */
inline check_invariants(c)
{
	assert(sent[c] == received[c] + slots[c] + handed[c]);
	i = 0;
	do
	:: i == queue[RECEIVERS(c)].nr -> break
	:: else ->
		p = queue[RECEIVERS(c)].at[i];
		i++;
		if
		:: state[PARTY(p)] == QUEUED ->
			/* ... the buffer is empty, nobody has to be told of the close, */
			assert(buffer[c].nr == 0 && !DRAINED(c));
			/* ... and no sender waits, but one of the same select. */
			j = 0;
			do
			:: j == queue[SENDERS(c)].nr -> break
			:: else ->
				assert(state[PARTY(queue[SENDERS(c)].at[j])] != QUEUED ||
				       PARTY(queue[SENDERS(c)].at[j]) == PARTY(p));
				j++
			od
		:: else -> skip
		fi
	od;
	/* While a sender waits the channel is open and no slot is free. */
	i = 0;
	do
	:: i == queue[SENDERS(c)].nr -> break
	:: else ->
		assert(state[PARTY(queue[SENDERS(c)].at[i])] != QUEUED ||
		       (!closed[c] && !HAS_SLOT(c)));
		i++
	od;
	skip
}

inline unlock(c)
{
	d_step {
		if
		:: settling[c] == 0 -> check_invariants(c)
		:: else -> skip
		fi;
		held[c] = 0
	}
}

/* The message's way. */

/* hsk_queue_claim_locked(): the first that waits, claimed and taken out */
inline queue_claim(q, claimed)
{
	do
	:: d_step { queue_first(q, claimed) };
		if
		:: claimed == NONE -> break
		:: else ->
			if
			:: d_step { CLAIM(PARTY(claimed)); queue_del(claimed) } -> break
			:: else -> skip		/* lost to another place of the wait */
			fi
		fi
	od;
	skip
}

/* Law 2: nothing that could be taken now has come before it. */
inline check_order(c, m)
{
	assert(!told_closed[c]);
	i = 0;
	do
	:: i == buffer[c].nr -> break
	:: else -> assert(ticket[buffer[c].at[i]] > ticket[m]); i++
	od;
	i = 0;
	do
	:: i == queue[SENDERS(c)].nr -> break
	:: else ->
		assert(closed[c] || state[PARTY(queue[SENDERS(c)].at[i])] != QUEUED ||
		       ticket[msg_of[queue[SENDERS(c)].at[i]]] > ticket[m]);
		i++
	od;
	skip
}

/* hsk_chan_hand_over_locked(), else into a slot; sets how, HANDED: a receiver has it */
inline hand_over(place, how)
{
	if
	:: closed[chan_of[place]] -> how = EPIPE
	:: else ->
		queue_claim(RECEIVERS(chan_of[place]), receiver);
		d_step {
			if
			:: receiver != NONE ->
				msg_of[receiver] = msg_of[place];
				handed[chan_of[place]]++;
				sent[chan_of[place]]++;
				check_order(chan_of[place], msg_of[place]);
				finish(receiver, OK);
				how = HANDED
			:: receiver == NONE && HAS_SLOT(chan_of[place]) ->
				store(chan_of[place], msg_of[place]);
				how = OK
			:: else -> how = EAGAIN
			fi;
			receiver = NONE
		}
	fi
}

/* hsk_chan_offer_locked() */
inline offer(place, how)
{
	d_step {
		ticket[msg_of[place]] = tickets[chan_of[place]];
		on_chan[msg_of[place]] = chan_of[place];
		tickets[chan_of[place]]++
	};
	hand_over(place, how);
	if
	:: how == HANDED -> how = OK
	:: else -> skip
	fi
}

/* hsk_chan_offer_again_locked(): whose message a receiver has waits on, lent. */
inline offer_again(place, how)
{
	hand_over(place, how);
	if
	:: how == HANDED ->
		d_step { queue_del(place); lent_by[msg_of[place]] = place }
	:: else -> skip
	fi
}

/* hsk_chan_buffer_first_locked() */
#define BUFFER_FIRST(c, sender) \
	(buffer[c].nr && (closed[c] || sender == NONE || \
			  ticket[buffer[c].at[0]] < ticket[msg_of[sender]]))

/* hsk_chan_take_locked() */
inline take(c, m, how)
{
	do
	:: d_step {
			queue_first(SENDERS(c), sender);
			if
			:: BUFFER_FIRST(c, sender) ->
				m = buffer[c].at[0];
				list_remove(buffer[c], 0);
				check_order(c, m);
				how = OK
			:: else ->
				if
				:: DRAINED(c) -> told_closed[c] = 1; how = CLOSED
				:: !DRAINED(c) && (closed[c] || sender == NONE) -> how = EAGAIN
				:: else -> how = TRY
				fi
			fi;
			if
			:: how != TRY -> sender = NONE
			:: else -> skip
			fi
		};
		if
		:: how != TRY -> break
		:: else ->
			if
			:: d_step {
					CLAIM(PARTY(sender));
					m = msg_of[sender];
					queue_del(sender);
					handed[c]++;
					sent[c]++;
					check_order(c, m)
				} -> break
			:: else -> skip
			fi
		fi
	od;
	skip;
	/* hsk_chan_lend_locked() */
	d_step {
		if
		:: sender == NONE -> skip
		:: else ->
			lent_by[m] = sender;
			how = OK;
			sender = NONE
		fi
	}
}

/* Settling. */

/* hsk_chan_expel_sender_locked(): first those who are lent */
inline expel_sender(c)
{
	d_step {
		i = 0;
		do
		:: i == MESSAGES -> break
		:: else ->
			if
			:: lent_by[i] != NONE && on_chan[i] == c && !stepped ->
				p = lent_by[i];
				lent_by[i] = NONE;	/* hsk_chan_unlend_locked() */
				finish(p, OK);
				stepped = 1
			:: else -> skip
			fi;
			i++
		od;
		skip
	};
	if
	:: !stepped ->
		queue_claim(SENDERS(c), sender);
		d_step {
			if
			:: sender != NONE -> finish(sender, EPIPE); stepped = 1
			:: else -> skip
			fi;
			sender = NONE
		}
	:: else -> skip
	fi
}

/* hsk_chan_serve_receiver_locked() */
inline serve_receiver(c)
{
	d_step {
		queue_first(RECEIVERS(c), receiver);
		/* hsk_chan_has_single_sender_locked() */
		i = 0;
		found = 0;
		do
		:: i == queue[SENDERS(c)].nr -> break
		:: else ->
#ifdef FAULT_CLAIMED_IN_VAIN
			found = 1;
#else
			found = found || !several[PARTY(queue[SENDERS(c)].at[i])];
#endif
			i++
		od;
		if
		:: buffer[c].nr == 0 && !DRAINED(c) && !found -> receiver = NONE
		:: else -> skip
		fi
	};
	if
	:: receiver != NONE ->
		queue_claim(RECEIVERS(c), receiver);
		if
		:: receiver != NONE ->
			take(c, taken, how);
			d_step {
				/* No receiver is ever claimed in vain. */
				assert(how != EAGAIN);
				if
				:: how == OK -> msg_of[receiver] = taken
				:: else -> skip
				fi;
				finish(receiver, how);
				how = OK;
				taken = 0;
				receiver = NONE;
				stepped = 1
			}
		:: else -> skip
		fi
	:: else -> skip
	fi
}

/* hsk_chan_admit_sender_locked() */
inline admit_sender(c)
{
	if
	:: !closed[c] && HAS_SLOT(c) ->
		queue_claim(SENDERS(c), sender);
		d_step {
			if
			:: sender != NONE ->
				store(c, msg_of[sender]);
				finish(sender, OK);
				stepped = 1
			:: else -> skip
			fi;
			sender = NONE
		}
	:: else -> skip
	fi
}

/* hsk_chan_settle_unlock(), with batches of one wake-up for hsk_chan_pause_locked() */
inline settle_unlock(c)
{
	do
	:: stepped = 0;
#ifndef FAULT_NOT_SETTLED
		if
		:: closed[c] -> expel_sender(c)
		:: else -> skip
		fi;
		if
		:: !stepped -> serve_receiver(c)
		:: else -> skip
		fi;
		if
		:: !stepped -> admit_sender(c)
		:: else -> skip
		fi;
#endif
		if
		:: !stepped -> break
		:: stepped && closed[c] && buffer[c].nr == 0 ->
			d_step { settling[c]++; held[c] = 0 };
			run_wakes();
			lock(c);
			settling[c]--
		:: else -> skip
		fi
	od;
	skip;
	unlock(c);
	run_wakes()
}

/* hsk_chan_commit() */
inline commit(c, m)
{
	lock(c);
	d_step {
		if
		:: has_slot[m] -> slots[c]--
		:: else -> handed[c]--
		fi;
		received[c]++;
		arrived[m]++;
		if
		:: lent_by[m] != NONE ->
			p = lent_by[m];
			lent_by[m] = NONE;
			finish(p, OK)
		:: else -> skip
		fi
	};
	settle_unlock(c)
}

/* hsk_chan_restore_buffered_locked(): in front, where its ticket says */
inline restore_buffered(c, m)
{
	i = 0;
	do
	:: i == buffer[c].nr -> break
	:: else ->
#ifndef FAULT_RESTORE_AT_TAIL
		if
		:: ticket[buffer[c].at[i]] > ticket[m] -> break
		:: else -> skip
		fi;
#endif
		i++
	od;
	list_insert(buffer[c], i, m);
	has_slot[m] = 1;
	slots[c]++
}

/* hsk_select_lock(): by address */
inline lock_all(who)
{
	if
	:: USED(who, 0) -> lock(0)
	:: else -> skip
	fi;
	if
	:: USED(who, 1) -> lock(1)
	:: else -> skip
	fi
}

inline unlock_all(who)
{
	if
	:: USED(who, 1) -> unlock(1)
	:: else -> skip
	fi;
	if
	:: USED(who, 0) -> unlock(0)
	:: else -> skip
	fi
}

/* hsk_select_try_again_locked(): sets how, EAGAIN: no case has happened. */
inline try_again(who)
{
	how = EAGAIN;
#ifndef FAULT_NOT_TRIED_AGAIN
	do
	:: tried == nr_cases[who] || how != EAGAIN -> break
	:: else ->
		place = 2 * who + (turn[who] + tried) % nr_cases[who];
		if
		:: sends[place] -> offer_again(place, how)
		:: else -> take(chan_of[place], msg_of[place], how)
		fi;
		d_step {
			if
			:: how == EAGAIN || how == HANDED -> skip
			:: else ->
				queue_del(place);
				finish(place, how)
			fi;
			tried++
		}
	od
#endif
	skip
}

/* hsk_select_return_locked() */
inline return_all(who)
{
	d_step {
		tried = 0;
		do
		:: tried == nr_cases[who] -> break
		:: else ->
			place = 2 * who + (turn[who] + tried) % nr_cases[who];
			look_for(place);
			if
#ifdef FAULT_PLACES_LOST
			:: !stands && place == back -> queue_return(place)
#else
			:: !stands -> queue_return(place)
#endif
			:: else -> skip
			fi;
			tried++
		od;
		state[who] = QUEUED	/* hsk_wait_unclaim() */
	}
}

/*
 * hsk_select_take_back(): sets back, NONE: the select has let go of the message. One step
 * for all that is done with all locks: whom another channel's lock lets somebody else
 * claim meanwhile could have been claimed before.
 */
inline take_back(who, m)
{
	lock_all(who);
	atomic {
		/* It is pinned. */
		assert(state[who] != FREE);
		back = lent_by[m];
		if
		:: back == NONE -> skip
		:: else ->
			/* hsk_chan_take_back_locked() */
			d_step {
				assert(state[who] == CLAIMED && msg_of[back] == m);
				assert(!told_closed[chan_of[back]]);
				lent_by[m] = NONE;
				handed[chan_of[back]]--;
				sent[chan_of[back]]--
			};
			try_again(who);
			if
			:: how == EAGAIN -> return_all(who)
			:: else -> skip
			fi
		fi;
		d_step { tried = 0; place = 0; how = OK }
	};
	unlock_all(who);
	/* hsk_select_unpin() */
	d_step { assert(state[who] != FREE); pins[who]-- };
	run_wakes()
}

/* Is it lent by a select? */
#ifdef FAULT_SELECT_GIVEN_BACK
#define LENT_BY_SELECT(m)	0
#else
#define LENT_BY_SELECT(m)	(lent_by[m] != NONE && several[PARTY(lent_by[m])])
#endif

/* hsk_chan_restore() */
inline restore(c, m)
{
	lock(c);
	if
	:: LENT_BY_SELECT(m) ->
		/* hsk_chan_restore_select_locked() */
		d_step {
			lender = PARTY(lent_by[m]);
			pins[lender]++		/* hsk_select_pin_locked() */
		};
		unlock(c);
		take_back(lender, m);
		lock(c);
		lender = 0
	:: else -> skip
	fi;
	d_step {
		/* Who has been told that it is closed and drained was told the truth. */
		assert(back != NONE || !told_closed[c]);
		if
		:: back != NONE -> skip
		:: back == NONE && lent_by[m] != NONE ->
			/* hsk_chan_restore_sender_locked() */
			p = lent_by[m];
			assert(state[PARTY(p)] == CLAIMED && msg_of[p] == m);
			lent_by[m] = NONE;
			handed[c]--;
			sent[c]--;
			queue_return(p);
			state[PARTY(p)] = QUEUED	/* hsk_wait_unclaim() */
		:: else ->
			/* hsk_chan_restore_buffered_locked() */
			if
			:: has_slot[m] -> slots[c]--
			:: else -> handed[c]--
			fi;
#ifndef FAULT_RESTORE_DROPPED
			restore_buffered(c, m)
#endif
		fi;
		back = NONE
	};
	settle_unlock(c)
}

/* hsk_chan_shut() */
inline close(c)
{
	lock(c);
	if
	:: closed[c] -> unlock(c)
	:: else -> closed[c] = 1; settle_unlock(c)
	fi
}

/* An operation. A send and a receive are made as a select with one case. */

inline use(at, send, c, m)
{
	chan_of[2 * me + at] = c;
	sends[2 * me + at] = send;
	msg_of[2 * me + at] = m
}

/* hsk_wait_init() */
inline one(send, c, m)
{
	use(0, send, c, m);
	nr_cases[me] = 1;
	several[me] = 0;
	state[me] = QUEUED
}

/* hsk_wait_init_several(), hsk_select_init() */
inline two(send, c, m, send2, c2, m2)
{
	use(0, send, c, m);
	use(1, send2, c2, m2);
	nr_cases[me] = 2;
	several[me] = 1;
	state[me] = QUEUED
}

#define SEEMS_READY(place)						\
	(closed[chan_of[place]] ||					\
	 (sends[place] && (queue[RECEIVERS(chan_of[place])].nr ||	\
			   HAS_SLOT(chan_of[place]))) ||		\
	 (!sends[place] && (buffer[chan_of[place]].nr ||		\
			    queue[SENDERS(chan_of[place])].nr)))

/* hsk_case_try_locked(), and hsk_wait_decide() if it has happened */
inline try_locked()
{
	if
	:: sends[place] -> offer(place, how)
	:: else -> take(chan_of[place], taken, how)
	fi;
	d_step {
		if
		:: how == EAGAIN -> skip
		:: else ->
			chosen = place;
			if
			:: how == OK && !sends[place] -> msg_of[place] = taken
			:: else -> skip
			fi;
			assert(state[me] == QUEUED);
			result[me] = how;
			ended_at[me] = place;
			state[me] = DONE
		fi;
		taken = 0
	}
}

/* hsk_select_glance(): pass 0 */
inline glance()
{
	do
	:: !several[me] || tried == nr_cases[me] || chosen != NONE -> break
	:: else ->
		place = 2 * me + (turn[me] + tried) % nr_cases[me];
		if
		:: SEEMS_READY(place) ->
			lock(chan_of[place]);
			try_locked();
			unlock(chan_of[place])
		:: else -> skip
		fi;
		tried++
	od;
	tried = 0
}

/* hsk_select_look_and_queue(), hsk_send_blocking(), hsk_recv_blocking(): passes 1, 2 */
inline look_and_queue()
{
	lock_all(me);
	/* hsk_select_try_locked() */
	do
	:: tried == nr_cases[me] || chosen != NONE -> break
	:: else ->
		place = 2 * me + (turn[me] + tried) % nr_cases[me];
		try_locked();
		tried++
	od;
#ifdef FAULT_UNLOCKED_BETWEEN_PASSES
	if
	:: chosen == NONE -> unlock_all(me); lock_all(me)
	:: else -> skip
	fi;
#endif
	skip;
	/* hsk_select_queue_locked() */
	d_step {
		tried = 0;
		do
		:: tried == nr_cases[me] || chosen != NONE -> break
		:: else ->
			place = 2 * me + (turn[me] + tried) % nr_cases[me];
			queue_add(place);
			tried++
		od;
		tried = 0;
		place = 0
	};
	unlock_all(me)
}

/* hsk_select_begin(): sets chosen, NONE: it is queued, and how. */
inline begin()
{
	if
	:: turn[me] = 0
	:: nr_cases[me] == 2 -> turn[me] = 1	/* hsk_select_add() */
	fi;
	glance();
	if
	:: chosen == NONE -> look_and_queue()
	:: else -> place = 0
	fi;
	run_wakes()
}

/*
 * hsk_op_wait(): until the wait is done, or a signal comes, which here is also the
 * deadline or the context. signal: one is sent, so that it will come.
 */
inline sleep()
{
	do
#ifdef FAULT_LOOKS_BEFORE_IT_SLEEPS
	:: found_done = state[me] == DONE;
		asleep[me] = 1;
#else
	:: asleep[me] = 1;
		found_done = state[me] == DONE;
#endif
		if
		:: found_done -> asleep[me] = 0; how = OK; break
		:: else ->
			if
			:: !asleep[me] -> skip
			:: signal -> signal = 0; asleep[me] = 0; how = EINTR; break
			:: over -> goto out
			fi
		fi
	od;
	found_done = 0
}

/* hsk_send_withdraw(), hsk_recv_withdraw() */
inline withdraw()
{
	lock(chan_of[2 * me]);
	d_step {
		if
		:: state[me] == QUEUED ->
			state[me] = CLAIMED;
			queue_del(2 * me)
		:: state[me] == DONE ->
			how = result[me];
			chosen = 2 * me
		:: else ->
			/* Lent: the message is the receiver's now. */
			assert(sends[2 * me]);
#ifndef FAULT_NOT_PARTED
			lent_by[msg_of[2 * me]] = NONE;
#endif
			how = OK;
			chosen = 2 * me
		fi
	};
	unlock(chan_of[2 * me])
}

/* hsk_case_leave_locked(), for a message that is lent: it has met a receiver. */
inline unlend(at)
{
	if
	:: lent_by[msg_of[at]] == at && sends[at] ->
		assert(state[PARTY(at)] == CLAIMED);
		lent_by[msg_of[at]] = NONE;
		result[PARTY(at)] = OK;		/* hsk_wait_decide() */
		ended_at[PARTY(at)] = at;
		state[PARTY(at)] = DONE
	:: else -> skip
	fi
}

inline leave_one(at)
{
	lock(chan_of[at]);
	d_step {
#ifdef FAULT_LEFT_IN_TURN
		unlend(at);
#endif
#ifndef FAULT_LOSERS_STAY
		queue_del(at);
#endif
		skip
	};
	unlock(chan_of[at])
}

/* The claim of who withdraws. */
inline leave_claim(who)
{
	if
	:: state[who] == QUEUED -> state[who] = CLAIMED; withdrawn = 1
	:: else -> withdrawn = 0
	fi
}

/*
 * hsk_select_leave(): pass 3. Sets chosen, NONE: it has been withdrawn, and how. What is
 * lent may come back as long as not all is locked.
 */
inline leave(who)
{
	d_step { leave_claim(who) };
#ifndef FAULT_LEFT_IN_TURN
	if
	:: !withdrawn && state[who] != DONE ->
		lock_all(who);
		d_step {
			leave_claim(who);
			unlend(2 * who);
			unlend(2 * who + 1)
		};
		unlock_all(who)
	:: else -> skip
	fi;
#endif
	leave_one(2 * who);
	leave_one(2 * who + 1);
#ifndef FAULT_PIN_IGNORED
	pins[who] == 0;
#endif
	d_step {
		if
		:: withdrawn -> chosen = NONE
		:: else ->
			assert(state[who] == DONE);
			chosen = ended_at[who];
			how = result[who]
		fi;
		withdrawn = 0
	}
}

/* The wait's memory goes, and each message whose sender's it still is stays with it. */
inline conclude(who)
{
	d_step {
		i = 0;
		do
		:: i == nr_cases[who] -> break
		:: else ->
			if
			:: sends[2 * who + i] ->
				accepted[msg_of[2 * who + i]] = chosen == 2 * who + i && how == OK
			:: chosen == 2 * who + i && how == OK && !sends[2 * who + i] ->
				taken = msg_of[2 * who + i]
			:: else -> skip
			fi;
			arrival[2 * who + i] = 0;
			i++
		od;
		turn[who] = 0;
		state[who] = FREE;
		result[who] = 0;
		ended_at[who] = 0
	}
}

/* What has been received is copied to user memory, which may fail, unless it was released. */
inline copy()
{
	if
	:: chosen != NONE && how == OK && !sends[chosen] ->
		if
		:: !released -> commit(chan_of[chosen], taken)
		:: may_fail || released -> restore(chan_of[chosen], taken)
		fi
	:: else -> skip
	fi;
	d_step { chosen = NONE; how = OK; taken = 0; released = 0 }
}

/* hsk_send(), hsk_recv(), hsk_select() */
inline operate()
{
	if
	:: signal = 0
	:: may_signal -> signal = 1
	fi;
	begin();
	if
	:: chosen == NONE ->
		sleep();
		if
		:: several[me] -> leave(me)
		:: !several[me] && how != OK -> withdraw()
		:: else -> how = result[me]; chosen = 2 * me
		fi
	:: else -> skip
	fi;
	signal = 0;
	conclude(me)
}

/* The selector, as party 0 has armed it; another has the same open file. */

bit mutex;			/* struct hsk_selector */
bit armed;
byte files = 2;

inline lock_mutex()
{
	atomic { !mutex -> mutex = 1 }
}

/* hsk_selector_arm() */
inline arm()
{
	lock_mutex();
	armed = 1;
	begin();
	mutex = 0;
	d_step { chosen = NONE; how = OK }
}

/* ppoll(2) and hsk_selector_poll(): until it has happened */
inline poll()
{
	do
	:: asleep[me] = 1;
		lock_mutex();
		found_done = armed && state[0] == DONE;
		mutex = 0;
		if
		:: found_done -> asleep[me] = 0; break
		:: else ->
			if
			:: !asleep[me] -> skip
			:: over -> goto out
			fi
		fi
	od;
	found_done = 0
}

/* hsk_selector_disarm() */
inline disarm()
{
	lock_mutex();
	if
	:: armed ->
		leave(0);
		if
		:: chosen == NONE -> conclude(0); armed = 0
		:: else ->
			/* -EALREADY, which is news to those who poll if it was lent. */
#ifndef FAULT_POLLERS_NOT_TOLD
			due = due | 1;
			run_wakes()
#endif
			skip
		fi
	:: else -> skip
	fi;
	mutex = 0;
	d_step { chosen = NONE; how = OK; taken = 0 }
}

/* hsk_selector_finish() */
inline finish_armed()
{
	lock_mutex();
	if
	:: armed && state[0] == DONE ->
		armed = 0;
		mutex = 0;
		leave(0);
		conclude(0)
	:: else -> mutex = 0			/* -ENOENT, -EAGAIN */
	fi
}

/* close(2), and hsk_selector_release() with the last one */
inline close_selector()
{
	atomic { files--; released = files == 0 };
	if
	:: released && armed ->
		armed = 0;
		leave(0);
		conclude(0)
	:: else -> skip
	fi
}

/* The programs: what a party does in its step-th step. */

mtype = { NOTHING, OPERATE, CLOSE, ARM, POLL, FINISH, DISARM, CLOSE_SELECTOR };

#define STEP(party, n) :: me == party && step == n ->

#define SEND_OP(c, m, sig) \
	d_step { one(SEND, c, m); op = OPERATE; may_signal = sig; may_fail = 0 }
#define RECV_OP(c, sig, fail) \
	d_step { one(RECV, c, 0); op = OPERATE; may_signal = sig; may_fail = fail }
#define SELECT_OP(send, c, m, send2, c2, m2, sig, fail) \
	d_step { two(send, c, m, send2, c2, m2); op = OPERATE; may_signal = sig; may_fail = fail }
#define ARM_OP(send, c, m, send2, c2, m2) \
	d_step { two(send, c, m, send2, c2, m2); op = ARM }
#define CLOSE_OP(c) \
	d_step { place = c; op = CLOSE }

#define NO	0
#define SIGNAL	1
#define FAIL	1

inline program()
{
	if
#if defined(SCENARIO_SENDERS)
	/* Two senders, one of which may go away while its message is being copied. */
	STEP(0, 0) SEND_OP(0, 0, SIGNAL)
	STEP(0, 1) SEND_OP(0, 1, NO)
	STEP(1, 0) SEND_OP(0, 2, NO)
	STEP(2, 0) RECV_OP(0, NO, FAIL)
	STEP(2, 1) RECV_OP(0, NO, FAIL)
	STEP(2, 2) RECV_OP(0, NO, NO)
#elif defined(SCENARIO_RECEIVERS)
	/* Two receivers that may fail, so that messages come back in any order. */
	STEP(0, 0) SEND_OP(0, 0, SIGNAL)
	STEP(0, 1) SEND_OP(0, 1, NO)
	STEP(1, 0) RECV_OP(0, NO, FAIL)
	STEP(1, 1) RECV_OP(0, NO, NO)
	STEP(2, 0) RECV_OP(0, SIGNAL, FAIL)
#elif defined(SCENARIO_CLOSE)
	/* A close at any moment. */
	STEP(0, 0) SEND_OP(0, 0, SIGNAL)
	STEP(0, 1) SEND_OP(0, 1, NO)
	STEP(1, 0) RECV_OP(0, NO, FAIL)
	STEP(1, 1) RECV_OP(0, SIGNAL, NO)
	STEP(2, 0) CLOSE_OP(0)
	STEP(2, 1) RECV_OP(0, NO, FAIL)
#elif defined(SCENARIO_SELECTS)
	/* Selects against each other, across two channels. */
	STEP(0, 0) SELECT_OP(SEND, 0, 0, RECV, 1, 0, NO, FAIL)
	STEP(1, 0) SELECT_OP(RECV, 0, 0, SEND, 1, 1, SIGNAL, FAIL)
	STEP(2, 0) SELECT_OP(SEND, 0, 2, SEND, 1, 3, NO, NO)
#elif defined(SCENARIO_SELF)
	/* Selects with both directions of one channel, none of which may meet itself. */
	STEP(0, 0) SELECT_OP(SEND, 0, 0, RECV, 0, 0, NO, FAIL)
	STEP(1, 0) SELECT_OP(RECV, 0, 0, SEND, 0, 1, SIGNAL, FAIL)
	STEP(2, 0) SEND_OP(0, 2, SIGNAL)
	STEP(2, 1) RECV_OP(0, NO, NO)
#elif defined(SCENARIO_SEND_EITHER)
	/* A select that sends, plain receivers that fail. */
	STEP(0, 0) SELECT_OP(SEND, 0, 0, SEND, 1, 1, SIGNAL, NO)
	STEP(1, 0) RECV_OP(0, NO, FAIL)
	STEP(1, 1) RECV_OP(0, SIGNAL, NO)
	STEP(2, 0) RECV_OP(1, NO, FAIL)
#elif defined(SCENARIO_SELECT_COMES_BACK)
	/* A lent select comes back to partners that have queued at both its channels. */
	STEP(0, 0) SELECT_OP(SEND, 0, 0, RECV, 1, 0, SIGNAL, FAIL)
	STEP(1, 0) RECV_OP(0, NO, FAIL)
	STEP(1, 1) SEND_OP(1, 1, NO)
	STEP(2, 0) SEND_OP(1, 2, SIGNAL)
	STEP(2, 1) RECV_OP(0, NO, FAIL)
#elif defined(SCENARIO_SELECT_CLOSE)
	/* A lent select, a close of either channel. */
	STEP(0, 0) SELECT_OP(SEND, 0, 0, SEND, 1, 1, SIGNAL, NO)
	STEP(1, 0) RECV_OP(0, NO, FAIL)
	STEP(1, 1) RECV_OP(1, NO, FAIL)
	STEP(2, 0) CLOSE_OP(0)
	STEP(2, 1) RECV_OP(0, NO, NO)
	STEP(2, 2) CLOSE_OP(1)
#elif defined(SCENARIO_RECV_EITHER)
	/* A select that receives, plain senders, a close. */
	STEP(0, 0) SELECT_OP(RECV, 0, 0, RECV, 1, 0, SIGNAL, FAIL)
	STEP(1, 0) SEND_OP(0, 0, SIGNAL)
	STEP(2, 0) SEND_OP(1, 1, NO)
	STEP(2, 1) CLOSE_OP(0)
	STEP(2, 2) CLOSE_OP(1)
#elif defined(SCENARIO_COMES_BACK)
	/* A lent sender comes back to a select and a receiver that have queued meanwhile. */
	STEP(0, 0) SEND_OP(0, 0, SIGNAL)
	STEP(0, 1) RECV_OP(1, NO, NO)
	STEP(1, 0) RECV_OP(0, NO, FAIL)
	STEP(1, 1) RECV_OP(0, NO, NO)
	STEP(2, 0) SELECT_OP(RECV, 0, 0, SEND, 1, 1, SIGNAL, FAIL)
#elif defined(SCENARIO_SELECTOR)
	/* A selector that two threads share: who leaves last, closes it. */
	STEP(0, 0) ARM_OP(RECV, 0, 0, SEND, 1, 0)
	STEP(0, 1) if :: op = POLL :: op = NOTHING fi
	STEP(0, 2) if :: op = FINISH :: op = NOTHING fi
	STEP(0, 3) op = CLOSE_SELECTOR
	STEP(1, 0) if :: op = DISARM :: op = FINISH :: op = NOTHING fi
	STEP(1, 1) op = CLOSE_SELECTOR
	STEP(2, 0) SELECT_OP(SEND, 0, 1, RECV, 1, 0, SIGNAL, FAIL)
#elif defined(SCENARIO_SELECTOR_CLOSE)
	/* A selector, plain parties, a close; a message waits for it to be finished. */
	STEP(0, 0) files = 1; ARM_OP(RECV, 0, 0, SEND, 1, 0)
	STEP(0, 1) if :: op = POLL :: op = DISARM :: op = NOTHING fi
	STEP(0, 2) if :: op = FINISH :: op = NOTHING fi
	STEP(0, 3) op = CLOSE_SELECTOR
	STEP(1, 0) SEND_OP(0, 1, SIGNAL)
	STEP(1, 1) RECV_OP(0, NO, NO)
	STEP(2, 0) RECV_OP(1, NO, FAIL)
	STEP(2, 1) CLOSE_OP(0)
#else
#error "which scenario?"
#endif
	:: else -> break
	fi
}

active [PARTIES] proctype party()
{
	byte due, tried, place, taken, step, lender;
	byte chosen = NONE, sender = NONE, receiver = NONE, back = NONE;
	byte how = OK;
	bit signal, stepped, withdrawn, found_done, released, may_signal, may_fail;
	mtype op = NOTHING;

	do
	:: program();
		if
		:: op == OPERATE -> operate()
		:: op == CLOSE -> close(place); place = 0
		:: op == ARM -> arm()
		:: op == POLL -> poll()
		:: op == FINISH -> may_fail = 1; finish_armed()
		:: op == DISARM -> disarm()
		:: op == CLOSE_SELECTOR -> close_selector()
		:: op == NOTHING
		fi;
		copy();
		d_step { step++; op = NOTHING; may_signal = 0; may_fail = 0 }
	od;
out:	ended[me] = 1
}

/* Nobody can do anything any more: who waits must have nobody to meet. */

inline check_message(m)
{
	j = 0;
	i = 0;
	do
	:: i == buffer[0].nr -> break
	:: else -> j = j + (buffer[0].at[i] == m); i++
	od;
	i = 0;
	do
	:: i == buffer[1].nr -> break
	:: else -> j = j + (buffer[1].at[i] == m); i++
	od;
	/* None twice, none lost, and what has failed has had no effect. */
	assert(arrived[m] + j == accepted[m])
}

inline check_party(who)
{
	assert(ended[who] || (asleep[who] && (state[who] == QUEUED || state[who] == FREE)));
	assert(pins[who] == 0);
	/* Who waits stands in all its queues, for those who come later. */
	p = 0;
	do
	:: p == nr_cases[who] || state[who] != QUEUED -> break
	:: else ->
		look_for(2 * who + p);
		assert(stands);
		p++
	od;
	skip
}

init {
	timeout;
	d_step {
		check_party(0);
		check_party(1);
		check_party(2);
		assert(!held[0] && !held[1] && !mutex);
		/* Nothing is in transit. */
		assert(!handed[0] && !handed[1]);
		assert(slots[0] == buffer[0].nr && slots[1] == buffer[1].nr);
		check_invariants(0);
		check_invariants(1);
		check_message(0);
		check_message(1);
		check_message(2);
		check_message(3)
	};
	over = 1
}
