#include <algorithm>
#include <functional>
#include <set>

#include "analyser/nest.hpp"

namespace ak::analyser::flow {

std::vector<std::vector<int>> components(int count, const std::vector<std::pair<int, int>>& edges,
                                         const std::vector<std::pair<int, int>>& soft) {
  std::vector<std::vector<int>> next(count);
  for (const auto& [from, to] : edges) next[from].push_back(to);

  // Tarjan
  std::vector<int> number(count, -1), low(count, 0), part(count, -1), stack;
  std::vector<std::vector<int>> parts;
  int counter = 0;
  const std::function<void(int)> visit = [&](int node) {
    number[node] = low[node] = counter++;
    stack.push_back(node);
    for (const int to : next[node]) {
      if (number[to] < 0) visit(to);
      if (part[to] < 0) low[node] = std::min(low[node], low[to]);
    }
    if (low[node] != number[node]) return;
    std::vector<int> members;
    do {
      members.push_back(stack.back());
      part[stack.back()] = static_cast<int>(parts.size());
      stack.pop_back();
    } while (members.back() != node);
    std::sort(members.begin(), members.end());
    parts.push_back(std::move(members));
  };
  for (int node = 0; node < count; ++node)
    if (number[node] < 0) visit(node);

  std::vector<std::set<int>> waits(parts.size()), wishes(parts.size());
  for (const auto& [from, to] : edges)
    if (part[from] != part[to]) waits[part[to]].insert(part[from]);
  const std::function<bool(int, int, std::set<int>&)> follows = [&](int later, int earlier, std::set<int>& seen) {
    if (later == earlier) return true;
    return seen.insert(later).second &&
           std::any_of(waits[later].begin(), waits[later].end(), [&](int before) { return follows(before, earlier, seen); });
  };
  for (const auto& [from, to] : soft)
    if (std::set<int> seen; !follows(part[from], part[to], seen)) wishes[part[to]].insert(part[from]);
  std::vector<std::vector<int>> order;
  std::set<int> left;
  for (int i = 0; i < static_cast<int>(parts.size()); ++i) left.insert(i);
  while (!left.empty()) {
    int first = -1;
    const auto rank = [&](int i) { return std::pair(!wishes[i].empty(), parts[i].front()); };
    for (const int i : left)
      if (waits[i].empty() && (first < 0 || rank(i) < rank(first))) first = i;
    for (auto& others : waits) others.erase(first);
    for (auto& others : wishes) others.erase(first);
    left.erase(first);
    order.push_back(parts[first]);
  }
  return order;
}

}  // namespace ak::analyser::flow
