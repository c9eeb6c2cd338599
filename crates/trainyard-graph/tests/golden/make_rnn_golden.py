"""Writes rnn.json beside this file: recurrent layers and their gradients by PyTorch.

Sequences of unequal length are packed, as PyTorch does it: a layer that is reversed then starts at each one's end. PyTorch gives
0 for the states behind an end, so these are left out of the loss.

    python -m venv venv && venv/bin/pip install torch==2.15.0
    venv/bin/python make_rnn_golden.py
"""

import json
import pathlib

import torch
from torch.nn.utils import rnn

HERE = pathlib.Path(__file__).parent
LAYERS = {"simple": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}


def case(cell, rows, steps, inputs, units, reversed_, lengths=None):
    torch.manual_seed(units * 100 + steps)
    layer = LAYERS[cell](inputs, units, batch_first=True, bidirectional=True)
    x = torch.randn(rows, steps, inputs, requires_grad=True)
    if lengths:
        packed = rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        states, final = layer(packed)
        states, _ = rnn.pad_packed_sequence(states, batch_first=True, total_length=steps)
    else:
        states, final = layer(x)
    final = final[0] if cell == "lstm" else final
    states = states[..., units:] if reversed_ else states[..., :units]
    last = final[int(reversed_)]
    for_states, for_last = torch.randn_like(states), torch.randn_like(last)
    if lengths:
        for row, length in enumerate(lengths):
            for_states[row, length:] = 0
    suffix = "_reverse" if reversed_ else ""
    names = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"]
    params = [getattr(layer, name + suffix) for name in names]
    flat = lambda tensor: [float(f"{value:.7g}") for value in tensor.detach().flatten().tolist()]
    gradients = lambda value: [flat(g) for g in torch.autograd.grad(value, [x, *params], retain_graph=True)]
    return {
        "cell": cell,
        "reversed": reversed_,
        "rows": rows,
        "steps": steps,
        "inputs": inputs,
        "units": units,
        "lengths": lengths,
        "x": flat(x),
        "params": [flat(param) for param in params],
        "states": flat(states),
        "last": flat(last),
        "for_states": flat(for_states),
        "for_last": flat(for_last),
        "gradients_of_states": gradients((states * for_states).sum()),
        "gradients_of_last": gradients((last * for_last).sum()),
    }


def main():
    cases = []
    for cell in LAYERS:
        for reversed_ in [False, True]:
            cases.append(case(cell, 3, 4, 2, 3, reversed_))
            cases.append(case(cell, 5, 6, 3, 5, reversed_, [6, 1, 3, 5, 2]))
        cases.append(case(cell, 2, 1, 1, 1, False))
        cases.append(case(cell, 1, 3, 2, 17 if cell == "gru" else 9, True))
    golden = {"made_with": {"torch": torch.__version__}, "cases": cases}
    (HERE / "rnn.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
