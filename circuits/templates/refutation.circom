pragma circom 2.1.6;
include "commitment.circom";

// y is not what X-22 makes of x: for some row, y[i] is not sat_BY(rshr(acc[i], S)), where acc = W x + b comes by appended rows as in
// Linear. x has N values of BX bits, y M of BY. Which row it is stays hidden.
//
// With L = 2^(BY-1) - 1, a range-checked y is wrong in one of three ways: it is above, y > rshr(a, S) and not -L, at which all lower sums
// saturate; it is below, y < rshr(a, S) and not L; or it is -L - 1, which sat_BY never gives. Neither inequality rounds: y > rshr(a, S) is
// a + half < y 2^S, and y < rshr(a, S) is (y + 1) 2^S <= a + half.
template Refutation(M, N, BX, S, BY) {
    assert(S >= 0 && S + BY <= 120);
    signal input context;
    signal input blindingX;
    signal input blindingY;
    signal input x[N];
    signal input y[M];
    signal input acc[M];
    signal output commitmentX;
    signal output commitmentY;
    component bound = Context();
    bound.context <== context;
    component from = Tensor(N, BX);
    from.v <== x;
    from.blinding <== blindingX;
    commitmentX <== from.commitment;
    component to = Tensor(M, BY);
    to.v <== y;
    to.blinding <== blindingY;
    commitmentY <== to.commitment;

    var limit = (1 << (BY - 1)) - 1;
    var half = 0;
    if (S > 0) {
        half = 1 << (S - 1);
    }
    // The first row that is wrong, and how; none if all are right. Field elements above half of the order count as negative.
    var bias = 1 << 127;
    var row = M;
    var rightAtRow = 0;
    var yAtRow = 0;
    for (var i = M - 1; i >= 0; i--) {
        var right = ((acc[i] + half + bias) >> S) - (bias >> S);
        right = right > limit ? limit : right;
        right = right < -limit ? -limit : right;
        if (y[i] != right) {
            row = i;
            rightAtRow = right;
            yAtRow = y[i];
        }
    }

    // One row.
    signal isRow[M];
    signal valueOf[M];
    signal sumOf[M];
    var rows = 0;
    var values = 0;
    var sums = 0;
    for (var i = 0; i < M; i++) {
        isRow[i] <-- i == row ? 1 : 0;
        isRow[i] * (isRow[i] - 1) === 0;
        valueOf[i] <== isRow[i] * y[i];
        sumOf[i] <== isRow[i] * acc[i];
        rows += isRow[i];
        values += valueOf[i];
        sums += sumOf[i];
    }
    rows === 1;
    signal value;
    signal sum;
    value <== values;
    sum <== sums;

    // One way.
    signal isAbove;
    signal isBelow;
    signal isLowest;
    var lowest = -limit - 1;
    isAbove <-- yAtRow > rightAtRow ? 1 : 0;
    isBelow <-- yAtRow < rightAtRow && yAtRow != lowest ? 1 : 0;
    isLowest <-- yAtRow < rightAtRow && yAtRow == lowest ? 1 : 0;
    isAbove * (isAbove - 1) === 0;
    isBelow * (isBelow - 1) === 0;
    isLowest * (isLowest - 1) === 0;
    isAbove + isBelow + isLowest === 1;

    signal above;
    signal below;
    above <== isAbove * (value * (1 << S) - half - sum - 1);
    below <== isBelow * (sum + half - (value + 1) * (1 << S));
    component distance = Unsigned(128);
    distance.v <== above + below;
    isLowest * (value + limit + 1) === 0;
    signal fromLowerBound;
    signal fromUpperBound;
    fromLowerBound <== isAbove * (value + limit);
    fromUpperBound <== isBelow * (value - limit);
    component isNotSaturated = NotZero();
    isNotSaturated.v <== fromLowerBound + fromUpperBound + isLowest;
}
