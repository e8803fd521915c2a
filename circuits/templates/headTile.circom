pragma circom 2.1.6;
include "commitment.circom";

// A part of X-27 and X-30 at temperature 0: of the rows first ... first + V - 1 of the vocabulary, none is above top, none before the
// token is as high as top, and the token's own, if it is one of them, is top. y_i = rshr(acc_i, S), acc = W x by appended rows.
// x has N values of BX bits, a logit BY. Tiles that cover a vocabulary, with one x, one top and one token, say what Head says: the tile
// of the token fixes top, and all others compare with it.
// The caller checks that the tiles' rows cover the vocabulary, which has at most 2^32, and that the token is one of it.
//
// step_i = [first + i <= token], for i = 0 ... V: the ends are comparisons, and (step_i - step_(i+1)) (token - first - i) = 0 lets it
// fall only behind the token. Rounding is as in Head.
template HeadTile(V, N, BX, S, BY) {
    assert(S >= 1 && V >= 1 && V < (1 << 31));
    signal input context;
    signal input token;
    signal input first;
    signal input blindingX;
    signal input blindingTop;
    signal input x[N];
    signal input top;
    signal input acc[V];
    signal output commitmentX;
    signal output commitmentTop;
    component bound = Context();
    bound.context <== context;
    component from = Tensor(N, BX);
    from.v <== x;
    from.blinding <== blindingX;
    commitmentX <== from.commitment;
    component highest = Signed(BY);
    highest.v <== top;
    component one = Commitment(1, BY);
    one.off[0] <== highest.out;
    one.blinding <== blindingTop;
    commitmentTop <== one.out;
    // As in Head: logits that saturate at the lowest value count as equal to it.
    signal aboveLowest;
    aboveLowest <== highest.out * (highest.out - 1);
    component isAboveLowest = NotZero();
    isAboveLowest.v <== aboveLowest;

    component begins = NotBelow();
    begins.a <== token;
    begins.b <== first;
    component goesOn = NotBelow();
    goesOn.a <== token;
    goesOn.b <== first + V;
    signal step[V + 1];
    for (var i = 0; i <= V; i++) {
        step[i] <-- first + i <= token ? 1 : 0;
    }
    step[0] === begins.out;
    step[V] === goesOn.out;

    var half = 1 << (S - 1);
    signal gap[V];
    signal own[V];
    component isBelow[V];
    var ownGap = 0;
    for (var i = 0; i < V; i++) {
        (step[i] - step[i + 1]) * (token - first - i) === 0;
        gap[i] <== (top + 1 - step[i + 1]) * (1 << S) - 1 - half - acc[i];
        isBelow[i] = Unsigned(S + BY + 1);
        isBelow[i].v <== gap[i];
        own[i] <== (step[i] - step[i + 1]) * gap[i];
        ownGap += own[i];
    }
    component isOwn = Unsigned(S);
    isOwn.v <== ownGap;
}

// out = [a >= b] for a and b of at most 2^32: the highest binary digit of a - b + 2^32.
template NotBelow() {
    signal input a;
    signal input b;
    signal output out;
    component bits = Unsigned(33);
    bits.v <== a - b + (1 << 32);
    out <== bits.bits[32];
}
