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
  v("same_bits", c.same_bits);
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
Winner read_winner(std::string_view text) { return json::read<Winner>(text, "loop"); }
Candidate read_candidate(std::string_view text) { return json::read<Candidate>(text, "candidate"); }

}  // namespace ak::loop
