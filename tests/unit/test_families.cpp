#include <doctest/doctest.h>

#include <random>

#include "families/family.hpp"
#include "kernels/args.cuh"

using namespace ak;

TEST_CASE(
    "whatever knobs a pack, a record or a language model names: the rules answer, and what they let pass can be launched") {
  DeviceFacts device;
  device.compute_major = 9, device.compute_minor = 0, device.sm_count = 132;
  const Problem problems[] = {parse_problem("4x512x1024 bf16"), parse_problem("300x776x513 f16 align=2,2,16,16 relu gated aux"),
                              parse_problem("4x512x1000 bf16 b=n align=16,4,16,2 scale=both bias=column")};
  const std::int16_t values[] = {-32768, -1, 0, 1, 2, 3, 4, 8, 16, 32, 64, 128, 256, 32767};
  std::mt19937 random(5);
  int accepted = 0, refused = 0;
  for (const Family* own : families())
    for (const Problem& p : problems) {
      std::vector<Tactic> known;
      own->enumerate(p, device, known);
      known.emplace_back().family = own->id();
      for (int i = 0; i < 5000; ++i) {
        Tactic tactic = known[random() % known.size()];
        for (std::size_t changes = random() % 4; changes > 0; --changes)
          tactic.*kKnobs[random() % kKnobs.size()].member = values[random() % std::size(values)];
        if (own->rejects(p, tactic, device)) {
          ++refused;
          continue;
        }
        ++accepted;
        const Geometry g = own->geometry(p, tactic, device);
        CHECK(g.grid[0] * g.grid[1] * g.grid[2] > 0);
        CHECK(g.threads <= 1024);
        CHECK(g.smem_bytes <= static_cast<std::uint32_t>(device.smem_per_block));
        CHECK((g.workspace_bytes == 0 || g.workspace_bytes >= kCounterBytes));
        CHECK(own->cost_us(p, tactic, device) > 0);
      }
    }
  CHECK(accepted > 1000);
  CHECK(refused > 1000);
}
