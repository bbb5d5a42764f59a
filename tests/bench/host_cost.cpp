// What a hot call costs the host beside the driver, and what it asks the driver, without a GPU: the fake driver serves until
// all is known, then what hot calls ask is answered at once. For looking and for a profiler; nothing is judged by these times.
//
//   ak_host_cost           CSV: form, ns, the driver's functions and how often each is called
//   ak_host_cost FORM      that form alone, thirty million times, for a profiler
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ak/ak.h"
#include "ak/loop.h"
#include "ak/loop.hpp"
#include "api/arguments.hpp"
#include "base/clock.hpp"
#include "base/temporary_folder.hpp"
#include "cache/store.hpp"
#include "context/context.hpp"
#include "context/describe.hpp"
#include "fake_driver.hpp"
#include "families/family.hpp"
#include "gpu/device.hpp"
#include "gpu/driver.hpp"
#include "gpu/owners.hpp"
#include "loop/verdict.hpp"
#include "loop/winner.hpp"
#include "machine/gpu.hpp"
#include "port/port.hpp"
#include "search/space.hpp"
#include "tests/loops/made.hpp"

using namespace ak;

namespace {

constexpr int kRounds = 400, kCalls = 200, kProfiled = 30'000'000;

// The driver as hot calls see it.
namespace quick {

enum Question { context, capture, stream, place, encode, launch, kQuestions };
constexpr const char* kNames[kQuestions] = {
    "cuCtxGetId",      "cuStreamGetCaptureInfo", "cuStreamGetId", "cuPointerGetAttributes", "cuTensorMapEncodeTiled",
    "cuLaunchKernelEx"};
std::array<std::int64_t, kQuestions> asked{};
unsigned long long context_number = 0, stream_number = 0;
struct Known {
  CUdeviceptr begin = 0, end = 0;
  unsigned long long number = 0;
};
std::vector<Known> buffers;

void answer_at_once() {
  Driver& table = const_cast<Driver&>(driver());
  check(table.cuCtxGetId(nullptr, &context_number), "asking for the context's number");
  table.cuCtxGetId = [](CUcontext, unsigned long long* id) { return ++asked[context], *id = context_number, CUDA_SUCCESS; };
  table.cuStreamGetCaptureInfo = [](CUstream, CUstreamCaptureStatus* status, cuuint64_t*, CUgraph*, const CUgraphNode**,
                                    const CUgraphEdgeData**, std::size_t*) {
    return ++asked[capture], *status = CU_STREAM_CAPTURE_STATUS_NONE, CUDA_SUCCESS;
  };
  table.cuStreamGetId = [](CUstream, unsigned long long* id) { return ++asked[stream], *id = stream_number, CUDA_SUCCESS; };
  table.cuPointerGetAttributes = [](unsigned, CUpointer_attribute*, void** into, CUdeviceptr at) {
    ++asked[place];
    for (const Known& known : buffers)
      if (at >= known.begin && at < known.end) {
        *static_cast<unsigned*>(into[0]) = CU_MEMORYTYPE_DEVICE, *static_cast<unsigned long long*>(into[1]) = known.number;
        return CUDA_SUCCESS;
      }
    return CUDA_ERROR_INVALID_VALUE;
  };
  table.cuTensorMapEncodeTiled = [](CUtensorMap*, CUtensorMapDataType, cuuint32_t, void*, const cuuint64_t*, const cuuint64_t*,
                                    const cuuint32_t*, const cuuint32_t*, CUtensorMapInterleave, CUtensorMapSwizzle,
                                    CUtensorMapL2promotion, CUtensorMapFloatOOBfill) { return ++asked[encode], CUDA_SUCCESS; };
  table.cuLaunchKernelEx = [](const CUlaunchConfig*, CUfunction, void**, void**) { return ++asked[launch], CUDA_SUCCESS; };
}

void know(const Buffer& buffer) {
  CUpointer_attribute which[] = {CU_POINTER_ATTRIBUTE_BUFFER_ID};
  Known known{buffer.get(), buffer.get() + buffer.bytes(), 0};
  void* into[] = {&known.number};
  check(driver().cuPointerGetAttributes(1, which, into, buffer.get()), "asking for a buffer's number");
  buffers.push_back(known);
}

}  // namespace quick

struct Form {
  std::string name;
  std::function<void()> call;
};

// Nothing is read there.
const void* memory(int which) {
  return reinterpret_cast<const void*>((std::uintptr_t{1} << 40) + (static_cast<std::uintptr_t>(which) << 32));
}

void need(ak_status status) {
  if (status != ak_status_ok) throw Error(ErrorCode::internal, ak_last_error());
}

// A layer of m x 4096 x 4096 with a bias, served from the store by the first tactic that is wanted.
class Layer {
 public:
  Layer(Machine& machine, std::string kind, std::int64_t m, const std::string& folder, bool (*wanted)(const Geometry&))
      : kind_(std::move(kind)) {
    x_ = {memory(0), m, 4096, 4096, DType::bf16, Order::row};
    w_ = {memory(1), 4096, 4096, 4096, DType::bf16, Order::col};
    y_ = {const_cast<void*>(memory(2)), m, 4096, 4096, DType::bf16, Order::row};
    e_.activation = Activation::silu, e_.bias = memory(3);
    PlanRecord record;
    record.problem = canonicalize(x_, w_, y_, e_).problem, record.hardware = machine.hardware();
    const auto tactics = make_space(record.problem, machine.device()).tactics;
    const auto found = std::ranges::find_if(tactics, [&](const RankedTactic& each) {
      return wanted(family(each.tactic.family).geometry(record.problem, each.tactic, machine.device()));
    });
    if (found == tactics.end()) throw Error(ErrorCode::internal, "no tactic is as wanted: " + kind_);
    record.tactic = found->tactic, record.us = 1, record.vendor_us = 2;
    record.provenance = machine.provenance(record.problem, record.tactic, true);
    open_store(folder)->replace(record, "a cubin");
    Options options;
    options.cache_dir = folder, options.worker = "/nowhere/ak-worker", options.shipped = false;
    context_ = std::make_unique<Context>(options);
    plan_.emplace(context_->plan(x_, w_, y_, e_));

    const auto view = [](auto& to, const auto& from) {
      to.data = from.data, to.rows = from.rows, to.cols = from.cols, to.ld = from.ld;
      to.dtype = static_cast<ak_dtype>(from.dtype), to.order = static_cast<ak_order>(from.order);
    };
    view(c_x_, x_), view(c_w_, w_), view(c_y_, y_);
    c_e_.activation = ak_activation_silu, c_e_.bias = e_.bias;
    c_context_ = reinterpret_cast<ak_context*>(context_.get());
    need(ak_plan_create(c_context_, &c_x_, &c_w_, &c_y_, &c_e_, &c_plan_));
  }
  ~Layer() { ak_plan_destroy(c_plan_); }

  void add_forms(std::vector<Form>& to) {
    const auto add = [&](const char* form, std::function<void()> call) {
      call();
      to.push_back({fmt::format("{} {}", kind_, form), std::move(call)});
    };
    add("call", [this] { context_->matmul_act(stream_.get(), x_, w_, y_, e_); });
    add("plan", [this] { (*plan_)(stream_.get(), x_, w_, y_, e_); });
    add("plan, own scratch", [this] { (*plan_)(stream_.get(), x_, w_, y_, e_, {const_cast<void*>(memory(4)), 1 << 30}); });
    add("call in C", [this] { need(ak_matmul_act(c_context_, stream_.get(), &c_x_, &c_w_, &c_y_, &c_e_)); });
    add("plan in C", [this] { need(ak_plan_call(c_plan_, stream_.get(), &c_x_, &c_w_, &c_y_, &c_e_, nullptr, 0)); });
    check(driver().cuStreamGetId(stream_.get(), &quick::stream_number), "asking for a stream's number");
  }

 private:
  const std::string kind_;
  ConstMatrix x_, w_;
  Matrix y_;
  Epilogue e_;
  OwnedStream stream_ = OwnedStream::make();
  std::unique_ptr<Context> context_;
  std::optional<Plan> plan_;
  ak_const_matrix c_x_ = AK_CONST_MATRIX_INIT, c_w_ = AK_CONST_MATRIX_INIT;
  ak_matrix c_y_ = AK_MATRIX_INIT;
  ak_epilogue c_e_ = AK_EPILOGUE_INIT;
  ak_context* c_context_ = nullptr;
  ak_plan* c_plan_ = nullptr;
};

// a[i] = k * b[i], which the store knows.
class Scale {
 public:
  Scale(const Machine& machine, const std::string& folder) {
    using namespace made;
    const std::string text =
        "void scale(int n, float k, float a[n], const float b[n]) { for (int i = 0; i < n; ++i) a[i] = k * b[i]; }";
    port::LoopSource source;
    source.file = "scale.c", source.text = text, source.function = "scale";
    const Function of = function(
        "scale", {size("n"), value("k"), array("a", i32("n")), array("b", i32("n"), true)},
        {made::loop(1, "i", integer(0), i32("n"), {assign(2, at("a", i32("i")), binary("*", f32("k"), at("b", i32("i"))))})});
    ak::loop::Winner winner;
    winner.verdict = "parallel";
    winner.kernels = {{"map", {{"block", 256}}, "a text", {}, {}, true}};
    winner.kernels[0].launches.push_back(
        {"scale_1", binary("/", binary("+", i32("n"), integer(255)), integer(256)), 256, 0, false, false});
    winner.sizes = {{1000, 0, 5, 0, 0, 0}};
    const auto store = open_store(folder);
    store->put_work(
        {std::string(ak::loop::kLoopSource),
         ak::loop::source_key("scale", text, port::key_flags(source)),
         {},
         write_json(ak::loop::KnownSource{port::included_files(source, text), of, ak::loop::steering_parameters(of), {}, {}})});
    store->put_work({std::string(ak::loop::kLoop), ak::loop::winner_key(of, {}, describe(machine.hardware())),
                     write_json(winner), ak::loop::pack_images({"an image"})});
    Options options;
    options.cache_dir = folder, options.worker = "/nowhere/ak-worker", options.shipped = false;
    context_ = std::make_unique<Context>(options);
    LoopOptions more;
    more.text = text;
    loop_.emplace(context_->loop("scale.c", "scale", {}, more));
    ak_loop_options c_more = AK_LOOP_OPTIONS_INIT;
    c_more.text = text.c_str();
    need(ak_loop_open(reinterpret_cast<ak_context*>(context_.get()), "scale.c", "scale", &c_more, &c_loop_));
  }
  ~Scale() { ak_loop_close(c_loop_); }

  void add_forms(std::vector<Form>& to) {
    const auto add = [&](const char* form, std::function<void()> call) {
      call(), call();
      to.push_back({form, std::move(call)});
    };
    add("loop", [this] { (*loop_)(stream_.get(), 1000, 2.f, a_.data<float>(), b_.data<const float>()); });
    add("loop, other pointers", [this] {
      moved_ = (moved_ + 1) % 1000;
      (*loop_)(stream_.get(), 1000, 2.f, a_.data<float>() + moved_, b_.data<const float>());
    });
    add("loop in C", [this] {
      int n = 1000;
      float k = 2;
      float *a = a_.data<float>(), *b = b_.data<float>();
      void* const values[] = {&n, &k, &a, &b};
      need(ak_loop_call(c_loop_, stream_.get(), values, 4));
    });
    quick::know(a_), quick::know(b_);
  }

 private:
  OwnedStream stream_ = OwnedStream::make();
  Buffer a_ = Buffer::make(8000), b_ = Buffer::make(8000);
  int moved_ = 0;
  std::unique_ptr<Context> context_;
  std::optional<Loop> loop_;
  ak_loop* c_loop_ = nullptr;
};

// Rounds in turn, so that all forms meet the same machine; the tenth of them that were least disturbed.
void print(const std::vector<Form>& forms) {
  std::vector<std::vector<double>> ns(forms.size());
  std::vector<std::string> asked;
  for (const Form& form : forms) {
    form.call();
    quick::asked.fill(0);
    form.call();
    asked.emplace_back();
    for (int i = 0; i < quick::kQuestions; ++i)
      if (const auto times = quick::asked[static_cast<std::size_t>(i)])
        asked.back() += fmt::format("{}{} {}", asked.back().empty() ? "" : ", ", times, quick::kNames[i]);
  }
  for (int round = 0; round < kRounds; ++round)
    for (std::size_t i = 0; i < forms.size(); ++i) {
      const auto from = Clock::now();
      for (int call = 0; call < kCalls; ++call) forms[i].call();
      ns[i].push_back(seconds_since(from) / kCalls * 1e9);
    }
  fmt::print("form,ns,driver\n");
  for (std::size_t i = 0; i < forms.size(); ++i) {
    std::nth_element(ns[i].begin(), ns[i].begin() + kRounds / 10, ns[i].end());
    fmt::print("\"{}\",{:.0f},\"{}\"\n", forms[i].name, ns[i][kRounds / 10], asked[i]);
  }
}

}  // namespace

int main(int count, char** words) try {
  fake::reset();
  const TemporaryFolder folder("ak_host_cost");
  current_context();
  const auto machine = make_gpu_machine({});  // before all contexts, whose limits hold then
  Layer maps(*machine, "TMA", 64, folder.path() + "/maps",
             [](const Geometry& g) { return g.map_count == 3 && g.workspace_bytes == 0; });
  Layer scratch(*machine, "scratch", 8, folder.path() + "/scratch", [](const Geometry& g) { return g.workspace_bytes > 0; });
  Layer plain(*machine, "plain", 1, folder.path() + "/plain",
              [](const Geometry& g) { return g.map_count == 0 && g.workspace_bytes == 0; });
  Scale scale(*machine, folder.path() + "/loop");
  std::vector<Form> forms;
  for (Layer* layer : {&maps, &plain, &scratch}) layer->add_forms(forms);  // the last one's stream has the number
  scale.add_forms(forms);
  quick::answer_at_once();
  if (count < 2) return print(forms), 0;
  const auto named = std::ranges::find(forms, words[1], &Form::name);
  if (named == forms.end()) return fmt::print(stderr, "ak_host_cost: no form '{}'\n", words[1]), 2;
  for (int call = 0; call < kProfiled; ++call) named->call();
  return 0;
} catch (const Error& error) {
  fmt::print(stderr, "ak_host_cost: {}\n", error.what());
  return 1;
}
