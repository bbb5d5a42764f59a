// c[r][k] = max(c[r - 1][k - 1], 0) + b[r][k], 32 rows and columns: a thread to a diagonal
// arguments: n, float c[1024] = 0, const float b[1024] = mixed
// launches: planted 1
// right: of 128 threads: kThreads = 64 => kThreads = 128
// right: diagonals from the right: start = line - 31 => start = 31 - line
// wrong race: a thread to a column: start + row; => line;
// wrong race: beyond the end of a row: column < 32) c => column < 34) c
// wrong value: the last diagonal is lost: line < 63 => line < 62
// wrong value: a column late: column >= 0 => column >= 1
// wrong bounds: one row more: row < 32 => row < 33
constexpr int kThreads = 64;
__global__ void planted(int n, float* c, const float* b) {
  for (int line = threadIdx.x; line < 63; line += kThreads) {
    const int start = line - 31;
    for (int row = 0; row < 32; ++row) {
      const int column = start + row;
      const float before = row > 0 && column > 0 && column < 32 ? c[32 * row + column - 33] : 0;
      if (column >= 0 && column < 32) c[32 * row + column] = (before > 0 ? before : 0) + b[32 * row + column];
    }
  }
}
