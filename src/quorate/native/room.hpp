// Memory for long columns that are written once from end to end: asked for in large pages, and not cleared.
#pragma once

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace quorate {

// An allocator for vectors. The system hands out memory page by page at the first touch, which costs more than
// writing to it: where a block is large it is asked for pages of 2 MiB, as numpy asks for its own arrays.
template <typename T>
struct Roomy {
  using value_type = T;

  Roomy() = default;
  template <typename U>
  Roomy(const Roomy<U>&) {}  // NOLINT: allocators of all types are one

  T* allocate(std::size_t count) {
    if (count < large / sizeof(T)) return static_cast<T*>(::operator new(count * sizeof(T)));
    if (count > static_cast<std::size_t>(-1) / 2 / sizeof(T)) throw std::bad_array_new_length();
    void* block = ::operator new(count * sizeof(T), std::align_val_t{page});
#ifdef __linux__
    madvise(block, count * sizeof(T), MADV_HUGEPAGE);  // advice: whether it is taken changes nothing else
#endif
    return static_cast<T*>(block);
  }
  void deallocate(T* block, std::size_t count) {
    if (count < large / sizeof(T)) return ::operator delete(block);
    ::operator delete(block, std::align_val_t{page});
  }
  // A vector of a size has its numbers undefined until they are written.
  template <typename U, typename... Values>
  void construct(U* place, Values&&... values) {
    if constexpr (sizeof...(Values) == 0 && std::is_trivially_default_constructible_v<U>) {
      ::new (static_cast<void*>(place)) U;
    } else {
      ::new (static_cast<void*>(place)) U(std::forward<Values>(values)...);
    }
  }
  bool operator==(const Roomy&) const { return true; }

 private:
  static constexpr std::size_t page = std::size_t{1} << 21, large = 2 * page;  // bytes
};

template <typename T>
using Room = std::vector<T, Roomy<T>>;

}  // namespace quorate
