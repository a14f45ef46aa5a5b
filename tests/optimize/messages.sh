#!/usr/bin/env bash
# Support messages of three kinds as JSON Lines, the same for a seed: messages.sh COUNT SEED
set -euo pipefail
awk -v n="$1" -v seed="$2" 'BEGIN {
    srand(seed)
    split("billing delivery account", kind)
    split("invoice charged refund payment card price twice receipt bank discount", w1)
    split("parcel late courier tracking shipped address doorstep package arrive lost", w2)
    split("password login email username locked profile reset code phone settings", w3)
    split("hello please help my the was with today again thanks", filler)
    for (i = 0; i < n; ++i) {
        k = int(rand() * 3) + 1; text = ""
        for (w = 0; w < 8; ++w) {
            r = int(rand() * 10) + 1
            text = text (w ? " " : "") (w % 3 ? filler[r] : k == 1 ? w1[r] : k == 2 ? w2[r] : w3[r])
        }
        printf "{\"message\": \"%s\", \"intent\": \"%s\"}\n", text, kind[k]
    }}'
