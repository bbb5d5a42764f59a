// i:reduce(|any,&all)
void bits_in_any_and_all(int n, const long long flags[n], long long result[2]) {
  long long any = 0, all = -1;
  for (int i = 0; i < n; i++) {
    any |= flags[i];
    all &= flags[i];
  }
  result[0] = any;
  result[1] = all;
}
