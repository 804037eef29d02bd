// Runs a test body once on each instruction set that this machine has and the kernels were
// compiled for.
#pragma once

#include <gtest/gtest.h>
#include <hwy/highway.h>

#include "tandem/math/kernels.h"

namespace tandem::math {

template <typename Body>
void OnEveryTarget(const Body& body) {
  for (int64_t left = hwy::SupportedTargets() & HWY_TARGETS; left != 0; left &= left - 1) {
    const int64_t target = left & -left;
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(target);
    SCOPED_TRACE(TargetName());
    body();
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

}  // namespace tandem::math
