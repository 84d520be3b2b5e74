/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints, each with the channel's id. Whoever hits one is the task that it is
 * about, but for hsk_wake. Each costs a no-op while nobody listens; of those on the
 * way of every message, one stands for each thing that can take a while.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM hsk

#if !defined(HSK_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define HSK_TRACE_H

#include <linux/tracepoint.h>
#include <linux/types.h>

#include "wait.h"

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

/* A receive has its message and is going to copy it; hsk_recv follows. */
TRACE_EVENT(hsk_take,
	    TP_PROTO(u64 id, u32 len, u32 nr_fds),
	    TP_ARGS(id, len, nr_fds),
	    TP_STRUCT__entry(__field(u64, id)
			     __field(u32, len)
			     __field(u32, nr_fds)),
	    TP_fast_assign(__entry->id = id;
			   __entry->len = len;
			   __entry->nr_fds = nr_fds;),
	    TP_printk("channel=%llu len=%u nr_fds=%u", __entry->id, __entry->len,
		      __entry->nr_fds));

/* A send's descriptors count against its user from now on, or are refused. */
TRACE_EVENT(hsk_launch,
	    TP_PROTO(u64 id, u32 nr_fds, int result),
	    TP_ARGS(id, nr_fds, result),
	    TP_STRUCT__entry(__field(u64, id)
			     __field(u32, nr_fds)
			     __field(int, result)),
	    TP_fast_assign(__entry->id = id;
			   __entry->nr_fds = nr_fds;
			   __entry->result = result;),
	    TP_printk("channel=%llu nr_fds=%u result=%d", __entry->id, __entry->nr_fds,
		      __entry->result));

/* The current task is going to wait. */
TRACE_EVENT(hsk_block,
	    TP_PROTO(u64 id, bool sender),
	    TP_ARGS(id, sender),
	    TP_STRUCT__entry(__field(u64, id)
			     __field(bool, sender)),
	    TP_fast_assign(__entry->id = id;
			   __entry->sender = sender;),
	    TP_printk("channel=%llu op=%s", __entry->id, __entry->sender ? "send" : "recv"));

/* Another task has ended the operation of one that waits; tid 0: of a selector. */
TRACE_EVENT(hsk_wake,
	    TP_PROTO(u64 id, const struct hsk_wait *wait, int result),
	    TP_ARGS(id, wait, result),
	    TP_STRUCT__entry(__field(u64, id)
			     __field(pid_t, tid)
			     __field(int, result)),
	    TP_fast_assign(__entry->id = id;
			   __entry->tid = hsk_wait_tid(wait);
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

/* The last READ endpoint has gone, and so many messages with it. */
TRACE_EVENT(hsk_drain,
	    TP_PROTO(u64 id, u32 messages),
	    TP_ARGS(id, messages),
	    TP_STRUCT__entry(__field(u64, id)
			     __field(u32, messages)),
	    TP_fast_assign(__entry->id = id;
			   __entry->messages = messages;),
	    TP_printk("channel=%llu messages=%u", __entry->id, __entry->messages));

DECLARE_EVENT_CLASS(hsk_endpoint,
		    TP_PROTO(u64 id, unsigned int rights, unsigned int readers,
			     unsigned int writers),
		    TP_ARGS(id, rights, readers, writers),
		    TP_STRUCT__entry(__field(u64, id)
				     __field(unsigned int, rights)
				     __field(unsigned int, readers)
				     __field(unsigned int, writers)),
		    TP_fast_assign(__entry->id = id;
				   __entry->rights = rights;
				   __entry->readers = readers;
				   __entry->writers = writers;),
		    TP_printk("channel=%llu rights=%s%s readers=%u writers=%u", __entry->id,
			      __entry->rights & 1 ? "r" : "", __entry->rights & 2 ? "w" : "",
			      __entry->readers, __entry->writers));

/* A new endpoint; so many there are now. */
DEFINE_EVENT(hsk_endpoint, hsk_attach,
	     TP_PROTO(u64 id, unsigned int rights, unsigned int readers, unsigned int writers),
	     TP_ARGS(id, rights, readers, writers));

/* An endpoint has gone; so many are left. */
DEFINE_EVENT(hsk_endpoint, hsk_detach,
	     TP_PROTO(u64 id, unsigned int rights, unsigned int readers, unsigned int writers),
	     TP_ARGS(id, rights, readers, writers));

#endif /* HSK_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
