/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of the model know of each other. */
#ifndef FUZZ_MODEL_PARTS_H
#define FUZZ_MODEL_PARTS_H

#include "model.h"

/* model_chan.c */
struct chan *chan_new(uint32_t cap);
int chan_take(struct chan *chan, int place);
int chan_offer(struct chan *chan, struct message *msg);
bool chan_offer_again(struct chan *chan, int place);
bool chan_has_slot(const struct chan *chan);
bool chan_drained(const struct chan *chan);
void chan_return(struct chan *chan, int place, bool send);
void end_send(int place, int err);
void chan_changed(struct chan *chan);
void chan_commit(struct chan *chan, const struct message *msg);
void chan_restore(struct chan *chan, struct message *msg);
int message_fits(const struct message *msg, struct pending *pending);
void chan_settle(struct chan *chan);
void chan_wait_send(struct chan *chan, int place);
void chan_wait_recv(struct chan *chan, int place);
void chan_withdraw(struct chan *chan, int w);
bool chan_reaches(const struct chan *chan, const struct chan *holder);
uint32_t in_flight(uid_t uid);

/* model_file.c */
struct message *message_alloc(void);
void message_discard(struct message *msg);
void file_put_later(struct file *file);
struct file *file_new(int w, enum file_kind kind);
struct file *file_new_endpoint(int w, struct chan *chan, unsigned int rights);
void file_put(struct file *file);

/*
 * A place in a queue: that of a waiter, which is a worker or behind them a selector, and
 * which case of its select it is, else 0.
 */
static inline int place_of(int waiter, int c)
{
	return waiter + c * NR_WAITERS;
}

static inline int place_waiter(int place)
{
	return place % NR_WAITERS;
}

static inline int place_case(int place)
{
	return place / NR_WAITERS;
}

static inline bool is_selector(int waiter)
{
	return waiter >= NR_WORKERS;
}

static inline struct pending *waiter_pending(int waiter)
{
	return is_selector(waiter) ? &model.selector[waiter - NR_WORKERS].armed :
				     &model.worker[waiter].pending;
}

static inline struct pending *place_pending(int place)
{
	return waiter_pending(place_waiter(place));
}

/* Does it wait with a place for each case? */
static inline bool has_cases(const struct pending *pending)
{
	return pending->step.op == OP_SELECT || pending->step.op == OP_ARM;
}

static inline struct message *place_message(int place)
{
	const struct pending *pending = place_pending(place);

	if (has_cases(pending))
		return pending->cases[place_case(place)].msg;
	return pending->msg;
}

/* model_transfer.c */
int args_error(const struct step *step);
int ioctl_error(const struct file *file, const struct step *step);
int op_error(const struct step *step);
bool never_waits(const struct pending *pending);
int wait_error(const struct pending *pending);
int message_error(int w, const struct step *step, struct file **files);
int flight_error(uid_t uid, const struct chan *holder, struct file **files, uint32_t nr);
struct message *message_new(int w, const struct step *step, const struct file *file,
			    struct file **files);
struct room recv_room(const struct step *step);
int recv_copy_error(int w, const struct message *msg);
void send_result(struct pending *pending, int err);
void recv_error(int place, int err);
void recv_closed(int place, int reason);
void recv_message(int place, struct message *msg);
void recv_descriptors(int w, struct message *msg);
void start_send(int w);
void start_recv(int w);

/* model_select.c */
void start_select(int w);
int select_cases_error(int w);
void select_set_result(struct pending *pending, int c, int err);
bool select_try(int waiter, int c);
void select_wait(int waiter);
void select_leave(int waiter);
bool select_is_unreadable(unsigned int ptr, size_t size, size_t half);
void select_end(int place, int err);
void select_end_send(int place, int err);
void select_instead(int w, int c);

/* model_selector.c */
void start_selector(int w);
void start_arm(int w);
void start_finish(int w);
void start_disarm(int w);
void selector_hold(int place, struct message *msg);
void selector_release(struct selector *selector);
unsigned int selector_messages(const struct chan *chan, const struct message **msgs);

/* model_lend.c */
void lend(int place, struct message *msg);
void lent_end(int waiter);
void lent_let_go(int waiter);
void lent_close(const struct chan *chan);
void lent_come_back(struct chan *chan, struct message *msg);
unsigned int lent_messages(const struct chan *chan, const struct message **msgs);

/* model_context.c */
int chan_close(struct chan *chan, int reason);
struct chan *chan_derive(uint32_t cap, struct chan *parent, bool expired);
int context_error(const struct step *step);
unsigned int context_slot(const struct step *step);
int context_find(int w, unsigned int slot, struct chan **chan);
void result_wait(struct pending *pending, int err);

/* model_poll.c */
void start_poll(int w);
void start_ctl(int w);
void start_epwait(int w);

/* model.c */
void result(struct pending *pending, int err);
void result_error(struct pending *pending, int err);
void result_value(struct pending *pending, long value);
void result_fd(int w, struct file *file, bool cloexec);
bool fd_in_use(const struct worker_model *worker, int fd);
void add_fd(int w, int fd, struct file *file, bool cloexec);
bool waits_on_channel(const struct pending *pending);
void withdraw(int w);

#endif /* FUZZ_MODEL_PARTS_H */
