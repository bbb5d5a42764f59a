// count:parallel induction(from) induction(to)
void amplify_by_pointer(int count, float gain, const float* from, float* to) {
  while (count-- > 0) *to++ = gain * *from++;
}
