// What the calling thread has computed, in seconds from any start: what other processes and threads
// do is not in it.
#pragma once

namespace tandem::cli {

double ThreadCpuSeconds();

}  // namespace tandem::cli
