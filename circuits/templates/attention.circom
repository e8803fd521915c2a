pragma circom 2.1.6;
include "commitment.circom";

// The exp2 of X-24 at z = rshr(d, S) for 0 <= d < 2^W: 24 fraction bits, at most 2^24.
template PowerBelowOne(W, S) {
    assert(S >= 1 && W >= S + 17 && W <= 60);
    signal input d;
    signal output out;
    component bits = Unsigned(W + 1);
    bits.v <== d + (1 << (S - 1));
    // Half a step below 0 would have these bits as well, and with it a top below the highest score a witness.
    var halves = 0;
    for (var i = S - 1; i <= W; i++) {
        halves += bits.bits[i] * (1 << (i - S + 1));
    }
    component isNotNegative = NotZero();
    isNotNegative.v <== halves;
    var f = 0;
    for (var i = 0; i < 12; i++) {
        f += bits.bits[S + i] * (1 << i);
    }
    // t f / 2^12 for t of at most 12, 14 and 16 bits and a sign.
    component first = Shift(12, 13);
    first.v <== -2588 * f;
    signal second;
    second <== (15126 + first.out) * f;
    component next = Shift(12, 15);
    next.v <== second;
    signal third;
    third <== (-45305 + next.out) * f;
    component last = Shift(12, 17);
    last.v <== third;
    // 2^(31 - n) by the five lowest bits of n; beyond them the result is 0, and so it comes out for n from 26 to 31.
    signal power[5];
    power[0] <== 2 - bits.bits[S + 12];
    for (var i = 1; i < 5; i++) {
        power[i] <== power[i - 1] * (1 + (1 - bits.bits[S + 12 + i]) * ((1 << (1 << i)) - 1));
    }
    signal scaled;
    scaled <== (65532 + last.out) * power[4];
    // rshr(t, n - 8) = rshr(t 2^(31 - n), 23)
    component whole = Unsigned(48);
    whole.v <== scaled + (1 << 22);
    var value = 0;
    for (var i = 0; i < 25; i++) {
        value += whole.bits[23 + i] * (1 << i);
    }
    var rest = 0;
    for (var i = S + 17; i <= W; i++) {
        rest += bits.bits[i] * (1 << (i - S - 17));
    }
    component beyond = NonZero();
    beyond.v <== rest;
    out <== value * (1 - beyond.out);
}

// X-24 of one position over the `count` positions up to it, at most T. H heads of HD values, of which every H / G read one of G key heads; values
// have B bits. S is Fq + Fk - 12. Keys and values come as lists (Z-03) of T commitments, with 0 for positions that are not there.
template Attention(H, G, HD, T, B, S) {
    assert(H % G == 0);
    // Scores are below HD 2^(2 B - 2), differences twice that.
    var width = 2 * B;
    while ((1 << (width - 2 * B)) < HD) {
        width++;
    }
    signal input context;
    signal input count;
    signal input blindingQ;
    signal input blindingO;
    signal input blindingK[T];
    signal input blindingV[T];
    signal input q[H * HD];
    signal input k[T][G * HD];
    signal input v[T][G * HD];
    signal output commitmentQ;
    signal output commitmentK;
    signal output commitmentV;
    signal output commitmentO;
    component bound = Context();
    bound.context <== context;
    component query = Tensor(H * HD, B);
    query.v <== q;
    query.blinding <== blindingQ;
    commitmentQ <== query.commitment;

    // isThere_t = [t < count]: it begins with 1, ends with 0 and falls only behind count - 1.
    signal isThere[T];
    for (var t = 0; t < T; t++) {
        isThere[t] <-- t < count ? 1 : 0;
    }
    isThere[0] === 1;
    component keys[T];
    component values[T];
    component keyList = List(T);
    component valueList = List(T);
    signal keyItem[T];
    signal valueItem[T];
    for (var t = 0; t < T; t++) {
        var next = 0;
        if (t < T - 1) {
            next = isThere[t + 1];
        }
        (isThere[t] - next) * (count - 1 - t) === 0;
        keys[t] = Tensor(G * HD, B);
        keys[t].v <== k[t];
        keys[t].blinding <== blindingK[t];
        keyItem[t] <== isThere[t] * keys[t].commitment;
        keyList.item[t] <== keyItem[t];
        values[t] = Tensor(G * HD, B);
        values[t].v <== v[t];
        values[t].blinding <== blindingV[t];
        valueItem[t] <== isThere[t] * values[t].commitment;
        valueList.item[t] <== valueItem[t];
    }
    commitmentK <== keyList.out;
    commitmentV <== valueList.out;

    signal product[H][T][HD];
    signal score[H][T];
    signal top[H];
    signal touches[H][T];
    signal below[H][T];
    component power[H][T];
    signal weight[H][T];
    signal total[H];
    signal mixed[H][HD][T];
    signal output_[H * HD];
    signal rest[H * HD];
    signal whole[H * HD];
    component isRest[H * HD];
    component isBelow[H * HD];
    component to = Tensor(H * HD, B);
    // The sum of weights is at most 2^24 T.
    var divisorBits = 26;
    while ((1 << (divisorBits - 26)) < T) {
        divisorBits++;
    }
    for (var h = 0; h < H; h++) {
        var group = h * G \ H;
        var highest = 0;
        for (var t = 0; t < T; t++) {
            var sum = 0;
            for (var i = 0; i < HD; i++) {
                product[h][t][i] <== q[h * HD + i] * k[t][group * HD + i];
                sum += product[h][t][i];
            }
            score[h][t] <== sum;
            if (t == 0) {
                highest = sum;
            } else {
                highest = (t < count && sum > highest) ? sum : highest;
            }
        }
        top[h] <-- highest;
        // top is a score, for some touches is not 0, and no score is above it.
        var touched = 0;
        var found = 0;
        var weights = 0;
        for (var t = 0; t < T; t++) {
            touches[h][t] <-- (t < count && score[h][t] == top[h] && found == 0) ? 1 : 0;
            found += touches[h][t];
            touched += touches[h][t];
            touches[h][t] * (1 - isThere[t]) === 0;
            touches[h][t] * (top[h] - score[h][t]) === 0;
            below[h][t] <== isThere[t] * (top[h] - score[h][t]);
            power[h][t] = PowerBelowOne(width, S);
            power[h][t].d <== below[h][t];
            weight[h][t] <== power[h][t].out * isThere[t];
            weights += weight[h][t];
        }
        touched === 1;
        total[h] <== weights;
        for (var i = 0; i < HD; i++) {
            var at = h * HD + i;
            var sum = 0;
            for (var t = 0; t < T; t++) {
                mixed[h][i][t] <== weight[h][t] * v[t][group * HD + i];
                sum += mixed[h][i][t];
            }
            // rdiv: 2 sum + total = output 2 total + rest, 0 <= rest < 2 total
            var bias = 1 << (B - 1);
            output_[at] <-- (2 * sum + total[h] + bias * 2 * total[h]) \ (2 * total[h]) - bias;
            whole[at] <== output_[at] * total[h];
            rest[at] <== 2 * sum + total[h] - 2 * whole[at];
            isRest[at] = Unsigned(divisorBits);
            isRest[at].v <== rest[at];
            isBelow[at] = Unsigned(divisorBits);
            isBelow[at].v <== 2 * total[h] - 1 - rest[at];
            to.v[at] <== output_[at];
        }
    }
    to.blinding <== blindingO;
    commitmentO <== to.commitment;
}
