// SPDX-License-Identifier: GPL-2.0-only
/*
 * The properties by which Go checks its channels: power series (powser). Each
 * node of a graph is a party that computes one series, coefficient by
 * coefficient, and only when asked. A demand is a message that carries the
 * channel on which the answer is wanted, so the graph works by channels inside
 * of messages throughout.
 */
#include <unistd.h>

#include "../kselftest_harness.h"
#include "conformance.h"

#define TERMS	10	/* coefficients asked for */
#define SIDES	3	/* consumers that a split can have */

struct rational {
	__s64 num, den;
};

struct demand {
	__u32 side;
};

/* What a node's mailbox gets: a demand, or an answer to a demand of its own. */
struct letter {
	bool is_demand;
	__u32 side;
	struct rational value;
	int reply;
};

struct node {
	int mailbox;
	int (*run)(struct node *node);
	struct input {
		int mailbox;
		__u32 side;
	} u, v;
	int reply, reply_writer;	/* where answers to this node come */
};

static __s64 gcd(__s64 a, __s64 b)
{
	__s64 t;

	while (b) {
		t = a % b;
		a = b;
		b = t;
	}
	return a < 0 ? -a : a;
}

static struct rational ratio(__s64 num, __s64 den)
{
	__s64 d = gcd(num, den);

	return (struct rational){ num / d, den / d };
}

static struct rational add(struct rational a, struct rational b)
{
	return ratio(a.num * b.den + b.num * a.den, a.den * b.den);
}

static struct rational multiply(struct rational a, struct rational b)
{
	return ratio(a.num * b.num, a.den * b.den);
}

static int send_demand(const struct input *input, int reply_writer)
{
	struct demand demand = { input->side };

	return t_send_full(input->mailbox, &demand, sizeof(demand),
			   &reply_writer, 1, 0, 0);
}

/* 0, or -EPIPE when the graph is being taken down. */
static int ask(struct node *node, const struct input *input,
	       struct rational *value)
{
	struct hsk_msghdr msg;
	int ret = send_demand(input, node->reply_writer);

	if (ret)
		return ret;
	ret = t_recv(node->reply, value, sizeof(*value), &msg);
	if (!ret && msg.flags & HSK_MSG_F_CLOSED)
		return -EPIPE;
	return ret;
}

static int answer(int reply, struct rational value)
{
	int ret = t_send(reply, &value, sizeof(value));

	close(reply);
	return ret;
}

/* The next letter: 1, 0 when the mailbox is closed, -errno. */
static int open_mail(struct node *node, struct letter *letter)
{
	union {
		struct demand demand;
		struct rational value;
	} bytes;
	struct hsk_msghdr msg;
	int ret;

	ret = t_recv_full(node->mailbox, &bytes, sizeof(bytes), &letter->reply,
			  1, 0, 0, &msg);
	if (ret || msg.flags & HSK_MSG_F_CLOSED)
		return ret;
	letter->is_demand = msg.nr_fds == 1;
	letter->side = bytes.demand.side;
	letter->value = bytes.value;
	return 1;
}

/* Runs a node that answers each demand with compute(node, n). */
static int serve(struct node *node,
		 int (*compute)(struct node *node, int n, struct rational *value))
{
	struct rational value;
	struct letter letter;
	int n, ret;

	for (n = 0; ; n++) {
		ret = open_mail(node, &letter);
		if (!ret)
			return 0;
		T_NEED_EQ(1, ret);
		T_NEED(letter.is_demand);
		ret = compute(node, n, &value);
		if (ret == -EPIPE)
			return 0;
		T_NEED_EQ(0, ret);
		ret = answer(letter.reply, value);
		if (ret == -EPIPE)
			return 0;
		T_NEED_EQ(0, ret);
	}
}

/* 1/(1-x): every coefficient is 1. */
static int compute_ones(struct node *node, int n, struct rational *value)
{
	(void)node;
	(void)n;
	*value = ratio(1, 1);
	return 0;
}

static int run_ones(struct node *node)
{
	return serve(node, compute_ones);
}

static int compute_sum(struct node *node, int n, struct rational *value)
{
	struct rational u, v;
	int ret;

	(void)n;
	ret = ask(node, &node->u, &u);
	if (!ret)
		ret = ask(node, &node->v, &v);
	if (!ret)
		*value = add(u, v);
	return ret;
}

static int run_sum(struct node *node)
{
	return serve(node, compute_sum);
}

/* Keeps what it has got of both: coefficient n needs all before it. */
static int run_product(struct node *node)
{
	struct rational u[TERMS], v[TERMS], value;
	struct letter letter;
	int n, i, ret;

	for (n = 0; n < TERMS; n++) {
		ret = open_mail(node, &letter);
		if (!ret)
			return 0;
		T_NEED_EQ(1, ret);
		ret = ask(node, &node->u, &u[n]);
		if (!ret)
			ret = ask(node, &node->v, &v[n]);
		T_NEED_EQ(0, ret);
		value = ratio(0, 1);
		for (i = 0; i <= n; i++)
			value = add(value, multiply(u[i], v[n - i]));
		T_NEED_EQ(0, answer(letter.reply, value));
	}
	T_NEED_EQ(0, open_mail(node, &letter));
	return 0;
}

/* 1 plus the integral of u. The first coefficient needs nothing of u. */
static int compute_one_plus_integral(struct node *node, int n,
				     struct rational *value)
{
	struct rational u;
	int ret;

	if (!n) {
		*value = ratio(1, 1);
		return 0;
	}
	ret = ask(node, &node->u, &u);
	if (!ret)
		*value = multiply(u, ratio(1, n));
	return ret;
}

static int run_one_plus_integral(struct node *node)
{
	return serve(node, compute_one_plus_integral);
}

/*
 * One series for several consumers, of which each gets all of it. It must go on
 * serving while its own demand is out, since its source may be computed from
 * what it has already got; so the answer comes to its mailbox like all else.
 */
struct split {
	struct rational got[TERMS];
	int nr_got, asked;
	int next[SIDES], waiting[SIDES];
};

static int split_serve_side(struct split *s, int side)
{
	int reply = s->waiting[side];

	if (reply < 0 || s->next[side] >= s->nr_got)
		return 0;
	s->waiting[side] = -1;
	return answer(reply, s->got[s->next[side]++]);
}

static int split_ask(struct node *node, struct split *s)
{
	int side;

	for (side = 0; side < SIDES; side++) {
		if (s->waiting[side] < 0 || s->asked > s->nr_got)
			continue;
		s->asked++;
		return send_demand(&node->u, node->reply_writer);
	}
	return 0;
}

static int run_split(struct node *node)
{
	struct split s = { .waiting = { -1, -1, -1 } };
	struct letter letter;
	int ret, side;

	while ((ret = open_mail(node, &letter)) == 1) {
		if (letter.is_demand)
			s.waiting[letter.side] = letter.reply;
		else
			s.got[s.nr_got++] = letter.value;
		for (side = 0; side < SIDES; side++)
			T_NEED_EQ(0, split_serve_side(&s, side));
		T_NEED_EQ(0, split_ask(node, &s));
	}
	return ret;
}

/* --- building graphs --- */

#define NODES	T_MAX_PARTIES

struct graph {
	struct t_crew crew;
	struct node nodes[NODES];
	unsigned int nr;
};

static int run_node(void *p)
{
	struct node *node = p;

	return node->run(node);
}

static struct node *node_new(struct graph *graph)
{
	struct node *node = &graph->nodes[graph->nr++];

	node->mailbox = t_new(0);
	node->reply = t_new(0);
	node->reply_writer = t_dup(node->reply, HSK_RIGHT_WRITE);
	return node;
}

static struct input output_of(const struct node *node, __u32 side)
{
	return (struct input){ node->mailbox, side };
}

static struct node *start(struct graph *graph, struct node *node,
			  int (*run)(struct node *node), struct input u,
			  struct input v)
{
	node->run = run;
	node->u = u;
	node->v = v;
	t_crew_add(&graph->crew, run_node, node);
	return node;
}

static struct node *start_split(struct graph *graph, struct node *node,
				struct input u)
{
	close(node->reply);
	close(node->reply_writer);
	node->reply_writer = t_dup(node->mailbox, HSK_RIGHT_WRITE);
	return start(graph, node, run_split, u, u);
}

/* The exponential: e = 1 + integral of e, its own consumer by side 2. */
static struct node *start_exp(struct graph *graph)
{
	struct node *split = node_new(graph), *integral = node_new(graph);
	struct input own = output_of(split, 2);

	start(graph, integral, run_one_plus_integral, own, own);
	return start_split(graph, split, output_of(integral, 0));
}

static struct node *start_ones(struct graph *graph)
{
	struct input none = { -1, 0 };

	return start(graph, node_new(graph), run_ones, none, none);
}

/* The first coefficients of what @output yields. */
static bool graph_yields(struct graph *graph, struct input output,
			 const struct rational *want)
{
	struct node *user = node_new(graph);
	struct rational value;
	int n;

	for (n = 0; n < TERMS; n++) {
		if (ask(user, &output, &value))
			return false;
		if (value.num == want[n].num && value.den == want[n].den)
			continue;
		fprintf(stderr, "# coefficient %d: %lld/%lld, not %lld/%lld\n",
			n, value.num, value.den, want[n].num, want[n].den);
		return false;
	}
	return true;
}

static bool graph_end(struct graph *graph)
{
	unsigned int i;

	for (i = 0; i < graph->nr; i++) {
		t_close(graph->nodes[i].mailbox, 0);
		t_close(graph->nodes[i].reply_writer, 0);
	}
	return t_crew_join(&graph->crew);
}

FIXTURE(powser) {
	struct graph *graph;
};

FIXTURE_VARIANT(powser) {
	enum t_mode mode;
};

FIXTURE_VARIANT_ADD(powser, process) { .mode = T_PROCESS };
FIXTURE_VARIANT_ADD(powser, thread) { .mode = T_THREAD };

FIXTURE_SETUP(powser)
{
	self->graph = calloc(1, sizeof(*self->graph));
	self->graph->crew.mode = variant->mode;
}

FIXTURE_TEARDOWN(powser)
{
	free(self->graph);
}

/* (1/(1-x))^k, as a chain of products: binomial(n + k - 1, n). */
TEST_F(powser, power_of_the_geometric_series_has_binomial_coefficients)
{
	struct node *power = start_ones(self->graph), *next;
	struct rational want[TERMS];
	const int k = 12;
	int i, n;

	for (i = 1; i < k; i++) {
		next = node_new(self->graph);
		power = start(self->graph, next, run_product,
			      output_of(power, 0),
			      output_of(start_ones(self->graph), 0));
	}
	want[0] = ratio(1, 1);
	for (n = 1; n < TERMS; n++)
		want[n] = multiply(want[n - 1], ratio(n + k - 1, n));
	EXPECT_TRUE(graph_yields(self->graph, output_of(power, 0), want));
	EXPECT_TRUE(graph_end(self->graph));
}

/* A series that is computed from itself. */
TEST_F(powser, exponential_is_computed_from_its_own_coefficients)
{
	struct node *exponential = start_exp(self->graph);
	struct rational want[TERMS];
	int n;

	want[0] = ratio(1, 1);
	for (n = 1; n < TERMS; n++)
		want[n] = multiply(want[n - 1], ratio(1, n));
	EXPECT_TRUE(graph_yields(self->graph, output_of(exponential, 0), want));
	EXPECT_TRUE(graph_end(self->graph));
}

/* exp(x)^2 + exp(x)/(1-x), of two exponentials that each have two consumers. */
TEST_F(powser, large_graph_with_shared_series_computes_its_coefficients)
{
	struct graph *graph = self->graph;
	struct node *a = start_exp(graph), *b = start_exp(graph);
	struct node *square, *quotient, *sum;
	struct rational want[TERMS], power, factorial, partial;
	int n;

	square = start(graph, node_new(graph), run_product, output_of(a, 0),
		       output_of(b, 0));
	quotient = start(graph, node_new(graph), run_product, output_of(a, 1),
			 output_of(start_ones(graph), 0));
	sum = start(graph, node_new(graph), run_sum, output_of(square, 0),
		    output_of(quotient, 0));
	power = ratio(1, 1);
	factorial = ratio(1, 1);
	partial = ratio(0, 1);
	for (n = 0; n < TERMS; n++) {
		if (n) {
			factorial = multiply(factorial, ratio(1, n));
			power = multiply(power, ratio(2, 1));
		}
		partial = add(partial, factorial);
		want[n] = add(multiply(power, factorial), partial);
	}
	EXPECT_TRUE(graph_yields(graph, output_of(sum, 0), want));
	EXPECT_TRUE(graph_end(graph));
}

HSK_TEST_MAIN
