// not:compact(using); not:reduce(+and)
// Names that C++ keeps for itself, of arrays, counters, sums and loops.
float keep_and_total(int threadIdx, float delete[threadIdx], const float virtual[threadIdx]) {
  int using = 0;
  float and = 0;
  for (int not = 0; not < threadIdx; not++) {
    if (virtual[not] > 0) {
      delete[using] = virtual[not];
      using++;
    }
    and += virtual[not];
  }
  return and + using;
}
