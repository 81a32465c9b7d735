"""Names of heads."""

from __future__ import annotations

from torch import Tensor, nn

from texcnn.errors import ModelError, TexcnnError, unknown_name
from texcnn.heads.ensemble import Ensemble
from texcnn.heads.linear import LinearHead
from texcnn.heads.mpra_dragonn import MpraDragoNN
from texcnn.heads.perceiver import Perceiver
from texcnn.heads.pipoli import PipoliTransformer
from texcnn.heads.spec import HeadSpec
from texcnn.heads.textcnn import TextCNN
from texcnn.heads.xpresso import XpressoCNN

HEADS: dict[str, type[nn.Module]] = {
    "textcnn": TextCNN,
    "xpresso": XpressoCNN,
    "pipoli": PipoliTransformer,
    "perceiver": Perceiver,
    "linear": LinearHead,
    "ensemble": Ensemble,
    "mpra-dragonn": MpraDragoNN,
}


def load_head(spec: HeadSpec, tensors: dict[str, Tensor], *, where: object = None) -> nn.Module:
    """Builds a head and fills it.

    Args:
        spec: Its type and its constructor's arguments.
        tensors: Its state, by the names of its ``state_dict``.
        where: The bundle, for messages.

    Returns:
        The head in evaluation mode.

    Raises:
        ModelError: on an unknown type, unusable arguments, or a missing, unexpected or misshapen tensor.
    """
    if spec.type not in HEADS:
        raise unknown_name("head", spec.type, HEADS, error=ModelError, where=where)
    try:
        head = HEADS[spec.type](**spec.options)
        head.load_state_dict(tensors)
    except TexcnnError:
        raise
    except Exception as error:  # options of other types make PyTorch raise almost anything
        raise ModelError(f"the head's weights do not fit its description: {error}", where=where) from error
    return head.eval()
