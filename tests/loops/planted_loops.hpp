// The kernels of planted/: right ones, and others with one natural mistake each, made from these by a replacement that the
// file's head names. tests/loops/planted/README.md has the form of the head.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "emulate/emulate.hpp"

namespace ak::loop {

/// What a kernel takes and leaves, by name.
struct PlantedArrays {
  int n = 0;
  std::map<std::string, std::vector<float>> f;
  std::map<std::string, std::vector<int>> i;
};

struct PlantedArgument {
  std::string name, elements;  // "n", "n+8", "2blocks", "16"; empty: n itself
  std::string fill;
  bool real = false, scratch = false;  // scratch: what is left there is nobody's
};

struct PlantedLaunch {
  std::string kernel;
  int blocks = 0;  // 0: as many as n elements take
  bool dependent = false, shared = false;
};

struct PlantedKernel {
  std::string file, name;  // name: of the mistake, or of the right variant; empty: the file as it stands
  std::string wrong;       // race, bounds, value, ...; empty: it is right
  std::string text;
  std::vector<PlantedArgument> arguments;
  std::vector<PlantedLaunch> launches;
  int threads = 0, items = 1;
  std::string space;  // the namespace of its text in the object

  /// "scan: stale carry"
  std::string title() const { return name.empty() ? file : file + ": " + name; }
  int blocks(int n) const { return (n + threads * items - 1) / (threads * items); }
  PlantedArrays arrays(int n) const;
  /// Of its launches over these arrays, which must outlive it.
  EmulationRequest request(PlantedArrays& arrays) const;
};

/// All of a folder, by file. Throws std::runtime_error for a head that cannot be read and a replacement of what is not there.
std::vector<PlantedKernel> planted_kernels_of(const std::string& folder);

/// Their texts as one, each in its namespace, and the kernels' names in it.
std::string planted_text(const std::vector<PlantedKernel>& kernels);
std::vector<std::string> planted_names(const std::vector<PlantedKernel>& kernels);

}  // namespace ak::loop
