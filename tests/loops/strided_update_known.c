// i:parallel induction(ix) induction(iy)
// facts: incx=1 incy=3
void strided_update_known(int n, int incx, int incy, float alpha, const float x[n * incx + 1], float y[n * incy + 1]) {
  int ix = 0, iy = 0;
  for (int i = 0; i < n; i++) {
    y[iy] += alpha * x[ix];
    ix += incx;
    iy += incy;
  }
}
