// p:reduce(+s) induction(q)
float dot_by_pointer(int n, const float a[n], const float b[n]) {
  float s = 0.0f;
  const float* q = b;
  for (const float* p = a; p < a + n; p++) s += *p * *q++;
  return s;
}
