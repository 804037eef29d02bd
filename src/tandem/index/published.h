// A value that one writer replaces while many threads read it: readers never wait.
//
//   const auto state = cell.Read();  // holds what was published last, until `state` is gone
//   state->size();
//
// Read announces the pointer in a slot of its own and looks once more whether it is still the
// published one; Publish frees a replaced value when no slot names it (hazard pointers: Michael,
// "Hazard Pointers: Safe Memory Reclamation for Lock-Free Objects", 2004). A reader repeats only
// when a publication came in between; it takes no lock, so that a writer which the system stops in
// the middle stops nobody. What a reader held at the time is freed by a later Publish or by the
// destructor.
//
// Read is safe from many threads, Publish is for one at a time. Every Hold must be gone before the
// destructor runs. Out of memory is std::bad_alloc, and leaves what was.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <iterator>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace tandem::index {

template <typename T>
class Published {
  struct alignas(64) Slot {
    std::atomic<const T*> holds = nullptr;  // null: free
  };
  // More are added when all slots are taken; none is freed before the destructor.
  struct Slots {
    std::array<Slot, 32> slots;
    std::atomic<Slots*> more = nullptr;
  };

 public:
  explicit Published(std::unique_ptr<const T> first)
      : owned_(std::move(first)), current_(owned_.get()) {}
  ~Published() {
    for (Slots* next = slots_.more.load(); next != nullptr;) {
      const std::unique_ptr<Slots> gone(std::exchange(next, next->more.load()));
    }
  }
  Published(const Published&) = delete;
  Published& operator=(const Published&) = delete;

  // Keeps one value alive. Not empty unless moved from.
  class Hold {
   public:
    Hold(Hold&& other) noexcept
        : slot_(std::exchange(other.slot_, nullptr)), value_(other.value_) {}
    Hold& operator=(Hold&&) = delete;
    ~Hold() {
      if (slot_ != nullptr) slot_->holds.store(nullptr, std::memory_order_release);
    }
    const T& operator*() const { return *value_; }
    const T* operator->() const { return value_; }

   private:
    friend class Published;
    Hold(Slot* slot, const T* value) : slot_(slot), value_(value) {}
    Slot* slot_;
    const T* value_;
  };

  // All orders here are sequentially consistent: either the writer sees the announcement, or the
  // reader sees that the pointer has changed.
  Hold Read() const {
    const T* value = current_.load();
    Slot* const slot = Claim(value);
    for (;;) {
      const T* const now = current_.load();
      if (now == value) return Hold(slot, value);
      value = now;
      slot->holds.store(value);
    }
  }

  // For the writer: what is published now.
  const T& current() const { return *owned_; }
  // Returns the replaced values that nobody holds, to be destroyed where it hurts nobody.
  std::vector<std::unique_ptr<const T>> Publish(std::unique_ptr<const T> next) {
    std::vector<std::unique_ptr<const T>> free;
    free.reserve(replaced_.size() + 1);
    replaced_.reserve(replaced_.size() + 1);  // all memory that it takes, before anything changes
    replaced_.push_back(std::exchange(owned_, std::move(next)));
    current_.store(owned_.get());
    const auto held = std::partition(replaced_.begin(), replaced_.end(),
                                     [this](const auto& old) { return !IsHeld(old.get()); });
    std::move(replaced_.begin(), held, std::back_inserter(free));
    replaced_.erase(replaced_.begin(), held);
    return free;
  }

 private:
  // A free slot, that of this thread if it can be had, with `value` announced in it.
  Slot* Claim(const T* value) const {
    const size_t own = std::hash<std::thread::id>{}(std::this_thread::get_id());
    for (Slots* some = &slots_;;) {
      for (size_t i = 0; i < some->slots.size(); ++i) {
        Slot& slot = some->slots[(own + i) % some->slots.size()];
        const T* expected = nullptr;
        if (slot.holds.load(std::memory_order_relaxed) == nullptr &&
            slot.holds.compare_exchange_strong(expected, value)) {
          return &slot;
        }
      }
      Slots* next = some->more.load();
      if (next == nullptr) {
        auto fresh = std::make_unique<Slots>();
        if (some->more.compare_exchange_strong(next, fresh.get())) next = fresh.release();
      }
      some = next;
    }
  }

  bool IsHeld(const T* value) const {
    for (const Slots* some = &slots_; some != nullptr; some = some->more.load()) {
      for (const Slot& slot : some->slots) {
        if (slot.holds.load() == value) return true;
      }
    }
    return false;
  }

  mutable Slots slots_;
  std::unique_ptr<const T> owned_;
  std::vector<std::unique_ptr<const T>> replaced_;  // and perhaps still held
  std::atomic<const T*> current_;
};

}  // namespace tandem::index
