#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <set>

#include "cache/bytes.hpp"
#include "records.hpp"

using namespace ak;

namespace {

// A record whose payload was changed by somebody who knows the envelope; in a format, if not in today's.
std::string resealed(const std::string& bytes, const std::function<void(std::string&)>& change, char format = 0) {
  constexpr std::size_t kHead = 4 + 2, kLength = 4, kSum = 16;
  std::string payload = bytes.substr(kHead + kLength, bytes.size() - kHead - kLength - kSum);
  change(payload);
  ByteWriter length, sum;
  length.put(std::string_view(payload));
  std::string body = bytes.substr(0, kHead) + length.bytes();
  if (format) body[4] = format;
  sum.put(digest(body));
  return body + sum.bytes();
}

}  // namespace

TEST_CASE("a record reads back to itself") {
  const PlanRecord r = sample::record();
  CHECK(decode_record(encode(r)) == r);
  CHECK(decode_record(encode(PlanRecord{})) == PlanRecord{});
  PlanRecord all = r;
  for (int i = 0; i < kActivationCount; ++i) {
    all.problem.epilogue.activation = static_cast<Activation>(i);
    CHECK(decode_record(encode(all)) == all);
  }
  std::int16_t value = 2;
  for (const Knob& knob : kKnobs) all.tactic.*knob.member = std::min(value++, most_of(knob));
  CHECK(decode_record(encode(all)) == all);
}

TEST_CASE("a trial reads back to itself") {
  const Trial t = sample::trial(), back = decode_trial(encode(t)).value();
  CHECK(back.tactic == t.tactic);
  CHECK(back.outcome == t.outcome);
  CHECK(back.why == t.why);
  CHECK(back.us == t.us);
  CHECK(back.ratio == t.ratio);
  CHECK(back.final_timing == t.final_timing);
  CHECK(back.registers == t.registers);
  CHECK(back.smem_bytes == t.smem_bytes);
  CHECK(back.spill_bytes == t.spill_bytes);
  CHECK(back.compile_s == t.compile_s);
  CHECK(back.proposer == t.proposer);
  CHECK(back.round == t.round);
  CHECK_FALSE(decode_trial(encode(sample::record())));
}

TEST_CASE("a value that no problem or tactic can have is no record, though its checksum is right") {
  const auto refused = [](auto&& change) {
    PlanRecord r = sample::record();
    change(r);
    std::string why;
    CHECK_FALSE(decode_record(encode(r), &why));
    CHECK_FALSE(why.empty());
  };
  refused([](PlanRecord& r) { r.tactic.schedule = 3; });  // whose name a later version may know
  refused([](PlanRecord& r) { r.tactic.tile_m = -1; });
  refused([](PlanRecord& r) { r.problem.m = -16; });
  refused([](PlanRecord& r) { r.problem.n = std::int64_t{1} << 62; });
  refused([](PlanRecord& r) { r.problem.batch = 0; });
  refused([](PlanRecord& r) { r.problem.align_a = 3; });
  refused([](PlanRecord& r) { r.problem.in = DType::f32; });
  refused([](PlanRecord& r) { r.problem.epilogue.gated = true; });  // with C
  Trial t = sample::trial();
  t.tactic.schedule = 3;
  CHECK_FALSE(decode_trial(encode(t)));
}

TEST_CASE("a record of the first format reads as one without extras") {
  const std::string_view hex =
      "414b504c0100a6010000100000000000000040000000000000000010000000000000010000000300000066313601001010081004000000"
      "6d6973680300000066333202030000006633320100010d0000004e56494449412053616d706c655a000000840000000700000031672e31"
      "3067620000000004000000736d3930060600000074696c655f6d80000600000074696c655f6e00010600000074696c655f6b4000060000"
      "007374616765730400080000007363686564756c65020009000000636c75737465725f6d02008400000002000000010000008001000002"
      "0000000100000001000000400d030000000000020000000200000000000000000000000000000000014000000000010000800000000000"
      "0000000000000000000000000000000000000000000000000000000c0000000001616c676f726974686dff000000000080244000000000"
      "00002940050000003538302e310400000031332e300600000031332e312e3001000000000000000200000000000000030000006c6c6d03"
      "000000803bb16a000000002a00000000000000000004400113000000746865207365727665722077617320736c6f77d25edba395b400f7"
      "cfadb926226f4a37";
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  CHECK(decode_record(bytes) == sample::record());
}

TEST_CASE("gated, aux and scales are remembered") {
  for (int bits = 0; bits < 16; ++bits) {
    PlanRecord r = sample::record();
    auto& e = r.problem.epilogue;
    e.bias = BiasAxis::column, e.has_c = !(bits & 1);
    e.gated = bits & 1, e.aux = bits & 2, e.row_scale = bits & 4, e.column_scale = bits & 8;
    CHECK(decode_record(encode(r)) == r);
  }
}

TEST_CASE("the regime and the time in each, when a trial ended and the batch are remembered") {
  PlanRecord r = sample::record();
  r.problem.batch = 12;
  r.regime = Regime::mixed, r.regime_us = {10.25, 11.5}, r.regime_vendor_us = {12.5, 11};
  CHECK(decode_record(encode(r)) == r);
  CHECK(decode_record(encode(r))->regime_us[static_cast<int>(Regime::alone)] == 11.5);

  Trial t = sample::trial();
  t.unix_time = 1790000001, t.search_s = 0.75, t.regime = Regime::alone, t.regime_us = {0, 3.5};
  const Trial back = decode_trial(encode(t)).value();
  CHECK(back.unix_time == t.unix_time);
  CHECK(back.search_s == t.search_s);
  CHECK(back.regime == t.regime);
  CHECK(back.regime_us == t.regime_us);
}

TEST_CASE("the digest of a winner's source is remembered; format 3 ends before it") {
  PlanRecord r = sample::record();
  r.provenance.kernel_source = {3, 4};
  CHECK(decode_record(encode(r)) == r);
  const auto without = [](std::string& payload) { payload.resize(payload.size() - 32); };
  CHECK(decode_record(resealed(encode(r), without, 3)) == sample::record());
  CHECK_FALSE(decode_record(resealed(encode(r), without)));
  CHECK_FALSE(decode_record(resealed(encode(r), [](std::string& payload) { payload += '\0'; })));
}

TEST_CASE("the bucket is remembered, and one that is not its problem's is no record; format 4 ends before it") {
  PlanRecord r = sample::record();
  const std::int64_t m = r.problem.m;
  r.bucket = {m - 1, m + 5};
  CHECK(decode_record(encode(r)) == r);
  CHECK(decode_record(resealed(encode(r), [](std::string& payload) { payload.resize(payload.size() - 16); }, 4)) ==
        sample::record());
  std::string why;
  r.bucket = {m + 1, m + 5};
  CHECK_FALSE(decode_record(encode(r), &why));
  CHECK(why == "its bucket is not its problem's");
}

TEST_CASE("work of another kind reads back to itself; what was one value in format 3 is local, so that it does not travel") {
  const WorkRecord work{"toy", "a key", "words", std::string("an\0image", 8)};
  CHECK(decode_work(encode(work)) == work);
  CHECK(decode_work(encode(WorkRecord{})) == WorkRecord{});
  const auto as_before = [](std::string& payload) { payload.resize(payload.size() - 4); };  // the length of an empty local
  CHECK(decode_work(resealed(encode(WorkRecord{"quarantine", "a kernel", "hangs", ""}), as_before, 3)) ==
        WorkRecord{"quarantine", "a kernel", "", "hangs"});
  std::string why;
  CHECK_FALSE(decode_work(resealed(encode(work), [](std::string& payload) { payload.pop_back(); }), &why));
  CHECK_FALSE(why.empty());
}

TEST_CASE("every flipped bit, every truncation and every extra byte of a record is noticed") {
  for (const std::string& bytes : {encode(sample::record()), encode(sample::trial())}) {
    const auto readable = [](std::string_view b) { return decode_record(b).has_value() || decode_trial(b).has_value(); };
    REQUIRE(readable(bytes));
    int accepted = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i)
      for (int bit = 0; bit < 8; ++bit) {
        std::string bad = bytes;
        bad[i] = static_cast<char>(bad[i] ^ (1 << bit));
        accepted += readable(bad);
      }
    for (std::size_t size = 0; size < bytes.size(); ++size) accepted += readable(std::string_view(bytes).substr(0, size));
    accepted += readable(bytes + '\0');
    CHECK(accepted == 0);
  }
}

TEST_CASE("a newer format and an unknown name are misses that say so") {
  std::string newer = encode(sample::record());
  newer[4] = 9;
  ByteWriter sum;
  sum.put(digest(std::string_view(newer).substr(0, newer.size() - 16)));
  newer.replace(newer.size() - 16, 16, sum.bytes());
  std::string why;
  CHECK_FALSE(decode_record(newer, &why));
  CHECK(why.find("format 9 by a newer version") != std::string::npos);

  std::string unknown = encode(sample::record());
  unknown.replace(unknown.find("mish"), 4, "miSh");
  ByteWriter again;
  again.put(digest(std::string_view(unknown).substr(0, unknown.size() - 16)));
  unknown.replace(unknown.size() - 16, 16, again.bytes());
  CHECK_FALSE(decode_record(unknown, &why));
  CHECK(why.find("does not know") != std::string::npos);

  CHECK_FALSE(decode_record("", &why));
  CHECK(why.find("damaged") != std::string::npos);
}

TEST_CASE("any field of problem or hardware makes another key, and the key stays the same from build to build") {
  std::set<std::string> keys;
  const Problem p = sample::problem();
  const Hardware h = sample::hardware();
  const auto add = [&](auto&& change) {
    Problem problem = p;
    Hardware hardware = h;
    change(problem, hardware);
    CHECK(keys.insert(key_of(problem, hardware).hex()).second);
  };
  add([](Problem&, Hardware&) {});
  add([](Problem& x, Hardware&) { x.m++; });
  add([](Problem& x, Hardware&) { x.n++; });
  add([](Problem& x, Hardware&) { x.k++; });
  add([](Problem& x, Hardware&) { x.batch++; });
  add([](Problem& x, Hardware&) { x.in = DType::bf16; });
  add([](Problem& x, Hardware&) { x.a_major = Major::mn; });
  add([](Problem& x, Hardware&) { x.b_major = Major::k; });
  add([](Problem& x, Hardware&) { x.align_a = 8; });
  add([](Problem& x, Hardware&) { x.align_b = 8; });
  add([](Problem& x, Hardware&) { x.align_c = 4; });
  add([](Problem& x, Hardware&) { x.align_d = 8; });
  add([](Problem& x, Hardware&) { x.numerics = Numerics::fast; });
  add([](Problem& x, Hardware&) { x.epilogue.activation = Activation::relu; });
  add([](Problem& x, Hardware&) { x.epilogue.out = DType::f16; });
  add([](Problem& x, Hardware&) { x.epilogue.bias = BiasAxis::column; });
  add([](Problem& x, Hardware&) { x.epilogue.bias_dtype = DType::f16; });
  add([](Problem& x, Hardware&) { x.epilogue.has_c = false; });
  add([](Problem& x, Hardware&) { x.epilogue.unit_alpha = true; });
  add([](Problem& x, Hardware&) { x.epilogue.gated = true; });
  add([](Problem& x, Hardware&) { x.epilogue.aux = true; });
  add([](Problem& x, Hardware&) { x.epilogue.row_scale = true; });
  add([](Problem& x, Hardware&) { x.epilogue.column_scale = true; });
  add([](Problem&, Hardware& y) { y.gpu += "!"; });
  add([](Problem&, Hardware& y) { y.compute++; });
  add([](Problem&, Hardware& y) { y.sm_count++; });
  add([](Problem&, Hardware& y) { y.mig = ""; });
  add([](Problem&, Hardware& y) { y.recording = "h200"; });
  CHECK(key_of(p, h).hex() == "ba15250728194482c43ac9d22062354d");
}
