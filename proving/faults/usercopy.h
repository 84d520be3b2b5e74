/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Included before every file of the module when it is built for fault injection.
 *
 * The kernel can make copy_from_user() and copy_to_user() fail, but not get_user()
 * and put_user(), nor what stands after user_read_access_begin(). Here the first two
 * are made of copies, and the beginning of such a part fails in its place, so that each
 * of the module's accesses to user memory can be made to fail, one by one.
 */
#ifndef HSK_FAULTS_USERCOPY_H
#define HSK_FAULTS_USERCOPY_H

#ifndef __ASSEMBLY__
#include <linux/fault-inject-usercopy.h>
#include <linux/uaccess.h>

#undef get_user
#define get_user(x, ptr)						\
	(copy_from_user(&(x), (ptr), sizeof(*(ptr))) ? -EFAULT : 0)

#undef put_user
#define put_user(x, ptr)						\
({									\
	typeof(*(ptr)) __value = (x);					\
									\
	copy_to_user((ptr), &__value, sizeof(__value)) ? -EFAULT : 0;	\
})

#undef user_read_access_begin
#define user_read_access_begin(ptr, len)				\
	(!should_fail_usercopy() && user_access_begin((ptr), (len)))

#undef user_write_access_begin
#define user_write_access_begin(ptr, len)				\
	(!should_fail_usercopy() && user_access_begin((ptr), (len)))
#endif

#endif /* HSK_FAULTS_USERCOPY_H */
