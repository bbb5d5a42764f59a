// Store: where winners outlive the process. Thread-safe; absence and damage are not errors (damage is logged, then a miss).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cache/record.hpp"

namespace ak {

/// One piece of what a store keeps, read, and compared with its key and its checksum.
struct Piece {
  enum Kind { plan, work, image, trial } kind = plan;
  std::string key;                           // in the store's own bytes; a trial's begins with that of its plan
  std::uint64_t bytes = 0;                   // that it takes, packed as it is
  Digest content;                            // of those bytes
  std::shared_ptr<const PlanRecord> record;  // of a plan that can be read
  std::shared_ptr<const WorkRecord> other;   // of work that can be read
  std::string damage;                        // why it is of no use; empty in health
  bool unknown = false;                      // whole, but a newer version wrote it: it cannot be read
};

class Store {
 public:
  virtual ~Store() = default;

  virtual std::optional<PlanRecord> find(const Problem& problem, const Hardware& hardware) = 0;
  /// The image whose checksum was verified just now; nullopt when absent or damaged.
  virtual std::optional<std::string> cubin(const Digest& digest) = 0;

  /// One transaction. Returns the record that stands afterwards: another process's winner when it was first.
  virtual PlanRecord put_if_absent(const PlanRecord& record, std::string_view cubin) = 0;
  /// Replaces what stands (revalidation, `ak tune --force`).
  virtual void replace(const PlanRecord& record, std::string_view cubin) = 0;
  virtual bool erase(const Problem& problem, const Hardware& hardware) = 0;
  /// One transaction: where `before` still stands `after` takes its place, of the same image where cubin is empty; nullopt: it
  /// is erased. False where another one stands by now, which stays.
  virtual bool change(const PlanRecord& before, const std::optional<PlanRecord>& after, std::string_view cubin = {}) = 0;

  /// History of a problem on a device, in order, oldest first.
  virtual void add_trials(const Problem& problem, const Hardware& hardware, std::span<const Trial> trials) = 0;
  virtual std::vector<Trial> trials(const Problem& problem, const Hardware& hardware) = 0;

  /// Work of other kinds than the GEMM. What is put last stands.
  virtual std::optional<WorkRecord> find_work(std::string_view kind, std::string_view key) = 0;
  virtual void put_work(const WorkRecord& record) = 0;
  virtual bool erase_work(std::string_view kind, std::string_view key) = 0;
  /// As change().
  virtual bool change_work(const WorkRecord& before, const WorkRecord& after) = 0;
  /// In key order; of all kinds where `kind` is empty.
  virtual void for_each_work(std::string_view kind, const std::function<void(const WorkRecord&)>& visit) = 0;

  /// Every readable plan, in key order.
  virtual void for_each(const std::function<void(const PlanRecord&)>& visit) = 0;

  /// All that is kept, damaged pieces too. A plan whose image is lost is damaged.
  virtual std::vector<Piece> pieces() = 0;
  /// One transaction: those of them that are still what they were, and all images that no plan names any more; one that a plan
  /// names goes only when it is damaged. How many.
  virtual std::size_t drop(std::span<const Piece> pieces) = 0;

  /// Where its files lie; empty: in memory only.
  virtual std::string folder() const { return {}; }
  /// "lmdb /path", or "memory only: why".
  virtual std::string describe() const = 0;

  /// Why records are not read from, or new ones not written to, the folder that was asked for. Empty in health.
  struct Fault {
    std::string reading, writing;
  };
  virtual Fault fault() const { return {}; }
  /// Whether what is put here outlives the process.
  bool persistent() const { return fault().writing.empty() && !describe().starts_with("memory only"); }
};

/// The LMDB store in a folder (created with mode 0700; a private one below it where others may write), one environment per
/// (device, inode) in a process; on a network file system a pack_store. Where nothing can be written, what is there is read.
/// When the folder cannot be used at all, a memory store that works for this process alone. Either is said in one warning.
std::shared_ptr<Store> open_store(const std::string& folder);
/// The same to be read alone, and nothing is created: what stands now, copied into memory. nullptr with a reason where nothing
/// can be read, or others may have written it.
std::shared_ptr<Store> open_store_to_read(const std::string& folder, std::string& why);
/// Why the store's file is of no use as a whole: a page is missing, or reading it kills the process that does, which is tried
/// in another one, as LMDB checks no page. Empty in health, and where there is no such file.
std::string damaged_file(const std::string& folder);
/// Renames such a file, so that a fresh one begins; one warning says so.
void set_aside(const std::string& folder, std::string_view why);
/// One pack for each record, in an existing folder, written by atomic rename. What other processes left comes without cubins
/// and what else is local: to be proven here.
std::shared_ptr<Store> pack_store(const std::string& folder);
/// Reads from `below`, which cannot be written for the reason given, and keeps what is new in this process.
std::shared_ptr<Store> read_only_store(std::shared_ptr<Store> below, std::string why);
std::shared_ptr<Store> memory_store(std::string why = "no folder given", Store::Fault fault = {});

/// AK_CACHE_DIR, else $XDG_CACHE_HOME/ak, else ~/.cache/ak.
std::string default_cache_folder();

}  // namespace ak
