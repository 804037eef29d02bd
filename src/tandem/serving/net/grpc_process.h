// What gRPC takes from the process, for want of options: how many processors there are, which
// decides on its threads, and where its own log lines go.
//
// grpc_process.cc defines gRPC's public functions gpr_cpu_num_cores and gpr_cpu_current_cpu in the
// program, where the linker finds them before those of its library: the number is that of the
// affinity and of the cgroup's quota. On a machine of 64 processors a container with two of them
// would start some 16 threads for calls, which are then all stopped together.
#pragma once

namespace tandem::net {

// Before the first server or channel; again does nothing.
void SetUpGrpcProcess();

}  // namespace tandem::net
