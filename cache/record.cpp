#include "cache/record.hpp"

#include <fmt/format.h>

#include "cache/bytes.hpp"
#include "cache/record_fields.hpp"
#include "core/activation.hpp"

namespace ak {
namespace {

constexpr std::string_view kPlanMagic = "AKPL", kTrialMagic = "AKTR", kWorkMagic = "AKWK";
constexpr std::uint16_t kFormat = 5;
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
  p.numerics = bounded(in, Numerics::batch_invariant);
  return p;
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
    knob&& value >= 0 && value <= most_of(*knob) ? void(t.*knob->member = value) : in.fail();
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

// Both ends of a record's fields.
class FieldWriter {
 public:
  explicit FieldWriter(ByteWriter& out) : out_(out) {}
  template <class Field>
  void operator()(std::string_view, const Field& field, int = 1) {
    put(field);
  }

 private:
  template <class Plain>
  void put(const Plain& plain) {
    out_.put(plain);
  }
  void put(const Problem& problem) {
    write(out_, problem);
    out_.put(extras(problem.epilogue));
  }
  void put(const Tactic& tactic) { write(out_, tactic); }
  void put(Outcome outcome) { out_.put(name(outcome)); }
  void put(Regime regime) { out_.put(name(regime)); }
  void put(const PerRegime<double>& us) {
    for (const double each : us) out_.put(each);
  }
  void put(const TokenRange& tokens) { out_.put(tokens.from), out_.put(tokens.to); }
  void put(Opaque<const std::string> opaque) { out_.put(opaque.bytes); }
  void put(GoneGeometry) {}

  ByteWriter& out_;
};

class FieldReader {
 public:
  FieldReader(ByteReader& in, int format) : in_(in), format_(format) {}
  template <class Field>
  void operator()(std::string_view, Field&& field, int since = 1) {
    if (since <= format_) get(field);
  }

 private:
  template <std::integral T>
  void get(T& number) {
    number = in_.get<T>();
  }
  void get(bool& flag) { flag = in_.flag(); }
  void get(double& real) { real = in_.real(); }
  void get(std::string& text) { text = in_.text(); }
  void get(Digest& digest) { digest = in_.digest(); }
  void get(Problem& problem) {
    problem = read_problem(in_);
    if (format_ >= 2) read_extras(in_, problem.epilogue);
  }
  void get(Tactic& tactic) { tactic = read_tactic(in_); }
  void get(Outcome& outcome) { outcome = named(parse_outcome(in_.text()), in_); }
  void get(Regime& regime) { regime = named(parse_regime(in_.text()), in_); }
  void get(PerRegime<double>& us) {
    for (double& each : us) each = in_.real();
  }
  void get(TokenRange& tokens) { tokens.from = in_.get<std::int64_t>(), tokens.to = in_.get<std::int64_t>(); }
  void get(Opaque<std::string> opaque) { opaque.bytes = in_.text(); }
  void get(GoneGeometry) {
    if (format_ < 3) skip_geometry(in_, format_);
  }

  ByteReader& in_;
  const int format_;
};

template <class Record>
std::string sealed(std::string_view magic, const Record& record) {
  ByteWriter out;
  for_each_field(record, FieldWriter(out));
  return seal(magic, out);
}

template <class Record>
std::optional<Record> unsealed(std::string_view magic, std::string_view bytes, std::string& why) {
  const auto opened = open_seal(magic, bytes, why);
  if (!opened) return std::nullopt;
  ByteReader in(opened->payload);
  Record record;
  for_each_field(record, FieldReader(in, opened->format));
  if (in.ok() && in.done()) return record;
  why = "holds a value that this version does not know";
  return std::nullopt;
}

}  // namespace

Hardware Hardware::of(const DeviceFacts& facts, std::string recording) {
  return {facts.name, facts.compute(), facts.sm_count, facts.mig, std::move(recording)};
}

Digest key_of(const Problem& problem, const Hardware& hardware) {
  ByteWriter p, h;
  write(p, problem);
  h.put(hardware.gpu), h.put(std::int32_t{hardware.compute}), h.put(std::int32_t{hardware.sm_count});
  h.put(hardware.mig), h.put(hardware.recording);
  Hasher hasher;
  hasher.field("ak-key", 1).field("problem", p.bytes()).field("hardware", h.bytes());
  if (const auto bits = extras(problem.epilogue)) hasher.field("extras", bits);
  return hasher.digest();
}

std::string encode(const PlanRecord& record) { return sealed(kPlanMagic, record); }

std::optional<PlanRecord> decode_record(std::string_view bytes, std::string* why) {
  std::string reason;
  auto record = unsealed<PlanRecord>(kPlanMagic, bytes, reason);
  if (record) reason = fault_of(record->problem);
  if (record && !record->bucket.none() && !record->bucket.holds(record->problem.m)) reason = "its bucket is not its problem's";
  if (reason.empty()) return record;
  if (why) *why = reason;
  return std::nullopt;
}

Digest key_of(std::string_view kind, std::string_view key) {
  return Hasher().field("ak-key", 1).field("kind", kind).field("key", key).digest();
}

std::string encode(const WorkRecord& record) { return sealed(kWorkMagic, record); }

std::optional<WorkRecord> decode_work(std::string_view bytes, std::string* why) {
  std::string reason;
  auto record = unsealed<WorkRecord>(kWorkMagic, bytes, reason);
  if (why) *why = reason;
  return record;
}

std::string encode(const Trial& trial) { return sealed(kTrialMagic, trial); }

std::optional<Trial> decode_trial(std::string_view bytes, std::string* why) {
  std::string reason;
  auto trial = unsealed<Trial>(kTrialMagic, bytes, reason);
  if (why) *why = reason;
  return trial;
}

}  // namespace ak
