// SPDX-License-Identifier: GPL-2.0-only
#include <linux/miscdevice.h>
#include <linux/module.h>

#include "context.h"
#include "endpoint.h"

static struct miscdevice hsk_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "hsk",
	.fops = &hsk_endpoint_fops,
};

static int __init hsk_init(void)
{
	int err;

	err = hsk_context_start();
	if (err)
		return err;
	err = misc_register(&hsk_device);
	if (err)
		hsk_context_stop();
	return err;
}

/* Runs only when no endpoint is left: each open file holds the module. */
static void __exit hsk_exit(void)
{
	misc_deregister(&hsk_device);
	hsk_context_stop();
}

module_init(hsk_init);
module_exit(hsk_exit);

MODULE_DESCRIPTION("Channels between processes, as file descriptors");
MODULE_AUTHOR("The hsk developers");
MODULE_LICENSE("GPL");
