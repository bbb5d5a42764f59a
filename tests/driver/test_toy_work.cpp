// A second kind of work, a vector add, of the library's own parts: those that src/ADDING.md names for "A kind of work".
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>
#include <regex>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "cache/pack.hpp"
#include "cache/store.hpp"
#include "context/stored_quarantine.hpp"
#include "fake_driver.hpp"
#include "gpu/device.hpp"
#include "gpu/gpu_queue.hpp"
#include "gpu/owners.hpp"
#include "jit/compile_pool.hpp"
#include "plan/resources.hpp"
#include "tests/unit/stores.hpp"
#include "timing/stopwatch.hpp"
#include "toy/vector_add.hpp"
#include "tune/service.hpp"
#include "worker/worker.hpp"

using namespace ak;
using namespace ak::test_stores;
using namespace std::string_literals;
using vector_add::FakeKernels, vector_add::kSize, vector_add::Operands, vector_add::LaunchPlan;

namespace {

const std::string kWorker = AK_BINARY_DIR "/tests/toy-worker";

// --- the work --------------------------------------------------------------------------------------------------------

struct Candidate {
  Source source;
  unsigned threads;  // of a CTA
};

// A thread for each element, and the word by which the fake driver knows the kernel.
Candidate candidate(std::string_view statement, std::string_view what, unsigned threads = 128) {
  return {Source(fmt::format("extern \"C\" __global__ void ak_kernel(const float* x, const float* y, float* out, int n) {{\n"
                             "  const int i = blockIdx.x * blockDim.x + threadIdx.x;\n  {}\n}}\n// fake kernel: {}\n",
                             statement, what)),
          threads};
}

// What is remembered of the fastest: its source, its launch, its time, which travel as a text; its image, made here.
struct Winner {
  std::string source;
  unsigned threads = 0;
  double us = 0;
  std::string image;  // empty: found elsewhere

  std::string text() const { return fmt::format("{} {} {}", source, threads, us); }
  static std::optional<Winner> of(const WorkRecord& record) {
    const std::string& text = record.text;
    const auto first = text.find(' '), second = text.find(' ', first + 1);
    if (first == text.npos || second == text.npos) return std::nullopt;
    Winner w{text.substr(0, first), 0, 0, record.local};
    std::from_chars(&text[first + 1], &text[second], w.threads);
    std::from_chars(&text[second + 1], text.data() + text.size(), w.us);
    return w;
  }
};

// A process that serves vector adds: from the store, else from the candidates.
struct Process {
  explicit Process(const std::string& folder) : store(open_store(folder)) {}

  std::string key() const { return fmt::format("{} elements on {} with {} SMs", kSize, hardware.gpu, hardware.sm_count); }

  // From the store, else by a search that has its turn on the device, alone of all processes that share the folder.
  Winner tune(std::span<const Candidate> candidates) {
    if (auto known = find(); known && !known->image.empty()) return *known;
    TuningRequest request;
    request.place = this, request.key = key_of(vector_add::kTag, key());
    request.work = std::make_shared<Search>(*this, candidates);
    const auto ticket = service.enqueue(std::move(request), Deadline::in(20));
    REQUIRE(service.wait(ticket, Deadline::in(20)) == TuningService::End::done);
    return *static_cast<const Search&>(*TuningService::work(ticket)).found;
  }

  std::optional<Winner> find() {
    const auto known = store->find_work(vector_add::kTag, key());
    return known ? Winner::of(*known) : std::nullopt;
  }

  struct Search final : TuningWork {
    Search(Process& process, std::span<const Candidate> candidates) : process(process), candidates(candidates) {}
    void run(const Turn& turn) override {
      const ContextScope scope(process.context);
      found = process.find();  // another process may have had the lease until now
      if (!found || found->image.empty()) found = process.search(candidates, found, turn.by);
    }
    Process& process;
    const std::span<const Candidate> candidates;
    std::optional<Winner> found;
  };

  // What another machine found serves once it is proven here; else the fastest of all.
  Winner search(std::span<const Candidate> candidates, const std::optional<Winner>& elsewhere, Deadline deadline) {
    std::optional<Winner> best;
    for (const Candidate& each : candidates)
      if (elsewhere && each.source.digest.hex() == elsewhere->source) best = tried(each, deadline);
    if (!best) {
      for (const Candidate& each : candidates) pool.want(each.source);
      for (const Candidate& each : candidates)
        if (const auto right = tried(each, deadline); right && (!best || right->us < best->us)) best = right;
    }
    REQUIRE(best);
    store->put_work({std::string(vector_add::kTag), key(), best->text(), best->image});
    return *best;
  }

  std::optional<Winner> tried(const Candidate& candidate, Deadline deadline) {
    const Source& source = candidate.source;
    std::string& what = outcomes.emplace_back();
    if (const auto why = quarantine.why(source.digest)) {
      what = "in quarantine: " + *why;
      return std::nullopt;
    }
    pool.want(source);
    const auto compiled = pool.get(source, deadline);
    REQUIRE(compiled);
    REQUIRE(compiled->ok());
    ProofRequest request;
    request.tag = vector_add::kTag, request.subject = fmt::to_string(kSize);
    request.launch = fmt::to_string(candidate.threads), request.image = compiled->cubin;
    try {
      worker.prove(std::move(request), deadline);
    } catch (const Unavailable& absent) {
      FAIL(absent.why);
    } catch (const Failed& failed) {
      what = failed.why;
      if (failed.harms) quarantine.add(source.digest, failed.why);
      return std::nullopt;
    }
    return Winner{source.digest.hex(), candidate.threads, time(LaunchPlan(compiled->cubin, candidate.threads), deadline),
                  compiled->cubin};
  }

  double time(const LaunchPlan& plan, Deadline deadline) {
    const Operands sets[] = {Operands(1), Operands(2)};
    Stopwatch stopwatch(queue, resources().support_kernel("ak_clocks"), resources().facts().sm_count, {.sets = 2});
    const Arm arm = stopwatch.arm([&](CUstream stream, int set) { plan.launch(stream, sets[set]); }, 100, 0, deadline);
    const Arm* const arms[] = {&arm};
    return stopwatch.window(arms, 3, deadline).typical(0);
  }

  // On the caller's stream; whether D is right.
  bool serves(const Winner& winner) {
    const Operands operands(3);
    const OwnedStream stream = OwnedStream::make();
    LaunchPlan(winner.image, winner.threads).launch(stream.get(), operands);
    stream.synchronize();
    const std::vector<float> result = operands.result();
    for (std::size_t i = 0; i < kSize; ++i)
      if (result[i] != operands.host_x[i] + operands.host_y[i]) return false;
    return true;
  }

  const CUcontext context = current_context();
  const ContextScope scope{context};
  const Hardware hardware = Hardware::of(resources().facts());
  const std::shared_ptr<Store> store;
  StoredQuarantine quarantine{*store, hardware};
  CompilePool pool{resources().facts().arch()};
  Worker& worker = Worker::of(kWorker, device_uuid());  // where its kernels are launched first
  GpuQueue queue;
  std::vector<std::string> outcomes;       // of the candidates, empty where right
  TuningService service{store->folder()};  // ended first: what it runs uses all the others
};

const std::vector<Candidate>& candidates() {
  static const std::vector<Candidate> all = {
      candidate("if (i < n) out[i] = x[i] - y[i];", "subtracts"),
      candidate("if (i <= n) out[i] = x[i] + y[i];", "strays"),
      candidate("out[i + (long long)n * n] = x[i] + y[i];", "faults"),
      candidate("if (i < n) out[i] = x[i] + y[i];", "adds"),
  };
  return all;
}

std::string contents(const char* file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::set<std::string> headers(const std::string& text, const char* pattern) {
  const std::regex header(pattern);
  std::set<std::string> found;
  for (std::sregex_iterator it(text.begin(), text.end(), header), end; it != end; ++it) found.insert((*it)[1]);
  return found;
}

}  // namespace

TEST_CASE("work of a second kind is compiled, proven, timed, stored, launched, and hit from a second process") {
  FakeKernels kernels;
  const Folder folder("vector_add");
  Winner winner;
  {
    Process process(folder);
    fake::elapsed_ms(0.02f);
    winner = process.tune(candidates());
    CHECK(process.pool.compiles() == 4);
    REQUIRE(process.outcomes.size() == 4);
    CHECK(process.outcomes[0] == "element 0 is -1, not 1");
    CHECK(process.outcomes[1] == "writes element 1000 of 1000");
    CHECK(process.outcomes[2].find("CUDA_ERROR") != std::string::npos);
    CHECK(process.outcomes[3].empty());
    CHECK(winner.source == candidates()[3].source.digest.hex());
    CHECK(winner.us == doctest::Approx(20.0 / 6));  // three turns over two sets are a graph of 100 us
    CHECK(kernels.others == 0);  // in this process
    CHECK(process.serves(winner));

    // Again: the record. Without it: the compiled kernels, and what harms is not launched again.
    process.outcomes.clear();
    CHECK(process.tune(candidates()).text() == winner.text());
    CHECK(process.outcomes.empty());
    CHECK(process.store->erase_work(vector_add::kTag, process.key()));
    process.tune(candidates());
    CHECK(process.outcomes[1] == "in quarantine: writes element 1000 of 1000");
    CHECK(process.outcomes[2].starts_with("in quarantine: "));
    CHECK(process.pool.compiles() == 4);
  }
  CHECK(fake::misuses().empty());

  Child second("a second process serves what the first one found", folder, 0);
  CHECK(second.line() == fmt::format("{} 0 compiles, 1 launch", winner.source));
  CHECK(second.wait() == 0);
}

TEST_CASE("work of a second kind travels as its text: another machine proves it, then hits") {
  FakeKernels kernels;
  const Folder home("vector_add_home"), away("vector_add_away");
  const std::string pack = home.path / "vector_add.pack";
  std::string source;
  {
    Process process(home);
    fake::elapsed_ms(0.02f);
    source = process.tune(candidates()).source;
    std::vector<WorkRecord> all;
    process.store->for_each_work({}, [&](const WorkRecord& record) { all.push_back(record); });
    REQUIRE(all.size() == 3);  // two of them in quarantine, for this GPU and driver alone
    write_pack(pack, {}, all);
  }
  const std::string lines = contents(pack.c_str());
  CHECK(lines.find("fake kernel") == lines.npos);  // an image of the fake NVRTC has its source's text
  const Pack carried = read_pack(pack);
  CHECK(carried.faults.empty());
  REQUIRE(carried.work.size() == 1);
  const int before = kernels.adds;
  {
    Process process(away);
    process.store->put_work(carried.work[0]);
    const auto imported = process.store->find_work(vector_add::kTag, process.key());
    REQUIRE(imported);
    CHECK(unproven(*imported));
    CHECK(process.find()->source == source);
    const Winner winner = process.tune(candidates());
    CHECK(winner.source == source);
    CHECK(process.outcomes == std::vector<std::string>{""});  // nothing but what was said to be best
    CHECK(process.pool.compiles() == 1);
    CHECK(kernels.adds > before);
    CHECK(kernels.others == 0);
    CHECK_FALSE(unproven(*process.store->find_work(vector_add::kTag, process.key())));
  }
  {
    Process process(away);
    CHECK(process.serves(process.tune({})));
    CHECK(process.pool.compiles() == 0);
  }
  {
    Process process(away);  // said to be best by a pack, and wrong: refused, and searched for
    process.store->put_work({std::string(vector_add::kTag), process.key(), candidates()[0].source.digest.hex() + " 128 1", {}});
    CHECK(process.tune(candidates()).source == source);
    CHECK(process.outcomes.front() == "element 0 is -1, not 1");
  }
  CHECK(fake::misuses().empty());
}

TEST_CASE("a crash of the worker before anything is launched is held against no kernel") {
  FakeKernels kernels;
  Worker worker(kWorker, device_uuid());
  ProofRequest request;
  request.tag = vector_add::kTag, request.subject = vector_add::kCrashes, request.launch = "128", request.image = "an image";
  const ProofReply reply = worker.ask(request, Deadline::in(10));
  CHECK(reply.outcome == Outcome::timeout);
  CHECK(!reply.harms);
}

TEST_CASE("a subject of any length comes to the worker whole, once for all its proofs") {
  FakeKernels kernels;
  Worker worker(kWorker, device_uuid());
  const std::string long_one = std::string(std::size_t{40} << 20, '0') + fmt::to_string(kSize);
  const auto outcome = [&](const std::string& subject) {
    ProofRequest request;
    request.tag = vector_add::kTag, request.subject = subject, request.launch = "128", request.image = "an image";
    return worker.ask(request, Deadline::in(20)).why;
  };
  const std::string right = outcome(fmt::to_string(kSize));  // what its image has for a reason
  CHECK(right.find("elements") == right.npos);
  for (const auto& before : std::vector<std::function<void()>>{[] {}, [] {}, [&] { worker.close(); }, [&] { outcome("7"); },
                                                               [&] { ::kill(worker.pid(), SIGKILL); }}) {
    before();
    CHECK(outcome(long_one) == right);
  }
  CHECK(outcome("7") == "'7' elements");
  CHECK(outcome("") == "'' elements");
  CHECK(outcome(fmt::to_string(kSize)) == right);
}

TEST_CASE("a second process serves what the first one found" * doctest::skip()) {
  FakeKernels kernels;
  Process process(child_folder());
  const Winner winner = process.tune({});
  CHECK(process.serves(winner));
  CHECK(process.quarantine.why(candidates()[1].source.digest) == "writes element 1000 of 1000");
  CHECK(fake::misuses().empty());
  std::cout << winner.source << ' ' << process.pool.compiles() << " compiles, " << kernels.adds << " launch" << std::endl;
}

TEST_CASE("work of a second kind touches what src/ADDING.md names, and nothing else") {
  const std::string adding = contents(AK_SOURCE_DIR "/src/ADDING.md");
  const auto begin = adding.find("- **A kind of work**");
  REQUIRE(begin != adding.npos);
  const auto end = std::min({adding.find("\n- ", begin), adding.find("\n\n", begin), adding.size()});
  std::set<std::string> touched;
  for (const char* file : {"test_toy_work.cpp", "toy/vector_add.hpp", "toy/vector_add.cpp", "toy/toy_worker.cpp"})
    touched.merge(headers(contents((AK_SOURCE_DIR "/tests/driver/"s + file).c_str()),
                          R"re(\n#include "((?!tests/|toy/)[a-z]+/[a-z_]+\.hpp)")re"));
  CHECK(touched.size() > 5);
  CHECK(touched == headers(adding.substr(begin, end - begin), R"re(`([a-z_/]+\.hpp)`)re"));
}
