#!/bin/sh
# Says whether a body is what prebuildd has signed: verify.sh TIMESTAMP SIGNATURE < body
# The first two are the headers Prebuildd-Timestamp and Prebuildd-Signature; PREBUILDD_WEBHOOK_SECRET is the secret.
expected="v1=$({ printf '%s.' "$1"; cat; } | openssl dgst -sha256 -hmac "$PREBUILDD_WEBHOOK_SECRET" -r | cut -d ' ' -f 1)"
[ "$expected" = "$2" ] || { echo "forged" >&2; exit 1; }
echo "genuine"
