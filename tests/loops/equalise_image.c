// i:parallel; i:scatter(+count); i:scan(below:1); i:parallel
void equalise_image(int n, const int in[n], int out[n], int count[256], int below[256]) {
  for (int i = 0; i < 256; i++) count[i] = 0;
  for (int i = 0; i < n; i++) count[in[i] & 255]++;
  below[0] = count[0];
  for (int i = 1; i < 256; i++) below[i] = below[i - 1] + count[i];
  for (int i = 0; i < n; i++) out[i] = (int)(255LL * below[in[i] & 255] / n);
}
