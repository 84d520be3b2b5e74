// SPDX-License-Identifier: MIT
/* A buffer: sends do not wait until it is full, and order is kept. */
#include <stdio.h>

#include <hsk.h>

HSK_TYPED(number, int)

int main(void)
{
	int chan = hsk_chan_new(3);
	struct hsk_info info;
	int i, value, ret;

	if (chan < 0) {
		fprintf(stderr, "buffered: is the module loaded?\n");
		return 1;
	}
	for (i = 1; (ret = number_try_send(chan, &i)) == 0; i++)
		printf("sent %d\n", i);
	if (ret != -EAGAIN)
		return 1;
	hsk_info(chan, &info);
	printf("no room for %d: %llu of %u places taken\n", i,
	       (unsigned long long)info.buffered, info.capacity);

	/* What is buffered outlives the close. */
	hsk_close(chan, 0);
	while ((ret = number_recv(chan, &value, NULL, NULL)) == 1)
		printf("received %d\n", value);
	printf("closed\n");
	return ret != 0;
}
