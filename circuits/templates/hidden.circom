pragma circom 2.1.6;
include "commitment.circom";

// An integer's sign and magnitude: v = (1 - 2 negative) magnitude, with B - 1 bits of magnitude. 0 has either sign.
template Magnitude(B) {
    assert(B >= 2 && B <= 252);
    signal input v;
    signal output magnitude;
    signal output bits[B - 1];
    signal negative;
    // The upper half of the field holds negative numbers.
    negative <-- v < 0 ? 1 : 0;
    negative * (negative - 1) === 0;
    magnitude <-- v < 0 ? -v : v;
    v === (1 - 2 * negative) * magnitude;
    component range = Unsigned(B - 1);
    range.v <== magnitude;
    bits <== range.bits;
}

// The tables of X-26.
function evenPart(k) {
    var c0[32] = [-1, 2807, 10917, 23468, 39316, 57304, 76456, 96059, 115651, 134974, 153910, 172432, 190559, 208337, 225820, 243060,
        260104, 276994, 293762, 310437, 327041, 343589, 360096, 376572, 393024, 409459, 425880, 442292, 458696, 475095, 491490, 507882];
    var c1[32] = [23, 5644, 10617, 14511, 17194, 18781, 19519, 19680, 19498, 19143, 18726, 18314, 17939, 17617, 17348, 17131,
        16958, 16821, 16716, 16634, 16572, 16525, 16489, 16462, 16442, 16427, 16416, 16407, 16401, 16397, 16393, 16391];
    var c2[32] = [2792, 2477, 1947, 1348, 803, 378, 88, -86, -175, -207, -206, -187, -161, -134, -109, -87,
        -68, -53, -41, -31, -24, -18, -14, -10, -8, -6, -4, -3, -2, -2, -1, -1];
    if (k == 0) {
        return c0;
    }
    if (k == 1) {
        return c1;
    }
    return c2;
}

// X-26 of one pair: h = sat_30(rshr(t u, S)), where t is g's, at FG fraction bits. `off` is h plus 2^29.
template Gated(FG, S) {
    assert(FG >= 1 && FG <= 16 && S >= 1);
    signal input g;
    signal input u;
    signal output off;
    // z = rshr(g, FG - 16) = g 2^(16 - FG), and so a = abs(z) is g's magnitude with zeros below.
    var zeros = 16 - FG;
    component size = Magnitude(20);
    size.v <== g;
    // a = 2^20 high + 2^15 j + f
    var top = 19 + zeros;
    var f = 0;
    for (var i = 0; i < 15; i++) {
        if (i >= zeros) {
            f += size.bits[i - zeros] * (1 << i);
        }
    }
    // All products of the five bits of j give every table by linear combinations.
    signal products[32];
    for (var mask = 0; mask < 32; mask++) {
        var low = 0;
        while (low < 5 && ((mask >> low) & 1) == 0) {
            low++;
        }
        var at = 15 + low - zeros;
        if (mask == 0) {
            products[mask] <== 1;
        } else if (at < 19) {
            products[mask] <== products[mask - (1 << low)] * size.bits[at];
        } else {
            products[mask] <== 0;
        }
    }
    var coefficients[3];
    for (var k = 0; k < 3; k++) {
        var table[32] = evenPart(k);
        // Moebius: the coefficient of a product is the signed sum of the table over the mask's parts.
        for (var bit = 0; bit < 5; bit++) {
            for (var mask = 0; mask < 32; mask++) {
                if (((mask >> bit) & 1) == 1) {
                    table[mask] -= table[mask - (1 << bit)];
                }
            }
        }
        coefficients[k] = 0;
        for (var mask = 0; mask < 32; mask++) {
            coefficients[k] += table[mask] * products[mask];
        }
    }
    // abs(C2 f) < 2^27, abs((C1 + ...) f) < 2^30
    signal first;
    first <== coefficients[2] * f;
    component inner = Shift(15, 13);
    inner.v <== first;
    signal second;
    second <== (coefficients[1] + inner.out) * f;
    component outer = Shift(15, 16);
    outer.v <== second;
    signal near;
    var z = g * (1 << zeros);
    near <== z + 2 * (coefficients[0] + outer.out);
    // Beyond the table t is 2 z or 0, which is z + a.
    var beyond = 0;
    for (var i = 20; i < top; i++) {
        beyond += size.bits[i - zeros] * (1 << (i - 20));
    }
    signal far;
    if (top > 20) {
        component isFar = NonZero();
        isFar.v <== beyond;
        far <== isFar.out;
    } else {
        far <== 0;
    }
    signal t;
    t <== near + far * (z + size.magnitude * (1 << zeros) - near);
    signal product;
    product <== t * u;
    component rounded = Round(S, 30);
    rounded.v <== product;
    off <== rounded.out;
}

// X-26 over M values; g and u have 20 bits, the result 30. S is 17 + Fu - Fh.
template Hidden(M, FG, S) {
    signal input context;
    signal input blindingG;
    signal input blindingU;
    signal input blindingY;
    signal input g[M];
    signal input u[M];
    signal output commitmentG;
    signal output commitmentU;
    signal output commitmentY;
    component bound = Context();
    bound.context <== context;
    component gate = Commitment(M, 20);
    component up = Tensor(M, 20);
    component to = Commitment(M, 30);
    component gated[M];
    up.v <== u;
    up.blinding <== blindingU;
    commitmentU <== up.commitment;
    for (var i = 0; i < M; i++) {
        gated[i] = Gated(FG, S);
        gated[i].g <== g[i];
        gated[i].u <== u[i];
        gate.off[i] <== g[i] + (1 << 19);
        to.off[i] <== gated[i].off;
    }
    gate.blinding <== blindingG;
    commitmentG <== gate.out;
    to.blinding <== blindingY;
    commitmentY <== to.out;
}
