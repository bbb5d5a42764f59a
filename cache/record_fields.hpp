// The fields of what is remembered, each once, by name and in the order of the grammar (cache/README.md). Whoever writes, reads
// or shows records visits them here: take(name, field), and since which format where that is not the first.
#pragma once

#include <concepts>
#include <type_traits>

#include "cache/record.hpp"

namespace ak {

/// Bytes that only cuBLASLt can read.
template <class String>
struct Opaque {
  String& bytes;
};
template <class String>
Opaque(String&) -> Opaque<String>;

/// What formats 1 and 2 had in this place.
struct GoneGeometry {};

/// A record that is written down or, not const, filled in.
template <class R, class Record>
concept Of = std::same_as<std::remove_const_t<R>, Record>;

template <Of<Hardware> R>
void for_each_field(R& h, auto&& take) {
  take("gpu", h.gpu);
  take("compute", h.compute);
  take("sm_count", h.sm_count);
  take("mig", h.mig);
  take("recording", h.recording);
}

template <Of<Provenance> R>
void for_each_field(R& p, auto&& take) {
  take("driver", p.driver);
  take("nvrtc", p.nvrtc);
  take("cublaslt", p.cublaslt);
  take("family_source", p.family_source);
  take("proposer", p.proposer);
  take("round", p.round);
  take("unix_time", p.unix_time);
  take("trials", p.trials);
  take("search_s", p.search_s);
  take("provisional", p.provisional);
  take("note", p.note);
  take("kernel_source", p.kernel_source, 4);
}

template <Of<PlanRecord> R>
void for_each_field(R& r, auto&& take) {
  take("problem", r.problem);
  for_each_field(r.hardware, take);
  take("tactic", r.tactic);
  take("geometry", GoneGeometry{});
  take("cubin", r.cubin);
  take("vendor_algo", Opaque{r.vendor_algo});
  take("us", r.us);
  take("vendor_us", r.vendor_us);
  take("regime", r.regime, 3);
  take("regime_us", r.regime_us, 3);
  take("regime_vendor_us", r.regime_vendor_us, 3);
  for_each_field(r.provenance, take);
  take("bucket", r.bucket, 5);
}

template <Of<Trial> R>
void for_each_field(R& t, auto&& take) {
  take("tactic", t.tactic);
  take("outcome", t.outcome);
  take("why", t.why);
  take("us", t.us);
  take("ratio", t.ratio);
  take("final_timing", t.final_timing);
  take("registers", t.registers);
  take("smem_bytes", t.smem_bytes);
  take("spill_bytes", t.spill_bytes);
  take("compile_s", t.compile_s);
  take("proposer", t.proposer);
  take("round", t.round);
  take("unix_time", t.unix_time, 3);
  take("search_s", t.search_s, 3);
  take("regime", t.regime, 3);
  take("regime_us", t.regime_us, 3);
}

template <Of<WorkRecord> R>
void for_each_field(R& w, auto&& take) {
  take("kind", w.kind);
  take("key", w.key);
  take("text", w.text, 4);  // what was written before does not travel
  take("local", w.local);
}

}  // namespace ak
