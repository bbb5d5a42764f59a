// What a record is proven with: the digest of all that its kernel is compiled from.
#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <utility>

#include "../allocations.hpp"
#include "base/environment.hpp"
#include "base/text.hpp"
#include "core/activation.hpp"
#include "families/family.hpp"
#include "jit/compiler.hpp"
#include "jit/source.hpp"

namespace fs = std::filesystem;
using namespace ak;

namespace {

const Tactic kTactic = parse_tactic("sm80 tile_m=128 tile_n=128 tile_k=64 stages=4");

struct Made {
  Digest kernel, family;
  std::string source;
};

Made made(const Problem& problem, const Tactic& tactic = kTactic, std::string_view arch = "sm_90a") {
  const auto files = family(tactic.family).sources();
  return {kernel_digest(files, problem, tactic, arch), source_digest(files), make_source(files, problem, tactic)};
}

}  // namespace

TEST_CASE("a kernel's digest is another one whenever its source text is, and stays what it is where that does") {
  const Problem plain = parse_problem("64x64x64 bf16 silu");
  const Made first = made(plain);
  std::set<std::string> digests = {first.kernel.hex()}, sources = {first.source};
  for (const char* text : {"64x64x64 f16 silu", "64x64x64 bf16 relu", "64x64x64 bf16 silu out=f32",
                           "64x64x64 bf16 silu bias=column", "64x64x64 bf16 silu c", "64x64x64 bf16 silu gated",
                           "64x64x64 bf16 silu aux", "64x64x64 bf16 silu a=m", "64x64x64 bf16 silu align=2,16,16,16"}) {
    const Made other = made(parse_problem(text));
    CAPTURE(text);
    CHECK(sources.insert(other.source).second);
    CHECK(digests.insert(other.kernel.hex()).second);
    CHECK(other.family == first.family);  // which is why that one does not do
  }
  for (const Knob& knob : kKnobs) {
    Tactic tactic = kTactic;
    tactic.*knob.member = static_cast<std::int16_t>(tactic.*knob.member + 1);
    CHECK(digests.insert(made(plain, tactic).kernel.hex()).second);
  }
  CHECK(digests.insert(made(plain, kTactic, "sm_80").kernel.hex()).second);
  const Made larger = made(parse_problem("4096x128x32 bf16 silu"));  // one kernel serves every size
  CHECK(larger.source == first.source);
  CHECK(larger.kernel == first.kernel);
}

TEST_CASE("a kernel's digest sees its device code, comments aside, and its options name the architecture") {
  const Problem problem = parse_problem("64x64x64 bf16 silu");
  const Digest before = made(problem).kernel;
  const fs::path folder = fs::temp_directory_path() / ("ak_source_" + std::to_string(::getpid()));
  const auto with = [&](const char* line) {
    fs::remove_all(folder);
    fs::create_directories(folder);
    std::ofstream(folder / "epilogue.cuh") << kernel_file("epilogue.cuh") << line;
    setenv("AK_KERNEL_DIR", folder.c_str(), 1);
    read_environment();
    const Digest digest = made(problem).kernel;
    unsetenv("AK_KERNEL_DIR");
    read_environment();
    fs::remove_all(folder);
    return digest;
  };
  CHECK(with("  // a remark\n") == before);
  CHECK(with("#define AK_OTHER 1\n") != before);
  // A folder that is handed down is read whatever the environment says, and none of it is kept as the embedded text.
  fs::create_directories(folder);
  std::ofstream(folder / "epilogue.cuh") << kernel_file("epilogue.cuh") << "#define AK_OTHER 1\n";
  const auto files = family(kTactic.family).sources();
  CHECK(kernel_digest(files, problem, kTactic, "sm_90a", folder.string()) != before);
  CHECK(source_digest(files, folder.string()) != source_digest(files));
  CHECK(make_source(files, problem, kTactic, folder.string()).find("AK_OTHER") != std::string::npos);
  CHECK(make_source(files, problem, kTactic).find("AK_OTHER") == std::string::npos);
  CHECK(made(problem).kernel == before);
  fs::remove_all(folder);
  CHECK(compile_options("sm_90a").back() == "--gpu-architecture=sm_90a");
}

TEST_CASE("a kernel's symbol names family, tile, types and epilogue; what a record knows of its kernel does not") {
  const auto named = [](const char* problem, const char* tactic) {
    return kernel_name(parse_problem(problem), parse_tactic(tactic));
  };
  CHECK(named("64x64x64 bf16 gelu_tanh bias=column", "sm90 tile_m=128 tile_n=256 tile_k=64 stages=4 cluster_m=2 overlap=1") ==
        "ak_sm90_128x256x64_c2x1_bf16_gelu_tanh_bias");
  CHECK(named("1x64x64 f16 out=f32 silu gated aux scale=row", "skinny tile_m=1 tile_n=2 split_k=3") ==
        "ak_skinny_1x2_split3_f16_to_f32_silu_gated_aux_scaled");
  Problem own = parse_problem("64x64x64 bf16 c");
  own.epilogue.activation = own_activation("x * x + 1");
  CHECK(kernel_name(own, parse_tactic("sm90 tile_m=64 tile_n=8 tile_k=64 swap_ab=1")) ==
        "ak_sm90_64x8x64_swap_bf16_own_plus_c");  // whichever number this process gives the expression

  Problem longest = parse_problem("64x64x64 bf16 out=f32 bias=column aux scale=both gated");
  Tactic widest = parse_tactic("skinny swap_ab=1");
  for (auto* each : {&widest.tile_m, &widest.tile_n, &widest.tile_k, &widest.cluster_m, &widest.cluster_n, &widest.split_k})
    *each = 32767;
  for (int i = 0; i < kActivationCount; ++i) {
    longest.epilogue.activation = static_cast<Activation>(i);
    const std::string name = kernel_name(longest, widest);
    CAPTURE(name);
    CHECK(name.size() < 128);
    for (const char c : name) CHECK((is_letter(c) || is_digit(c) || c == '_'));
  }

  const Problem problem = parse_problem("64x64x64 bf16 silu");
  const auto files = family(kTactic.family).sources();
  const std::string source = make_source(files, problem, kTactic);
  const std::string head = "#define ak_kernel ak_sm80_128x128x64_bf16_silu\n";
  REQUIRE(source.starts_with(head));
  CHECK(source.find("ak_sm80_", head.size()) == source.npos);
}

// Whatever is made of a file's text takes as much memory as that.
TEST_CASE("what is made of the embedded files is made once, however many kernels are of them; of a folder's each time") {
  const Problem problem = parse_problem("64x64x64 bf16 silu");
  const auto files = family(kTactic.family).sources();
  std::size_t texts = 0;
  for (const auto file : files) texts += kernel_file(file, "").size();
  REQUIRE(texts > 10000);
  const auto bytes = [](auto&& make) {
    const std::size_t before = allocated_bytes();
    make();
    return allocated_bytes() - before;
  };
  for (const std::string& folder : {std::string(), std::string(AK_SOURCE_DIR "/kernels")}) {
    CAPTURE(folder);
    const auto kernel = [&] { kernel_digest(files, problem, kTactic, "sm_90a", folder); };
    const auto whole = [&] { source_digest(files, folder); };
    kernel(), whole();
    CHECK((bytes(kernel) > texts / 2) == !folder.empty());
    CHECK((bytes(whole) > texts / 2) == !folder.empty());
  }
}
