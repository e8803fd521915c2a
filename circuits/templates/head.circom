pragma circom 2.1.6;
include "commitment.circom";

// X-27 and X-30 at temperature 0: token is the first of the highest logits, y_i = rshr(acc_i, S), acc = W x by appended rows.
// x has N values of BX bits, a logit BY.
//
// step_i = [i <= token], for (step_i - step_(i+1)) (token - i) = 0 lets it fall only behind the token, and it begins with 1 and ends
// with 0. No logit is rounded but the token's: y_i <= top is acc_i + half < (top + 1) 2^S, and y_i < top is acc_i + half < top 2^S.
template Head(V, N, BX, S, BY) {
    assert(S >= 1 && V >= 2);
    signal input context;
    signal input token;
    signal input blindingX;
    signal input x[N];
    signal input acc[V];
    signal output commitmentX;
    component bound = Context();
    bound.context <== context;
    component from = Tensor(N, BX);
    from.v <== x;
    from.blinding <== blindingX;
    commitmentX <== from.commitment;

    signal step[V];
    signal top;
    var chosen = 0;
    for (var i = 0; i < V; i++) {
        step[i] <-- i <= token ? 1 : 0;
        chosen += i == token ? acc[i] : 0;
    }
    var half = 1 << (S - 1);
    var bias = 1 << (S + BY);
    top <-- ((chosen + half + bias) >> S) - (1 << BY);
    component range = Signed(BY);
    range.v <== top;
    // Logits below the lowest that sat_BY lets through count as equal to it. For a top above it that changes nothing, and another
    // one has no witness.
    signal aboveLowest;
    aboveLowest <== range.out * (range.out - 1);
    component isAboveLowest = NotZero();
    isAboveLowest.v <== aboveLowest;

    step[0] === 1;
    signal gap[V];
    signal own[V];
    component isBelow[V];
    var ownGap = 0;
    for (var i = 0; i < V; i++) {
        var next = 0;
        if (i < V - 1) {
            next = step[i + 1];
        }
        (step[i] - next) * (token - i) === 0;
        gap[i] <== (top + 1 - next) * (1 << S) - 1 - half - acc[i];
        isBelow[i] = Unsigned(S + BY + 1);
        isBelow[i].v <== gap[i];
        own[i] <== (step[i] - next) * gap[i];
        ownGap += own[i];
    }
    component isOwn = Unsigned(S);
    isOwn.v <== ownGap;
}
