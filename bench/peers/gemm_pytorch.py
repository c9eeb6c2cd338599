"""What products of matrices alone would allow: samples of the CTR network per second on two cores, by the rate of one core in PyTorch."""
import time

import torch

SIZE, PRODUCTS, CORES = 1024, 30, 2
CTR_FLOP = 6 * (429 * 256 + 256 * 128 + 128 * 64 + 64)

torch.set_num_threads(1)
a, b = torch.rand(SIZE, SIZE), torch.rand(SIZE, SIZE)
times = []
for _ in range(PRODUCTS):
    start = time.perf_counter()
    torch.mm(a, b)
    times.append(time.perf_counter() - start)
rate = 2 * SIZE**3 / min(times)
print(f"pytorch ctr_limit: {CORES * rate / CTR_FLOP:.0f} samples/s")
