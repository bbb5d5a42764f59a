// What `ak port --out` hands over: it compiles with nvcc, its test tells right kernels from wrong ones, whatever a user's names
// are.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "ak/types.hpp"
#include "made.hpp"
#include "port/artifacts.hpp"

namespace fs = std::filesystem;
using namespace made;
using ak::loop::Candidate;
using ak::port::Artifact;

namespace {

struct Folder {
  explicit Folder(const std::string& name) {
    const char* kept = std::getenv("AK_TEST_ARTIFACTS");
    keep = kept && *kept;
    path = (keep ? fs::path(kept) : fs::path(AK_BINARY_DIR) / "artifacts") / name;
    fs::remove_all(path);
  }
  ~Folder() {
    if (!keep) fs::remove_all(path);
  }
  fs::path path;
  bool keep = false;
};

struct Ran {
  int code = -1;
  std::string output;
};

std::string contents(const fs::path& file) {
  std::stringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

Ran shell(const fs::path& folder, const std::string& command) {
  const int status = std::system(fmt::format("cd '{}' && ({}) > output 2>&1", folder.string(), command).c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, contents(folder / "output")};
}

void write(const fs::path& file, const std::string& text) { std::ofstream(file) << text; }

void add_cases(Artifact& artifact, const std::vector<ak::loop::Values>& sizes) {
  for (const auto& size : sizes)
    for (const ak::port::Recipe& recipe : ak::port::basic_recipes()) artifact.cases.emplace_back(size, recipe);
  artifact.timed = {{sizes.back(), ak::port::Recipe{}}};
}

/// Every kind of data that a proof may have.
void add_all_recipes(Artifact& artifact) {
  ak::port::Roles roles;
  roles.thresholds = {-7, 0, 3e-7, 2.5}, roles.kept = {"stream"}, roles.carries_products = true;
  std::vector<ak::port::Recipe> all = threshold_recipes(roles);
  for (const ak::port::Recipe& recipe : edge_recipes(roles)) all.push_back(recipe);
  for (std::uint64_t i = 0; i < 60; ++i) all.push_back(random_recipe(roles, i));
  for (const ak::port::Recipe& recipe : all) artifact.cases.push_back({{{"n", 100}}, recipe});
}

Term times(Term a, Term b) { return binary("*", std::move(a), std::move(b)); }
Term plus(Term a, Term b) { return binary("+", std::move(a), std::move(b)); }

/// void blend(int n, float k, float stream[n], const float b[n + 1]): stream[i] = k * b[i + 1] + b[i].
Artifact blend() {
  Artifact artifact;
  const Term n = i32("n"), i = i32("i");
  artifact.function =
      function("blend", {size("n"), value("k"), array("stream", n), array("b", plus(n, integer(1)), true)},
               {loop(1, "i", integer(0), n,
                     {assign(2, at("stream", i), plus(times(f32("k"), at("b", plus(i, integer(1)))), at("b", i)))})});
  artifact.candidate.template_name = "map";
  artifact.candidate.text =
      "extern \"C\" __global__ void __launch_bounds__(256) blend_map_1_(int n, float k, float* __restrict__ stream,\n"
      "                                                               const float* __restrict__ b) {\n"
      "  const long long i = ak::thread();\n"
      "  if (i < n) stream[i] = k * b[i + 1] + b[i];\n"
      "}\n";
  artifact.candidate.launches = {{"blend_map_1_", binary("/", plus(n, integer(255)), integer(256)), 256, 0, false, false}};
  artifact.verdict = "parallel", artifact.tactic = "map block=256";
  add_cases(artifact, {{{"n", 0}}, {{"n", 1}}, {{"n", 255}}, {{"n", 257}}, {{"n", 10000}}});
  return artifact;
}

/// double energy(long long n, const float b[n]): the sum of squares, in a pass of blocks and one over what these leave.
Artifact energy() {
  Artifact artifact;
  const Term n = scalar("n", ScalarType::i64), i = scalar("i", ScalarType::i64), sum = scalar("sum", ScalarType::f32);
  Node over = loop(3, "i", integer(0, ScalarType::i64), n, {assign(4, sum, plus(sum, times(at("b", i), at("b", i))))});
  over.variable_type = ScalarType::i64;
  artifact.function = function("energy", {value("n", ScalarType::i64), array("b", n, true)},
                               {assign(2, sum, real("0.0")), over, finish(5, sum)}, ScalarType::f32);
  artifact.function.locals = {{"sum", ScalarType::f32, {}}};
  artifact.candidate.template_name = "reduce";
  const char* parameters =
      "(float* __restrict__ result_, long long n, const float* __restrict__ b, float* sums_, unsigned* done_)";
  artifact.candidate.text = fmt::format(
      "extern \"C\" __global__ void __launch_bounds__(256) energy_reduce_1_{0} {{\n"
      "  __shared__ float room[ak::kRoom];\n"
      "  ak::start_next();\n"
      "  const long long i = ak::thread();\n"
      "  const float sum = ak::block_reduce(i < n ? b[i] * b[i] : 0.0f, ak::Add<float>(), room);\n"
      "  if (threadIdx.x == 0) sums_[blockIdx.x] = sum, ak::fetch_add(done_, 1);\n"
      "}}\n"
      "extern \"C\" __global__ void __launch_bounds__(256) energy_reduce_2_{0} {{\n"
      "  __shared__ float room[ak::kRoom];\n"
      "  ak::wait_for_previous();\n"
      "  float sum = 0;\n"
      "  for (unsigned k = threadIdx.x; k < *done_; k += blockDim.x) sum += sums_[k];\n"
      "  sum = ak::block_reduce(sum, ak::Add<float>(), room);\n"
      "  if (threadIdx.x == 0) result_[0] = sum;\n"
      "}}\n",
      parameters);
  const Term blocks = binary("/", plus(n, integer(255)), integer(256));
  artifact.candidate.scratch = {{"sums_", ScalarType::f32, blocks, false}, {"done_", ScalarType::i32, integer(1), true}};
  artifact.candidate.launches = {{"energy_reduce_1_", blocks, 256, 0, false, false},
                                 {"energy_reduce_2_", integer(1), 256, 0, false, true}};
  artifact.candidate.same_bits = false;
  artifact.verdict = "reduce(+)", artifact.tactic = "reduce block=256";
  add_cases(artifact, {{{"n", 0}}, {{"n", 1}}, {{"n", 255}}, {{"n", 257}}, {{"n", 10000}}});
  return artifact;
}

/// void turn(int n, int m, double c[m][n], const double a[n][m]): c[j][i] = a[i][j] - j.
Artifact turn() {
  Artifact artifact;
  const Term n = i32("n"), m = i32("m"), i = i32("i"), j = i32("j");
  const auto two = [](const char* name, Term x, Term y) {
    return ak::loop::element(name, {std::move(x), std::move(y)}, ScalarType::f64);
  };
  Parameter c = array("c", m, false, ScalarType::f64), a = array("a", n, true, ScalarType::f64);
  c.extents.push_back(n), a.extents.push_back(m);
  artifact.function =
      function("turn", {size("n"), size("m"), c, a},
               {loop(1, "i", integer(0), n,
                     {loop(2, "j", integer(0), m, {assign(3, two("c", j, i), binary("-", two("a", i, j), j))})})});
  artifact.candidate.template_name = "map";
  artifact.candidate.text =
      "extern \"C\" __global__ void __launch_bounds__(128) turn_map_1_(int n, int m, double* __restrict__ c,\n"
      "                                                              const double* __restrict__ a) {\n"
      "  for (long long k = ak::thread(); k < (long long)n * m; k += ak::threads())\n"
      "    c[k % m * n + k / m] = a[k] - (int)(k % m);\n"
      "}\n";
  artifact.candidate.launches = {{"turn_map_1_", times(integer(2), i32(ak::loop::kSms)), 128, 0, false, false}};
  artifact.verdict = "parallel i j", artifact.tactic = "map block=128";
  add_cases(artifact, {{{"n", 1}, {"m", 1}}, {{"n", 15}, {"m", 17}}, {{"n", 64}, {"m", 33}}, {{"n", 256}, {"m", 256}}});
  return artifact;
}

/// void gather(int n, int a[n], const int b[n], const int at[n]): a[i] = b[at[i]] where it is called with a = b + 2, say.
Artifact gather() {
  Artifact artifact;
  const Term n = i32("n"), i = i32("i");
  artifact.function =
      function("gather",
               {size("n"), array("a", n, false, ScalarType::i32), array("b", n, true, ScalarType::i32),
                array("at", n, true, ScalarType::i32)},
               {loop(1, "i", integer(0), n,
                     {assign(2, at("a", i, ScalarType::i32), at("b", at("at", i, ScalarType::i32), ScalarType::i32))})});
  artifact.candidate = blend().candidate;
  add_cases(artifact, {{{"n", 1}}, {{"n", 33}}, {{"n", 1000}}});
  return artifact;
}

/// Builds its test with a launcher of the host's own, and looks at all else without one.
void build_with(const Folder& folder, const Artifact& artifact, const std::string& launcher) {
  const std::string& name = artifact.function.name;
  write_artifacts(folder.path.string(), artifact);
  write(folder.path / "host.cpp",
        fmt::format("#include \"{}.h\"\n#include <stdio.h>\n#include <stdlib.h>\n{}\n", name, launcher));
  const Ran built =
      shell(folder.path,
            fmt::format("i=-I{0}/tests/loops/fake_cuda; c=\"g++ -Wall -Wextra -Werror $i -x c++\"; "
                        "gcc -c {1}_c.c && $c -o {1}_test {1}_test.cu host.cpp -x none {1}_c.o -lm && "
                        "$c -fsyntax-only {1}_bench.cu && "
                        "echo '#include \"{1}.h\"' | gcc -std=c11 -pedantic -Wall -Wextra -Werror $i -I. -x c -fsyntax-only -",
                        AK_SOURCE_DIR, name));
  REQUIRE_MESSAGE(built.code == 0, built.output);
}

}  // namespace

TEST_CASE("artifacts: the test that comes with kernels tells right ones from wrong ones") {
  const Folder folder("blend_on_host");
  Artifact artifact = blend();
  add_all_recipes(artifact);
  build_with(folder, artifact, R"(
int blend_launch(cudaStream_t, int n, float k, float* a, const float* b) {
  const int fault = atoi(getenv("FAULT"));
  if (fault == 1) return 1;
  blend_c(fault == 2 && n > 255 ? n - 1 : n, k, a, b);
  if (fault == 3) a[n] = 1;
  if (fault == 4) const_cast<float*>(b)[0] = 9;
  if (fault == 5 && n > 0) a[0] *= 1.0001f;
  if (fault == 6 && n > 0) a[n - 1] *= 1.1f;
  if (fault == 7) {
    FILE* file = fopen("data", "a");
    fwrite(&k, sizeof k, 1, file), fwrite(b, sizeof *b, n + 1, file), fclose(file);
  }
  return 0;
})");
  const auto run = [&](int fault, const char* mode) {
    return shell(folder.path, fmt::format("FAULT={} ./blend_test {}", fault, mode));
  };
  CHECK(run(0, "bits").output == fmt::format("blend: right {0}/{0}, equal bits\n", artifact.cases.size()));
  CHECK(run(0, "bits").code == 0);
  CHECK(run(1, "").output == "blend: n=0 mixed: invalid argument (cudaErrorInvalidValue)\n");
  CHECK(run(2, "").output.starts_with("blend: wrong (n=257 mixed): stream[256] is "));
  CHECK(run(3, "").output == "blend: wrong (n=0 mixed): something was written outside of an array\n");
  CHECK(run(4, "").output.find("(an input)") != std::string::npos);
  CHECK(run(5, "").output.find("within the bound") != std::string::npos);
  CHECK(run(5, "").code == 0);
  CHECK(run(5, "bits").output.find("equal bits are due") != std::string::npos);
  CHECK(run(6, "").output.find("bound 0.00") != std::string::npos);
  for (const int fault : {1, 2, 3, 4, 6}) CHECK(run(fault, "").code == 1);
  CHECK(run(5, "bits").code == 1);
  CHECK(run(0, "bit").code == 1);
  // Its data are those of the proof.
  CHECK(run(7, "").code == 0);
  std::string due;
  for (const auto& [sizes, recipe] : artifact.cases) {
    const ak::port::Case made = make_case(artifact.function, ak::port::roles_of(artifact.function), {}, sizes, recipe);
    const float k = static_cast<float>(made.arguments[1].real);
    due.append(reinterpret_cast<const char*>(&k), sizeof k);
    const ak::port::Memory& b = made.memories[1];
    due.append(reinterpret_cast<const char*>(b.first()), 4 * static_cast<std::size_t>(b.elements));
  }
  CHECK(contents(folder.path / "data") == due);
}

TEST_CASE("artifacts: data of a function that keeps an extremum, every kind of them under its name") {
  const Folder folder("largest_on_host");
  Artifact artifact;
  const Term n = i32("n"), i = i32("i"), best = at("best", integer(0));
  artifact.function = function("largest", {size("n"), array("best", integer(1)), array("x", n, true)},
                               {loop(1, "i", integer(0), n, {branch(2, binary(">", at("x", i), best), {assign(3, best, at("x", i))})})});
  artifact.candidate = blend().candidate;
  const ak::port::Roles roles = ak::port::roles_of(artifact.function);
  REQUIRE(roles.kept == std::vector<std::string>{"best"});
  for (const ak::port::Recipe& recipe : ak::port::edge_recipes(roles))
    for (const int count : {1, 2, 5, 100}) artifact.cases.push_back({{{"n", count}}, recipe});
  build_with(folder, artifact, R"(
int largest_launch(cudaStream_t, int n, float* best, const float* x) {
  FILE* file = fopen("data", "a");
  fwrite(best, sizeof *best, 1, file), fwrite(x, sizeof *x, n, file), fclose(file);
  return largest_c(n, best, x), 0;
})");
  CHECK(shell(folder.path, "./largest_test").code == 0);
  std::string due;
  bool middle = false, kept = false;
  for (const auto& [sizes, recipe] : artifact.cases) {
    middle |= recipe.spike == ak::port::Recipe::Spike::middle, kept |= recipe.kept;
    const ak::port::Case made = make_case(artifact.function, roles, {}, sizes, recipe);
    for (const ak::port::Memory& memory : made.memories)
      due.append(reinterpret_cast<const char*>(memory.first()), 4 * static_cast<std::size_t>(memory.elements));
  }
  CHECK(middle);
  CHECK(kept);
  CHECK(contents(folder.path / "data") == due);
  // What the texts call them is what the harness declares, in this order.
  const std::string harness = contents(folder.path / "harness.cuh");
  using ak::port::Recipe;
  CHECK(harness.find(fmt::format("enum Values {{ {} }};", fmt::join(Recipe::kShapes, ", "))) != std::string::npos);
  CHECK(harness.find(fmt::format("enum Spike {{ {} }};", fmt::join(Recipe::kSpikes, ", "))) != std::string::npos);
  CHECK(harness.find(fmt::format("enum Indices {{ {} }};", fmt::join(Recipe::kIndices, ", "))) != std::string::npos);
}

TEST_CASE("artifacts: positions, arrays that overlap, integers") {
  const char* launcher = R"(
int gather_launch(cudaStream_t, int n, int* a, const int* b, const int* at) {
  const int fault = atoi(getenv("FAULT"));
  int* values = new int[n];
  for (int i = 0; i < n; ++i) values[i] = b[at[i]];
  for (int i = 0; i < n; ++i) a[i] = fault == 1 ? values[i] : b[at[i]];
  if (fault == 2) ++a[n - 1];
  if (fault == 3) {
    FILE* file = fopen("data", "a");
    fwrite(at, sizeof *at, n, file), fwrite(b, sizeof *b, n, file), fclose(file);
  }
  delete[] values;
  return 0;
})";
  const Folder folder("gather_on_host");
  Artifact artifact = gather();
  add_all_recipes(artifact);
  const auto code = [&](int fault) { return shell(folder.path, fmt::format("FAULT={} ./gather_test", fault)).code; };
  build_with(folder, artifact, launcher);
  CHECK(code(0) == 0);
  CHECK(code(1) == 0);
  CHECK(code(2) == 1);
  CHECK(code(3) == 0);
  std::string due;
  for (const auto& [sizes, recipe] : artifact.cases) {
    const ak::port::Case made = make_case(artifact.function, ak::port::roles_of(artifact.function), {}, sizes, recipe);
    for (const ak::port::Memory* memory : {&made.memories[2], &made.memories[1]})
      due.append(reinterpret_cast<const char*>(memory->first()), 4 * static_cast<std::size_t>(memory->elements));
  }
  CHECK(contents(folder.path / "data") == due);
  artifact.facts.overlaps = {{"a", "b", 2}};
  build_with(folder, artifact, launcher);
  CHECK(code(0) == 0);
  CHECK(code(1) == 1);  // values that C has overwritten by then
  CHECK(contents(folder.path / "gather.h").find("Right only for a = b + 2 elements.") != std::string::npos);
}

TEST_CASE("artifacts: names of C++, of CUDA and of our own texts are a user's too") {
  const Folder folder("names");
  const Term n = i32("new");
  Artifact artifact;
  artifact.function = function("class", {size("new"), size("stream"), size("a_"), array("scratch", n), array("arg_a", n)},
                               {loop(1, "i", integer(0), n, {assign(2, at("scratch", i32("i")), at("arg_a", i32("i")))})});
  artifact.candidate = blend().candidate;
  artifact.candidate.launches[0].blocks = plus(n, plus(i32("stream"), i32("a_")));
  artifact.candidate.scratch = {{"more_", ScalarType::f32, n, true}};
  add_cases(artifact, {{{"new", 3}, {"stream", 1}, {"a_", 2}}});
  build_with(folder, artifact, R"(
int class_launch(cudaStream_t, int n, int k, int l, float* a, float* b) { return class_c(n, k, l, a, b), 0; }
int class_launch_with(cudaStream_t, void*, int, int, int, float*, float*) { return 1; }
long long class_scratch_bytes(int n, int, int) { return n; })");
  const Ran ran = shell(folder.path, "./class_test");
  CHECK_MESSAGE(ran.code == 0, ran.output);
}

TEST_CASE("artifacts: what cannot be written is refused by name") {
  Artifact artifact = blend();
  const auto why = [&](auto act) {
    try {
      act();
    } catch (const ak::Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  write(fs::path(AK_BINARY_DIR) / "artifacts_file", "");
  CHECK(why([&] {
          write_artifacts(std::string(AK_BINARY_DIR) + "/artifacts_file/blend", artifact);
        }).find("artifacts_file/blend") != std::string::npos);
  // Where not all can be written nothing is left, and what is another's stays.
  const fs::path part = fs::path(AK_BINARY_DIR) / "artifacts_part";
  fs::remove_all(part);
  fs::create_directories(part / "README.md" / "mine");
  CHECK(why([&] { write_artifacts(part.string(), artifact); }).find("README.md") != std::string::npos);
  CHECK(fs::exists(part / "README.md" / "mine"));
  CHECK(std::distance(fs::directory_iterator(part), fs::directory_iterator()) == 1);
  fs::remove_all(part);
  artifact.candidate.launches[0].blocks = i32("count");
  CHECK(why([&] { artifact_files(artifact); }).find("needs count") != std::string::npos);
  artifact.function.name = "../up";
  CHECK(why([&] { artifact_files(artifact); }).find("'../up'") != std::string::npos);
}

// In CI all three with their tests; AK_TEST_ALL: their benchmarks too. AK_TEST_ARTIFACTS names a folder that keeps them, for a
// GPU (tests/gpu/artifacts.sh).
TEST_CASE("artifacts: nvcc alone builds three, and C includes their headers") {
  const char* const wanted = std::getenv("AK_TEST_ALL");
  const bool all = wanted && *wanted;  // tests/run.sh sets it to nothing
  for (const Artifact& artifact : {blend(), energy(), turn()}) {
    const std::string& name = artifact.function.name;
    const Folder folder(name);
    write_artifacts(folder.path.string(), artifact);
    const Ran header =
        shell(folder.path,
              fmt::format(
                  "echo '#include \"{}.h\"' | cc -std=c11 -pedantic -Wall -Wextra -Werror -isystem {} -I. -x c -fsyntax-only -",
                  name, AK_CUDA_INCLUDE));
    CHECK_MESSAGE(header.code == 0, header.output);
    const std::string nvcc = fmt::format("{} -O3 -fmad=false -gencode=arch=compute_90a,code=sm_90a", AK_NVCC);
    std::vector<std::string> commands{fmt::format("{0} -Werror all-warnings -c {1}.cu", nvcc, name)};
    if (all || name == "energy")
      commands.push_back(fmt::format("{0} -Werror all-warnings -o {1}_test {1}_test.cu {1}.o {1}_c.c", nvcc, name));
    if (all) commands.push_back(fmt::format("{0} -Werror all-warnings -o {1}_bench {1}_bench.cu {1}.cu {1}_c.c", nvcc, name));
    for (const std::string& command : commands) {
      const Ran built = shell(folder.path, command);
      CHECK_MESSAGE(built.code == 0, built.output);
    }
  }
}
