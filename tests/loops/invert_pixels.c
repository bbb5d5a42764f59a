// refused
void invert_pixels(int n, unsigned char pixels[n]) {
  for (int i = 0; i < n; i++) pixels[i] = 255 - pixels[i];
}
