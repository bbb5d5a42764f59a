// Pack: a portable read-only file of records: what won, for what, where. Never a cubin and never one of cuBLASLt's algorithms:
// whoever uses a record compiles, verifies and, where versions differ, times it anew. Its grammar stands in cache/README.md.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/record.hpp"

namespace ak {

/// cubin, vendor_algo and a vendor tactic's knobs are empty: what a machine makes or finds for itself.
struct PackEntry {
  PlanRecord record;
  std::optional<Tactic> own;  // the fastest own kernel where cuBLASLt won, if known

  /// The own kernel that is worth a trial.
  const Tactic* kernel() const { return !is_vendor(record.tactic) ? &record.tactic : own ? &*own : nullptr; }
};

struct Pack {
  std::string name;                 // "shipped pack", or "pack FILE"
  std::vector<PackEntry> entries;   // sorted as pack_text() writes them
  std::vector<WorkRecord> work;     // of other kinds than the GEMM, without what is local
  std::vector<std::string> faults;  // "FILE:LINE: what is wrong"; what the line said is not among the entries
};

/// Whether a record came without what it needs to run: it is to be proven here first.
bool unproven(const PlanRecord& record);
bool unproven(const WorkRecord& record);

/// The file's text: sorted, one record a line. Of two records with one key the later one is kept. Of work, what can travel.
std::string pack_text(std::vector<PackEntry> entries, const std::vector<WorkRecord>& work = {});
/// `file` is named in the faults. A pack whose checksum does not match has no entries.
Pack parse_pack(std::string name, const std::string& file, std::string_view text);
/// An unreadable file is a fault.
Pack read_pack(const std::string& file);
/// Whole or not at all: written beside, then renamed. Throws Error{internal} naming the file.
void write_pack(const std::string& file, std::vector<PackEntry> entries, const std::vector<WorkRecord>& work = {});

/// The packs built into the library (cache/shipped/), as one.
Pack shipped_pack();

/// What a context consults between its store and a search. Read on first use; faults are logged then, once. Thread-safe.
class Packs {
 public:
  /// The shipped pack, if wanted, comes last.
  Packs(bool shipped, std::vector<std::string> files);
  ~Packs();

  struct Found {
    const PackEntry* entry = nullptr;
    const std::string* pack = nullptr;  // its name
    explicit operator bool() const { return entry; }
  };
  /// Of exactly this key; the first pack that has one.
  Found find(const Problem& problem, const Hardware& hardware) const;

  const std::vector<Pack>& all() const;

 private:
  struct Loaded;
  const bool shipped_;
  const std::vector<std::string> files_;
  const std::unique_ptr<Loaded> loaded_;
};

}  // namespace ak
