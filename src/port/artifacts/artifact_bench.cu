namespace ak {

constexpr int kWarm = 10, kRuns = 100;
constexpr double kSeconds = 2;  // of one figure, once three runs are done

double median(std::vector<double> us) {
  std::sort(us.begin(), us.end());
  return us[us.size() / 2];
}

/// Microseconds, the median of up to kRuns. before: not timed.
template <class Before, class Work>
double time(Before before, Work work) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  std::vector<double> us;
  for (int run = 0; run < kWarm + kRuns; ++run) {
    before();
    const auto from = Clock::now();
    work();
    const auto end = Clock::now();
    const bool late = std::chrono::duration<double>(end - start).count() > kSeconds;
    if (run >= kWarm || late) us.push_back(std::chrono::duration<double, std::micro>(end - from).count());
    if (late && us.size() >= 3) break;
  }
  return median(us);
}

/// Of one launch among many in a row, its data on the GPU.
double time_resident(const Function& function, const Case& of, Device& device) {
  cudaEvent_t from, to;
  check(cudaEventCreate(&from), function, of.name);
  check(cudaEventCreate(&to), function, of.name);
  const auto batch = [&](int launches) {
    device.copy_in();
    check(cudaEventRecord(from, device.stream()), function, of.name);
    for (int i = 0; i < launches; ++i) device.launch();
    check(cudaEventRecord(to, device.stream()), function, of.name);
    device.wait();
    float ms = 0;
    check(cudaEventElapsedTime(&ms, from, to), function, of.name);
    return 1e3 * ms / launches;
  };
  batch(1);
  const double once = batch(kWarm);
  const int launches = static_cast<int>(std::min<double>(kRuns, std::max(1.0, 2000 / once)));
  std::vector<double> us;
  double spent = 0;
  while (us.size() < 20 && (us.size() < 3 || spent < 1e6 * kSeconds)) {
    us.push_back(batch(launches));
    spent += us.back() * launches;
  }
  cudaEventDestroy(from);
  cudaEventDestroy(to);
  return median(us);
}

}  // namespace ak

int main() {
  for (const ak::Case& of : kTimed) {
    const std::vector<ak::Memory> before = make_memories(kFunction, of);
    std::vector<ak::Memory> host = before;
    const auto restore = [&] {
      for (size_t m = 0; m < host.size(); ++m)
        if (is_written(kFunction, of, m)) memcpy(host[m].at(0), before[m].at(0), host[m].bytes.size() - 2 * ak::Memory::kGuard);
    };
    ak::Call call(kFunction, of, bases(host));
    const double c = ak::time(restore, [&] { kFunction.c(call.args()); });
    restore();
    ak::Device device(kFunction, of, host, true);
    const double resident = time_resident(kFunction, of, device);
    const double moved = ak::time(restore, [&] {
      device.copy_in();
      device.launch();
      device.copy_out(host, false);
    });
    printf("%s  %s  C %.2f us  resident %.2f us %.3gx  moved %.2f us %.3gx\n", kFunction.name, of.name, c, resident,
           c / resident, moved, c / moved);
  }
  return 0;
}
