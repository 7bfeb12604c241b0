// Native threads leave signals to JavaScript's: a new thread inherits the mask of the one that starts it.
#pragma once
#ifndef _WIN32
#include <signal.h>
#endif

namespace anneal {

class SignalsBlocked {
 public:
#ifdef _WIN32  // which has none that a thread could get
  SignalsBlocked() {}
#else
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
#endif
};

}  // namespace anneal
