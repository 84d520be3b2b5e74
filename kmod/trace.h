/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints: send, receive, block, wake, close, each with the channel's id.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM hsk

#if !defined(HSK_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define HSK_TRACE_H

#include <linux/sched.h>
#include <linux/tracepoint.h>

DECLARE_EVENT_CLASS(hsk_message,
		    TP_PROTO(u64 id, u32 len, u32 nr_fds, int result),
		    TP_ARGS(id, len, nr_fds, result),
		    TP_STRUCT__entry(__field(u64, id)
				     __field(u32, len)
				     __field(u32, nr_fds)
				     __field(int, result)),
		    TP_fast_assign(__entry->id = id;
				   __entry->len = len;
				   __entry->nr_fds = nr_fds;
				   __entry->result = result;),
		    TP_printk("channel=%llu len=%u nr_fds=%u result=%d", __entry->id,
			      __entry->len, __entry->nr_fds, __entry->result));

/* A send is over. */
DEFINE_EVENT(hsk_message, hsk_send,
	     TP_PROTO(u64 id, u32 len, u32 nr_fds, int result),
	     TP_ARGS(id, len, nr_fds, result));

/* A receive is over; result 1: closed. */
DEFINE_EVENT(hsk_message, hsk_recv,
	     TP_PROTO(u64 id, u32 len, u32 nr_fds, int result),
	     TP_ARGS(id, len, nr_fds, result));

/* The current task is going to wait. */
TRACE_EVENT(hsk_block,
	    TP_PROTO(u64 id, bool sender),
	    TP_ARGS(id, sender),
	    TP_STRUCT__entry(__field(u64, id)
			     __field(bool, sender)),
	    TP_fast_assign(__entry->id = id;
			   __entry->sender = sender;),
	    TP_printk("channel=%llu op=%s", __entry->id, __entry->sender ? "send" : "recv"));

/* Another task has ended the operation of one that waits. */
TRACE_EVENT(hsk_wake,
	    TP_PROTO(u64 id, const struct task_struct *task, int result),
	    TP_ARGS(id, task, result),
	    TP_STRUCT__entry(__field(u64, id)
			     __field(pid_t, tid)
			     __field(int, result)),
	    TP_fast_assign(__entry->id = id;
			   __entry->tid = task->pid;
			   __entry->result = result;),
	    TP_printk("channel=%llu tid=%d result=%d", __entry->id, __entry->tid,
		      __entry->result));

TRACE_EVENT(hsk_close,
	    TP_PROTO(u64 id, int reason),
	    TP_ARGS(id, reason),
	    TP_STRUCT__entry(__field(u64, id)
			     __field(int, reason)),
	    TP_fast_assign(__entry->id = id;
			   __entry->reason = reason;),
	    TP_printk("channel=%llu reason=%d", __entry->id, __entry->reason));

#endif /* HSK_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
