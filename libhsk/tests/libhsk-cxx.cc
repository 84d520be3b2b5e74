// SPDX-License-Identifier: LGPL-2.1-or-later
// The library from C++: headers, linkage, the typed macro.
#include <string>
#include <vector>

#include <hsk.h>

#include "tap.h"

namespace geometry {
struct point {
	int x;
	int y;
};
HSK_TYPED(point, point)
}

static void typed_channel_works_in_a_namespace()
{
	geometry::point sent = { 1, 2 };
	geometry::point got = { 0, 0 };
	int ep = hsk_chan_new(1);

	EXPECT_EQ(0, geometry::point_send(ep, &sent, nullptr));
	EXPECT_EQ(1, geometry::point_recv(ep, &got, nullptr, nullptr));
	EXPECT_EQ(1, got.x);
	EXPECT_EQ(2, got.y);
}

static void strings_and_descriptors_travel()
{
	std::string text = "from C++";
	std::vector<char> buf(64);
	struct hsk_message msg = {};
	int ends[2];
	int ep = hsk_chan_new(1);
	int got = -1;

	EXPECT_EQ(0, hsk_chan_pair(ends, 0));
	EXPECT_EQ(0, hsk_send_fds(ep, text.data(), text.size(), &ends[0], 1,
				  nullptr));
	EXPECT_EQ(1, hsk_recv_fds(ep, buf.data(), buf.size(), &got, 1, &msg,
				  nullptr));
	EXPECT(std::string(buf.data(), msg.len) == text);
	EXPECT_EQ(1, msg.nr_fds);
	EXPECT(got >= 0);
}

static void select_with_a_context_reads_as_a_switch()
{
	struct hsk_ctx *ctx = nullptr;
	std::string text = "from C++";
	std::vector<char> buf(64);
	int ep = hsk_chan_new(1);

	EXPECT_EQ(0, hsk_ctx_with_cancel(hsk_ctx_background(), &ctx));
	std::vector<hsk_case> cases = {
		hsk_case_send(ep, text.data(), text.size()),
		hsk_case_recv(ep, buf.data(), buf.size()),
	};
	EXPECT_EQ(0, hsk_select(cases.data(), cases.size(), ctx));
	EXPECT_EQ(1, hsk_select(cases.data(), cases.size(), ctx));
	EXPECT(std::string(buf.data(), cases[1].msg.len) == text);
	cases.clear();
	EXPECT_EQ(0, hsk_ctx_cancel(ctx));
	EXPECT_EQ(-ECANCELED, hsk_select(cases.data(), cases.size(), ctx));
	hsk_ctx_free(ctx);
}

static const struct tap_test tests[] = {
	TAP_TEST(typed_channel_works_in_a_namespace),
	TAP_TEST(strings_and_descriptors_travel),
	TAP_TEST(select_with_a_context_reads_as_a_switch),
};

int main()
{
	return TAP_RUN(tests);
}
