pragma circom 2.1.6;
include "commitment.circom";

// X-25: y = sat_32(r + rshr(acc, S)), where acc = W x + b comes by appended rows as in Linear. x has N values of BX bits; r, the
// residual, and y have M of 32.
template Residual(M, N, BX, S) {
    signal input context;
    signal input blindingX;
    signal input blindingR;
    signal input blindingY;
    signal input r[M];
    signal input x[N];
    signal input acc[M];
    signal output commitmentX;
    signal output commitmentR;
    signal output commitmentY;
    component bound = Context();
    bound.context <== context;
    component from = Tensor(N, BX);
    from.v <== x;
    from.blinding <== blindingX;
    commitmentX <== from.commitment;
    component old = Tensor(M, 32);
    old.v <== r;
    old.blinding <== blindingR;
    commitmentR <== old.commitment;
    component rounded[M];
    component to = Commitment(M, 32);
    for (var i = 0; i < M; i++) {
        rounded[i] = Round(S, 32);
        rounded[i].v <== r[i] * (1 << S) + acc[i];
        to.off[i] <== rounded[i].out;
    }
    to.blinding <== blindingY;
    commitmentY <== to.out;
}
