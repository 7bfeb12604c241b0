// Everyone that a case names, in turns.
#pragma once
#include <string>
#include <vector>

#include "bench.h"

namespace bench {

struct Contender {
  std::string name;
  const char* kind;  // ours, peer or limit
  Closure call;
  double scale;                 // of the limit
  std::vector<double> ns = {};  // best of a burst, one a round
};

struct Measurement {
  std::vector<Contender> contenders;
  std::vector<std::string> absent;
  std::vector<std::string> wrong;  // peers whose result is not ours, which is that of the reference
  std::string differs;             // a peer whose result is not ours, and nobody says who is right
  double seconds = 0;              // that the rounds took
  double foreign = 0;              // CPUs' worth of time that others had meanwhile on the CPUs that are ours
};

// Each round gives every contender a burst of calls, every other round in reverse order. Before a burst its contender
// runs for a while unmeasured: its data comes to the caches, its threads wake up, and with more than one thread those
// of the one before, who spin for some milliseconds before they sleep (OpenMP's at their default, OMP_WAIT_POLICY
// unset, which is their fastest), leave the CPUs.
Measurement measure(const Subject& subject, int threads, int rounds);
}  // namespace bench
