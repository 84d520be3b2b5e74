// SPDX-License-Identifier: GPL-2.0-only
/* Programs by chance: new ones, and ones changed a little. */
#include <string.h>

#include "program.h"

uint32_t random_next(struct random *random)
{
	uint64_t z = (random->state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return (z ^ (z >> 31)) >> 32;
}

uint32_t random_below(struct random *random, uint32_t limit)
{
	return ((uint64_t)random_next(random) * limit) >> 32;
}

static uint8_t random_arg(enum arg arg, struct random *random)
{
	static const unsigned int first[] = { [OFTEN_FIRST] = 75, [MOSTLY_FIRST] = 92 };

	if (random_below(random, 100) < first[args[arg].taste])
		return 0;
	/* Low slots are the ones in use. */
	if (args[arg].values == args[A_CTX].values && random_below(random, 100) < 80)
		return 1 + random_below(random, 4);
	if (args[arg].values == args[A_S].values && random_below(random, 100) < 80)
		return random_below(random, 4);
	return random_below(random, args[arg].nr);
}

static enum op random_op(struct random *random)
{
	unsigned int sum = 0, pick;
	int op;

	for (op = 0; op < NR_OPS; op++)
		sum += ops[op].weight;
	pick = random_below(random, sum);
	for (op = 0; pick >= ops[op].weight; op++)
		pick -= ops[op].weight;
	return op;
}

static void random_step(struct step *step, struct random *random)
{
	unsigned int i;
	enum arg arg;

	memset(step, 0, sizeof(*step));
	step->worker = random_below(random, NR_WORKERS);
	step->op = random_op(random);
	for (i = 0; i < ops[step->op].nr; i++) {
		arg = ops[step->op].args[i];
		step->arg[arg] = random_arg(arg, random);
	}
	/* What comes back after a receiver has failed is worth more attempts. */
	if ((step->op == OP_RECV || step->op == OP_READ || step->op == OP_SELECT ||
	     step->op == OP_FINISH) && !random_below(random, 8))
		step->arg[A_DATA] = PTR_UNMAPPED;
	/* A case of no known kind is seen soon enough. */
	for (arg = A_C0; (step->op == OP_SELECT || step->op == OP_ARM) && arg <= A_C2; arg++)
		if (step->arg[arg] == CASE_BAD && random_below(random, 8))
			step->arg[arg] = CASE_RECV + random_below(random, 2);
	if ((step->op == OP_SELECT || step->op == OP_ARM) && !random_below(random, 3))
		step->arg[A_CASES] = CASES_THREE;
	/* Most messages with descriptors are received by someone with room for them. */
	if ((step->op == OP_RECV || step->op == OP_FINISH) && random_below(random, 2))
		step->arg[A_N] = 3;
	if ((step->op == OP_RECV || step->op == OP_FINISH) && random_below(random, 2))
		step->arg[A_LEN] = 9;
}

static void insert_step(struct program *program, int at, const struct step *step)
{
	if (program->nr == MAX_STEPS)
		program->nr--;
	if (at > program->nr)
		at = program->nr;
	memmove(&program->step[at + 1], &program->step[at],
		(program->nr - at) * sizeof(*step));
	program->step[at] = *step;
	program->nr++;
}

void program_delete(struct program *program, int first, int nr)
{
	if (first + nr > program->nr)
		nr = program->nr - first;
	memmove(&program->step[first], &program->step[first + nr],
		(program->nr - first - nr) * sizeof(program->step[0]));
	program->nr -= nr;
}

/* A channel and an endpoint for everyone, then anything. */
void program_generate(struct program *program, struct random *random)
{
	int i, nr = 6 + random_below(random, MAX_STEPS - 8);
	struct step step = { .op = OP_OPEN };

	program->nr = 0;
	insert_step(program, 0, &step);
	if (random_below(random, 3)) {
		step.op = OP_NEW;
		step.arg[A_CAP] = random_below(random, CAP_MAX);
		insert_step(program, program->nr, &step);
	}
	for (i = 1; i < NR_WORKERS; i++) {
		step = (struct step){ .op = OP_TAKE, .worker = i };
		step.arg[A_S] = program->nr > 1 ? random_below(random, 2) : 0;
		insert_step(program, program->nr, &step);
	}
	while (program->nr < nr) {
		random_step(&step, random);
		insert_step(program, program->nr, &step);
	}
	if (!random_below(random, 8)) {
		step = (struct step){ .op = OP_RACE };
		insert_step(program, program->nr / 2, &step);
	}
}

static void change_arg(struct step *step, struct random *random)
{
	enum arg arg;

	if (!random_below(random, 6) || !ops[step->op].nr) {
		step->worker = random_below(random, NR_WORKERS);
		return;
	}
	arg = ops[step->op].args[random_below(random, ops[step->op].nr)];
	step->arg[arg] = random_below(random, 2) ? random_arg(arg, random) :
						   random_below(random, args[arg].nr);
}

static void splice(struct program *program, const struct program *other, struct random *random)
{
	int from = random_below(random, other->nr + 1);
	int at = random_below(random, program->nr + 1);

	program->nr = at;
	for (; from < other->nr && program->nr < MAX_STEPS; from++)
		insert_step(program, program->nr, &other->step[from]);
}

static void mutate_once(struct program *program, const struct program *other,
			struct random *random)
{
	int a = random_below(random, program->nr), b = random_below(random, program->nr);
	struct step step;

	switch (random_below(random, 12)) {
	case 0:
		program_delete(program, a, 1 + random_below(random, 2));
		break;
	case 1:
		step = program->step[a];
		insert_step(program, b, &step);
		break;
	case 2:
		step = program->step[a];
		program->step[a] = program->step[b];
		program->step[b] = step;
		break;
	case 3:
		splice(program, other, random);
		break;
	case 4: case 5: case 6: case 7:
		change_arg(&program->step[a], random);
		break;
	default:
		random_step(&step, random);
		insert_step(program, a + 1, &step);
		break;
	}
}

/**
 * program_mutate() - change a program a little
 * @program: changed; never left empty
 * @other: where a splice takes its steps from
 * @random: chance
 */
void program_mutate(struct program *program, const struct program *other, struct random *random)
{
	int times = 1 + random_below(random, 5);
	struct step step;

	while (times--) {
		if (!program->nr) {
			random_step(&step, random);
			insert_step(program, 0, &step);
		}
		mutate_once(program, other, random);
	}
	if (!program->nr)
		program_generate(program, random);
}
