#include <fmt/format.h>

#include "loop/json.hpp"
#include "loop/verdict_fields.hpp"
#include "loop/winner.hpp"

namespace ak::loop {

template <class V>
void fields(V& v, Scratch& s) {
  v("name", s.name), v("type", s.type), v("elements", s.elements), v("zeroed", s.zeroed);
}
template <class V>
void fields(V& v, Launch& l) {
  v("kernel", l.kernel), v("blocks", l.blocks), v("threads", l.threads), v("shared_bytes", l.shared_bytes), v("waits", l.waits);
  v("dependent", l.dependent);
}
template <class V>
void fields(V& v, Candidate& c) {
  v("template", c.template_name), v("knobs", c.knobs), v("text", c.text), v("scratch", c.scratch), v("launches", c.launches);
  v("same_bits", c.same_bits), v("origin", c.origin);
}
template <class V>
void fields(V& v, KnownSource::File& f) {
  v("path", f.path), v("digest", f.digest);
}
template <class V>
void fields(V& v, KnownSource& s) {
  v("files", s.files), v("function", s.function), v("steering", s.steering), v("refused", s.refused), v("build", s.build);
}
template <class V>
void fields(V& v, SizeRow& r) {
  v("size", r.size), v("kernel", r.kernel), v("kernel_us", r.kernel_us), v("host_us", r.host_us);
  v("copy_in_us", r.copy_in_us), v("copy_out_us", r.copy_out_us), v("moved_us", r.moved_us), v("call_us", r.call_us);
}
template <class V>
void fields(V& v, Winner& w) {
  v("verdict", w.verdict), v("kernels", w.kernels), v("sizes", w.sizes), v("driver", w.driver), v("nvrtc", w.nvrtc);
  v("cases", w.cases), v("tried", w.tried), v("seconds", w.seconds), v("unix_time", w.unix_time), v("unfinished", w.unfinished);
  v("build", w.build);
}

std::string write_json(const KnownSource& source) { return json::write(source); }
std::string write_json(const Winner& winner) { return json::write(winner); }
std::string write_json(const Candidate& candidate) { return json::write(candidate); }
KnownSource read_known_source(std::string_view text) { return json::read<KnownSource>(text, "loop source"); }

namespace {

void check(const Winner& winner) {
  const auto require = [](bool right, const std::string& field, std::string_view what) {
    if (!right) json::fail("loop." + field, what);
  };
  constexpr double kLongest = 1e12;  // of any time; also what is no number is not below it
  constexpr std::int64_t kYear10000 = 253402300800;
  const auto time = [&](double value, const std::string& field) {
    require(value >= 0 && value < kLongest, field, "is no time that anything takes");
  };
  for (std::size_t i = 0; i < winner.sizes.size(); ++i) {
    const SizeRow& row = winner.sizes[i];
    const std::string field = fmt::format("sizes[{}]", i);
    require(row.size >= 0, field + ".size", "is below 0");
    require(row.kernel >= 0 && static_cast<std::size_t>(row.kernel) < winner.kernels.size(), field + ".kernel",
            fmt::format("is {} of {} kernels", row.kernel, winner.kernels.size()));
    time(row.kernel_us, field + ".kernel_us"), time(row.host_us, field + ".host_us");
    time(row.copy_in_us, field + ".copy_in_us"), time(row.copy_out_us, field + ".copy_out_us");
    time(row.moved_us, field + ".moved_us"), time(row.call_us, field + ".call_us");
  }
  require(winner.tried >= 0, "tried", "is below 0");
  time(winner.seconds, "seconds");
  require(winner.unix_time >= 0 && winner.unix_time < kYear10000, "unix_time", "is no time of these years");
}

}  // namespace

Winner read_winner(std::string_view text) {
  Winner winner = json::read<Winner>(text, "loop");
  check(winner);
  return winner;
}
Candidate read_candidate(std::string_view text) { return json::read<Candidate>(text, "candidate"); }

}  // namespace ak::loop
