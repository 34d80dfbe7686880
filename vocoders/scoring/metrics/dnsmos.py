"""DNSMOS: a network's guess of what listeners would say; the reference is not looked at."""

from functools import cached_property

import numpy as np

from vocoders.scoring.metrics import METRICS, Score

RATE = 16000


@METRICS.register
class Dnsmos:
    needs = {"onnxruntime": "onnxruntime", "speechmos.dnsmos": "speechmos"}
    scores = {
        "dnsmos": Score("DNSMOS", "higher", "MOS", "DNSMOS P.835 overall (PyPI speechmos), decoded alone, at 16 kHz"),
        "dnsmos_p808": Score(
            "DNSMOS P.808", "higher", "MOS", "DNSMOS P.808 (PyPI speechmos), decoded alone, at 16 kHz"
        ),
    }

    def __call__(self, reference, decoded):
        opinion = self._network(np.clip(decoded.at(RATE), -1, 1), RATE, False)
        return {"dnsmos": float(opinion["ovrl_mos"]), "dnsmos_p808": float(opinion["p808_mos"])}

    @cached_property
    def _network(self):
        """speechmos.dnsmos.DNSMOS with one thread per session: each worker process of ours has one core."""
        from pathlib import Path

        import onnxruntime
        from speechmos import dnsmos

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        weights = Path(dnsmos.__file__).parent / "dnsmos_models"
        network = dnsmos.DNSMOS.__new__(dnsmos.DNSMOS)
        network.onnx_sess = onnxruntime.InferenceSession(weights / "sig_bak_ovr.onnx", options)
        network.p808_onnx_sess = onnxruntime.InferenceSession(weights / "model_v8.onnx", options)
        return network
