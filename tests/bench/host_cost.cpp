// What a hot call costs the host beside the driver, and what it asks the driver, without a GPU: the fake driver serves until
// all is known, then what hot calls ask is answered at once. For looking and for a profiler; nothing is judged by these times.
//
//   ak_host_cost           CSV: form, ns, the driver's functions and how often each is called
//   ak_host_cost FORM      that form alone, thirty million times, for a profiler
#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
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
#include "gpu/owners.hpp"
#include "loop/verdict.hpp"
#include "loop/winner.hpp"
#include "machine/gpu.hpp"
#include "port/analysis.hpp"
#include "quick_driver.hpp"
#include "search/space.hpp"
#include "tests/loops/made.hpp"

using namespace ak;

namespace {

constexpr int kRounds = 400, kCalls = 200, kProfiled = 30'000'000;
constexpr std::size_t kLayers = 256;  // of a model, each with x, w and y of its own

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
  Layer(Machine& machine, CUstream stream, std::string kind, std::int64_t m, const std::string& folder,
        bool (*wanted)(const Geometry&))
      : kind_(std::move(kind)), stream_(stream) {
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
    plans_.assign(kLayers, *plan_);

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
    add("call", [this] { context_->matmul_act(stream_, x_, w_, y_, e_); });
    add("plan", [this] { (*plan_)(stream_, x_, w_, y_, e_); });
    add("call, layers in turn", [this] {
      next_layer();
      context_->matmul_act(stream_, of_layer(x_), of_layer(w_), of_layer(y_), e_);
    });
    add("plan, layers in turn", [this] {
      next_layer();
      plans_[layer_](stream_, of_layer(x_), of_layer(w_), of_layer(y_), e_);
    });
    add("plan, own scratch", [this] { (*plan_)(stream_, x_, w_, y_, e_, {const_cast<void*>(memory(4)), 1 << 30}); });
    add("call in C", [this] { need(ak_matmul_act(c_context_, stream_, &c_x_, &c_w_, &c_y_, &c_e_)); });
    add("plan in C", [this] { need(ak_plan_call(c_plan_, stream_, &c_x_, &c_w_, &c_y_, &c_e_, nullptr, 0)); });
  }

 private:
  void next_layer() { layer_ = (layer_ + 1) % kLayers; }
  template <class Matrix>
  Matrix of_layer(Matrix all) const {
    all.data = reinterpret_cast<decltype(all.data)>(reinterpret_cast<std::uintptr_t>(all.data) + (layer_ << 16));
    return all;
  }

  const std::string kind_;
  ConstMatrix x_, w_;
  Matrix y_;
  Epilogue e_;
  const CUstream stream_;
  std::unique_ptr<Context> context_;
  std::optional<Plan> plan_;
  std::vector<Plan> plans_;  // of each layer
  std::size_t layer_ = 0;
  ak_const_matrix c_x_ = AK_CONST_MATRIX_INIT, c_w_ = AK_CONST_MATRIX_INIT;
  ak_matrix c_y_ = AK_MATRIX_INIT;
  ak_epilogue c_e_ = AK_EPILOGUE_INIT;
  ak_context* c_context_ = nullptr;
  ak_plan* c_plan_ = nullptr;
};

// a[i] = k * b[i], which the store knows; the C function serves it where the arrays lie on the host.
constexpr int kElements = 4;
void scale_in_c(int n, float k, float* a, const float* b) {
  for (int i = 0; i < n; ++i) a[i] = k * b[i];
}
float static_a[kElements], static_b[kElements];

class Scale {
 public:
  Scale(const Machine& machine, CUstream stream, const std::string& folder) : stream_(stream) {
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
    loop_.emplace(context_->loop("scale.c", "scale", &scale_in_c, more));
    more.residency = LoopResidency::host;
    promised_.emplace(context_->loop("scale.c", "scale", &scale_in_c, more));
    more.unordered = true;
    unordered_.emplace(context_->loop("scale.c", "scale", &scale_in_c, more));
    ak_loop_options c_more = AK_LOOP_OPTIONS_INIT;
    c_more.text = text.c_str();
    need(ak_loop_open(reinterpret_cast<ak_context*>(context_.get()), "scale.c", "scale", &c_more, &c_loop_));
  }
  ~Scale() { ak_loop_close(c_loop_), munmap(mapped_, mapped_bytes_); }
  const Buffer& a() const { return a_; }
  const Buffer& b() const { return b_; }

  void add_forms(std::vector<Form>& to) {
    const auto add = [&](const char* form, std::function<void()> call) {
      call(), call();
      to.push_back({form, std::move(call)});
    };
    add("loop", [this] { (*loop_)(stream_, 1000, 2.f, a_.data<float>(), b_.data<const float>()); });
    add("loop, other pointers", [this] {
      moved_ = (moved_ + 1) % 1000;
      (*loop_)(stream_, 1000, 2.f, a_.data<float>() + moved_, b_.data<const float>());
    });
    add("loop by the C API", [this] {
      int n = 1000;
      float k = 2;
      float *a = a_.data<float>(), *b = b_.data<float>();
      void* const values[] = {&n, &k, &a, &b};
      need(ak_loop_call(c_loop_, stream_, values, 4));
    });
    const auto on_host = [&](const char* form, const Loop& loop, float* a, float* b) {
      add(form, [this, &loop, a, b] { loop(stream_, kElements, 2.f, a, b); });
    };
    add("the C function", [call = &scale_in_c, a = heap_.data()]() mutable {
      decltype(&scale_in_c) volatile hidden = call;
      hidden(kElements, 2.f, a, a + kElements);
    });
    on_host("loop by the C function, on the heap", *loop_, heap_.data(), heap_.data() + kElements);
    on_host("loop by the C function, static", *loop_, static_a, static_b);
    on_host("loop by the C function, mapped", *loop_, mapped_, mapped_ + kElements);
    on_host("loop by the C function, promised", *promised_, mapped_, mapped_ + kElements);
    on_host("loop by the C function, promised and unordered", *unordered_, mapped_, mapped_ + kElements);
  }

 private:
  const CUstream stream_;
  Buffer a_ = Buffer::make(8000), b_ = Buffer::make(8000);
  int moved_ = 0;
  std::unique_ptr<Context> context_;
  std::optional<Loop> loop_, promised_, unordered_;
  std::vector<float> heap_ = std::vector<float>(2 * kElements);
  const std::size_t mapped_bytes_ = 4096;
  float* const mapped_ =
      static_cast<float*>(mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ak_loop* c_loop_ = nullptr;
};

// Rounds in turn, so that all forms meet the same machine; the tenth of them that were least disturbed.
void print(const std::vector<Form>& forms) {
  std::vector<std::vector<double>> ns(forms.size());
  std::vector<std::string> asked;
  for (const Form& form : forms) {
    for (std::size_t i = 0; i < kLayers; ++i) form.call();
    QuickDriver::forget();
    form.call();
    asked.push_back(QuickDriver::asked());
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
  const OwnedStream stream = OwnedStream::make();
  Layer maps(*machine, stream.get(), "TMA", 64, folder.path() + "/maps",
             [](const Geometry& g) { return g.map_count == 4 && g.workspace_bytes == 0; });
  Layer scratch(*machine, stream.get(), "scratch", 8, folder.path() + "/scratch",
                [](const Geometry& g) { return g.workspace_bytes > 0; });
  Layer plain(*machine, stream.get(), "plain", 1, folder.path() + "/plain",
              [](const Geometry& g) { return g.map_count == 0 && g.workspace_bytes == 0; });
  Scale scale(*machine, stream.get(), folder.path() + "/loop");
  std::vector<Form> forms;
  for (Layer* layer : {&maps, &plain, &scratch}) layer->add_forms(forms);
  scale.add_forms(forms);
  const QuickDriver quick(stream.get(), {&scale.a(), &scale.b()});
  if (count < 2) return print(forms), 0;
  const auto named = std::ranges::find(forms, words[1], &Form::name);
  if (named == forms.end()) return fmt::print(stderr, "ak_host_cost: no form '{}'\n", words[1]), 2;
  for (int call = 0; call < kProfiled; ++call) named->call();
  return 0;
} catch (const Error& error) {
  fmt::print(stderr, "ak_host_cost: {}\n", error.what());
  return 1;
}
