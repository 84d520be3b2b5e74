// SPDX-License-Identifier: GPL-2.0-only
#include <linux/build_bug.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <uapi/linux/hsk.h>

#include "chan.h"
#include "endpoint.h"
#include "ioctl.h"
#include "limits.h"
#include "msg.h"
#include "op.h"
#include "select.h"
#include "selector.h"
#include "trace.h"
#include "transfer.h"
#include "user.h"

static_assert(sizeof(struct hsk_select_case) == 16);
static_assert(sizeof(struct hsk_select_args) == 40);
static_assert(sizeof(struct hsk_arm_args) == 24);
static_assert(sizeof(struct hsk_finish_args) == 24);
static_assert(sizeof(struct hsk_disarm_args) == 8);
static_assert(HSK_SELECT_CASES_MAX == HSK_CASES_LIMIT);

/* A select of so many cases needs no memory but the stack: about as much as poll(2). */
#define HSK_CASES_FEW	16

/* All of it is set before it is read; kernels that clear the stack need not. */
#if __has_attribute(__uninitialized__)
#define HSK_UNINITIALIZED	__attribute__((__uninitialized__))
#else
#define HSK_UNINITIALIZED
#endif

/* Cases from user memory. */

/* The message of a send. */
static int hsk_case_load(struct hsk_case *load)
{
	const struct hsk_msghdr __user *uhdr = u64_to_user_ptr(load->user.hdr);
	struct hsk_msghdr hdr;
	struct hsk_msg *msg;
	int err;

	err = hsk_struct_from_user(&hdr, uhdr, sizeof(hdr));
	if (err)
		return err;
	if (!hsk_msghdr_sendable(&hdr))
		return -EINVAL;
	msg = hsk_msg_from_user(&hdr);
	if (IS_ERR(msg))
		return PTR_ERR(msg);
	load->place.msg = msg;
	load->place.room.len = msg->len;
	load->place.room.nr_fds = hsk_msg_nr_fds(msg);
	return 0;
}

/* How much a receive can take; where the message goes is not looked at. */
static int hsk_case_room_from_user(struct hsk_case *to)
{
	const struct hsk_msghdr __user *uhdr = u64_to_user_ptr(to->user.hdr);
	struct hsk_room *room = &to->place.room;
	u64 reserved1;
	u32 reserved0;

	if (!user_read_access_begin(uhdr, sizeof(*uhdr)))
		return -EFAULT;
	unsafe_get_user(to->user.data, &uhdr->data, fault);
	unsafe_get_user(to->user.fds, &uhdr->fds, fault);
	unsafe_get_user(room->len, &uhdr->len, fault);
	unsafe_get_user(room->nr_fds, &uhdr->nr_fds, fault);
	unsafe_get_user(reserved0, &uhdr->__reserved0, fault);
	unsafe_get_user(reserved1, &uhdr->__reserved1, fault);
	user_read_access_end();
	room->bytes_only = false;
	return reserved0 || reserved1 ? -EINVAL : 0;

fault:
	user_read_access_end();
	return -EFAULT;
}

static int hsk_case_read(struct hsk_select_case *to, const struct hsk_select_case __user *ucase)
{
	if (!user_read_access_begin(ucase, sizeof(*ucase)))
		return -EFAULT;
	unsafe_get_user(to->fd, &ucase->fd, fault);
	unsafe_get_user(to->op, &ucase->op, fault);
	unsafe_get_user(to->msg, &ucase->msg, fault);
	user_read_access_end();
	return 0;

fault:
	user_read_access_end();
	return -EFAULT;
}

/*
 * An endpoint that stays as long as the system call lasts, or with @lasting as long as
 * its case does.
 */
static struct file *hsk_case_endpoint(struct hsk_case *of, int fd, bool lasting)
{
	unsigned int right = of->send ? HSK_CAN_WRITE : HSK_CAN_READ;

	of->borrowed = false;
	return lasting ? hsk_endpoint_get(fd, right) :
			 hsk_endpoint_borrow(fd, right, &of->borrowed);
}

static int hsk_case_from_user(struct hsk_case *to, const struct hsk_select_case __user *ucase,
			      bool lasting)
{
	struct hsk_select_case from;
	int err;

	to->place.msg = NULL;
	to->chan = NULL;
	err = hsk_case_read(&from, ucase);
	if (err || from.fd == -1)
		return err;
	if (from.op != HSK_CASE_SEND && from.op != HSK_CASE_RECV)
		return -EINVAL;
	to->send = from.op == HSK_CASE_SEND;
	to->file = hsk_case_endpoint(to, from.fd, lasting);
	if (!to->file)
		return -EBADF;
	to->chan = hsk_endpoint_chan(to->file);
	to->user.hdr = from.msg;
	return to->send ? hsk_case_load(to) : hsk_case_room_from_user(to);
}

static int hsk_cases_launch(struct hsk_case *cases, u32 nr)
{
	int err = 0;
	u32 i;

	for (i = 0; i < nr && !err; i++)
		if (cases[i].place.msg)
			err = hsk_send_launch(cases[i].chan, cases[i].place.msg);
	return err;
}

/*
 * Of each case all, in their order; then, when nothing else can be wrong, the
 * descriptors of all messages take off. On failure nothing is left of them.
 */
static int hsk_cases_from_user(struct hsk_case *cases, u32 nr,
			       const struct hsk_select_case __user *ucases, bool lasting)
{
	bool fly = false;
	int err = 0;
	u32 begun;

	might_fault();
	for (begun = 0; begun < nr && !err; begun++) {
		err = hsk_case_from_user(&cases[begun], &ucases[begun], lasting);
		if (cases[begun].place.msg && cases[begun].place.msg->flight)
			fly = true;
	}
	if (!err && fly)
		err = hsk_cases_launch(cases, nr);
	if (err)
		hsk_cases_put(cases, begun);
	return err;
}

/* What happened, to user memory. */

/*
 * A selector's program says anew where the message is to go, and what fits there.
 *
 * Return: 0; -EFAULT; -EINVAL a reserved member is not 0; -EMSGSIZE.
 */
static int hsk_chosen_from_user(struct hsk_case *chosen, int result,
				const struct hsk_select_case __user *ucase)
{
	struct hsk_room needed;
	int err;

	if (chosen->send)
		return 0;
	if (get_user(chosen->user.hdr, &ucase->msg))
		return -EFAULT;
	needed = chosen->place.room;
	err = hsk_case_room_from_user(chosen);
	if (err)
		return err;
	if (!result)
		return hsk_msg_fits(chosen->place.msg, &chosen->place.room);
	chosen->place.room = needed;
	return 0;
}

/*
 * @fault: why what was received can't be given to the program.
 *
 * Return: the result, which is in @uresult already if it is -EMSGSIZE; -ERESTARTSYS.
 */
static int hsk_chosen_recv_to_user(struct hsk_case *chosen, int err, int fault,
				   s32 __user *uresult)
{
	struct hsk_recv recv = { .room = chosen->place.room, .msg = chosen->place.msg };
	struct hsk_msghdr hdr = { .data = chosen->user.data, .fds = chosen->user.fds };

	err = hsk_recv_taken(chosen->chan, &recv, err);
	if (err == -ERESTARTSYS)
		return err;
	if (fault && !err)
		hsk_recv_restore(chosen->chan, &recv, fault);
	if (fault == -EFAULT)
		return fault;
	err = fault ?: err;
	/* Before the sizes are: next time they would be taken for the room. */
	if (err == -EMSGSIZE && put_user(err, uresult))
		return -EFAULT;
	return hsk_recv_to_user(chosen->chan, &recv, err, &hdr,
				u64_to_user_ptr(chosen->user.hdr));
}

/*
 * What the program is told of the case that has happened. The usual result, 0, is
 * there already: it was checked.
 *
 * Return: the index; -EFAULT, nothing has happened then.
 */
static int hsk_chosen_to_user(struct hsk_select *select, struct hsk_case *chosen, int fault,
			      s32 __user *uresult)
{
	const struct hsk_room *size = &chosen->place.room;
	int result = select->wait.result;

	if (chosen->send)
		trace_hsk_send(chosen->chan->id, size->len, size->nr_fds, result);
	else
		result = hsk_chosen_recv_to_user(chosen, result, fault, uresult);
	if (result == -ERESTARTSYS)
		return result;
	if (result && result != -EMSGSIZE && put_user(result, uresult))
		return -EFAULT;
	return chosen - select->cases;
}

/* One function for each ioctl. */

static int hsk_select_args(const struct hsk_select_args *args, struct hsk_op *op,
			   struct hsk_select_args __user *uargs)
{
	struct hsk_case few[HSK_CASES_FEW] HSK_UNINITIALIZED;
	struct hsk_case *cases = few, *chosen;
	struct hsk_select select;
	int ret;

	if (args->nr_cases > HSK_CASES_FEW) {
		cases = kmalloc_array(args->nr_cases, sizeof(*cases), HSK_GFP);
		if (!cases)
			return -ENOMEM;
	}
	ret = hsk_cases_from_user(cases, args->nr_cases, u64_to_user_ptr(args->cases), false);
	if (ret)
		goto free;
	hsk_select_init(&select, cases, args->nr_cases, args->flags & HSK_SELECT_F_ORDERED);
	hsk_wait_init_several(&select.wait, &hsk_task_waker, current);
	ret = hsk_select(&select, op, &chosen);
	if (!ret)
		ret = hsk_chosen_to_user(&select, chosen, 0, &uargs->result);
	hsk_cases_put(cases, args->nr_cases);
free:
	if (cases != few)
		kfree(cases);
	return ret;
}

/**
 * hsk_ioctl_select() - HSK_IOC_SELECT, which is the same on any endpoint
 * @uargs: its argument
 *
 * Return: the index of a case; as the uapi header says.
 */
long hsk_ioctl_select(void __user *uargs)
{
	struct hsk_select_args __user *uselect = uargs;
	struct hsk_select_args args;
	struct hsk_op op;
	int ret;

	ret = hsk_args_from_user(&args, sizeof(args), sizeof(args), uargs);
	if (!ret)
		ret = hsk_op_from_args(&op, false, args.flags & ~HSK_SELECT_F_ORDERED,
				       args.deadline, args.ctx, true);
	if (ret)
		return ret;
	if (args.nr_cases > HSK_SELECT_CASES_MAX || args.ctx_reason || args.result)
		return -EINVAL;
	ret = hsk_op_get_ctx(&op, args.flags, args.ctx);
	if (ret)
		return ret;
	ret = hsk_select_args(&args, &op, uselect);
	return hsk_op_put_ctx(&op, ret, &uselect->ctx_reason);
}

static long hsk_selector_ioctl_arm(struct hsk_selector *selector, void __user *uargs)
{
	struct hsk_armed *armed;
	struct hsk_arm_args args;
	int err;

	err = hsk_args_from_user(&args, sizeof(args), sizeof(args), uargs);
	if (err)
		return err;
	if (args.flags & ~HSK_SELECT_F_ORDERED || args.nr_cases > HSK_SELECT_CASES_MAX ||
	    args.__reserved0)
		return -EINVAL;
	armed = hsk_armed_new(args.nr_cases);
	if (!armed)
		return -ENOMEM;
	err = hsk_cases_from_user(armed->cases, args.nr_cases, u64_to_user_ptr(args.cases),
				  true);
	if (err) {
		kfree(armed);
		return err;
	}
	hsk_select_init(&armed->select, armed->cases, args.nr_cases,
			args.flags & HSK_SELECT_F_ORDERED);
	err = hsk_selector_arm(selector, armed);
	if (err)
		hsk_armed_free(armed);
	return err;
}

static long hsk_selector_ioctl_finish(struct hsk_selector *selector, void __user *uargs)
{
	const struct hsk_select_case __user *ucases;
	struct hsk_finish_args __user *ufinish = uargs;
	struct hsk_finish_args args;
	struct hsk_armed *armed;
	struct hsk_case *chosen;
	int ret;

	ret = hsk_args_from_user(&args, sizeof(args), sizeof(args), uargs);
	if (ret)
		return ret;
	if (args.flags || args.result)
		return -EINVAL;
	/* What can be foreseen to fail does so before anything has happened. */
	if (put_user(0, &ufinish->result))
		return -EFAULT;
	if (fatal_signal_pending(current))
		return -EINTR;
	ucases = u64_to_user_ptr(args.cases);
	armed = hsk_selector_finish(selector, args.nr_cases, &chosen);
	if (IS_ERR(armed))
		return PTR_ERR(armed);
	ret = hsk_chosen_from_user(chosen, armed->select.wait.result,
				   &ucases[chosen - armed->cases]);
	ret = hsk_chosen_to_user(&armed->select, chosen, ret, &ufinish->result);
	hsk_armed_free(armed);
	return ret;
}

static long hsk_selector_ioctl_disarm(struct hsk_selector *selector, void __user *uargs)
{
	struct hsk_disarm_args args;
	int err;

	err = hsk_args_from_user(&args, sizeof(args), sizeof(args), uargs);
	if (err)
		return err;
	return args.__reserved0 ? -EINVAL : hsk_selector_disarm(selector);
}

/**
 * hsk_selector_ioctl() - all that a selector can be asked by number
 * @selector: the selector
 * @cmd: HSK_IOC_*
 * @arg: pointer to the struct that goes with it
 *
 * Return: 0 or the index of a case; -ENOTTY; as the uapi header says of each.
 */
long hsk_selector_ioctl(struct hsk_selector *selector, unsigned int cmd, unsigned long arg)
{
	void __user *uargs = (void __user *)arg;

	switch (cmd) {
	case HSK_IOC_ARM:
		return hsk_selector_ioctl_arm(selector, uargs);
	case HSK_IOC_FINISH:
		return hsk_selector_ioctl_finish(selector, uargs);
	case HSK_IOC_DISARM:
		return hsk_selector_ioctl_disarm(selector, uargs);
	default:
		return -ENOTTY;
	}
}
