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
int chan_take(struct chan *chan, int w);
int chan_offer(struct chan *chan, struct message *msg);
int chan_close(struct chan *chan, int reason);
void chan_settle(struct chan *chan);
void chan_wait_send(struct chan *chan, int w);
void chan_wait_recv(struct chan *chan, int w);
void chan_withdraw(struct chan *chan, int w);
bool chan_reaches(const struct chan *chan, const struct chan *holder);
uint32_t in_flight(uid_t uid);
struct file *file_new(int w, enum file_kind kind);
struct file *file_new_endpoint(int w, struct chan *chan, unsigned int rights);
void file_put(struct file *file);

/* model_transfer.c */
int ioctl_error(const struct file *file, const struct step *step);
struct room recv_room(const struct step *step);
int recv_copy_error(int w, const struct message *msg);
void send_result(struct pending *pending, int err);
void recv_error(struct pending *pending, int err);
void recv_closed(struct pending *pending, int reason);
void recv_message(int w, struct message *msg);
void start_send(int w);
void start_recv(int w);

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

#endif /* FUZZ_MODEL_PARTS_H */
