// Verdict -> kernels. Each group of a verdict becomes a stage, made by the templates that know its roles; a candidate is a
// stage for each group, in order. What no template can do runs in one thread.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "loop/launch.hpp"
#include "loop/verdict.hpp"

namespace ak::port {

struct Setting {
  bool restricted = true;              // arrays do not overlap: __restrict__, 16-byte accesses
  std::vector<loop::Scratch> scratch;  // that kernels take too, behind their own
};

struct Kernel {
  std::string body;  // between the braces, indented by 2; the function's parameters and all scratch are in scope
  loop::Term blocks;
  int threads = 256;
  int shared_bytes = 0;
  bool waits = false;
  bool strides = false;  // any number of blocks does the same
};

/// One way to run one group.
struct Stage {
  std::string template_name;
  std::map<std::string, int> knobs;
  std::string helpers;  // types and device functions that come before the kernels
  std::vector<loop::Scratch> scratch;
  std::vector<Kernel> kernels;  // one after the other; each sees all that those before it wrote
  bool same_bits = true;
};

/// A scalar that goes from group to group, in the first element of that scratch.
struct Passed {
  std::string scalar, scratch;
};

/// What a template is given: one group, with all that its kernels need to stand alone. Everything is flattened.
struct Work {
  const loop::Function* function = nullptr;
  // Not flattened: subscripts for each dimension, of flat arrays of rows too where the verdict has them. Nodes have the same
  // ids.
  const loop::Function* shaped = nullptr;
  loop::Group group;
  std::vector<loop::Node> body;  // the function's nest, with this group's statements alone
  // Every thread runs it first: sets the scalars that come from earlier groups, and returns where the function did.
  std::vector<loop::Node> before;
  std::vector<loop::Node> after;    // without loops: to be run by one thread when the group is done
  std::vector<Passed> kept;         // whose values after body and `after` one thread is to leave there
  std::set<std::string> own;        // local arrays that each thread has to itself
  std::string tag;                  // of this group; names of its scratch and helpers end with it and an underscore
  std::vector<loop::Term> assumed;  // Verdict::assumed
  Setting setting;
};

/// Nothing where it cannot do the group with its `kept` and its `after`; without `after` it is asked again.
using Template = std::vector<Stage>(const Work&);

Template lines_stages, map_stages, reorder_stages, reduce_stages, exit_stages, serial_stages;
Template scan_stages, compact_stages, chains_stages, wavefront_stages, scatter_stages;
/// For groups that none of these does: an outer loop in order; iterations that meet in subscripts of which enough is known for
/// roles other than scatter, and not enough for kernels without atomics.
Template rounds_stages, meeting_stages;

inline constexpr const char* kSerial = "serial";          // one thread, in C's order: every function has it
inline constexpr const char* kSequential = "sequential";  // a thread for each iteration of the loops around

/// The best guess first, `serial` last; nothing for a refused function.
std::vector<loop::Candidate> candidates(const loop::Verdict& verdict, const Setting& setting = {});

/// `fast` where all of these conditions hold, and elsewhere `serial`, whose one kernel has a name of its own and takes the same
/// arguments.
loop::Candidate where_assumed(loop::Candidate fast, const std::vector<loop::Term>& assumed, const loop::Candidate& serial);

/// "float* __restrict__ a, int n, int* flags_1_": the function's, then a pointer for each scratch. overlapping: arrays may
/// overlap, and nothing is __restrict__.
std::string kernel_parameters(const loop::Function& function, const std::vector<loop::Scratch>& scratch, bool overlapping);

/// Of a candidate that is not `serial` alone: the group that each part of its name (joined by +) begins with.
std::vector<std::size_t> groups_of_parts(const loop::Verdict& verdict);
/// Whether a part of that name leaves a loop of its group to one thread.
bool runs_alone(std::string_view part, const loop::Group& group);

}  // namespace ak::port
