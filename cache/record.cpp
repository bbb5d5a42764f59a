#include "cache/record.hpp"

#include <fmt/format.h>

#include "cache/bytes.hpp"
#include "core/activation.hpp"

namespace ak {
namespace {

constexpr std::string_view kPlanMagic = "AKPL", kTrialMagic = "AKTR", kWorkMagic = "AKWK";
constexpr std::uint16_t kFormat = 3;
constexpr std::size_t kHeader = 4 + 2 + 4, kChecksum = 16;

// --- envelope: the same for every format, so that a newer one is told from a damaged one --------------------------------

std::string seal(std::string_view magic, const ByteWriter& payload) {
  ByteWriter out;
  for (const char c : magic) out.put(static_cast<std::uint8_t>(c));
  out.put(kFormat);
  out.put(std::string_view(payload.bytes()));
  ByteWriter sum;
  sum.put(digest(out.bytes()));
  return out.bytes() + sum.bytes();
}

struct Sealed {
  std::uint16_t format;
  std::string_view payload;
};

std::optional<Sealed> open_seal(std::string_view magic, std::string_view bytes, std::string& why) {
  if (bytes.size() < kHeader + kChecksum || bytes.substr(0, 4) != magic) {
    why = "damaged: not a record";
    return std::nullopt;
  }
  const auto body = bytes.substr(0, bytes.size() - kChecksum);
  if (ByteReader(bytes.substr(body.size())).digest() != digest(body)) {
    why = "damaged: its checksum does not match";
    return std::nullopt;
  }
  ByteReader reader(body.substr(4));
  const auto format = reader.get<std::uint16_t>();
  if (format > kFormat) {
    why = fmt::format("written in format {} by a newer version; this one reads up to {}", format, kFormat);
    return std::nullopt;
  }
  const auto payload = reader.text();
  if (reader.ok() && reader.done()) return Sealed{format, payload};
  why = "damaged: its length does not match";
  return std::nullopt;
}

// --- fields. Enumerators are stored by name: reordering one changes no record -------------------------------------------

template <class T>
T named(std::optional<T> value, ByteReader& in) {
  if (!value) in.fail();
  return value.value_or(T{});
}

void write(ByteWriter& out, const Problem& p) {
  const auto& e = p.epilogue;
  out.put(p.m), out.put(p.n), out.put(p.k), out.put(p.batch);
  out.put(name(p.in)), out.put(p.a_major == Major::k), out.put(p.b_major == Major::k);
  out.put(p.align_a), out.put(p.align_b), out.put(p.align_c), out.put(p.align_d);
  out.put(name(e.activation)), out.put(name(e.out));
  out.put(static_cast<std::uint8_t>(e.bias)), out.put(name(e.bias_dtype)), out.put(e.has_c), out.put(e.unit_alpha);
  out.put(static_cast<std::uint8_t>(p.numerics));
}

// What the epilogue has beyond a plain one, since format 2. 0 for a plain one, whose key stays what it was.
std::uint8_t extras(const EpilogueSpec& e) {
  return static_cast<std::uint8_t>(e.gated | e.aux << 1 | e.row_scale << 2 | e.column_scale << 3);
}

void read_extras(ByteReader& in, EpilogueSpec& e) {
  const auto bits = in.get<std::uint8_t>();
  if (bits > 15) in.fail();
  e.gated = bits & 1, e.aux = bits & 2, e.row_scale = bits & 4, e.column_scale = bits & 8;
}

template <class E>
E bounded(ByteReader& in, E last) {
  const auto value = in.get<std::uint8_t>();
  if (value > static_cast<std::uint8_t>(last)) in.fail();
  return value > static_cast<std::uint8_t>(last) ? E{} : static_cast<E>(value);
}

Problem read_problem(ByteReader& in) {
  Problem p;
  auto& e = p.epilogue;
  p.m = in.get<std::int64_t>(), p.n = in.get<std::int64_t>(), p.k = in.get<std::int64_t>(), p.batch = in.get<std::int32_t>();
  p.in = named(parse_dtype(in.text()), in);
  p.a_major = in.flag() ? Major::k : Major::mn;
  p.b_major = in.flag() ? Major::k : Major::mn;
  for (auto* align : {&p.align_a, &p.align_b, &p.align_c, &p.align_d}) *align = in.get<std::uint8_t>();
  e.activation = named(parse_activation(in.text()), in);
  e.out = named(parse_dtype(in.text()), in);
  e.bias = bounded(in, BiasAxis::row);
  e.bias_dtype = named(parse_dtype(in.text()), in);
  e.has_c = in.flag(), e.unit_alpha = in.flag();
  p.numerics = bounded(in, Numerics::single_pass);
  return p;
}

void write(ByteWriter& out, const Hardware& h) {
  out.put(h.gpu), out.put(std::int32_t{h.compute}), out.put(std::int32_t{h.sm_count}), out.put(h.mig), out.put(h.recording);
}

Hardware read_hardware(ByteReader& in) {
  Hardware h;
  h.gpu = in.text(), h.compute = in.get<std::int32_t>(), h.sm_count = in.get<std::int32_t>();
  h.mig = in.text(), h.recording = in.text();
  return h;
}

void write(ByteWriter& out, const Tactic& t) {
  out.put(name(t.family));
  std::uint8_t set = 0;
  for (const Knob& knob : kKnobs) set += t.*knob.member != knob.unset;
  out.put(set);
  for (const Knob& knob : kKnobs)
    if (t.*knob.member != knob.unset) out.put(knob.name), out.put(t.*knob.member);
}

Tactic read_tactic(ByteReader& in) {
  Tactic t;
  t.family = named(parse_family(in.text()), in);
  for (int left = in.get<std::uint8_t>(); left > 0 && in.ok(); --left) {
    const Knob* knob = find_knob(in.text());
    const auto value = in.get<std::int16_t>();
    knob && value >= 0 && value <= most_of(*knob) ? void(t.*knob->member = value) : in.fail();
  }
  return t;
}

// How the winner was launched, as formats 1 and 2 said it. Nobody believes it any more: its family computes it.
void skip_geometry(ByteReader& in, int format) {
  for (int word = 0; word < 3 + 1 + 3 + 1; ++word) in.get<std::uint32_t>();  // grid, threads, cluster, shared memory
  in.get<std::int64_t>();                                                    // workspace
  const auto maps = in.get<std::int32_t>();
  constexpr int kMostMaps = 5, kMapsOfFormat1 = 3;
  if (maps < 0 || maps > kMostMaps) return in.fail();
  for (int map = 0; map < (format == 1 ? kMapsOfFormat1 : maps); ++map) {
    in.get<std::uint8_t>();
    for (int word = 0; word < 3; ++word) in.get<std::int32_t>();
    if (format > 1) in.get<std::int64_t>();
  }
}

void write(ByteWriter& out, Regime regime, const PerRegime<double>& us) {
  out.put(name(regime));
  for (const double each : us) out.put(each);
}

void read_regime(ByteReader& in, Regime& regime, PerRegime<double>& us) {
  regime = named(parse_regime(in.text()), in);
  for (double& each : us) each = in.real();
}

void write(ByteWriter& out, const Provenance& p) {
  out.put(p.driver), out.put(p.nvrtc), out.put(p.cublaslt), out.put(p.family_source), out.put(p.proposer);
  out.put(std::int32_t{p.round}), out.put(p.unix_time), out.put(std::int32_t{p.trials}), out.put(p.search_s);
  out.put(p.provisional), out.put(p.note), out.put(p.kernel_source);
}

Provenance read_provenance(ByteReader& in) {
  Provenance p;
  p.driver = in.text(), p.nvrtc = in.text(), p.cublaslt = in.text(), p.family_source = in.digest(), p.proposer = in.text();
  p.round = in.get<std::int32_t>(), p.unix_time = in.get<std::int64_t>(), p.trials = in.get<std::int32_t>(),
  p.search_s = in.real();
  p.provisional = in.flag(), p.note = in.text();
  if (!in.done()) p.kernel_source = in.digest();  // the last field of all; the first records of format 3 end before it
  return p;
}

}  // namespace

Hardware Hardware::of(const DeviceFacts& facts, std::string recording) {
  return {facts.name, facts.compute(), facts.sm_count, facts.mig, std::move(recording)};
}

Digest key_of(const Problem& problem, const Hardware& hardware) {
  ByteWriter p, h;
  write(p, problem);
  write(h, hardware);
  Hasher hasher;
  hasher.field("ak-key", 1).field("problem", p.bytes()).field("hardware", h.bytes());
  if (const auto bits = extras(problem.epilogue)) hasher.field("extras", bits);
  return hasher.digest();
}

std::string encode(const PlanRecord& record) {
  ByteWriter out;
  write(out, record.problem);
  out.put(extras(record.problem.epilogue));
  write(out, record.hardware);
  write(out, record.tactic);
  out.put(record.cubin), out.put(record.vendor_algo), out.put(record.us), out.put(record.vendor_us);
  write(out, record.regime, record.regime_us);
  for (const double us : record.regime_vendor_us) out.put(us);
  write(out, record.provenance);
  return seal(kPlanMagic, out);
}

std::optional<PlanRecord> decode_record(std::string_view bytes, std::string* why) {
  std::string reason;
  if (const auto sealed = open_seal(kPlanMagic, bytes, reason)) {
    ByteReader in(sealed->payload);
    PlanRecord r;
    r.problem = read_problem(in);
    if (sealed->format >= 2) read_extras(in, r.problem.epilogue);
    r.hardware = read_hardware(in);
    r.tactic = read_tactic(in);
    if (sealed->format < 3) skip_geometry(in, sealed->format);
    r.cubin = in.digest(), r.vendor_algo = in.text(), r.us = in.real(), r.vendor_us = in.real();
    if (sealed->format >= 3) {
      read_regime(in, r.regime, r.regime_us);
      for (double& us : r.regime_vendor_us) us = in.real();
    }
    r.provenance = read_provenance(in);
    reason = in.ok() && in.done() ? fault_of(r.problem) : "holds a value that this version does not know";
    if (reason.empty()) return r;
  }
  if (why) *why = reason;
  return std::nullopt;
}

Digest key_of(std::string_view kind, std::string_view key) {
  return Hasher().field("ak-key", 1).field("kind", kind).field("key", key).digest();
}

std::string encode(const WorkRecord& record) {
  ByteWriter out;
  for (const auto* field : {&record.kind, &record.key, &record.text, &record.local}) out.put(std::string_view(*field));
  return seal(kWorkMagic, out);
}

std::optional<WorkRecord> decode_work(std::string_view bytes, std::string* why) {
  std::string reason;
  if (const auto sealed = open_seal(kWorkMagic, bytes, reason)) {
    ByteReader in(sealed->payload);
    WorkRecord record;
    record.kind = in.text(), record.key = in.text(), record.text = in.text();
    // Written before there were two parts: what nobody said could travel.
    in.ok() && in.done() ? record.text.swap(record.local) : void(record.local = in.text());
    if (in.ok() && in.done()) return record;
    reason = "is cut short";
  }
  if (why) *why = reason;
  return std::nullopt;
}

std::string encode(const Trial& t) {
  ByteWriter out;
  write(out, t.tactic);
  out.put(name(t.outcome)), out.put(t.why), out.put(t.us), out.put(t.ratio), out.put(t.final_timing);
  out.put(std::int32_t{t.registers}), out.put(std::int32_t{t.smem_bytes}), out.put(std::int32_t{t.spill_bytes}),
      out.put(t.compile_s);
  out.put(t.proposer), out.put(std::int32_t{t.round});
  out.put(t.unix_time), out.put(t.search_s);
  write(out, t.regime, t.regime_us);
  return seal(kTrialMagic, out);
}

std::optional<Trial> decode_trial(std::string_view bytes) {
  std::string reason;
  const auto sealed = open_seal(kTrialMagic, bytes, reason);
  if (!sealed) return std::nullopt;
  ByteReader in(sealed->payload);
  Trial t;
  t.tactic = read_tactic(in);
  t.outcome = named(parse_outcome(in.text()), in);
  t.why = in.text(), t.us = in.real(), t.ratio = in.real(), t.final_timing = in.flag();
  t.registers = in.get<std::int32_t>(), t.smem_bytes = in.get<std::int32_t>(), t.spill_bytes = in.get<std::int32_t>();
  t.compile_s = in.real(), t.proposer = in.text(), t.round = in.get<std::int32_t>();
  if (sealed->format >= 3) {
    t.unix_time = in.get<std::int64_t>(), t.search_s = in.real();
    read_regime(in, t.regime, t.regime_us);
  }
  if (!in.ok() || !in.done()) return std::nullopt;
  return t;
}

}  // namespace ak
