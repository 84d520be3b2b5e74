// SPDX-License-Identifier: GPL-2.0-only
#include <linux/module.h>
#include <linux/moduleparam.h>

#include "limits.h"

static unsigned int max_msg_size = HSK_MSG_SIZE_DEFAULT;
static unsigned int max_fds = HSK_FDS_DEFAULT;
static unsigned int max_capacity = HSK_CAPACITY_DEFAULT;
static unsigned int max_in_flight = HSK_IN_FLIGHT_DEFAULT;

static int max_msg_size_set(const char *val, const struct kernel_param *kp)
{
	return param_set_uint_minmax(val, kp, 1, HSK_MSG_SIZE_LIMIT);
}

static int max_fds_set(const char *val, const struct kernel_param *kp)
{
	return param_set_uint_minmax(val, kp, 0, HSK_FDS_LIMIT);
}

static int max_capacity_set(const char *val, const struct kernel_param *kp)
{
	return param_set_uint_minmax(val, kp, 0, HSK_CAPACITY_LIMIT);
}

static int max_in_flight_set(const char *val, const struct kernel_param *kp)
{
	return param_set_uint_minmax(val, kp, 0, HSK_IN_FLIGHT_LIMIT);
}

static const struct kernel_param_ops max_msg_size_ops = {
	.set = max_msg_size_set,
	.get = param_get_uint,
};

static const struct kernel_param_ops max_fds_ops = {
	.set = max_fds_set,
	.get = param_get_uint,
};

static const struct kernel_param_ops max_capacity_ops = {
	.set = max_capacity_set,
	.get = param_get_uint,
};

static const struct kernel_param_ops max_in_flight_ops = {
	.set = max_in_flight_set,
	.get = param_get_uint,
};

module_param_cb(max_msg_size, &max_msg_size_ops, &max_msg_size, 0644);
MODULE_PARM_DESC(max_msg_size, "bytes in one message, 1 to 16777216");
module_param_cb(max_fds, &max_fds_ops, &max_fds, 0644);
MODULE_PARM_DESC(max_fds, "descriptors in one message, 0 to 253");
module_param_cb(max_capacity, &max_capacity_ops, &max_capacity, 0644);
MODULE_PARM_DESC(max_capacity, "messages a new channel may buffer, 0 to 1048576");
module_param_cb(max_in_flight, &max_in_flight_ops, &max_in_flight, 0644);
MODULE_PARM_DESC(max_in_flight,
		 "descriptors a user may have in unreceived messages, 0 to 1048576");

unsigned int hsk_limit_msg_size(void)
{
	return READ_ONCE(max_msg_size);
}

unsigned int hsk_limit_fds(void)
{
	return READ_ONCE(max_fds);
}

unsigned int hsk_limit_capacity(void)
{
	return READ_ONCE(max_capacity);
}

unsigned int hsk_limit_in_flight(void)
{
	return READ_ONCE(max_in_flight);
}

#if IS_ENABLED(CONFIG_HSK_KUNIT_TEST)
#include "tests/limits_kunit.c"
#endif
