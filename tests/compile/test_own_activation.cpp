// A caller's own activation through NVRTC: its check, its kernels of kernels/support/, and a family's kernel with it.
#include <dlfcn.h>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "../unit/stores.hpp"
#include "ak/ak.h"
#include "ak/ak.hpp"
#include "base/library.hpp"
#include "core/activation.hpp"
#include "families/family.hpp"
#include "jit/compiler.hpp"
#include "jit/source.hpp"

using namespace ak;

TEST_CASE("an own activation compiles when it is registered, and so do the kernels that it needs") {
  const Activation quick_gelu = register_activation("x * sigmoid(1.702 * x)");
  CHECK(quick_gelu == register_activation("x*sigmoid(1.702f*x)"));

  for (const char* arch : {"sm_80", "sm_90a"}) {
    const Compiled kernels = compile(own_activation_source(quick_gelu), arch);
    CAPTURE(kernels.log);
    REQUIRE(!kernels.cubin.empty());
    for (const char* entry : {"pass_own_", "ak_compare_own_"}) CHECK(kernels.cubin.find(entry) != std::string::npos);
    MESSAGE(arch << ": " << kernels.seconds << " s");
  }

  Problem p = parse_problem("64x64x64 bf16 bias=column");
  p.epilogue.activation = quick_gelu;
  Tactic t = parse_tactic("sm80 tile_m=64 tile_n=64 tile_k=32 stages=3 warps_m=2 warps_n=2");
  const std::string source = make_source(family(t.family).sources(), p, t);
  CHECK(source.find("sigmoid((1.702000022e+00f * x))") != std::string::npos);
  CHECK(compile(source, "sm_80").ok());
}

TEST_CASE("every function and operator of an expression compiles") {
  CHECK_NOTHROW(register_activation("exp(x)+expm1(x)-log1p(abs(x))*tanh(x)/erfc(x)+sigmoid(slope)"));
  CHECK_NOTHROW(register_activation("x<1&&x>-1||!(x<=2)&&x>=3||x==4||x!=5?min(x,1):max(x,-.5e-3)"));
  CHECK_NOTHROW(register_activation("1"));
}

TEST_CASE("a registration that fails leaves nothing behind") {
  const auto folder = std::filesystem::temp_directory_path() / fmt::format("ak_own_{}", ::getpid());
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "activation.cuh") << "#error no activations today\n";
  const Activation known_before = register_activation("x + 0.125");
  const auto next = static_cast<Activation>(static_cast<int>(known_before) + 1);
  ::setenv("AK_KERNEL_DIR", folder.c_str(), 1);
  CHECK_THROWS_WITH_AS(register_activation("x + 0.25"), doctest::Contains("no activations today"), Error);
  CHECK(register_activation(" x+0.125 ") == known_before);  // what compiled once is not compiled again
  ::unsetenv("AK_KERNEL_DIR");
  CHECK(!known(next));
  CHECK(register_activation("x + 0.5") == next);
  std::filesystem::remove_all(folder);
}

TEST_CASE("child: register an activation" * doctest::skip()) {
  const std::string refusal = [] {
    try {
      register_activation("x + 0.75");
      return std::string();
    } catch (const Error& error) {
      return std::string(error.what());
    }
  }();
  fmt::print("{} {}\n", compiler_available() ? "NVRTC" : "none", refusal);
  std::fflush(stdout);
}

TEST_CASE("without NVRTC what the grammar takes is registered, for kernels that were stored") {
  const test_stores::Folder folder("no_nvrtc");
  std::filesystem::create_directories(folder.path);
  const SharedLibrary other("the C++ library", {"libstdc++.so.6"});  // whatever has no function of NVRTC
  Dl_info where;
  REQUIRE(dladdr(other.symbol("__cxa_throw"), &where));
  std::filesystem::copy_file(where.dli_fname, folder.path / "libnvrtc.so.13");
  const char* const before = std::getenv("LD_LIBRARY_PATH");
  const std::string path = before ? before : "";
  ::setenv("LD_LIBRARY_PATH", std::string(folder).c_str(), 1);
  test_stores::Child child("child: register an activation", folder, 0);
  before ? ::setenv("LD_LIBRARY_PATH", path.c_str(), 1) : ::unsetenv("LD_LIBRARY_PATH");
  CHECK(child.line() == "none ");
  child.wait();
}

TEST_CASE("registering what is no expression names the place, in C too") {
  CHECK_THROWS_WITH_AS(register_activation("x * y"), doctest::Contains("position 4"), Error);
  ak_activation activation = ak_activation_identity;
  CHECK(ak_register_activation("x; system(\"\")", &activation) == ak_status_invalid_argument);
  CHECK(std::string(ak_last_error()).find("position 1") != std::string::npos);
  CHECK(ak_register_activation(nullptr, &activation) == ak_status_invalid_argument);
  REQUIRE(ak_register_activation("x < 0 ? 0.1 * x : x", &activation) == ak_status_ok);
  CHECK(activation >= ak_activation_count);
}
