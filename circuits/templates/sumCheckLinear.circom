pragma circom 2.1.6;
include "commitment.circom";

// X-22 for every matrix of a shape (Z-70): y = rshr(acc, S), where acc = W x + b, and no weight is in the circuit. Instead of rows it
// says that, at a point (rho, r) which nobody could choose,
//   sum_i rho^i acc_i - biasAtPoint = weightsAtPoint * (x's multilinear extension at r).
// x has N values of BX bits, y M of BY bits, a sum S + BY bits.
// The caller checks that `matrix` is the digest of its own weights, that `commitmentPoint` is the hash of a point (Z-74), and that
// weightsAtPoint and biasAtPoint are what these weights come to there (Z-75): by themselves the signals say nothing about a matrix.
template SumCheckLinear(M, N, BX, S, BY) {
    // Sums of W x + b are below 2^101 (Z-14), so that a difference to one of 248 bits is not 0 in the field unless it is 0.
    assert(M >= 1 && M <= (1 << 15) && N >= 1 && N <= (1 << 15) && S + BY <= 248);
    var rounds = roundsOf(N);
    var size = packSize(S + BY);
    var packs = packCount(M, S + BY);
    signal input context;
    signal input matrix;
    signal input biasAtPoint;
    signal input weightsAtPoint;
    signal input blindingX;
    signal input blindingY;
    signal input blindingPoint;
    signal input x[N];
    signal input acc[M];
    signal input constant[rounds];
    signal input square[rounds];
    signal output commitmentX;
    signal output commitmentY;
    signal output commitmentPoint;

    component from = Tensor(N, BX);
    from.v <== x;
    from.blinding <== blindingX;
    commitmentX <== from.commitment;
    component rounded[M];
    component to = Commitment(M, BY);
    for (var i = 0; i < M; i++) {
        rounded[i] = Round(S, BY);
        rounded[i].v <== acc[i];
        to.off[i] <== rounded[i].out;
    }
    to.blinding <== blindingY;
    commitmentY <== to.out;

    // Z-72: rounding leaves each sum 2^S values. All of them go into rho, or who knows it would pick among them (Z-63).
    component start = List(6 + packs);
    start.item[0] <== 1;
    start.item[1] <== blindingPoint;
    start.item[2] <== context;
    start.item[3] <== matrix;
    start.item[4] <== commitmentX;
    start.item[5] <== commitmentY;
    for (var k = 0; k < packs; k++) {
        var sum = 0;
        for (var j = 0; j < size; j++) {
            if (k * size + j < M) {
                sum += (acc[k * size + j] + roundingOffset(S, BY)) * (1 << ((S + BY) * j));
            }
        }
        start.item[6 + k] <== sum;
    }

    component polynomial = Horner(M);
    polynomial.v <== acc;
    polynomial.at <== start.out;
    component check = SumCheck(rounds);
    check.claim <== polynomial.out - biasAtPoint;
    check.blinding <== blindingPoint;
    check.start <== start.out;
    check.constant <== constant;
    check.square <== square;
    for (var j = 0; j < (1 << rounds); j++) {
        if (j < N) {
            check.x[j] <== x[j];
        } else {
            check.x[j] <== 0;
        }
    }
    check.left === weightsAtPoint * check.value;

    component point = List(2 + rounds);
    // The verifier has the shape from its own matrix, so that a key of another shape says nothing of it.
    point.item[0] <== 3 + M * (1 << 8) + N * (1 << 32) + BX * (1 << 56) + S * (1 << 64) + BY * (1 << 80);
    point.item[1] <== start.out;
    for (var k = 0; k < rounds; k++) {
        point.item[2 + k] <== check.r[k];
    }
    commitmentPoint <== point.out;
}

// Variables of the multilinear extension of N values, at least one.
function roundsOf(N) {
    var rounds = 1;
    while ((1 << rounds) < N) {
        rounds++;
    }
    return rounds;
}

// out = sum of v[i] at^i
template Horner(M) {
    signal input v[M];
    signal input at;
    signal output out;
    signal above[M];
    above[M - 1] <== v[M - 1];
    for (var i = M - 2; i >= 0; i--) {
        above[i] <== above[i + 1] * at + v[i];
    }
    out <== above[0];
}

// Z-73: L rounds of a sum-check of claim = sum_j u_j x_j. A round's polynomial is constant + (claim - 2 constant - square) X + square X^2, whose
// values at 0 and 1 sum to the claim however it is chosen; its challenge folds x by the highest bit of j. What is left of the claim
// is `left`; `value` is x's multilinear extension at r. The caller checks left = u's extension at r times value.
// Every challenge hashes the blinding: of those that a verifier is shown, one would otherwise be a hash of the one before and of a message
// that follows from x, and a guess of x could be checked.
template SumCheck(L) {
    signal input claim;
    signal input blinding;
    signal input start;
    signal input constant[L];
    signal input square[L];
    signal input x[1 << L];
    signal output r[L];
    signal output left;
    signal output value;
    component challenge[L];
    signal claims[L + 1];
    signal slope[L];
    signal folded[2 * (1 << L) - 1];
    claims[0] <== claim;
    for (var j = 0; j < (1 << L); j++) {
        folded[j] <== x[j];
    }
    var base = 0;
    var size = 1 << L;
    for (var k = 0; k < L; k++) {
        challenge[k] = List(5);
        challenge[k].item[0] <== 2;
        challenge[k].item[1] <== blinding;
        if (k == 0) {
            challenge[k].item[2] <== start;
        } else {
            challenge[k].item[2] <== r[k - 1];
        }
        challenge[k].item[3] <== constant[k];
        challenge[k].item[4] <== square[k];
        r[k] <== challenge[k].out;
        slope[k] <== square[k] * r[k] + claims[k] - 2 * constant[k] - square[k];
        claims[k + 1] <== slope[k] * r[k] + constant[k];
        var half = size \ 2;
        for (var j = 0; j < half; j++) {
            folded[base + size + j] <== folded[base + j] + r[k] * (folded[base + half + j] - folded[base + j]);
        }
        base += size;
        size = half;
    }
    left <== claims[L];
    value <== folded[base];
}
