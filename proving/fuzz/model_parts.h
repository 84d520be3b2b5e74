/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of the model know of each other. */
#ifndef FUZZ_MODEL_PARTS_H
#define FUZZ_MODEL_PARTS_H

#include "model.h"

/* What a receive has room for. */
struct room {
	uint32_t len;
	uint32_t nr_fds;
	bool bytes_only;
};

/* model_chan.c */
struct chan *chan_new(uint32_t cap);
int chan_take(struct chan *chan, int place);
int chan_offer(struct chan *chan, struct message *msg);
void chan_settle(struct chan *chan);
void chan_wait_send(struct chan *chan, int place);
void chan_wait_recv(struct chan *chan, int place);
void chan_withdraw(struct chan *chan, int w);
void message_discard(struct message *msg);
void file_put_later(struct file *file);
void discarded_free(void);
void discarded_forget(void);
bool chan_reaches(const struct chan *chan, const struct chan *holder);
uint32_t in_flight(uid_t uid);
struct file *file_new(int w, enum file_kind kind);
struct file *file_new_endpoint(int w, struct chan *chan, unsigned int rights);
void file_put(struct file *file);

/*
 * A place in a queue: a worker's, and which case of its select it is, else 0.
 */
static inline int place_of(int w, int c)
{
	return w + c * NR_WORKERS;
}

static inline int place_worker(int place)
{
	return place % NR_WORKERS;
}

static inline int place_case(int place)
{
	return place / NR_WORKERS;
}

static inline struct message *place_message(int place)
{
	const struct pending *pending = &model.worker[place_worker(place)].pending;

	if (pending->step.op == OP_SELECT)
		return pending->cases[place_case(place)].msg;
	return pending->msg;
}

/* model_transfer.c */
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
void start_send(int w);
void start_recv(int w);

/* model_select.c */
void start_select(int w);
void select_leave(int w);
void select_end(int place, int err);
void select_end_send(int place, int err);
void select_instead(int w, int c);

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
bool fd_in_use(const struct worker_model *worker, int fd);
void add_fd(int w, int fd, struct file *file, bool cloexec);
bool waits_on_channel(const struct pending *pending);
void withdraw(int w);

#endif /* FUZZ_MODEL_PARTS_H */
