// SPDX-License-Identifier: MIT
/* A worker: advertises itself, takes a job, sends the digest; over and over. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "demo.h"

/*
 * pread(), not read(): the file's offset is shared with whoever had this job
 * before and died.
 */
static void digest_file(int file, struct result *result)
{
	static unsigned char buf[65536];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	ssize_t n;
	int ok;

	ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL);
	while (ok && (n = pread(file, buf, sizeof(buf), result->size)) != 0) {
		if (n < 0)
			die(result->path, -errno);
		ok = EVP_DigestUpdate(ctx, buf, n);
		result->size += n;
	}
	if (!ok || !EVP_DigestFinal_ex(ctx, result->digest, NULL))
		die("digest", -ENOMEM);
	EVP_MD_CTX_free(ctx);
}

/*
 * The inbox is new each time, and only its reading end stays here: should the
 * dispatcher die with the other, the receive ends. Returns 1, or 0 when there
 * is no more to do.
 */
static int next_job(const struct demo *demo, unsigned int number, int *life,
		    struct job *job, int *file)
{
	struct advert advert = { .worker = number };
	struct hsk_message msg;
	int inbox[2], ret;

	/* Room for one: the dispatcher need not wait for us to receive. */
	ret = hsk_chan_pair(inbox, 1);
	if (ret < 0)
		die("inbox", ret);
	ret = hsk_send_fds(demo->tx[IDLE], &advert, sizeof(advert),
			   (int[]){ inbox[1], *life }, *life < 0 ? 1 : 2, NULL);
	close(inbox[1]);
	if (*life >= 0)
		close(*life);
	*life = -1;
	if (ret == 0) {
		ret = hsk_recv_fds(inbox[0], job, sizeof(*job), file, 1, &msg,
				   NULL);
		if (ret == 0 && msg.reason != 0)
			ret = msg.reason;
	} else if (ret == -EPIPE) {
		ret = 0;	/* the dispatcher has finished without us */
	}
	close(inbox[0]);
	if (ret < 0)
		die("dispatcher", ret);
	return ret;
}

int worker(const struct demo *demo, unsigned int number)
{
	struct result result;
	struct job job;
	int life[2], file, ret;

	ret = hsk_chan_pair(life, 0);
	if (ret < 0)
		die("life", ret);
	while (next_job(demo, number, &life[0], &job, &file)) {
		memset(&result, 0, sizeof(result));
		result.id = job.id;
		result.worker = number;
		memcpy(result.path, job.path, sizeof(result.path));
		digest_file(file, &result);
		close(file);
		/* Before the next advertisement, which says that it is done. */
		ret = result_send(demo->tx[RESULTS], &result, NULL);
		if (ret < 0)
			die("results", ret);
	}
	hsk_close(life[1], 0);
	return 0;
}
