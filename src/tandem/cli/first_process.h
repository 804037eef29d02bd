// What a program must do by itself where it is the first process of a container.
#pragma once

namespace tandem::cli {

// The kernel keeps signals without a handler from the first process of a PID namespace: where
// this one is it, SIGTERM and SIGINT end it as they end any other, with 128 and their number as
// its code. Before threads. A verb that waits for these signals gets them all the same.
void EndAtSignalsAsFirstProcess();

}  // namespace tandem::cli
