// i:reduce(^check)
int xor_checksum(int n, const int words[n]) {
  int check = 0x5a5a;
  for (int i = 0; i < n; i++) check ^= words[i];
  return check;
}
