// SPDX-License-Identifier: GPL-2.0-only
/*
 * Go's select5: every form of a small select, generated, against a model. A form is what
 * each case does and to which of two channels, with or without a default, with or without
 * an order; a scene is the state of these channels. The model says which cases are ready,
 * the channels' counters say what has happened, and t_select_full() that the cases which
 * were not chosen are as they were.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "hsk_job.h"
#include "hsk_select.h"

#define PAST	1
#define THERE	70	/* the number that is buffered, or that a blocked sender offers */
#define OURS	80	/* that of a case, plus its index */

enum state {
	EMPTY_0, EMPTY_1, HALF_2, FULL_1, CLOSED_0, CLOSED_HALF_2, NR_QUIET,
	SENDER_0 = NR_QUIET, SENDER_1, RECEIVER_0, RECEIVER_1, NR_STATES,
};

static const struct model {
	unsigned int capacity, buffered;
	bool closed, sender, receiver;		/* the latter two are blocked */
} models[] = {
	[EMPTY_0] = { .capacity = 0 },
	[EMPTY_1] = { .capacity = 1 },
	[HALF_2] = { .capacity = 2, .buffered = 1 },
	[FULL_1] = { .capacity = 1, .buffered = 1 },
	[CLOSED_0] = { .capacity = 0, .closed = true },
	[CLOSED_HALF_2] = { .capacity = 2, .buffered = 1, .closed = true },
	[SENDER_0] = { .capacity = 0, .sender = true },
	[SENDER_1] = { .capacity = 1, .buffered = 1, .sender = true },
	[RECEIVER_0] = { .capacity = 0, .receiver = true },
	[RECEIVER_1] = { .capacity = 1, .receiver = true },
};

/* What a case does, and to which channel. */
enum kind { NONE, SEND_A, RECV_A, SEND_B, RECV_B, NR_KINDS };

struct scene {
	enum state state;
	const struct model *model;
	int fd;
	struct t_job *partner;
};

static int set_scene(struct scene *scene, enum state state, enum t_mode mode)
{
	const struct model *model = &models[state];
	unsigned int i;

	*scene = (struct scene){ state, model, t_new(model->capacity), NULL };
	T_NEED(scene->fd >= 0);
	for (i = 0; i < model->buffered; i++)
		T_NEED_EQ(0, t_try_put(scene->fd, THERE));
	if (model->closed)
		T_NEED_EQ(0, t_close(scene->fd, -EIO));
	if (model->sender)
		scene->partner = t_job_put_blocked(mode, scene->fd, THERE, 1);
	if (model->receiver)
		scene->partner = t_job_get_blocked(mode, scene->fd, 1);
	T_NEED(!scene->partner == !(model->sender || model->receiver));
	return 0;
}

static struct scene *scene_of(struct scene *scenes, enum kind kind)
{
	return kind == SEND_A || kind == RECV_A ? &scenes[0] : &scenes[1];
}

static bool is_send(enum kind kind)
{
	return kind == SEND_A || kind == SEND_B;
}

static bool is_ready(struct scene *scenes, enum kind kind)
{
	const struct model *model;

	if (kind == NONE)
		return false;
	model = scene_of(scenes, kind)->model;
	if (model->closed)
		return true;
	if (is_send(kind))
		return model->receiver || model->buffered < model->capacity;
	return model->sender || model->buffered;
}

/* What the chosen case says of itself. */
static int check_chosen(struct scene *scenes, enum kind kind, const struct t_case *chosen)
{
	const struct model *model = scene_of(scenes, kind)->model;

	if (is_send(kind))
		T_NEED_EQ(model->closed ? -EPIPE : 0, chosen->result);
	else if (model->buffered || model->sender)
		T_NEED(t_case_got(chosen, THERE));
	else
		T_NEED(t_case_got_closed(chosen, -EIO));
	return 0;
}

/* What has become of one channel, if this (NONE: nothing) happened there. */
static int check_scene(struct scene *scene, enum kind did, __u64 value)
{
	const struct model *model = scene->model;
	unsigned int sent = model->buffered, received = 0;
	bool met = false;

	if (did != NONE && is_send(did) && !model->closed) {
		sent++;
		received += model->receiver;
		met = model->receiver;
	}
	if (did != NONE && !is_send(did) && (model->buffered || model->sender)) {
		sent += model->sender;
		received++;
		met = model->sender;
	}
	/* A receiver that was met may not have finished copying. */
	if (met)
		T_NEED(model->receiver ? t_job_got(scene->partner, value)
				       : !t_job_end(scene->partner));
	T_NEED(t_counters(scene->fd, sent, received, sent - received, 0));
	T_NEED_EQ(0, t_wait_senders(scene->fd, model->sender && !met));
	T_NEED_EQ(0, t_wait_receivers(scene->fd, model->receiver && !met));
	if (!scene->partner || met)
		return 0;
	/* Who was not met is still there, and leaves by a close. */
	T_NEED_EQ(0, t_close(scene->fd, 0));
	if (model->receiver)
		T_NEED(t_job_got_closed(scene->partner, 0));
	else
		T_NEED_EQ(-EPIPE, t_job_end(scene->partner));
	return 0;
}

static void leave_scene(struct scene *scene)
{
	close(scene->fd);
	if (scene->partner)
		munmap(scene->partner, sizeof(*scene->partner));
}

struct form {
	enum kind kinds[3];
	unsigned int nr;
	bool has_default, ordered;
};

static int perform(const struct form *form, struct scene *scenes)
{
	int first = -1, want_none = form->has_default ? -EAGAIN : -ETIMEDOUT, ret;
	unsigned int flags = form->ordered ? HSK_SELECT_F_ORDERED : 0, i;
	struct t_case cases[3];
	struct scene *where;

	for (i = 0; i < form->nr; i++) {
		where = scene_of(scenes, form->kinds[i]);
		if (form->kinds[i] == NONE)
			cases[i] = t_case_none();
		else if (is_send(form->kinds[i]))
			cases[i] = t_case_put(where->fd, OURS + i);
		else
			cases[i] = t_case_get(where->fd);
		if (first < 0 && is_ready(scenes, form->kinds[i]))
			first = i;
	}
	/* Without a default it queues everywhere and leaves at once, by its deadline. */
	if (form->has_default)
		ret = t_select(cases, form->nr, flags | HSK_OP_F_DONTWAIT);
	else
		ret = t_select_deadline(cases, form->nr, flags, PAST);
	if (first < 0)
		T_NEED_EQ(want_none, ret);
	else if (form->ordered)
		T_NEED_EQ(first, ret);
	if (ret >= 0) {
		T_NEED(is_ready(scenes, form->kinds[ret]));
		T_NEED(!check_chosen(scenes, form->kinds[ret], &cases[ret]));
	}
	where = ret < 0 ? NULL : scene_of(scenes, form->kinds[ret]);
	for (i = 0; i < 2; i++)
		T_NEED(!check_scene(&scenes[i],
				    where == &scenes[i] ? form->kinds[ret] : NONE, OURS + ret));
	return 0;
}

/* A case's kind is a digit of @number. */
static struct form make_form(unsigned int number, unsigned int nr)
{
	struct form form = { .nr = nr, .has_default = number & 1, .ordered = number & 2 };
	unsigned int i;

	number /= 4;
	for (i = 0; i < nr; i++) {
		form.kinds[i] = number % NR_KINDS;
		number /= NR_KINDS;
	}
	return form;
}

static int perform_in(const struct form *form, enum state a, enum state b, enum t_mode mode)
{
	struct scene scenes[2];
	int ret;

	T_NEED(!set_scene(&scenes[0], a, mode) && !set_scene(&scenes[1], b, mode));
	ret = perform(form, scenes);
	if (ret)
		fprintf(stderr, "# cases %u %u %u of %u, default %u, ordered %u, states %u %u\n",
			form->kinds[0], form->kinds[1], form->kinds[2], form->nr,
			form->has_default, form->ordered, a, b);
	leave_scene(&scenes[0]);
	leave_scene(&scenes[1]);
	return ret;
}

static unsigned int power(unsigned int exponent)
{
	return exponent ? NR_KINDS * power(exponent - 1) : 1;
}

TEST(select5_every_form_in_every_quiet_scene)
{
	unsigned int nr, number, a, b, step = t_slow() > 1 ? 7 : 1;
	struct form form;

	for (nr = 0; nr <= 3; nr++) {
		for (number = 0; number < 4 * power(nr); number += step) {
			form = make_form(number, nr);
			for (a = 0; a < NR_QUIET; a++)
				for (b = 0; b < NR_QUIET; b++)
					ASSERT_EQ(0, perform_in(&form, a, b, T_THREAD));
		}
	}
}

FIXTURE(select5) {
	int unused;
};

FIXTURE_VARIANT(select5) {
	enum t_mode mode;
	bool ordered;
};

FIXTURE_VARIANT_ADD(select5, process) { .mode = T_PROCESS, .ordered = false };
FIXTURE_VARIANT_ADD(select5, process_ordered) { .mode = T_PROCESS, .ordered = true };
FIXTURE_VARIANT_ADD(select5, thread) { .mode = T_THREAD, .ordered = false };
FIXTURE_VARIANT_ADD(select5, thread_ordered) { .mode = T_THREAD, .ordered = true };

FIXTURE_SETUP(select5)
{
}

FIXTURE_TEARDOWN(select5)
{
}

/* Those with partners take longer: each form in some scenes, with processes some forms. */
TEST_F(select5, every_form_of_two_cases_with_blocked_partners)
{
	unsigned int step = t_slow() > 1 || variant->mode == T_PROCESS ? 7 : 1;
	unsigned int number, a, turn = 0;
	struct form form;

	for (number = 0; number < 4 * power(2); number += step) {
		form = make_form(number, 2);
		if (form.ordered != variant->ordered)
			continue;
		for (a = NR_QUIET; a < NR_STATES; a++, turn++) {
			ASSERT_EQ(0, perform_in(&form, a, turn % NR_STATES, variant->mode));
			ASSERT_EQ(0, perform_in(&form, turn / 3 % NR_STATES, a, variant->mode));
		}
	}
}

HSK_TEST_MAIN
