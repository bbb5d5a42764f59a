// A layer that the store of a test knows.
#pragma once

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "ak/ak.hpp"
#include "api/arguments.hpp"
#include "cache/store.hpp"
#include "fake_driver.hpp"
#include "families/family.hpp"
#include "machine/gpu.hpp"
#include "own_context.hpp"
#include "search/space.hpp"
#include "tests/texts.hpp"

using namespace ak;

// A linear layer of 64 x 4096 x 4096, and a record for it of the first tactic that a test asks for.
struct Layer {
  template <class Wanted>
  explicit Layer(const Wanted& wanted, const char* cubin = "a cubin") {
    std::filesystem::remove_all(folder);
    fake::reset();
    own.emplace();
    x = {memory(0), 64, 4096, 4096, DType::bf16, Order::row};
    w = {memory(1), 4096, 4096, 4096, DType::bf16, Order::col};
    y = {const_cast<void*>(memory(2)), 64, 4096, 4096, DType::bf16, Order::row};
    epilogue.activation = Activation::relu;
    problem = canonicalize(x, w, y, epilogue).problem;
    const auto machine = make_gpu_machine({});
    PlanRecord record;
    record.problem = problem, record.hardware = machine->hardware();
    for (const RankedTactic& ranked : make_space(problem, machine->device()).tactics) {
      geometry = family(ranked.tactic.family).geometry(problem, ranked.tactic, machine->device());
      record.tactic = ranked.tactic;
      if (wanted(geometry)) break;
    }
    REQUIRE(wanted(geometry));
    record.provenance = machine->provenance(problem, record.tactic, true);
    tactic = record.tactic;
    record.us = 1, record.vendor_us = 2;
    record.bucket = {33, 64};
    open_store(folder)->replace(record, cubin);
    options.cache_dir = folder, options.worker = "/nowhere/ak-worker", options.shipped = false;
  }
  ~Layer() {
    own->end();
    CHECK(fake::misuses().empty());
    std::filesystem::remove_all(folder);
  }
  // Nothing is read there: kernels of the fake driver do nothing.
  static const void* memory(int which, int offset = 0) {
    return reinterpret_cast<const void*>((std::uintptr_t{1} << 40) + (std::uintptr_t(which) << 32) + std::uintptr_t(offset));
  }

  const std::string folder = std::filesystem::temp_directory_path() / ("ak_test_plan_" + std::to_string(getpid()));
  std::optional<OwnContext> own;
  ConstMatrix x, w;
  Matrix y;
  Epilogue epilogue;
  Problem problem;
  Tactic tactic;
  Geometry geometry;
  Options options;
};

inline bool any(const Geometry&) { return true; }

// What a call with a wrong argument says; "none": it was right.
template <class Call>
std::string error_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::invalid_argument);
    return error.what();
  }
  return "none";
}
