// The sanitizer that this is built with, for GCC's way of saying so and Clang's.
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#define ANNEAL_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__)
#define ANNEAL_TSAN 1
#endif
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ANNEAL_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define ANNEAL_TSAN 1
#endif
#endif

namespace anneal {
#ifdef ANNEAL_ASAN
constexpr bool kAddressSanitizer = true;
#else
constexpr bool kAddressSanitizer = false;
#endif
#ifdef ANNEAL_TSAN
constexpr bool kThreadSanitizer = true;
#else
constexpr bool kThreadSanitizer = false;
#endif
}  // namespace anneal
