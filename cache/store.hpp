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

  /// History of a problem on a device, in order, oldest first.
  virtual void add_trials(const Problem& problem, const Hardware& hardware, std::span<const Trial> trials) = 0;
  virtual std::vector<Trial> trials(const Problem& problem, const Hardware& hardware) = 0;

  /// Every readable plan, in key order.
  virtual void for_each(const std::function<void(const PlanRecord&)>& visit) = 0;

  /// Where its files lie; empty: in memory only.
  virtual std::string folder() const { return {}; }
  /// "lmdb /path", or "memory only: why".
  virtual std::string describe() const = 0;
  bool persistent() const { return !describe().starts_with("memory only"); }
};

/// The LMDB store in a folder (created with mode 0700), one environment per (device, inode) in a process; on a network file
/// system a pack_store. When the folder cannot be used, warns once and gives a memory store that works for this process alone.
std::shared_ptr<Store> open_store(const std::string& folder);
/// One pack for each winner, in an existing folder, written by atomic rename. Other processes' winners come without cubins: to
/// be proven here.
std::shared_ptr<Store> pack_store(const std::string& folder);
std::shared_ptr<Store> memory_store(std::string why = "no folder given");

/// AK_CACHE_DIR, else $XDG_CACHE_HOME/ak, else ~/.cache/ak.
std::string default_cache_folder();

}  // namespace ak
