"""Learning rates of steps, by PyTorch's schedulers for a rate of 1."""

import torch
from torch.optim import lr_scheduler


def case(schedule, steps, scheduler_of):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = scheduler_of(optimizer)
    factors = []
    for _ in range(steps):
        factors.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        scheduler.step()
    return {"source": f"torch {type(scheduler).__name__}", "schedule": schedule, "factors": factors}


def warm_up(optimizer, steps):
    return lr_scheduler.LinearLR(optimizer, start_factor=1 / steps, total_iters=steps - 1)


def cases():
    s = lr_scheduler
    exponential = {"steps": 5, "rate": 0.5}
    yield case({}, 4, lambda o: s.ConstantLR(o, factor=1.0))
    yield case({"decay": {"exponential": exponential}}, 12, lambda o: s.ExponentialLR(o, gamma=0.5 ** (1 / 5)))
    yield case({"decay": {"exponential": {**exponential, "staircase": True}}}, 12, lambda o: s.StepLR(o, 5, gamma=0.5))
    yield case({"decay": {"cosine": {"steps": 10, "floor": 0.1}}}, 11, lambda o: s.CosineAnnealingLR(o, 10, eta_min=0.1))
    yield case({"decay": {"polynomial": {"steps": 8, "power": 1.5}}}, 12, lambda o: s.PolynomialLR(o, 8, power=1.5))
    piecewise = {"boundaries": [3, 7], "factors": [1.0, 0.1, 0.01]}
    yield case({"decay": {"piecewise": piecewise}}, 10, lambda o: s.MultiStepLR(o, [3, 7], gamma=0.1))
    yield case({"warm_up_steps": 4}, 8, lambda o: warm_up(o, 4))
    yield case(
        {"warm_up_steps": 4, "decay": {"cosine": {"steps": 6, "floor": 0.0}}},
        11,
        lambda o: s.SequentialLR(o, [warm_up(o, 4), s.CosineAnnealingLR(o, 6)], milestones=[4]),
    )


def content():
    return {"cases": list(cases())}
