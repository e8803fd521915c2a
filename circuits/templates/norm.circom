pragma circom 2.1.6;
include "commitment.circom";

function bitsOf(n) {
    var bits = 0;
    while (n > 0) {
        bits++;
        n = n >> 1;
    }
    return bits;
}

// X-21: y = sat_BY(rshr(x_i r w_i, S)) with r = isqrt(floor(D 2^68 / ss)) and ss = sum of x_i^2 + ED. The rows
// 0 * 0 = z[i] - w_i xr[i] are appended. x has D values of 32 bits, y of BY; ED is E * D.
//
// r^2 <= floor(A / ss) < (r + 1)^2 says the same as r^2 ss <= A < (r + 1)^2 ss, since r^2 is an integer. With ss < D 2^63 both
// differences below are under D 2^68 for the r that holds, and nothing here reaches 2^142.
template Norm(D, ED, S, BY) {
    assert(D >= 1 && D <= 8192 && ED >= 32 * D && ED < D * (1 << 32));
    signal input context;
    signal input blindingX;
    signal input blindingY;
    signal input x[D];
    signal input xr[D];
    signal input z[D];
    signal output commitmentX;
    signal output commitmentY;
    component bound = Context();
    bound.context <== context;
    component from = Tensor(D, 32);
    from.v <== x;
    from.blinding <== blindingX;
    commitmentX <== from.commitment;

    signal square[D];
    var sum = ED;
    for (var i = 0; i < D; i++) {
        square[i] <== x[i] * x[i];
        sum += square[i];
    }
    signal ss;
    ss <== sum;
    var whole = D * (1 << 68);
    var root = 0;
    var quotient = whole \ ss;
    for (var bit = 31; bit >= 0; bit--) {
        var trial = root + (1 << bit);
        root = trial * trial <= quotient ? trial : root;
    }
    signal r;
    r <-- root;
    component range = Unsigned(32);
    range.v <== r;
    signal below;
    below <== r * r;
    signal low;
    low <== below * ss;
    signal high;
    high <== (below + 2 * r + 1) * ss;
    var width = 68 + bitsOf(D);
    component isLow = Unsigned(width);
    isLow.v <== whole - low;
    component isHigh = Unsigned(width);
    isHigh.v <== high - whole - 1;

    component rounded[D];
    component to = Commitment(D, BY);
    for (var i = 0; i < D; i++) {
        xr[i] === x[i] * r;
        rounded[i] = Round(S, BY);
        rounded[i].v <== z[i];
        to.off[i] <== rounded[i].out;
    }
    to.blinding <== blindingY;
    commitmentY <== to.out;
}
