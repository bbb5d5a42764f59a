// ak_prove: what tests/gpu/run.sh runs on a GPU. Results are appended to a progress file as they come, so that a killed run
// continues; `record` merges them into tests/gpu/record.json, of which `table` makes what the READMEs show. `loops` does so of
// tests/gpu/loops.json.
#include <fmt/format.h>
#include <sys/wait.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdio>
#include <thread>

#include "gpu/device.hpp"
#include "gpu/driver.hpp"
#include "prove/proof_pack.hpp"
#include "prove/prove.hpp"

namespace ak::proof {

std::string all_digests() {
  std::string all;
  for (const auto& [family, digest] : current_digests()) all += digest;
  return all;
}

bool wanted(const Settings& settings, FamilyId id) { return settings.family.empty() || settings.family == name(id); }

void in_parallel(std::size_t count, int threads, const std::function<void(std::size_t)>& work) {
  std::atomic<std::size_t> next{0};
  std::vector<std::thread> pool;
  for (int t = 0; t < threads; ++t)
    pool.emplace_back([&] {
      for (std::size_t i; (i = next++) < count;) work(i);
    });
  for (std::thread& thread : pool) thread.join();
}

ChildResult run_child(const std::string& command) {
  ChildResult result;
  FILE* pipe = popen(command.c_str(), "r");
  if (!pipe) return result;
  char buffer[4096];
  while (std::fgets(buffer, sizeof buffer, pipe)) result.line = buffer;
  const int status = pclose(pipe);
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  while (!result.line.empty() && result.line.back() == '\n') result.line.pop_back();
  return result;
}

int print_gpu() {
  if (std::string why; !gpu_available(&why)) {
    fmt::print(stderr, "no GPU here, nothing is proven or measured: {}\n", why);
    return 3;
  }
  fmt::print("{}, driver {}\n", device_facts().name, driver_version());
  return 0;
}

}  // namespace ak::proof

int main(int argc, char** argv) {
  using namespace ak::proof;
  Settings settings;
  settings.self = argv[0];
  CLI::App app{"Proves the kernels on a GPU and measures them against cuBLASLt"};
  app.require_subcommand(1);
  std::size_t first = 0, last = ~std::size_t{0};
  int index = 0;
  bool wrong = false, prepare = false;
  const auto progressing = [&](CLI::App* command) {
    command->add_option("--progress", settings.progress, "results, one a line");
    command->add_flag("--resume", settings.resume, "keep the progress file's results");
    command->add_option("--family", settings.family, "only this family");
    return command;
  };
  auto* correctness_command = progressing(app.add_subcommand("correctness", "seeded cases of every family"));
  correctness_command->add_option("--first", first);
  correctness_command->add_option("--last", last);
  auto* planted_command =
      progressing(app.add_subcommand("planted", "wrong kernels that must be refused, right ones that must not"));
  auto* one_command = app.add_subcommand("planted-one", "one of them, in this process");
  one_command->add_option("index", index)->required();
  one_command->add_flag("--wrong", wrong);
  std::string kind;
  int count = 100;
  auto* bad_command = app.add_subcommand("bad", "candidates that fault, trap, hang, stray or are wrong, beside a working host");
  bad_command->add_option("kind", kind, "faults, traps, strays, wrong or hangs")->required();
  bad_command->add_option("--count", count);
  bad_command->add_option("--budget", settings.budget_s, "seconds of each search");
  bad_command->add_option("--seconds", settings.seconds, "begin no search later than this");
  auto* sanitize_command = progressing(app.add_subcommand("sanitize", "a small set under compute-sanitizer"));
  auto* set_command = progressing(app.add_subcommand("sanitizer-set", "that set, in this process"));
  auto* bench_command = progressing(app.add_subcommand("bench", "the suites against cuBLASLt"));
  bench_command->add_option("--suite", settings.suites, "CSV files")->required();
  bench_command->add_option("--rows", settings.rows, "all, a class, or numbers, counted through the suites: 0-9,12");
  bench_command->add_option("--activations", settings.activations, "of rows that name none; the first is searched for");
  bench_command->add_option("--budget", settings.budget_s, "seconds of search a row");
  bench_command->add_option("--seconds", settings.seconds, "begin no row later than this");
  auto* alone_command = app.add_subcommand("alone", "a record's own kernels and cuBLASLt's, each between foreign kernels");
  alone_command->add_option("record", settings.record)->required();
  alone_command->add_option("--suite", settings.suites, "CSV files")->required();
  alone_command->add_option("--rows", settings.rows, "as in bench");
  std::string cache;
  auto* buckets_command = app.add_subcommand("buckets", "what serves a bucket of m against exact searches and cuBLASLt, as CSV");
  buckets_command->add_option("csv", settings.progress, "the rows, as they come")->required();
  buckets_command->add_flag("--resume", settings.resume, "keep the CSV's rows");
  buckets_command->add_option("--cache", cache, "folder that the buckets are tuned into; kept by --resume")->required();
  buckets_command->add_option("--suite", settings.suites, "CSV files: their rows of decode and tokens too");
  buckets_command->add_option("--budget", settings.budget_s, "seconds of each exact search");
  buckets_command->add_option("--seconds", settings.seconds, "begin no row later than this");
  auto* policies_command = app.add_subcommand("policies", "what numeric policies cost, of the suites' rows, as CSV and a table");
  policies_command->add_option("csv", settings.progress, "the rows, as they come")->required();
  policies_command->add_flag("--resume", settings.resume, "keep the CSV's rows");
  policies_command->add_option("--suite", settings.suites, "CSV files")->required();
  policies_command->add_option("--rows", settings.rows, "as in bench");
  policies_command->add_option("--budget", settings.budget_s, "seconds of each of a row's three searches");
  policies_command->add_option("--seconds", settings.seconds, "begin no row later than this");
  double busy = 0.8;
  auto* behind_command = app.add_subcommand("behind", "searches behind a busy application's calls, as CSV");
  behind_command->add_option("csv", settings.progress, "the rows, as they come")->required();
  behind_command->add_flag("--resume", settings.resume, "keep the CSV's rows");
  behind_command->add_option("--busy", busy, "the part of the time in which the application has the GPU");
  behind_command->add_option("--seconds", settings.seconds, "begin no row later than this");
  auto* record_command = progressing(app.add_subcommand("record", "merge the progress into a record"));
  record_command->add_option("record", settings.record)->required();
  auto* table_command = app.add_subcommand("table", "what a record says, as Markdown; needs no GPU");
  table_command->add_option("record", settings.record)->required();
  table_command->add_option("--into", settings.into, "also put it between the marks of this file");
  table_command->add_option("--summary-into", settings.summary_into, "its summary, between the marks of this file");
  table_command->add_flag("--classes", settings.classes, "every class by itself too");
  table_command->add_flag("--rows", settings.every_row, "every row of the benchmark too");
  auto* loops_command = app.add_subcommand("loops", "what results.json of `ak port` say, as Markdown; needs no GPU");
  loops_command->add_option("results", settings.results, "results.json, or a folder with several")->required();
  loops_command->add_option("--larger", settings.larger, "the same of the same functions over a million elements");
  loops_command->add_option("--record", settings.record, "also write loops.json, and loops_1m.json of the larger, into this folder");
  loops_command->add_option("--into", settings.into, "also put the table between the marks of this file");
  auto* faults_command = app.add_subcommand("loop-faults", "planted kernels of loops: what the emulator and a GPU say of each");
  faults_command->add_option("prepared", settings.prepared, "what --prepare left")->required();
  settings.planted = "tests/loops/planted";
  faults_command->add_option("--planted", settings.planted, "the folder of tests/loops");
  faults_command->add_flag("--prepare", prepare, "emulate and compile them, into that file; needs no GPU");
  faults_command->add_option("--record", settings.record, "each one's verdicts, as JSON");
  auto* gpu_command = app.add_subcommand("gpu", "names this machine's GPU; exits with 3 where there is none");
  std::string pack;
  auto* pack_command = app.add_subcommand("pack", "a record's winners as a pack; needs no GPU");
  pack_command->add_option("record", settings.record)->required();
  pack_command->add_option("pack", pack)->required();
  CLI11_PARSE(app, argc, argv);
  try {
    if (*gpu_command) return print_gpu();
    if (*correctness_command) return prove_correctness(settings, first, last);
    if (*planted_command) return prove_planted(settings);
    if (*one_command) return prove_planted_one(index, wrong);
    if (*bad_command) return prove_bad(settings, kind, count);
    if (*sanitize_command) return prove_sanitize(settings);
    if (*set_command) return prove_sanitizer_set(settings);
    if (*bench_command) return bench(settings);
    if (*alone_command) return time_alone(settings);
    if (*buckets_command) return compare_buckets(settings, cache);
    if (*behind_command) return measure_behind(settings, busy);
    if (*policies_command) return compare_policies(settings);
    if (*table_command) return print_table(settings);
    if (*loops_command) return print_loops(settings);
    if (*faults_command) return prepare ? prepare_loop_faults(settings) : prove_loop_faults(settings);
    if (*pack_command) return ak::write_pack(pack, pack_entries(read_record(settings.record))), 0;
    return update_record(settings);
  } catch (const ak::Error& error) {
    fmt::print(stderr, "ak_prove: {}\n", error.what());
    return 2;
  }
}
