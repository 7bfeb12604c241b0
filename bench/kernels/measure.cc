#include "measure.h"

#include <sys/resource.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <sstream>

namespace bench {
namespace {

constexpr double kBurst = 4e-3, kWarmAlone = 1e-3, kWarmTogether = 16e-3;  // s
constexpr double kGroup = 2e-5;                                            // s that one reading of the clock is for

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// Calls until that much time has passed; returns the mean time of one.
double call_for(const Closure& call, double seconds) {
  const double start = now();
  double end = start;
  int64_t calls = 0;
  for (int64_t group = 1; end - start < seconds || calls == 0; group *= 2) {
    for (int64_t i = 0; i < group; i++) call();
    calls += group;
    end = now();
    if ((end - start) / double(calls) * double(group) * 2 > seconds) group = std::max<int64_t>(1, group / 2);
  }
  return (end - start) / double(calls);
}

// The best group of calls in a burst, in ns a call.
double burst(const Closure& call, double warm_up) {
  const double one = call_for(call, warm_up);
  const int64_t group = std::max<int64_t>(1, int64_t(kGroup / one));
  const int64_t groups = std::max<int64_t>(one > kBurst ? 1 : 3, int64_t(kBurst / (one * double(group))));
  double best = 1e9;
  for (int64_t g = 0; g < groups; g++) {
    const double start = now();
    for (int64_t i = 0; i < group; i++) call();
    best = std::min(best, (now() - start) / double(group));
  }
  return best * 1e9;
}

bool leaves(const Subject& s, const std::vector<float>& want, const Closure& call, const Closure& fetch = {}) {
  std::fill_n(const_cast<float*>(s.result), s.results, 0.0f);
  call();
  if (fetch) fetch();
  for (int64_t i = 0; i < s.results; i++)
    if (!(std::fabs(s.result[i] - want[size_t(i)]) <= s.tolerance)) return false;
  return true;
}

// Notes who does not leave our result: a peer is left out where the reference agrees with us.
void check(const Subject& s, Measurement& m) {
  if (!s.result) return;
  s.ours();
  const std::vector<float> ours(s.result, s.result + s.results);
  for (const Peer& peer : s.peers) {
    if (!peer.call || leaves(s, ours, peer.call, peer.fetch)) continue;
    if (s.reference && leaves(s, ours, s.reference))
      m.wrong.push_back(peer.name);
    else
      m.differs = peer.name;
  }
}

// Seconds that the CPUs of our affinity mask have been busy for anyone.
double busy_seconds() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  sched_getaffinity(0, sizeof allowed, &allowed);
  std::ifstream stat("/proc/stat");
  double ticks = 0;
  for (std::string line; std::getline(stat, line);) {
    std::istringstream in(line);
    std::string name;
    double user, nice, system, idle, wait, irq, soft, steal;
    in >> name >> user >> nice >> system >> idle >> wait >> irq >> soft >> steal;
    if (name.size() < 4 || name.compare(0, 3, "cpu") != 0 || !CPU_ISSET(std::stoi(name.substr(3)), &allowed)) continue;
    ticks += user + nice + system + irq + soft + steal;
  }
  return ticks / double(sysconf(_SC_CLK_TCK));
}

double own_seconds() {
  rusage u;
  getrusage(RUSAGE_SELF, &u);
  return double(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + 1e-6 * double(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}
}  // namespace

Measurement measure(const Subject& subject, int threads, int rounds) {
  Measurement m;
  check(subject, m);
  m.contenders.push_back({"anneal", "ours", subject.ours, 1});
  for (const Peer& p : subject.peers) {
    if (std::find(m.wrong.begin(), m.wrong.end(), p.name) != m.wrong.end()) continue;
    if (p.call)
      m.contenders.push_back({p.name, "peer", p.call, 1});
    else
      m.absent.push_back(p.name);
  }
  for (const Limit& l : subject.limits) m.contenders.push_back({l.name, "limit", l.call, l.scale});

  const double start = now(), others = busy_seconds() - own_seconds();
  for (int r = 0; r < rounds; r++) {
    const size_t n = m.contenders.size();
    for (size_t i = 0; i < n; i++) {
      Contender& c = m.contenders[r % 2 ? n - 1 - i : i];
      c.ns.push_back(burst(c.call, threads > 1 ? kWarmTogether : kWarmAlone) * c.scale);
    }
  }
  m.seconds = now() - start;
  m.foreign = std::max(0.0, (busy_seconds() - own_seconds() - others) / m.seconds);
  return m;
}
}  // namespace bench
