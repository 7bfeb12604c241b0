"""Results of beam search of Hugging Face's transformers, for logits that a formula gives, so that test/text/beams.test.ts has the same ones.

    python3 test/parity/make/beams.py > test/parity/beams.json
"""

import json
import math

import torch
import transformers
from transformers import GenerationConfig, GenerationMixin, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput

VOCABULARY = 6
PROMPT = 5


def logits_behind(tokens):
    """Without order, but the same everywhere once rounded to float32."""
    rows = []
    for token in range(VOCABULARY):
        digest = 3
        for one in [*tokens, token]:
            digest = (digest * 31 + one + 7) % 1009
        rows.append(2 * math.sin(1 + digest))
    return rows


class Table(PreTrainedModel, GenerationMixin):
    config_class = PretrainedConfig

    def __init__(self, config):
        super().__init__(config)
        self.unused = torch.nn.Parameter(torch.zeros(1))
        self.post_init()

    def prepare_inputs_for_generation(self, input_ids, **_):
        return {"input_ids": input_ids}

    def forward(self, input_ids, **_):
        B, T = input_ids.shape
        logits = torch.zeros(B, T, VOCABULARY)
        for b in range(B):
            logits[b, -1] = torch.tensor(logits_behind(input_ids[b, 1:].tolist()))
        return CausalLMOutput(logits=logits)


def main():
    model = Table(PretrainedConfig(vocab_size=VOCABULARY, is_encoder_decoder=False, use_cache=False, eos_token_id=0, pad_token_id=0, bos_token_id=PROMPT))
    cases = []
    for beams in (2, 3, 5):
        for penalty in (-0.5, 0.0, 1.0, 2.0):
            for early in (False, True, "never"):
                for stops in ([0], [0, 3]):
                    config = GenerationConfig(num_beams=beams, num_return_sequences=beams, length_penalty=penalty, early_stopping=early, max_new_tokens=7, eos_token_id=stops, pad_token_id=0,
                                              do_sample=False, use_cache=False, return_dict_in_generate=True, output_scores=True)
                    found = model.generate(torch.tensor([[PROMPT]]), generation_config=config)
                    results = []
                    for row, score in zip(found.sequences.tolist(), found.sequences_scores.tolist()):
                        tokens = row[1:]
                        ends = [i for i, token in enumerate(tokens) if token in stops]
                        results.append({"tokens": tokens[: ends[0] + 1] if ends else tokens, "score": round(score, 5)})
                    cases.append({"beams": beams, "lengthPenalty": penalty, "earlyStopping": early, "stopTokens": stops, "maxTokens": 7, "results": results})
    print(json.dumps({"transformers": transformers.__version__, "vocabulary": VOCABULARY, "cases": cases}, separators=(",", ":")).replace('{"beams"', '\n{"beams"'))


main()
