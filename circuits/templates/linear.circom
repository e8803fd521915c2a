pragma circom 2.1.6;
include "commitment.circom";

// X-22: y = rshr(acc, S), where acc = W x + b. This is the shape without W: the rows
// 0 * 0 = acc[i] - sum of W[i][j] x[j] - b[i] are appended to its constraints (Z-10). A row whose own shift is less than S has
// its weights and its bias multiplied by the missing power of two, which changes no result.
// x has N values of BX bits, y M of BY bits.
template Linear(M, N, BX, S, BY) {
    signal input context;
    signal input blindingX;
    signal input blindingY;
    signal input x[N];
    signal input acc[M];
    signal output commitmentX;
    signal output commitmentY;
    component bound = Context();
    bound.context <== context;
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
}
