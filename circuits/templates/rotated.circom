pragma circom 2.1.6;
include "commitment.circom";

// X-23: q or k of one position. acc = W x + b comes by appended rows as in Linear; rounded by S it has 16 fraction bits and A bits, and
// pairs of it are rotated. x has N values of BX bits, y M of BY with F fraction bits; heads have HD values, whose pairs lie
// beside each other if STEP is 1, else half a head apart. The cosines and sines of X-28 are public by a commitment without a blinding:
// cos_0, sin_0, cos_1, ... of 16 bits each. Who verifies computes them from the position.
template Rotated(M, N, BX, S, A, HD, STEP, F, BY) {
    assert(M % HD == 0 && HD % 2 == 0 && (STEP == 1 || STEP == HD / 2));
    assert(F >= 0 && F < 30 && A + 17 <= 252);
    signal input context;
    signal input blindingX;
    signal input blindingY;
    signal input angles[HD];
    signal input x[N];
    signal input acc[M];
    signal output commitmentX;
    signal output commitmentY;
    signal output commitmentAngles;
    component bound = Context();
    bound.context <== context;
    component from = Tensor(N, BX);
    from.v <== x;
    from.blinding <== blindingX;
    commitmentX <== from.commitment;
    component table = Tensor(HD, 16);
    table.v <== angles;
    table.blinding <== 0;
    commitmentAngles <== table.commitment;

    component straight[M];
    for (var i = 0; i < M; i++) {
        straight[i] = Shift(S, A);
        straight[i].v <== acc[i];
    }
    component rounded[M];
    component to = Commitment(M, BY);
    signal ac[M / 2];
    signal bs[M / 2];
    signal as[M / 2];
    signal bc[M / 2];
    for (var head = 0; head < M; head += HD) {
        for (var pair = 0; pair < HD / 2; pair++) {
            var p = head + (STEP == 1 ? 2 * pair : pair);
            var q = p + STEP;
            var at = head / 2 + pair;
            ac[at] <== straight[p].out * angles[2 * pair];
            bs[at] <== straight[q].out * angles[2 * pair + 1];
            as[at] <== straight[p].out * angles[2 * pair + 1];
            bc[at] <== straight[q].out * angles[2 * pair];
            rounded[p] = Round(30 - F, BY);
            rounded[p].v <== ac[at] - bs[at];
            rounded[q] = Round(30 - F, BY);
            rounded[q].v <== as[at] + bc[at];
        }
    }
    for (var i = 0; i < M; i++) {
        to.off[i] <== rounded[i].out;
    }
    to.blinding <== blindingY;
    commitmentY <== to.out;
}
