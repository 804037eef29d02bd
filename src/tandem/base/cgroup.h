// The CPU quota that the kernel's control groups give this process.
// Formats: Linux Documentation/admin-guide/cgroup-v2.rst ("cpu.max") and
// Documentation/scheduler/sched-bwc.rst (cfs_quota_us, cfs_period_us).
#pragma once

#include <cstddef>

#include "tandem/base/env.h"

namespace tandem {

// Processors' worth of time, rounded up: the smallest quota of this process' group and the
// groups around it, of version 2 and of version 1. 0 where nothing limits it or where the files
// cannot be read or understood. Reads /proc/self/cgroup and /sys/fs/cgroup through env.
size_t CgroupProcessors(const Env& env);

}  // namespace tandem
