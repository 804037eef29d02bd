#include "tandem/base/cgroup.h"

#include <cstdint>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>

namespace tandem {
namespace {

constexpr uint64_t kMaxBytes = 1 << 16;  // these files hold a few lines

std::optional<int64_t> ReadInteger(const Env& env, const std::string& path) {
  const Result<std::string> text = env.ReadFile(path, kMaxBytes);
  if (!text.ok()) return std::nullopt;
  std::istringstream in(*text);
  int64_t value = 0;
  if (!(in >> value)) return std::nullopt;
  return value;
}

size_t RoundedUp(int64_t quota, int64_t period) {
  if (quota <= 0 || period <= 0) return 0;
  return static_cast<size_t>(quota / period + (quota % period != 0 ? 1 : 0));
}

// cpu.max: "<quota> <period>" in microseconds, or "max <period>".
size_t Version2Limit(const Env& env, const std::string& directory) {
  const Result<std::string> text = env.ReadFile(JoinPath(directory, "cpu.max"), kMaxBytes);
  if (!text.ok()) return 0;
  std::istringstream in(*text);
  int64_t quota = 0;
  int64_t period = 0;
  return in >> quota >> period ? RoundedUp(quota, period) : 0;
}

// cpu.cfs_quota_us is -1 where there is no limit.
size_t Version1Limit(const Env& env, const std::string& directory) {
  const auto quota = ReadInteger(env, JoinPath(directory, "cpu.cfs_quota_us"));
  const auto period = ReadInteger(env, JoinPath(directory, "cpu.cfs_period_us"));
  return quota && period ? RoundedUp(*quota, *period) : 0;
}

// Of two limits, where 0 is none.
size_t Tighter(size_t a, size_t b) {
  if (a == 0 || b == 0) return a + b;
  return a < b ? a : b;
}

// The tightest of a group and of those around it, up to the mount point. Inside a container the
// group's path may be that of the host, of which only the root is there.
size_t LimitUpwards(const Env& env, const std::string& mount, std::string group,
                    size_t (*limit)(const Env&, const std::string&)) {
  size_t tightest = limit(env, mount);
  while (group.size() > 1) {
    tightest = Tighter(tightest, limit(env, mount + group));
    group = ParentPath(group);
  }
  return tightest;
}

bool ListHas(std::string_view list, std::string_view wanted) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    if (list.substr(0, comma) == wanted) return true;
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  return false;
}

}  // namespace

size_t CgroupProcessors(const Env& env) {
  const Result<std::string> text = env.ReadFile("/proc/self/cgroup", kMaxBytes);
  if (!text.ok()) return 0;
  size_t tightest = 0;
  std::istringstream lines(*text);
  std::string line;
  // hierarchy:controllers:/group; hierarchy 0 with no controllers is version 2.
  while (std::getline(lines, line)) {
    const size_t first = line.find(':');
    if (first == std::string::npos) continue;
    const size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string group = line.substr(second + 1);
    if (group.empty() || group.front() != '/') continue;
    if (controllers.empty()) {
      tightest = Tighter(tightest, LimitUpwards(env, "/sys/fs/cgroup", group, Version2Limit));
    } else if (ListHas(controllers, "cpu")) {
      for (const std::string& name : {std::string("cpu"), controllers}) {
        tightest =
            Tighter(tightest, LimitUpwards(env, "/sys/fs/cgroup/" + name, group, Version1Limit));
      }
    }
  }
  return tightest;
}

}  // namespace tandem
