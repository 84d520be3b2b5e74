/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Flight: descriptors inside messages.
 *
 * A message that bears descriptors has a struct hsk_flight with one reference
 * to each open file. While the channel or a receiver that may still give it
 * back holds the message, the flight is in the air, which means two things:
 *
 * The graph. Each channel is a struct hsk_node. For every endpoint in a message
 * that channel A holds there is an edge from A to that endpoint's channel: A
 * keeps it alive. A cycle of edges would keep itself alive with no descriptor
 * left to reach it, so hsk_flight_launch() refuses with ELOOP the message that
 * would close one. It walks on from the carried channels, breadth first, without
 * recursion, each edge at most once; and it need not walk unless a carried channel
 * holds something and the holder is itself held, so that a chain is built at the
 * same cost for each link, from whichever end.
 *
 * No other edge is possible: what can travel is endpoints, regular files and
 * memfds, and pipes, and the last two hold no descriptors.
 *
 * The limit. Every descriptor in flight, of whatever kind, counts against the
 * user who sent it (effective user id of the sender, as in the message), since
 * it pins an open file beyond the reach of RLIMIT_NOFILE.
 *
 * Life time. hsk_flight_launch() comes before the message enters the channel;
 * hsk_flight_land() before the receive commits, or by hsk_flight_free() when the
 * message is dropped. A flight lands before its holder can go, because whoever
 * holds or drains a channel's message holds the channel.
 *
 * Locks. One mutex, hsk_flight_lock, covers the whole graph and all counts. It
 * is never taken under a channel's lock, nor the other way round.
 */
#ifndef HSK_FLIGHT_H
#define HSK_FLIGHT_H

#include <linux/list.h>
#include <linux/types.h>
#include <linux/uidgid.h>

struct file;
struct hsk_user;

/**
 * struct hsk_node - a channel's place in the graph
 * @holds: edges to what its messages carry, by hsk_carried.edge
 * @held_by: number of edges that lead here
 * @visit: the last walk that came by
 * @walk: in the list of nodes a walk has yet to look at
 *
 * All under hsk_flight_lock.
 */
struct hsk_node {
	struct list_head holds;
	unsigned int held_by;
	u64 visit;
	struct list_head walk;
};

/**
 * struct hsk_carried - one descriptor in flight
 * @file: the open file; the flight's reference, NULL once installed
 * @target: the channel it is an endpoint of, NULL: another kind; immutable
 * @edge: in the holder's list of edges; hsk_flight_lock
 * @fd: the number it gets in the receiver; the receiver's
 */
struct hsk_carried {
	struct file *file;
	struct hsk_node *target;
	struct list_head edge;
	int fd;
};

/**
 * struct hsk_flight - the descriptors of one message
 * @user: whose limit it counts against, NULL: not in the air; hsk_flight_lock
 * @nr: number of descriptors in @carried
 * @carried: the descriptors, in the order given
 */
struct hsk_flight {
	struct hsk_user *user;
	u32 nr;
	struct hsk_carried carried[];
};

void hsk_node_init(struct hsk_node *node);

struct hsk_flight *hsk_flight_new(u32 nr);
void hsk_flight_add(struct hsk_flight *flight, struct file *file, struct hsk_node *target);
int hsk_flight_check(const struct hsk_flight *flight);
int hsk_flight_launch(struct hsk_flight *flight, struct hsk_node *holder, kuid_t uid);
void hsk_flight_land(struct hsk_flight *flight);
void hsk_flight_free(struct hsk_flight *flight);

int hsk_flight_reserve(struct hsk_flight *flight);
void hsk_flight_unreserve(struct hsk_flight *flight);
void hsk_flight_install(struct hsk_flight *flight);

#endif /* HSK_FLIGHT_H */
