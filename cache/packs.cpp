#include <array>
#include <map>
#include <mutex>

#include "base/log.hpp"
#include "cache/pack.hpp"

namespace ak {

struct Packs::Loaded {
  std::once_flag once;
  std::vector<Pack> packs;
  std::map<std::array<unsigned char, 16>, Found> by_key;
};

Packs::Packs(bool shipped, std::vector<std::string> files)
    : shipped_(shipped), files_(std::move(files)), loaded_(std::make_unique<Loaded>()) {}
Packs::~Packs() = default;

const std::vector<Pack>& Packs::all() const {
  std::call_once(loaded_->once, [&] {
    for (const std::string& file : files_) {
      loaded_->packs.push_back(read_pack(file));
      for (std::string& fault : loaded_->packs.back().faults) fault = "pack " + fault;
    }
    if (shipped_) loaded_->packs.push_back(shipped_pack());
    for (const Pack& pack : loaded_->packs) {
      if (pack.entries.empty() && pack.work.empty() && !pack.faults.empty())
        warn_once(pack.faults.front());  // asked for, and of no use at all
      else
        for (const std::string& fault : pack.faults) log(LogLevel::warn, "{}", fault);
      for (const PackEntry& entry : pack.entries)
        loaded_->by_key.try_emplace(key_of(entry.record.problem, entry.record.hardware).bytes(), Found{&entry, &pack.name});
    }
  });
  return loaded_->packs;
}

Packs::Found Packs::find(const Problem& problem, const Hardware& hardware) const {
  all();
  const auto at = loaded_->by_key.find(key_of(problem, hardware).bytes());
  return at == loaded_->by_key.end() ? Found{} : at->second;
}

}  // namespace ak
