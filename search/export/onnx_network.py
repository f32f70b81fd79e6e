"""One trained network as one ONNX graph, from stored photos to the probabilities of its heads."""

import importlib
from itertools import accumulate
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from search.errors import UsageError
from trainables.errors import in_short
from trainables.predictor import Predictor

INPUT = "images"


class ServedNetwork(nn.Module):
    """Stored photos to the probabilities of every head, as one graph.

    Args:
        predictor: the network with its preprocessing.
        mirrored: average the probabilities with those of the mirrored photos.
    """

    def __init__(self, predictor: Predictor, *, mirrored: bool) -> None:
        super().__init__()
        self._network = predictor.network
        self._preprocess = predictor.preprocess
        self._heads = predictor.heads
        self._views = (False, True) if mirrored else (False,)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Returns float32 [n, K] of every head, for uint8 [n, H, W, 3]."""
        x = torch.cat([self._preprocess.evaluate(images, mirrored=v) for v in self._views])
        outputs = self._network(x)
        found = [self._network.head(name).probabilities(outputs[name]) for name in self._heads]
        return tuple(p.unflatten(0, (len(self._views), -1)).mean(dim=0) for p in found)


class OnnxNetwork:
    """The graph of a network, drawn once and written with the weights of one fold after another.

    Args:
        predictor: the network, on the CPU.
        stored_size: (H, W) of the photos it will get.
        mirrored: whether it looks at mirrored photos too.

    Raises:
        UsageError: the network has an operation that ONNX has not.
    """

    def __init__(
        self, predictor: Predictor, stored_size: tuple[int, int], *, mirrored: bool
    ) -> None:
        self._served = ServedNetwork(predictor, mirrored=mirrored)
        example = torch.zeros(2, *stored_size, 3, dtype=torch.uint8)
        try:
            self._model = _drawn(self._served, example, predictor.heads)
        except (torch.onnx.OnnxExporterError, RuntimeError) as error:
            reason = in_short(error)
            raise UsageError(
                f"--to onnx cannot export {predictor.config.backbone.name}: {reason}; "
                "search without that model"
            ) from error

    def write(self, path: Path) -> None:
        """Writes the graph with the weights that the predictor has now."""
        ir = importlib.import_module("onnx_ir")
        model = self._model.clone()
        weights = {**dict(self._served.named_parameters()), **dict(self._served.named_buffers())}
        for name, stored in model.graph.initializers.items():
            if name in weights:
                stored.const_value = ir.tensor(weights[name].detach().contiguous().numpy())
        importlib.import_module("onnxscript").optimizer.optimize(model)
        ir.save(model, path)


def _drawn(served: ServedNetwork, example: Tensor, heads: tuple[str, ...]) -> Any:
    graph = torch.export.export(
        served, (example,), dynamic_shapes=({0: torch.export.Dim("batch")},)
    )
    table = torch.export.default_decompositions()
    table[torch.ops.aten.cummin.default] = _cummin
    program = torch.onnx.export(
        graph.run_decompositions(table),
        (example,),
        dynamo=True,
        dynamic_shapes=({0: "batch"},),
        input_names=[INPUT],
        output_names=[output_name(head) for head in heads],
        optimize=False,  # it folds weights into each other, which differ from fold to fold
        verbose=False,
    )
    model = cast("torch.onnx.ONNXProgram", program).model
    # The exporter notes the source files of every node with their paths on this machine.
    model.graph.metadata_props.clear()
    for node in model.graph.all_nodes():
        node.metadata_props.clear()
    return model


def output_name(head: str) -> str:
    """Returns the name of a head's output, which is never that of the input."""
    return f"p_{head}"


def _cummin(x: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    # ONNX has no cumulative minimum; the ordinal head never asks where the minimum was.
    values = torch.stack(list(accumulate(x.unbind(dim), torch.minimum)), dim)
    return values, torch.zeros_like(values, dtype=torch.int64)
