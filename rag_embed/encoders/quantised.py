"""Weights in eight bits, and activations in eight bits where they meet them.

Each output of a weight matrix has a scale of its own; activations get theirs at run time, one for every `GROUP`
numbers, so that no texts are needed to calibrate it (dynamic quantisation, as in ZeroQuant; Yao et al. 2022,
section 4.1). Sums are float32.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import numpy.typing as npt

from rag_embed.encoders.ov import openvino as ov

GROUP = 128
"""Numbers of an activation that share a scale."""


def quantised(model: ov.Model) -> ov.Model:
    """A copy of a graph, in which the matrices that vectors are multiplied by take eight bits a number."""
    copy = deepcopy(model)
    for product in copy.get_ops():
        if product.get_type_name() != "MatMul":
            continue
        matrix = product.input_value(1).get_node()
        if matrix.get_type_name() != "Constant" or len(matrix.shape) != 2:
            continue
        codes, scales = in_eight_bits(
            matrix.get_data(), axis=1 if product.get_attributes()["transpose_b"] else 0
        )
        restored = ov.opset13.multiply(
            ov.opset13.convert(ov.opset13.constant(codes), "f32"), ov.opset13.constant(scales)
        )
        product.input(1).replace_source_output(restored.output(0))
    copy.validate_nodes_and_infer_types()
    return copy


def in_eight_bits(
    matrix: npt.NDArray[np.floating[Any]], axis: int
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Codes from -127 to 127, and the scales that they are multiplied by.

    Args:
        matrix: Two axes.
        axis: Along which numbers share a scale.

    Examples:
        >>> codes, scales = in_eight_bits(np.array([[63.5, -25.0], [0.0, 0.0]]), axis=1)
        >>> codes.tolist(), scales.tolist()
        ([[127, -50], [0, 0]], [[0.5], [1.0]])
    """
    largest = np.abs(matrix).max(axis=axis, keepdims=True)
    scales = np.where(largest > 0, largest / 127, 1).astype(np.float32)
    return np.round(matrix / scales).astype(np.int8), scales
