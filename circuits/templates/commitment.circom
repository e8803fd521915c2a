pragma circom 2.1.6;
include "integers.circom";
include "poseidon.circom";

function packSize(B) { return 248 \ B; }
function packCount(K, B) { return (K + packSize(B) - 1) \ packSize(B); }

// Z-01 over K values of B bits: off[i] is the value plus 2^(B-1).
// The caller checks that every off[i] is in 0 ... 2^B - 1: packing binds nothing without that.
template Commitment(K, B) {
    assert(K >= 1 && B >= 2 && B <= 32);
    signal input off[K];
    signal input blinding;
    signal output out;
    var size = packSize(B);
    var packs = packCount(K, B);
    var hashes = (packs + 1 + 10) \ 11;
    component hash[hashes];
    for (var h = 0; h < hashes; h++) {
        hash[h] = Poseidon(12);
        if (h == 0) {
            hash[h].inputs[0] <== (1 << 128) + K * (1 << 64) + B;
        } else {
            hash[h].inputs[0] <== hash[h - 1].out;
        }
        for (var i = 0; i < 11; i++) {
            var pack = 11 * h + i;
            if (pack < packs) {
                var sum = 0;
                for (var j = 0; j < size; j++) {
                    if (pack * size + j < K) {
                        sum += off[pack * size + j] * (1 << (B * j));
                    }
                }
                hash[h].inputs[i + 1] <== sum;
            } else if (pack == packs) {
                hash[h].inputs[i + 1] <== blinding;
            } else {
                hash[h].inputs[i + 1] <== 0;
            }
        }
    }
    out <== hash[hashes - 1].out;
}

// K values of B bits each, range-checked, and the commitment to them.
template Tensor(K, B) {
    signal input v[K];
    signal input blinding;
    signal output commitment;
    component range[K];
    component tensor = Commitment(K, B);
    for (var i = 0; i < K; i++) {
        range[i] = Signed(B);
        range[i].v <== v[i];
        tensor.off[i] <== range[i].out;
    }
    tensor.blinding <== blinding;
    commitment <== tensor.out;
}

// Puts what a proof is for into its statement. Groth16 as written elsewhere needs no more; other tools drop a signal that nothing uses.
template Context() {
    signal input context;
    signal used;
    used <== context * context;
}

// Z-03 over K commitments: tag 2 and their count, then eleven at a time.
template List(K) {
    signal input item[K];
    signal output out;
    var hashes = (K + 10) \ 11;
    component hash[hashes];
    for (var h = 0; h < hashes; h++) {
        hash[h] = Poseidon(12);
        if (h == 0) {
            hash[h].inputs[0] <== 2 * (1 << 128) + K;
        } else {
            hash[h].inputs[0] <== hash[h - 1].out;
        }
        for (var i = 0; i < 11; i++) {
            if (11 * h + i < K) {
                hash[h].inputs[i + 1] <== item[11 * h + i];
            } else {
                hash[h].inputs[i + 1] <== 0;
            }
        }
    }
    out <== hash[hashes - 1].out;
}
