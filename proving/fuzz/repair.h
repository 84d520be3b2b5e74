/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FUZZ_REPAIR_H
#define FUZZ_REPAIR_H

#include "model.h"

void repair_step(struct step *step, struct random *random);

#endif /* FUZZ_REPAIR_H */
