pragma circom 2.1.6;

// Integers in the field. Every width is at most 252 bits, so that no sum of bits wraps around the field's order.

// v is in -2^(B-1) ... 2^(B-1) - 1; out is v + 2^(B-1), in 0 ... 2^B - 1.
template Signed(B) {
    assert(B >= 1 && B <= 252);
    signal input v;
    signal output out;
    component bits = Unsigned(B);
    out <== v + (1 << (B - 1));
    bits.v <== out;
}

// v is in 0 ... 2^B - 1; bits are its binary digits, the lowest first.
template Unsigned(B) {
    assert(B >= 1 && B <= 252);
    signal input v;
    signal output bits[B];
    var sum = 0;
    for (var i = 0; i < B; i++) {
        bits[i] <-- (v >> i) & 1;
        bits[i] * (bits[i] - 1) === 0;
        sum += bits[i] * (1 << i);
    }
    sum === v;
}

// v is not 0.
template NotZero() {
    signal input v;
    signal inverse;
    inverse <-- v != 0 ? 1 / v : 0;
    v * inverse === 1;
}

// What Round and Shift add, so that rounding is cutting off digits and none of what is left is negative.
function roundingOffset(S, B) {
    var half = 0;
    if (S > 0) {
        half = 1 << (S - 1);
    }
    return half + (1 << (S + B - 1));
}

// y = rshr(v, S), which is not beyond what sat_B would let through: out is y + 2^(B-1), in 1 ... 2^B - 1.
// The statement leaves out values that saturate; those have no witness. For S = 0, y = v.
template Round(S, B) {
    assert(S >= 0 && B >= 2 && S + B <= 252);
    signal input v;
    signal output out;
    component bits = Unsigned(S + B);
    bits.v <== v + roundingOffset(S, B);
    var sum = 0;
    for (var i = 0; i < B; i++) {
        sum += bits.bits[S + i] * (1 << i);
    }
    out <== sum;
    component some = NotZero();
    some.v <== out;
}

// out = [v != 0]
template NonZero() {
    signal input v;
    signal output out;
    signal inverse;
    inverse <-- v != 0 ? 1 / v : 0;
    out <== v * inverse;
    v * (1 - out) === 0;
}

// out = rshr(v, S) for -2^(B-1) <= out < 2^(B-1).
template Shift(S, B) {
    assert(S >= 1 && S + B <= 252);
    signal input v;
    signal output out;
    component bits = Unsigned(S + B);
    bits.v <== v + roundingOffset(S, B);
    var sum = 0;
    for (var i = 0; i < B; i++) {
        sum += bits.bits[S + i] * (1 << i);
    }
    out <== sum - (1 << (B - 1));
}
